package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/flink-on-mesos/flink-service/internal/cluster"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// maxDepth is how deep objects and lists may be nested. A spec needs four levels.
const maxDepth = 64

// A tree is a document as it was sent: map[string]any, []any, string, bool, nil, json.Number, or float,
// which is a YAML number with a fraction and no longer has the text that was written.
type float struct{ text string }

// parseJSON reads one JSON document. Unlike encoding/json alone it refuses duplicate names, deep
// nesting, bytes that are not UTF-8, and what stands behind the document.
func parseJSON(data []byte) (any, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if at := invalidUTF8(data); at >= 0 {
		return nil, malformed(data, int64(at), "is not UTF-8 text")
	}
	p := &jsonParser{data: data, decoder: json.NewDecoder(bytes.NewReader(data))}
	p.decoder.UseNumber()
	tree, err := p.value("", 0)
	if err != nil {
		return nil, p.explain(err)
	}
	if _, err := p.decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed(data, p.decoder.InputOffset(), "more text follows the document")
	}
	return tree, nil
}

type jsonParser struct {
	data    []byte
	decoder *json.Decoder
}

// explain gives an error of the decoder a position.
func (p *jsonParser) explain(err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return malformed(p.data, syntax.Offset, "%s", syntax.Error())
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return malformed(p.data, int64(len(p.data)), "the document ends too early")
	}
	return malformed(p.data, p.decoder.InputOffset(), "%v", err)
}

func (p *jsonParser) value(path string, depth int) (any, error) {
	token, err := p.decoder.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth == maxDepth {
		return nil, malformed(p.data, p.decoder.InputOffset(), "more than %d objects and lists are nested, below %s", maxDepth, shorten(path))
	}
	if delim == '[' {
		return p.list(path, depth+1)
	}
	return p.object(path, depth+1)
}

func (p *jsonParser) list(path string, depth int) (any, error) {
	list := []any{}
	for p.decoder.More() {
		v, err := p.value(indexed(path, len(list)), depth)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := p.decoder.Token()
	return list, err
}

func (p *jsonParser) object(path string, depth int) (any, error) {
	object := map[string]any{}
	for p.decoder.More() {
		token, err := p.decoder.Token()
		if err != nil {
			return nil, err
		}
		name, ok := token.(string)
		if !ok {
			return nil, malformed(p.data, p.decoder.InputOffset(), "the name of a field is missing")
		}
		at := join(path, name)
		if _, twice := object[name]; twice {
			return nil, malformed(p.data, p.decoder.InputOffset(), "the field %s is there twice", shorten(at))
		}
		if object[name], err = p.value(at, depth); err != nil {
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

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// decodeTree checks a tree against the type of out, names every field that is unknown or of another
// type at once, and decodes it. Names are compared exactly, unlike in encoding/json.
func decodeTree(tree any, out *cluster.Spec) error {
	if _, ok := tree.(map[string]any); !ok {
		return fault.New(fault.Malformed, "the spec cannot be read: it is %s and should be an object", kindOf(tree))
	}
	var l fault.List
	tree = conform(&l, "", tree, reflect.TypeFor[cluster.Spec]())
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

// conform returns a tree with the scalars that YAML reads differently turned into what t takes.
func conform(l *fault.List, path string, tree any, t reflect.Type) any {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if tree == nil {
		return nil // As if the field were absent.
	}
	if t == reflect.TypeFor[cluster.Memory]() {
		return conformMemory(l, path, tree)
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

func conformObject(l *fault.List, path string, tree any, fields map[string]reflect.Type) any {
	object, ok := tree.(map[string]any)
	if !ok {
		return wrong(l, path, tree, "an object")
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		at := join(path, name)
		t, known := fields[name]
		if !known {
			l.Add(shorten(at), "%s", unknownField(name, fields))
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
func conformMap(l *fault.List, path string, tree any) any {
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
			wrong(l, shorten(join(path, name)), v, "a text")
		}
	}
	return object
}

func conformMemory(l *fault.List, path string, tree any) any {
	var text string
	switch v := tree.(type) {
	case string:
		text = v
	case json.Number:
		text = v.String()
	default:
		return wrong(l, path, tree, "a size such as 1728m or 2g")
	}
	if _, err := cluster.ParseMemory(text); err != nil {
		l.Add(path, "%s", shorten(err.Error()))
	}
	return text
}

func conformScalar(l *fault.List, path string, tree any, kind reflect.Kind) any {
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
		if _, err := number.Float64(); !isNumber || err != nil {
			return wrong(l, path, tree, "a number")
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
func wrong(l *fault.List, path string, tree any, want string) any {
	l.Add(shorten(path), "is %s and should be %s", kindOf(tree), want)
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
	for i := range t.NumField() {
		f := t.Field(i)
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
