package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// maxDepth is how deep objects and lists may be nested. A spec needs four levels.
const maxDepth = 64

// A tree is a document as it was sent: map[string]any, []any, string, bool, nil, json.Number, or float,
// which is a YAML number with a fraction and no longer has the text that was written.
type float struct{ text string }

// parseJSON reads one JSON document. Unlike encoding/json alone it refuses duplicate names, deep
// nesting, and bytes that are not UTF-8.
func parseJSON(data []byte) (any, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if at := invalidUTF8(data); at >= 0 {
		return nil, malformed(data, int64(at), "is not UTF-8 text")
	}
	if at := tooDeep(data); at >= 0 {
		return nil, malformed(data, int64(at), "more than %d objects and lists are nested", maxDepth)
	}
	// The whole is checked first, because only this tells where in the document an error is.
	if err := json.Unmarshal(data, new(json.RawMessage)); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, malformed(data, syntax.Offset, "%s", syntax.Error())
		}
		return nil, malformed(data, 0, "%v", err)
	}
	p := &jsonParser{data: data, decoder: json.NewDecoder(bytes.NewReader(data))}
	p.decoder.UseNumber()
	return p.value("")
}

// tooDeep returns where a JSON document is nested too deep, or -1. It looks at brackets outside of texts only.
func tooDeep(data []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
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
}

func (p *jsonParser) value(path string) (any, error) {
	token, err := p.decoder.Token()
	if err != nil {
		return nil, malformed(p.data, p.decoder.InputOffset(), "%v", err)
	}
	switch token {
	case json.Delim('['):
		return p.list(path)
	case json.Delim('{'):
		return p.object(path)
	}
	return token, nil
}

