package terminal

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// leastText is the fewest columns in which running text is folded; with less it stands on lines of its own.
const leastText = 20

// enoughText is how many columns running text should have before others go.
const enoughText = 32

// fit brings rows, the first of which may be headings, into width columns: the column with the most text is folded. When
// that would leave it too little, the columns named in spare go, those that are empty before the others. Words are
// never broken: an id or a path stays whole even when it is wider than the terminal.
func fit(rows [][]string, spare []string, width int) [][]string {
	for natural(rows) > width {
		if at := textColumn(rows); at >= 0 && width-natural(rows)+widths(rows)[at] >= enoughText {
			break
		}
		at := droppable(rows, &spare)
		if at < 0 {
			break
		}
		for i := range rows {
			if at < len(rows[i]) {
				rows[i] = slices.Delete(slices.Clone(rows[i]), at, at+1)
			}
		}
	}
	if natural(rows) <= width {
		return rows
	}
	return fold(rows, width)
}

// droppable finds the next column to leave out; -1 when all are needed.
func droppable(rows [][]string, spare *[]string) int {
	if len(*spare) == 0 || len(rows) == 0 {
		return -1
	}
	for _, name := range *spare {
		at := slices.Index(rows[0], name)
		if at >= 0 && !slices.ContainsFunc(rows[1:], func(r []string) bool { return at < len(r) && r[at] != "-" }) {
			return at
		}
	}
	for len(*spare) > 0 {
		name := (*spare)[0]
		*spare = (*spare)[1:]
		if at := slices.Index(rows[0], name); at >= 0 {
			return at
		}
	}
	return -1
}

// widths are those of the columns. A row of one cell is text that stands below another.
func widths(rows [][]string) []int {
	var all []int
	for _, row := range rows {
		if len(row) == 1 && len(rows[0]) > 1 {
			continue
		}
		for i, c := range row {
			if i == len(all) {
				all = append(all, 0)
			}
			all[i] = max(all[i], utf8.RuneCountInString(c))
		}
	}
	return all
}

// natural is the width of the rows when nothing is folded.
func natural(rows [][]string) int {
	total := -2
	for _, w := range widths(rows) {
		total += w + 2
	}
	return total
}

// fold breaks the text of one column into lines.
func fold(rows [][]string, width int) [][]string {
	at := textColumn(rows)
	if at < 0 {
		return rows
	}
	all := widths(rows)
	room := width - (natural(rows) - all[at])
	below := room < leastText && at == len(all)-1 && at > 0
	if below {
		room = width - 2
	}
	room = max(room, leastText)
	var out [][]string
	for _, row := range rows {
		if at >= len(row) {
			out = append(out, row)
			continue
		}
		lines := wrap(row[at], room)
		if below {
			out = append(out, row[:at:at])
			for _, l := range lines {
				out = append(out, []string{indented(l)})
			}
			continue
		}
		for i, l := range lines {
			r := slices.Clone(row)
			if i > 0 {
				r = make([]string, at+1)
			}
			r[at] = l
			out = append(out, r)
		}
	}
	return out
}

// indented marks a line that belongs to the row above it.
func indented(line string) string { return "  " + line }

// textColumn is the widest column in which a cell has a blank, the first one apart; -1 for none.
func textColumn(rows [][]string) int {
	best, most := -1, 0
	for _, row := range rows[min(1, len(rows)):] {
		for i, c := range row {
			if n := utf8.RuneCountInString(c); i > 0 && n > most && strings.Contains(c, " ") {
				best, most = i, n
			}
		}
	}
	return best
}

// wrap breaks a text between words.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}
