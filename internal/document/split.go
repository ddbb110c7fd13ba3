package document

import (
	"bytes"
	"strings"
)

// Part is one document of a text that has several.
type Part struct {
	// Text is the document behind as many empty lines as there are before it, so that its errors name the lines of the
	// whole text.
	Text []byte
	// Line is that on which it begins, 1 or more.
	Line int
}

// Split divides YAML at the lines "---" and "..." that stand between documents. Documents that are empty, or that are
// comments only, are left out.
func Split(data []byte) []Part {
	var parts []Part
	begin, row, first := 0, 0, 0
	end := func(to int) {
		if text := data[begin:to]; !blank(text) {
			whole := append(bytes.Repeat([]byte{'\n'}, first), text...)
			parts = append(parts, Part{Text: whole, Line: first + 1})
		}
	}
	for at := 0; at < len(data); row++ {
		next := len(data)
		if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
			next = at + i + 1
		}
		line := strings.TrimRight(string(data[at:next]), " \t\r\n")
		if rest, ok := strings.CutPrefix(line, "---"); ok && (rest == "" || rest[0] == ' ' || rest[0] == '\t') {
			end(at)
			begin, first = at+len("---"), row
		} else if line == "..." {
			end(at)
			begin, first = next, row+1
		}
		at = next
	}
	end(len(data))
	return parts
}

// blank says whether a text has nothing but comments.
func blank(text []byte) bool {
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return false
		}
	}
	return true
}
