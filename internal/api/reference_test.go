package api_test

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/api"
)

var update = flag.Bool("update", false, "write docs/api-reference.md")

// TestReference keeps docs/api-reference.md equal to openapi.yaml.
func TestReference(t *testing.T) {
	t.Parallel()
	doc := document(t, newWorld(t))
	got := reference(doc)
	file := filepath.Join("..", "..", "docs", "api-reference.md")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not up to date: run make docs (-there +generated):\n%s", file, diff)
	}
}

// reference writes the document for readers.
func reference(doc *openapi3.T) string {
	b := new(strings.Builder)
	b.WriteString("# API reference\n\nGenerated from `internal/api/openapi.yaml` by `make docs`; [API](api.md) is the overview. The last column is the scope of the token that a service\nwith `API_TOKENS` asks for.\n")
	paths := doc.Paths.Map()
	for _, tag := range doc.Tags {
		fmt.Fprintf(b, "\n## %s\n\n", tag.Description)
		b.WriteString("| request | does | answers | scope |\n|---|---|---|---|\n")
		for _, path := range slices.Sorted(maps.Keys(paths)) {
			operations := paths[path].Operations()
			for _, method := range slices.Sorted(maps.Keys(operations)) {
				o := operations[method]
				if o.Summary != "" && slices.Contains(o.Tags, tag.Name) {
					fmt.Fprintf(b, "| `%s %s`%s | %s | %s | %s |\n", method, path, query(paths[path], o), cell(o.Summary+". "+o.Description), answers(o), scope(method, path))
				}
			}
		}
	}
	b.WriteString("\n## Objects\n")
	for _, name := range slices.Sorted(maps.Keys(doc.Components.Schemas)) {
		s := doc.Components.Schemas[name].Value
		if len(s.Properties) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n### %s\n\n", name)
		if s.Description != "" {
			b.WriteString(strings.TrimSpace(s.Description) + "\n\n")
		}
		b.WriteString("| field | type | |\n|---|---|---|\n")
		for _, field := range slices.Sorted(maps.Keys(s.Properties)) {
			ref := s.Properties[field]
			needed := ""
			if slices.Contains(s.Required, field) {
				needed = ", always there"
			}
			fmt.Fprintf(b, "| `%s` | %s%s | %s |\n", field, kind(ref), needed, cell(ref.Value.Description))
		}
	}
	return b.String()
}

// cell fits a text into a table.
func cell(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	s = strings.ReplaceAll(strings.TrimSpace(strings.TrimSuffix(s, ". ")), "|", "\\|")
	return strings.TrimSuffix(s, ".")
}

// query lists the parameters behind the question mark.
func query(p *openapi3.PathItem, o *openapi3.Operation) string {
	var names []string
	for _, ref := range append(slices.Clone(p.Parameters), o.Parameters...) {
		if ref.Value.In == "query" {
			names = append(names, "`"+ref.Value.Name+"`")
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "<br>with " + strings.Join(names, ", ")
}

// answers lists the good statuses with what they carry.
func answers(o *openapi3.Operation) string {
	var list []string
	all := o.Responses.Map()
	for _, status := range slices.Sorted(maps.Keys(all)) {
		if status == "default" {
			continue
		}
		text := status
		for _, media := range slices.Sorted(maps.Keys(all[status].Value.Content)) {
			if s := all[status].Value.Content[media].Schema; media == "application/json" && s != nil {
				text += strings.TrimSuffix(" "+kind(s), " object")
			}
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

// kind names a type.
func kind(ref *openapi3.SchemaRef) string {
	if at := strings.LastIndexByte(ref.Ref, '/'); at >= 0 {
		name := ref.Ref[at+1:]
		if ref.Value != nil && len(ref.Value.Properties) > 0 {
			return "[" + name + "](#" + strings.ToLower(name) + ")"
		}
		if ref.Value != nil && len(ref.Value.Enum) > 0 {
			return choices(ref.Value)
		}
	}
	s := ref.Value
	switch {
	case s == nil || s.Type == nil:
		return "any"
	case s.Type.Is("array"):
		return "list of " + kind(s.Items)
	case len(s.Enum) > 0:
		return choices(s)
	case s.Type.Is("object") && s.AdditionalProperties.Schema != nil:
		return "map to " + kind(s.AdditionalProperties.Schema)
	}
	return strings.Join(s.Type.Slice(), " or ")
}

func choices(s *openapi3.Schema) string {
	var list []string
	for _, v := range s.Enum {
		list = append(list, fmt.Sprintf("`%v`", v))
	}
	return strings.Join(list, ", ")
}

// scope is what a token needs for an operation.
func scope(method, path string) string {
	if strings.HasPrefix(path, "/artifacts") {
		return "none"
	}
	r, err := http.NewRequest(method, strings.NewReplacer("{", "", "}", "").Replace(path), nil)
	if err != nil {
		return err.Error()
	}
	return api.Needs(r).String()
}
