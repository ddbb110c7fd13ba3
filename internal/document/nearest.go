package document

import "strings"

// Nearest returns the known name that differs least from a misspelt one, whatever the case of their letters; ok says whether
// it is near enough to have been meant: a third of the name's letters, and at least one, may be added, left out or changed.
func Nearest(name string, known []string) (near string, ok bool) {
	best := max(1, (len(name)+1)/3) + 1
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k), best); d < best {
			near, best, ok = k, d, true
		}
	}
	return near, ok
}

// Distance is how many letters have to be added, left out or changed to make one text of the other (Levenshtein).
func Distance(a, b string) int { return distance(a, b, len(a)+len(b)+1) }

// distance is that of Levenshtein, or most when it is not below that.
func distance(a, b string, most int) int {
	if abs(len(a)-len(b)) >= most {
		return most
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], most)
}

func abs(n int) int { return max(n, -n) }
