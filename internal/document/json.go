package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// parseJSON reads one JSON document.
func parseJSON(data []byte) (*node, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if at := invalidUTF8(data); at >= 0 {
		return nil, atOffset(data, int64(at), notUTF8)
	}
	if at := deepAt(data); at >= 0 {
		return nil, atOffset(data, int64(at), tooDeep)
	}
	// The whole is checked first, because only this tells where in the document an error is.
	if err := json.Unmarshal(data, new(json.RawMessage)); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, atOffset(data, syntax.Offset, "%s", syntax.Error())
		}
		return nil, atOffset(data, 0, "%v", err)
	}
	p := &jsonParser{data: data, decoder: json.NewDecoder(bytes.NewReader(data)), line: 1}
	p.decoder.UseNumber()
	return p.value("")
}

// deepAt returns where a JSON document is nested too deep, or -1. It looks at brackets outside of texts only.
func deepAt(data []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > MaxDepth {
				return i + 1
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return -1
}

// jsonParser makes a tree of a document that is known to be well formed.
type jsonParser struct {
	data    []byte
	decoder *json.Decoder
	// line is that of the byte at offset.
	line   int
	offset int64
}

// token returns the next token and the line that it ends on.
func (p *jsonParser) token() (json.Token, int, error) {
	t, err := p.decoder.Token()
	if err != nil {
		return nil, 0, atOffset(p.data, p.decoder.InputOffset(), "%v", err)
	}
	end := p.decoder.InputOffset()
	p.line += bytes.Count(p.data[p.offset:end], []byte("\n"))
	p.offset = end
	return t, p.line, nil
}

func (p *jsonParser) value(path string) (*node, error) {
	t, line, err := p.token()
	if err != nil {
		return nil, err
	}
	n := &node{line: line}
	switch t := t.(type) {
	case nil:
		n.kind = null
	case bool:
		n.kind, n.text = boolean, fmt.Sprint(t)
	case json.Number:
		n.kind, n.text = number, t.String()
	case string:
		n.kind, n.text = text, t
	case json.Delim:
		n.kind = object
		if t == '[' {
			n.kind = list
		}
		err = p.inside(path, n)
	}
	return n, err
}

// inside reads what is in a list or an object, and its closing bracket.
func (p *jsonParser) inside(path string, n *node) error {
	seen := map[string]bool{}
	for p.decoder.More() {
		at := indexed(path, len(n.items))
		if n.kind == object {
			t, _, err := p.token()
			if err != nil {
				return err
			}
			name := fmt.Sprint(t)
			at = join(path, name)
			if seen[name] {
				return atOffset(p.data, p.decoder.InputOffset(), "the field %s is there twice", at)
			}
			seen[name] = true
			n.names = append(n.names, name)
		}
		v, err := p.value(at)
		if err != nil {
			return err
		}
		n.items = append(n.items, v)
	}
	_, _, err := p.token()
	return err
}

// atOffset is an error at a byte of a document.
func atOffset(data []byte, offset int64, format string, args ...any) error {
	before := data[:min(max(offset, 0), int64(len(data)))]
	line := bytes.Count(before, []byte("\n")) + 1
	return position(line, utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]), format, args...)
}
