package document

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// conformer compares a document with a Go type and makes of it what encoding/json decodes.
type conformer struct {
	problems fault.List
	count    int
	// lines says that the document has several, so that problems name theirs.
	lines bool
}

// add records a problem of a part of the document.
func (c *conformer) add(path string, n *node, format string, args ...any) {
	if c.count++; c.count > MaxProblems {
		return
	}
	message := fmt.Sprintf(format, args...)
	if c.lines {
		message += fmt.Sprintf(" (line %d)", n.line)
	}
	c.problems.Add(path, "%s", message)
}

// wrong records that a part has another type than its field.
func (c *conformer) wrong(path string, n *node, want string) any {
	c.add(path, n, "is %s and should be %s", n.kind, want)
	return nil
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// value returns n as encoding/json decodes it into a t. Names are compared exactly, unlike there.
func (c *conformer) value(path string, n *node, t reflect.Type) any {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n.kind == null {
		return nil // As if the field were absent.
	}
	if reflect.PointerTo(t).Implements(unmarshaler) && (n.kind < list || t.Kind() != reflect.Slice && t.Kind() != reflect.Struct) {
		return c.own(path, n, t)
	}
	switch t.Kind() {
	case reflect.Struct:
		return c.object(path, n, fieldsOf(t))
	case reflect.Map:
		return c.texts(path, n)
	case reflect.Slice:
		return c.list(path, n, t.Elem())
	case reflect.String:
		if n.kind != text && n.kind != number {
			return c.wrong(path, n, "a text")
		}
		return n.text
	case reflect.Bool:
		var b bool
		if n.kind != boolean || (&yaml.Node{Kind: yaml.ScalarNode, Value: n.text}).Decode(&b) != nil {
			return c.wrong(path, n, "true or false")
		}
		return b
	default:
		return c.number(path, n, t.Kind())
	}
}

// own has a type that reads itself look at a scalar.
func (c *conformer) own(path string, n *node, t reflect.Type) any {
	if n.kind >= list {
		return c.wrong(path, n, "a value")
	}
	encoded, err := json.Marshal(n.text)
	if literal := json.RawMessage(n.text); n.kind == number && json.Valid(literal) {
		encoded = literal
	}
	if err == nil {
		err = reflect.New(t).Interface().(json.Unmarshaler).UnmarshalJSON(encoded)
	}
	if err != nil {
		c.add(path, n, "%s", shorten(err.Error()))
	}
	return json.RawMessage(encoded)
}

func (c *conformer) object(path string, n *node, fields map[string]reflect.Type) any {
	if n.kind != object {
		return c.wrong(path, n, "an object")
	}
	all := make(map[string]any, len(n.items))
	for i, name := range n.names {
		at := join(path, name)
		t, known := fields[name]
		if !known {
			c.add(at, n.items[i], "%s", unknownField(name, fields))
			continue
		}
		all[name] = c.value(at, n.items[i], t)
	}
	return all
}

func (c *conformer) list(path string, n *node, element reflect.Type) any {
	if n.kind != list {
		return c.wrong(path, n, "a list")
	}
	all := make([]any, len(n.items))
	for i, item := range n.items {
		all[i] = c.value(indexed(path, i), item, element)
	}
	return all
}

// texts reads a map of texts. Numbers and truth values are texts here too: Flink's options are often written without quotes.
func (c *conformer) texts(path string, n *node) any {
	if n.kind != object {
		return c.wrong(path, n, "an object with texts")
	}
	all := make(map[string]any, len(n.items))
	for i, name := range n.names {
		if item := n.items[i]; item.kind >= list {
			c.wrong(join(path, name), item, "a text")
		} else if all[name] = item.text; item.kind == null {
			all[name] = ""
		}
	}
	return all
}

// number reads a number in the notation of JSON or YAML.
func (c *conformer) number(path string, n *node, k reflect.Kind) any {
	whole := k != reflect.Float32 && k != reflect.Float64
	want := "a number"
	if whole {
		want = "a whole number"
	}
	if n.kind != number {
		return c.wrong(path, n, want)
	}
	scalar := yaml.Node{Kind: yaml.ScalarNode, Value: n.text}
	if whole {
		var v int64
		if scalar.ShortTag() != "!!int" || scalar.Decode(&v) != nil {
			return c.wrong(path, n, want)
		}
		return v
	}
	v, err := strconv.ParseFloat(n.text, 64)
	if err != nil && math.IsInf(v, 0) {
		c.add(path, n, "%s is too large", shorten(n.text))
		return nil
	}
	if err != nil && scalar.Decode(&v) != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return c.wrong(path, n, "a finite number")
	}
	return v
}

// unknownField says what a name that is no field may have been meant for.
func unknownField(name string, fields map[string]reflect.Type) string {
	known := slices.Sorted(maps.Keys(fields))
	if near, ok := Nearest(name, known); ok {
		return "is not a field; did you mean " + near + "?"
	}
	return "is not a field; there are " + strings.Join(known, ", ")
}

// fieldsOf lists the fields of a struct by the names that JSON has for them, those of embedded structs included.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			maps.Copy(fields, fieldsOf(f.Type))
		case name != "" && name != "-":
			fields[name] = f.Type
		}
	}
	return fields
}

// join is the path of a field. It stays short whatever the names are, because one is made for every value.
func join(path, name string) string {
	if path == "" {
		return shorten(name)
	}
	return shorten(path) + "." + shorten(name)
}

func indexed(path string, i int) string { return shorten(path) + "[" + strconv.Itoa(i) + "]" }

// shorten keeps a hostile text from filling an answer.
func shorten(s string) string {
	const most = 100
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
