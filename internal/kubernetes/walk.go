package kubernetes

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// field is a place in an object: its path and what is there.
type field struct {
	t    *translation
	path string
	node *yaml.Node
}

// handlers say what becomes of the fields of an object, by name.
type handlers map[string]func(field)

// each hands every field to its handler. A field without one is refused: it is misspelt, or younger than this list.
func (f field) each(h handlers) {
	f.all(func(name string, child field) {
		handle, ok := h[name]
		if !ok {
			child.refuse("is not a field that is known here: check its spelling, or leave it out with --ignore")
			return
		}
		handle(child)
	})
}

// all visits the fields of an object in their order; those that are null are as if they were absent.
func (f field) all(visit func(name string, child field)) {
	if f.node.Kind != yaml.MappingNode {
		f.refuse("must be an object")
		return
	}
	for i := 0; i+1 < len(f.node.Content); i += 2 {
		name := f.node.Content[i].Value
		if child := f.node.Content[i+1]; child.Tag != "!!null" {
			visit(name, field{f.t, f.path + "." + name, child})
		}
	}
}

// list visits the elements of a list. An element with a name is called by it, otherwise by its number.
func (f field) list(visit func(child field)) {
	if f.node.Kind != yaml.SequenceNode {
		f.refuse("must be a list")
		return
	}
	for i, node := range f.node.Content {
		name := strconv.Itoa(i)
		if n := lookup(node, "name"); n != nil && n.Value != "" {
			name = n.Value
		}
		visit(field{f.t, fmt.Sprintf("%s[%s]", f.path, name), node})
	}
}

// lookup finds what an object has below names, or nil.
func lookup(node *yaml.Node, names ...string) *yaml.Node {
	for _, name := range names {
		if node == nil || node.Kind != yaml.MappingNode {
			return nil
		}
		var child *yaml.Node
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == name {
				child = node.Content[i+1]
			}
		}
		node = child
	}
	return node
}

// text is a scalar as it was written; ok is false when it is none, which is refused.
func (f field) text() (text string, ok bool) {
	if f.node.Kind != yaml.ScalarNode {
		f.refuse("must be a text")
		return "", false
	}
	return f.node.Value, true
}

// child reads the scalar of a field of an object; empty when it is absent.
func (f field) child(names ...string) string {
	if n := lookup(f.node, names...); n != nil && n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		return n.Value
	}
	return ""
}

// number is a whole number that is not negative.
func (f field) number() (n int64, ok bool) {
	text, ok := f.text()
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		f.refuse("must be a whole number")
		return 0, false
	}
	return n, true
}

// truth is true or false.
func (f field) truth() (value, ok bool) {
	text, ok := f.text()
	if !ok {
		return false, false
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		f.refuse("must be true or false")
		return false, false
	}
	return value, true
}

func (f field) add(o Outcome, to, note string) {
	row := 0
	if f.node != nil {
		row = f.node.Line
	}
	f.t.lines = append(f.t.lines, placed{row, Line{Field: f.path, Outcome: o, To: to, Note: note}})
}

func (f field) keep(to, note string)      { f.add(Kept, to, note) }
func (f field) translate(to, note string) { f.add(Translated, to, note) }
func (f field) meaningless(note string)   { f.add(Meaningless, "", note) }

// refuse says why a field cannot be honoured, unless the caller wants it left out.
func (f field) refuse(note string) {
	ignored := slices.ContainsFunc(f.t.o.Ignore, func(path string) bool {
		rest, ok := strings.CutPrefix(strings.TrimPrefix(f.path, "."), path)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
	if ignored {
		f.add(Ignored, "", note)
		return
	}
	f.add(Refused, "", note)
}

// nothing is a handler for what has no meaning here.
func nothing(note string) func(field) {
	return func(f field) { f.meaningless(note) }
}

// never is a handler for what cannot be honoured.
func never(note string) func(field) {
	return func(f field) { f.refuse(note) }
}
