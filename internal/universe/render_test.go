package universe_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/universe"
)

// object reads JSON as a package's files are read.
func object(t testing.TB, text string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func render(p universe.Package, o universe.RenderOptions) (map[string]any, error) {
	r, err := universe.NewRenderer(p)
	if err != nil {
		return nil, err
	}
	return r.Render(o)
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, schema, want string
	}{
		{"nothing", `{}`, `{}`},
		{"nested", `{"properties": {"a": {"properties": {"b": {"default": 1}, "c": {"type": "string"}}}}}`, `{"a": {"b": 1}}`},
		{"an object without defaults vanishes", `{"properties": {"a": {"required": ["b"], "properties": {"b": {"type": "string"}}}}}`, `{}`},
		{"a default wins over what is nested", `{"properties": {"a": {"default": {"x": 1}, "properties": {"b": {"default": 2}}}}}`, `{"a": {"x": 1}}`},
		{"null and false are defaults", `{"properties": {"a": {"default": null}, "b": {"default": false}}}`, `{"a": null, "b": false}`},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(object(t, tt.want), universe.Defaults(object(t, tt.schema))); diff != "" {
			t.Errorf("%s: Defaults() mismatch (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestRenderRules shows each of Cosmos's rules on one template.
func TestRenderRules(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, options, template, want string
	}{
		{"text between quotes", `{"v": "a"}`, `"{{v}}"`, `"a"`},
		{"nothing is escaped for HTML", `{"v": "<a href='x'>&</a>"}`, `"{{v}} {{{v}}} {{&v}}"`, `"<a href='x'>&</a> <a href='x'>&</a> <a href='x'>&</a>"`},
		{"quotes, backslashes and control characters", `{"v": "\"\\\n\t\u0000"}`, `"{{v}}"`, `"\"\\\n\t\u0000"`},
		{"what looks like Mustache stays", `{"v": "{{w}} {{#w}}", "w": "no"}`, `"{{v}}"`, `"{{w}} {{#w}}"`},
		{"letters of the world", `{"v": "\u00fc \u4e16 \ud83d\udc3f \u2028"}`, `"{{v}}"`, `"ü 世 🐿 \u2028"`},
		{"whole number", `{"v": 42}`, `{{v}}`, `42`},
		{"large whole number", `{"v": 12345678901234567890}`, `{{v}}`, `12345678901234567890`},
		{"whole with a fraction", `{"v": 1.0}`, `"{{v}}"`, `"1"`},
		{"fraction", `{"v": 0.25}`, `"{{v}}"`, `"0.25"`},
		{"large fraction", `{"v": 10000000.5}`, `"{{v}}"`, `"1.00000005E7"`},
		{"small fraction", `{"v": 0.0001}`, `"{{v}}"`, `"1.0E-4"`},
		{"boolean", `{"v": true, "w": false}`, `"{{v}} {{w}}"`, `"true false"`},
		{"null and missing", `{"v": null}`, `"[{{v}}{{w}}{{w.x}}]"`, `"[]"`},
		{"list of texts", `{"v": ["a", "b\"c"]}`, `{{v}}`, `["a", "b\"c"]`},
		{"list of lists", `{"v": [["hostname", "UNIQUE"], ["rack", "LIKE", "a.*"]]}`, `{{v}}`, `[["hostname", "UNIQUE"], ["rack", "LIKE", "a.*"]]`},
		{"empty list", `{"v": []}`, `{{v}}`, `[]`},
		{"elements of a list carry quotes", `{"v": ["a", "b"]}`, `[{{#v}}{{.}}, {{/v}}0]`, `["a", "b", 0]`},
		{"list of objects", `{"v": [{"n": "a"}, {"n": "b"}]}`, `[{{#v}}"{{n}}", {{/v}}0]`, `["a", "b", 0]`},
		{"object", `{"v": {"n": "a", "m": 1}}`, `{{v}}`, `{"n": "a", "m": 1}`},
		{"object of lists", `{"v": {"n": ["a"]}}`, `{{v}}`, `{"n": ["a"]}`},
		{"dots", `{"v": {"n": {"m": "a"}}}`, `"{{v.n.m}}"`, `"a"`},
		{"0 is true", `{"v": 0}`, `"{{#v}}yes{{/v}}{{^v}}no{{/v}}"`, `"yes"`},
		{"a blank is true", `{"v": " "}`, `"{{#v}}yes{{/v}}{{^v}}no{{/v}}"`, `"yes"`},
		{"an empty object is true", `{"v": {}}`, `"{{#v}}yes{{/v}}{{^v}}no{{/v}}"`, `"yes"`},
		{"an empty text is false", `{"v": ""}`, `"{{#v}}yes{{/v}}{{^v}}no{{/v}}"`, `"no"`},
		{"an empty list is false", `{"v": []}`, `"{{#v}}yes{{/v}}{{^v}}no{{/v}}"`, `"no"`},
		{"false is false", `{"v": false}`, `"{{#v}}yes{{/v}}{{^v}}no{{/v}}"`, `"no"`},
		{"null is false", `{"v": null}`, `"{{#v}}yes{{/v}}{{^v}}no{{/v}}"`, `"no"`},
		{"names of outside within a section", `{"v": "x", "w": {"n": "a"}}`, `"{{#v}}{{w.n}}{{/v}}"`, `"a"`},
		{"the resource wins", `{"resource": {"name": "mine"}}`, `"{{resource.name}}"`, `"theirs"`},
		{"resource beside the user's", `{"resource": {"other": "mine"}}`, `"{{resource.name}} {{resource.other}}"`, `"theirs mine"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := universe.Package{
				Config: map[string]any{"type": "object"}, Resource: map[string]any{"name": "theirs"},
				Template: `{"got": ` + tt.template + `}`,
			}
			app, err := render(p, universe.RenderOptions{Options: object(t, tt.options)})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(object(t, `{"got": `+tt.want+`}`)["got"], app["got"]); diff != "" {
				t.Errorf("Render() mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRenderMerges(t *testing.T) {
	t.Parallel()
	p := universe.Package{
		Config:   object(t, `{"properties": {"a": {"properties": {"b": {"type": ["integer", "null"], "default": 1}, "c": {"type": "array", "default": [1]}}}}}`),
		Template: `{"b": "{{a.b}}", "c": {{a.c}}, "d": "{{a.d}}"}`,
	}
	for _, tt := range []struct{ options, want string }{
		{`{}`, `{"b": "1", "c": [1], "d": ""}`},
		{`{"a": {"d": "x"}}`, `{"b": "1", "c": [1], "d": "x"}`},
		{`{"a": {"b": 2, "c": [2, 3]}}`, `{"b": "2", "c": [2, 3], "d": ""}`},
		{`{"a": {"b": null}}`, `{"b": "", "c": [1], "d": ""}`},
	} {
		app, err := render(p, universe.RenderOptions{Options: object(t, tt.options)})
		if err != nil {
			t.Fatal(err)
		}
		delete(app, "labels")
		if diff := cmp.Diff(object(t, tt.want), app); diff != "" {
			t.Errorf("Render(%s) mismatch (-want +got):\n%s", tt.options, diff)
		}
	}
}

func TestRenderLabels(t *testing.T) {
	t.Parallel()
	p := universe.Package{
		Info: object(t, `{"name": "flink", "version": "1.2"}`), Config: object(t, `{"properties": {"a": {"default": "x"}, "b": {}}}`),
		Template: `{"id": "/a", "labels": {"mine": "{{a}}"}}`,
	}
	app, err := render(p, universe.RenderOptions{Options: object(t, `{"b": "<y>"}`), AppID: "/other", Source: "http://repo"})
	if err != nil {
		t.Fatal(err)
	}
	labels := app["labels"].(map[string]any)
	options, err := base64.StdEncoding.DecodeString(labels["DCOS_PACKAGE_OPTIONS"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(object(t, `{"b": "<y>"}`), object(t, string(options))); diff != "" {
		t.Errorf("the label holds other options than the user's (-want +got):\n%s", diff)
	}
	delete(labels, "DCOS_PACKAGE_OPTIONS")
	want := object(t, `{"id": "/other", "labels": {"mine": "x", "DCOS_PACKAGE_NAME": "flink", "DCOS_PACKAGE_VERSION": "1.2", "DCOS_PACKAGE_SOURCE": "http://repo"}}`)
	if diff := cmp.Diff(want, app); diff != "" {
		t.Errorf("Render() mismatch (-want +got):\n%s", diff)
	}
}

func TestRenderRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, config, template, options, want string
	}{
		{"options without a config.json", `{}`, `{}`, `{"a": 1}`, "has no options"},
		{"an option of another type", `{"properties": {"a": {"type": "string"}}}`, `{}`, `{"a": 1}`, "options are not valid"},
		{"a bound of draft 4", `{"properties": {"a": {"minimum": 1, "exclusiveMinimum": true}}}`, `{}`, `{"a": 1}`, "options are not valid"},
		{"no JSON", `{}`, `{"a": }`, `{}`, "the rendered"},
		{"no object", `{}`, `[1]`, `{}`, "not a JSON object"},
		{"more than an object", `{}`, `{} {}`, `{}`, "behind"},
		{"a label that is no text", `{}`, `{"labels": {"a": 1}}`, `{}`, "label a"},
		{"labels that are no object", `{}`, `{"labels": []}`, `{}`, "labels"},
		{"an open section", `{}`, `{"a": "{{#b}}"}`, `{}`, "read marathon.json.mustache"},
		{"no schema", `{"properties": {"a": {"type": "text"}}}`, `{}`, `{}`, "is not a schema"},
	}
	for _, tt := range tests {
		_, err := render(universe.Package{Config: object(t, tt.config), Template: tt.template}, universe.RenderOptions{Options: object(t, tt.options)})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Render() = %v, want %q", tt.name, err, tt.want)
		}
	}
}

// FuzzRender gives any text to an option: it arrives as it is, wherever it stands.
func FuzzRender(f *testing.F) {
	for _, s := range []string{"", " ", `"`, `\`, "{{a}}", "\x00\x1f\x7f", "<&>", "\u2028\u2029", "\xff", "}}}"} {
		f.Add(s)
	}
	p := universe.Package{Config: map[string]any{"type": "object"}, Template: `{"a": "{{s.v}}", "b": {{s.l}}, "c": {{s}}, "d": [{{#s.l}}{{.}}{{/s.l}}]}`}
	r, err := universe.NewRenderer(p)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "")
		in := map[string]any{"v": text, "l": []any{text}}
		app, err := r.Render(universe.RenderOptions{Options: map[string]any{"s": in}})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"a": text, "b": []any{text}, "c": in, "d": []any{text}}
		delete(app, "labels")
		if diff := cmp.Diff(want, app); diff != "" {
			t.Errorf("Render() mismatch (-want +got):\n%s", diff)
		}
	})
}
