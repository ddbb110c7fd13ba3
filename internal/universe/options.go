package universe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Option is one leaf of the schema: what a user can set.
type Option struct {
	// Path is where it stands, such as "service.name".
	Path string
	// Schema is its part of config.json.
	Schema map[string]any
	// Required says that its section lists it as such.
	Required bool
}

// Options lists every option of a schema, sorted by path.
func Options(schema map[string]any) []Option {
	var all []Option
	var walk func(prefix string, s map[string]any)
	walk = func(prefix string, s map[string]any) {
		properties, _ := s["properties"].(map[string]any)
		required, _ := s["required"].([]any)
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			p, _ := properties[name].(map[string]any)
			path := strings.TrimPrefix(prefix+"."+name, ".")
			if _, ok := p["properties"]; ok {
				walk(path, p)
				continue
			}
			all = append(all, Option{Path: path, Schema: p, Required: slices.Contains(required, any(name))})
		}
	}
	walk("", schema)
	return all
}

// Defaults are the options of a user who sets none. Cosmos's rule: a default wins over the defaults of
// what is nested, and an object in which nothing has a default is left out.
func Defaults(schema map[string]any) map[string]any {
	properties, _ := schema["properties"].(map[string]any)
	all := map[string]any{}
	for name, v := range properties {
		p, ok := v.(map[string]any)
		if !ok {
			continue
		}
		if d, ok := p["default"]; ok {
			all[name] = d
			continue
		}
		if nested := Defaults(p); len(nested) > 0 {
			all[name] = nested
		}
	}
	return all
}

// merge lays over onto base: objects are merged, everything else of over wins, null too.
func merge(base, over map[string]any) map[string]any {
	out := maps.Clone(base)
	if out == nil {
		out = map[string]any{}
	}
	for name, v := range over {
		a, ok := out[name].(map[string]any)
		b, both := v.(map[string]any)
		if ok && both {
			out[name] = merge(a, b)
			continue
		}
		out[name] = v
	}
	return out
}

// Set returns options with one of them set, for tests and for tools.
func Set(options map[string]any, path string, value any) map[string]any {
	name, rest, nested := strings.Cut(path, ".")
	if nested {
		inner, _ := options[name].(map[string]any)
		value = Set(inner, rest, value)
	}
	out := maps.Clone(options)
	if out == nil {
		out = map[string]any{}
	}
	out[name] = value
	return out
}

// validate checks options against config.json.
func validate(schema *jsonschema.Schema, options map[string]any) error {
	value, err := plain(options)
	if err != nil {
		return err
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("options are not valid: %w", err)
	}
	return nil
}

// compile reads config.json as a schema of draft 4.
func compile(schema map[string]any) (*jsonschema.Schema, error) {
	value, err := plain(schema)
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	if err := c.AddResource("file:///config.json", value); err != nil {
		return nil, fmt.Errorf("config.json is not a schema: %w", err)
	}
	compiled, err := c.Compile("file:///config.json")
	if err != nil {
		return nil, fmt.Errorf("config.json is not a schema: %w", err)
	}
	return compiled, nil
}

// plain brings any value into the form that the schema library reads.
func plain(v any) (any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(data))
}
