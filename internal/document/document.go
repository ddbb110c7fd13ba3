// Package document reads what people write, in JSON or YAML, into Go values, strictly. It is used for specs wherever they
// come from: the body of a request, a file given to the command line, the environment of the service.
//
// A document that cannot be read at all is a fault.Malformed error that names line and column. One that can is compared with
// the type that it is read into: every field that is unknown or of another type is a problem, and all of them are told at
// once, each with its path, its line and, for a misspelt name, the field that was probably meant.
//
// Texts stay as they are written: where a field holds text, the number 1.20 is read as "1.20". A field that is null is as
// if it were absent. Anchors, aliases, duplicate names, several documents and deep nesting are refused.
package document

import (
	"encoding/json"
	"fmt"
	"reflect"
	"unicode/utf8"

	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// MaxDepth is how deep objects and lists may be nested. A spec needs six levels.
const MaxDepth = 64

// MaxProblems is how many problems one error tells.
const MaxProblems = 50

// Format is the language of a document.
type Format int

// The formats. JSON in a file is YAML too, but for tabs between its parts.
const (
	JSON Format = iota
	YAML
)

// FormatOf guesses the format of a document that has no name for it: JSON when it is valid JSON, else YAML.
func FormatOf(data []byte) Format {
	if json.Valid(data) {
		return JSON
	}
	return YAML
}

// Unmarshal reads a document, which must be an object, into what out points to. What is the noun for it in errors, such as "the
// spec".
func Unmarshal[T any](data []byte, f Format, what string, out *T) error {
	parse := parseJSON
	if f == YAML {
		parse = parseYAML
	}
	tree, problem := parse(data)
	if problem != nil {
		return fault.New(fault.Malformed, "%s cannot be read: %s", what, problem)
	}
	if tree.kind != object {
		return fault.New(fault.Malformed, "%s cannot be read: it is %s and should be an object", what, tree.kind)
	}
	c := conformer{lines: tree.lastLine() > 1}
	value := c.value("", tree, reflect.TypeFor[T]())
	if err := c.problems.Err(what + " has fields that cannot be read"); err != nil {
		return err
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode the checked document: %w", err)
	}
	if err := json.Unmarshal(encoded, out); err != nil {
		return fault.New(fault.Invalid, "%s cannot be read: %v", what, err)
	}
	return nil
}

// kind is what a part of a document is.
type kind int

const (
	null kind = iota
	boolean
	number
	text
	list
	object
)

// String names a kind in the words of a user.
func (k kind) String() string {
	return [...]string{"null", "true or false", "a number", "a text", "a list", "an object"}[k]
}

// node is a part of a document as it was written.
type node struct {
	kind kind
	// text is a scalar as it was written, without quotes and escapes.
	text string
	line int
	// items are the elements of a list, or the values of an object whose names are names.
	items []*node
	names []string
}

// lastLine is the line on which the last part of a document begins.
func (n *node) lastLine() int {
	if len(n.items) == 0 {
		return n.line
	}
	return n.items[len(n.items)-1].lastLine()
}

// position is a place in a document for people.
func position(line, column int, format string, args ...any) error {
	return fmt.Errorf("line %d, column %d: %s", line, max(column, 1), fmt.Sprintf(format, args...))
}

// invalidUTF8 returns the offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

const (
	tooDeep = "more than 64 objects and lists are nested"
	notUTF8 = "is not UTF-8 text"
)
