package universe

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/cbroglie/mustache"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// RenderOptions are what Cosmos knows beside the package.
type RenderOptions struct {
	// Options are what the user sets; nil for nothing.
	Options map[string]any
	// AppID replaces the app's id; empty keeps it.
	AppID string
	// Source is the address of the repository, for a label.
	Source string
}

// Renderer renders one package. It is safe for use by several goroutines.
type Renderer struct {
	p        Package
	schema   *jsonschema.Schema // nil for a package without options
	template *mustache.Template
}

// NewRenderer reads the package's schema and template. An error says what is wrong with them.
func NewRenderer(p Package) (*Renderer, error) {
	r := &Renderer{p: p}
	var err error
	if len(p.Config) > 0 {
		if r.schema, err = compile(p.Config); err != nil {
			return nil, err
		}
	}
	if r.template, err = mustache.ParseStringRaw(p.Template, true); err != nil {
		return nil, fmt.Errorf("read %s: %w", TemplateFile, err)
	}
	return r, nil
}

// Render makes the Marathon app of the package, by Cosmos's rules:
//
//   - the defaults of config.json, then the user's options, then {"resource": resource.json}, the later winning;
//   - the options must be valid by config.json; without a config.json there can be none;
//   - a string is written as in JSON but without its quotes, and with them as an element of an array; nothing is
//     escaped for HTML; null and what is missing are written as nothing; arrays and objects are written as JSON;
//   - only false, null, "", an empty array and what is missing are false: 0 and a blank are true;
//   - the result must be a JSON object whose labels are texts; Cosmos's own labels are added.
func (r *Renderer) Render(o RenderOptions) (map[string]any, error) {
	if r.schema == nil && len(o.Options) > 0 {
		return nil, errors.New("the package has no options, but some are given")
	}
	options := merge(Defaults(r.p.Config), o.Options)
	if r.schema != nil {
		if err := validate(r.schema, options); err != nil {
			return nil, err
		}
	}
	text, err := r.template.Render(scope(merge(options, map[string]any{"resource": r.p.Resource})))
	if err != nil {
		return nil, fmt.Errorf("render %s: %w", TemplateFile, err)
	}
	app, err := decodeObject([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("the rendered %s: %w", TemplateFile, err)
	}
	return app, addLabels(app, r.p, o)
}

// addLabels adds what Cosmos marks its apps with, apart from the definition of the whole package.
func addLabels(app map[string]any, p Package, o RenderOptions) error {
	labels, ok := app["labels"].(map[string]any)
	if _, there := app["labels"]; there && !ok {
		return errors.New("labels is not an object")
	}
	if labels == nil {
		labels = map[string]any{}
		app["labels"] = labels
	}
	for name, v := range labels {
		if _, ok := v.(string); !ok {
			return fmt.Errorf("label %s is not a text but %v", name, v)
		}
	}
	user := o.Options
	if user == nil {
		user = map[string]any{}
	}
	encoded, err := json.Marshal(user)
	if err != nil {
		return err
	}
	labels["DCOS_PACKAGE_NAME"] = p.Name()
	labels["DCOS_PACKAGE_VERSION"] = p.Version()
	labels["DCOS_PACKAGE_SOURCE"] = o.Source
	labels["DCOS_PACKAGE_OPTIONS"] = base64.StdEncoding.EncodeToString(encoded)
	if o.AppID != "" {
		app["id"] = o.AppID
	}
	return nil
}

// The kinds of value that the template sees. Each is a struct, because the Mustache library takes a text of
// blanks for false and the zero number too, and Cosmos does not: a struct is false only when it is zero.
type (
	// word is a text, ready to stand between quotes.
	word struct{ Written string }
	// scalar is a number as it is written.
	scalar struct{ Written string }
	// list is an array: its elements can be walked through, and all of it can be written.
	list []any
	// object can be entered by name, and all of it can be written.
	object map[string]any
)

func (w word) String() string   { return w.Written }
func (s scalar) String() string { return s.Written }
func (l list) String() string   { return write([]any(l), ", ") }
func (o object) String() string { return write(map[string]any(o), ",") }

// scope turns options into what the template sees.
func scope(options map[string]any) object {
	out := make(object, len(options))
	for name, v := range options {
		out[name] = value(v, false)
	}
	return out
}

func value(v any, element bool) any {
	switch v := v.(type) {
	case nil:
		return word{}
	case string:
		quoted := quote(v)
		if element {
			return word{quoted}
		}
		return word{quoted[1 : len(quoted)-1]}
	case json.Number:
		return scalar{number(string(v))}
	case int:
		return scalar{strconv.Itoa(v)}
	case float64:
		return scalar{javaDouble(v)}
	case []any:
		out := make(list, len(v))
		for i := range v {
			out[i] = value(v[i], true)
		}
		return out
	case map[string]any:
		return scope(v)
	default:
		return v // A boolean.
	}
}

// write gives a value of the template as JSON.
func write(v any, comma string) string {
	switch v := v.(type) {
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = fmt.Sprint(v[i])
		}
		return "[" + strings.Join(parts, comma) + "]"
	case map[string]any:
		parts := make([]string, 0, len(v))
		for name, inner := range v {
			text := fmt.Sprint(inner)
			if w, ok := inner.(word); ok {
				text = `"` + w.Written + `"`
			}
			parts = append(parts, quote(name)+":"+text)
		}
		return "{" + strings.Join(parts, comma) + "}"
	default:
		return fmt.Sprint(v)
	}
}

// quote writes a text as JSON without escaping for HTML.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // A text can always be encoded, and a buffer takes it.
	return strings.TrimSuffix(b.String(), "\n")
}

// number writes a JSON number as Cosmos does: whole numbers exactly, also when they are written with a
// fraction of zero, and others as Java writes a double.
func number(s string) string {
	if !strings.ContainsAny(s, ".eE") {
		return s
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return s
	}
	return javaDouble(f)
}

// javaDouble is Java's Double.toString for what is not whole: below 0.001 and from 10 million on with an exponent.
func javaDouble(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1<<63 {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	if a := math.Abs(f); a >= 1e-3 && a < 1e7 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, err := strconv.Atoi(exponent)
	if err != nil {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return mantissa + "E" + strconv.Itoa(n)
}
