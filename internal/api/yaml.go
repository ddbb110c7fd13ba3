package api

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v2"

	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// parseYAML reads one YAML document. Anchors and deep nesting are looked for first, because the scan can name
// the place. The scan may be deceived: what bounds memory is that the parser shares the text an alias
// repeats, and that its values are measured before anything is made of them.
func parseYAML(data []byte) (any, error) {
	if at := invalidUTF8(data); at >= 0 {
		return nil, malformed(data, int64(at), "is not UTF-8 text")
	}
	if err := scanYAML(data); err != nil {
		return nil, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.SetStrict(true)
	var document, second any
	if err := decoder.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		text := strings.TrimPrefix(strings.Join(strings.Fields(err.Error()), " "), "yaml: ")
		text = strings.TrimPrefix(text, "unmarshal errors: ")
		return nil, fault.New(fault.Malformed, "the spec cannot be read: %s", shorten(text))
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Malformed, "the spec cannot be read: more text follows the first document: send one spec at a time")
	}
	reader := yamlReader{left: 2 * len(data)}
	return reader.tree("", document, 0)
}

// scanYAML looks at a document without parsing it. It knows just enough of YAML to tell quotes, comments,
// indentation and flow brackets, and to find anchors and several documents.
func scanYAML(data []byte) error {
	s := yamlScan{data: data, text: none}
	for offset := 0; offset < len(data); {
		end := bytes.IndexByte(data[offset:], '\n')
		if end < 0 {
			end = len(data) - offset
		}
		if err := s.line(offset, data[offset:offset+end]); err != nil {
			return err
		}
		offset += end + 1
	}
	return nil
}

type yamlScan struct {
	data []byte
	// indents are the columns at which a block is open; flow is the number of open brackets.
	indents []int
	flow    int
	// quote is the quote that is open, 0 for none.
	quote byte
	// text is the column beyond which lines belong to a block of text (| or >), none outside of one.
	text int
}

// none is no column, not even before the first.
const none = -2

// blockText is the end of a line after which a block of text begins.
var blockText = regexp.MustCompile(`^[|>][-+0-9]*[ \t\r]*( #.*)?$`)

// skip says whether a line belongs to a block of text, in which nothing has a meaning.
func (s *yamlScan) skip(line []byte) bool {
	if s.text == none {
		return false
	}
	if len(bytes.TrimSpace(line)) == 0 || len(line)-len(bytes.TrimLeft(line, " ")) > s.text {
		return true
	}
	s.text = none
	return false
}

// openText notes that a block of text begins at column i: it takes the lines that are indented more
// than the entry that it is the value of.
func (s *yamlScan) openText(i int) {
	n := len(s.indents) - 1
	if n >= 0 && s.indents[n] == i {
		n-- // The text stands in a list, and was counted as a block of its own.
	}
	s.text = -1
	if n >= 0 {
		s.text = s.indents[n]
	}
}

func (s *yamlScan) line(offset int, line []byte) error {
	i := 0
	start := true // A node may begin here.
	if s.quote == 0 && s.flow == 0 {
		if s.skip(line) {
			return nil
		}
		i = s.block(line)
		if err := s.tooDeep(offset + i); err != nil {
			return err
		}
		if bytes.HasPrefix(line, []byte("--- ")) || bytes.Equal(bytes.TrimRight(line, " \t\r"), []byte("---")) {
			if len(bytes.TrimSpace(s.data[:offset])) > 0 && !onlyComments(s.data[:offset]) {
				return malformed(s.data, int64(offset+1), "a second document begins: send one spec at a time")
			}
			i = 3
		}
	}
	for ; i < len(line); i++ {
		c := line[i]
		if s.quote != 0 {
			switch {
			case c == '\\' && s.quote == '"':
				i++
			case c == s.quote:
				s.quote, start = 0, false
			}
			continue
		}
		blank := i == 0 || line[i-1] == ' ' || line[i-1] == '\t'
		switch {
		case c == '#' && blank:
			return nil
		case c == ' ' || c == '\t':
			continue
		case start && s.flow == 0 && blockText.Match(line[i:]):
			s.openText(i)
			return nil
		case start && (c == '"' || c == '\''):
			s.quote = c
		case start && (c == '&' || c == '*') && i+1 < len(line) && line[i+1] != ' ' && line[i+1] != '\r':
			return malformed(s.data, int64(offset+i+1), "anchors and aliases (& and *) are not read here: write the value out, or put it in quotes")
		case c == '[' || c == '{':
			if start || s.flow > 0 {
				s.flow++
				if err := s.tooDeep(offset + i); err != nil {
					return err
				}
			}
			continue // Another node may begin.
		case (c == ']' || c == '}') && s.flow > 0:
			s.flow--
		case c == ',' && s.flow > 0:
			start = true
			continue
		case (c == ':' || c == '-' || c == '?') && (i+1 == len(line) || strings.IndexByte(" \t\r", line[i+1]) >= 0 || c == ':' && s.flow > 0):
			start = true
			continue
		}
		start = false
	}
	return nil
}

// block notes the indentation of a line and of the list items that open in it, and returns where its text begins.
func (s *yamlScan) block(line []byte) int {
	column := len(line) - len(bytes.TrimLeft(line, " "))
	if len(bytes.TrimSpace(line)) == 0 {
		return len(line)
	}
	for {
		for n := len(s.indents); n > 0 && s.indents[n-1] >= column; n = len(s.indents) {
			s.indents = s.indents[:n-1]
		}
		s.indents = append(s.indents, column)
		rest := line[column:]
		if len(rest) < 2 || rest[0] != '-' && rest[0] != '?' && rest[0] != ':' || rest[1] != ' ' {
			return column
		}
		next := bytes.TrimLeft(rest[1:], " ")
		column += len(rest) - len(next)
		if len(next) == 0 {
			return column
		}
	}
}

func (s *yamlScan) tooDeep(at int) error {
	if len(s.indents)+s.flow <= maxDepth {
		return nil
	}
	return malformed(s.data, int64(at+1), "more than %d objects and lists are nested", maxDepth)
}

func onlyComments(data []byte) bool {
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && line[0] != '%' {
			return false
		}
	}
	return true
}
