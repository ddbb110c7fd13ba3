package api

import (
	"bytes"
	"encoding/json"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// parseYAML reads one YAML document. Anchors are refused before anything is parsed: a few hundred bytes
// of them can stand for gigabytes, and a spec has nothing to repeat.
func parseYAML(data []byte) (any, error) {
	if at := invalidUTF8(data); at >= 0 {
		return nil, malformed(data, int64(at), "is not UTF-8 text")
	}
	if err := scanYAML(data); err != nil {
		return nil, err
	}
	asJSON, err := yaml.YAMLToJSONStrict(data)
	if err != nil {
		text := strings.TrimPrefix(strings.Join(strings.Fields(err.Error()), " "), "yaml: ")
		text = strings.TrimPrefix(text, "unmarshal errors: ")
		return nil, fault.New(fault.Malformed, "the spec cannot be read: %s", shorten(text))
	}
	tree, err := parseJSON(asJSON)
	if err != nil {
		return nil, err
	}
	return floats(tree), nil
}

// floats marks the numbers with a fraction: YAML reads 1.20 as 1.2.
func floats(tree any) any {
	switch v := tree.(type) {
	case map[string]any:
		for name := range v {
			v[name] = floats(v[name])
		}
	case []any:
		for i := range v {
			v[i] = floats(v[i])
		}
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return float{text: v.String()}
		}
	}
	return tree
}

// scanYAML looks at a document without parsing it. It knows just enough of YAML to tell quotes, comments,
// indentation and flow brackets, and to find anchors and several documents.
func scanYAML(data []byte) error {
	s := yamlScan{data: data}
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
}

func (s *yamlScan) line(offset int, line []byte) error {
	i := 0
	start := true // A node may begin here.
	if s.quote == 0 && s.flow == 0 {
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