func (p *jsonParser) list(path string) (any, error) {
	list := []any{}
	for p.decoder.More() {
		v, err := p.value(indexed(path, len(list)))
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := p.decoder.Token()
	return list, err
}

func (p *jsonParser) object(path string) (any, error) {
	object := map[string]any{}
	for p.decoder.More() {
		token, err := p.decoder.Token()
		if err != nil {
			return nil, malformed(p.data, p.decoder.InputOffset(), "%v", err)
		}
		name := fmt.Sprint(token)
		at := join(path, name)
		if _, twice := object[name]; twice {
			return nil, malformed(p.data, p.decoder.InputOffset(), "the field %s is there twice", shorten(at))
		}
		if object[name], err = p.value(at); err != nil {
			return nil, err
		}
	}
	_, err := p.decoder.Token()
	return object, err
}

// malformed is an error at a byte of a document.
func malformed(data []byte, offset int64, message string, args ...any) error {
	offset = min(max(offset, 0), int64(len(data)))
	before := data[:offset]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
	return fault.New(fault.Malformed, "the spec cannot be read: line %d, column %d: %s", line, max(column, 1), fmt.Sprintf(message, args...))
}

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

// join is the path of a field. It stays short whatever the names are, because one is made for every value.
func join(path, name string) string {
	if path == "" {
		return shorten(name)
	}
	return shorten(path) + "." + shorten(name)
}

// decodeTree checks a tree against the type of out, names every field that is unknown or of another
// type at once, and decodes it. Names are compared exactly, unlike in encoding/json.
func decodeTree[T any](tree any, out *T) error {
	if _, ok := tree.(map[string]any); !ok {
		return fault.New(fault.Malformed, "the spec cannot be read: it is %s and should be an object", kindOf(tree))
	}
	var l problems
	tree = conform(&l, "", tree, reflect.TypeFor[T]())
	if err := l.Err("the spec does not have the form of a spec"); err != nil {
		return err
	}
	data, err := json.Marshal(tree)
	if err != nil {
		return fmt.Errorf("encode the checked spec: %w", err)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fault.New(fault.Invalid, "the spec does not have the form of a spec: %v", err)
	}
	return nil
}

// maxProblems is how many problems one answer tells.
const maxProblems = 50

// problems collects the first problems of an input, however many it has.
type problems struct {
	fault.List
	count int
}

func (p *problems) add(field, format string, args ...any) {
	if p.count++; p.count <= maxProblems {
		p.Add(shorten(field), format, args...)
	}
}

// conform returns a tree with the scalars that YAML reads differently turned into what t takes.
func conform(l *problems, path string, tree any, t reflect.Type) any {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if tree == nil {
		return nil // As if the field were absent.
	}
	if t == reflect.TypeFor[spec.Memory]() {
		return conformMemory(l, path, tree)
	}
	if text, ok := tree.(string); ok && t == reflect.TypeFor[spec.Volumes]() {
		if _, err := spec.ParseVolumes(text); err != nil {
			l.add(path, "%s", shorten(err.Error()))
		}
		return text
	}
	switch t.Kind() {
	case reflect.Struct:
		return conformObject(l, path, tree, fieldsOf(t))
	case reflect.Map:
		return conformMap(l, path, tree)
	case reflect.Slice:
		list, ok := tree.([]any)
		if !ok {
			return wrong(l, path, tree, "a list")
		}
		for i := range list {
			list[i] = conform(l, indexed(path, i), list[i], t.Elem())
		}
		return list
	default:
		return conformScalar(l, path, tree, t.Kind())
	}
}

func conformObject(l *problems, path string, tree any, fields map[string]reflect.Type) any {
	object, ok := tree.(map[string]any)
	if !ok {
		return wrong(l, path, tree, "an object")
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		at := join(path, name)
		t, known := fields[name]
		if !known {
			l.add(at, "%s", unknownField(name, fields))
			continue
		}
		object[name] = conform(l, at, object[name], t)
	}
	return object
}

func unknownField(name string, fields map[string]reflect.Type) string {
	for known := range fields {
		if strings.EqualFold(known, name) {
			return "is not a field; write it " + known
		}
	}
	return "is not a field; there are " + strings.Join(slices.Sorted(maps.Keys(fields)), ", ")
}

// conformMap checks a map of texts. Numbers and truth values are texts here too: Flink's options are
// often written without quotes.
func conformMap(l *problems, path string, tree any) any {
	object, ok := tree.(map[string]any)
	if !ok {
		return wrong(l, path, tree, "an object with texts")
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		switch v := object[name].(type) {
		case string:
		case json.Number:
			object[name] = v.String()
		case float:
			object[name] = v.text
		case bool:
			object[name] = strconv.FormatBool(v)
		case nil:
			object[name] = ""
		default:
			wrong(l, join(path, name), v, "a text")
		}
	}
	return object
}

func conformMemory(l *problems, path string, tree any) any {
	var text string
	switch v := tree.(type) {
	case string:
		text = v
	case json.Number:
		text = v.String()
	default:
		return wrong(l, path, tree, "a size such as 1728m or 2g")
	}
	if _, err := spec.ParseMemory(text); err != nil {
		l.add(path, "%s", shorten(err.Error()))
	}
	return text
}

func conformScalar(l *problems, path string, tree any, kind reflect.Kind) any {
	number, isNumber := tree.(json.Number)
	fraction, isFloat := tree.(float)
	switch kind {
	case reflect.String:
		switch tree.(type) {
		case string:
			return tree
		case float:
			return wrong(l, path, tree, fmt.Sprintf("a text: put it in quotes, or its last zeros are lost (%s was read)", fraction.text))
		}
		return wrong(l, path, tree, "a text: put it in quotes")
	case reflect.Bool:
		if _, ok := tree.(bool); !ok {
			return wrong(l, path, tree, "true or false")
		}
	case reflect.Float32, reflect.Float64:
		if isFloat {
			number, isNumber = json.Number(fraction.text), true
		}
		if !isNumber {
			return wrong(l, path, tree, "a number")
		}
		if _, err := number.Float64(); err != nil {
			l.add(path, "%s is too large", shorten(number.String()))
		}
		return number
	default:
		if _, err := number.Int64(); !isNumber || err != nil {
			return wrong(l, path, tree, "a whole number")
		}
	}
	return tree
}

// wrong records that a value has another type than the field.
func wrong(l *problems, path string, tree any, want string) any {
	l.add(path, "is %s and should be %s", kindOf(tree), want)
	return nil
}

func kindOf(tree any) string {
	switch tree.(type) {
	case nil:
		return "null"
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case string:
		return "a text"
	case bool:
		return "true or false"
	}
	return "a number"
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

func indexed(field string, i int) string { return shorten(field) + "[" + strconv.Itoa(i) + "]" }
