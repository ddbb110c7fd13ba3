// Package universe_test looks at the DC/OS package from outside: its files obey Universe, what is rendered obeys Marathon,
// and options, template and the service's environment agree.
package universe_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/flink-on-mesos/flink-service/internal/universe"
)

const root = "../.."

// loaded is the package, read once: no test changes it.
var loaded = sync.OnceValues(func() (universe.Package, error) {
	p, err := universe.Load(root)
	if err != nil {
		return p, err
	}
	p.Resource = filled(p.Resource).(map[string]any)
	return p, nil
})

var prepared = sync.OnceValues(func() (*universe.Renderer, error) {
	p, err := loaded()
	if err != nil {
		return nil, err
	}
	return universe.NewRenderer(p)
})

// pkg is the package with a resource that a build could have filled.
func pkg(t testing.TB) universe.Package {
	t.Helper()
	p, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// renderer renders the package.
func renderer(t testing.TB) *universe.Renderer {
	t.Helper()
	r, err := prepared()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// filled stands in for a build: every placeholder becomes something of its kind.
func filled(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, inner := range v {
			out[name] = filled(inner)
		}
		return out
	case []any:
		var out []any
		for _, inner := range v {
			out = append(out, filled(inner))
		}
		return out
	case string:
		v = strings.ReplaceAll(v, "@base@", "https://example.com/flink/0.1.0")
		v = regexp.MustCompile(`@flink:([0-9.]+)@`).ReplaceAllString(v, "flink-$1.0-"+strings.Repeat("ab", 32))
		v = regexp.MustCompile(`@flink-opt:([0-9.]+)@`).ReplaceAllString(v, "flink-$1.0-optional-"+strings.Repeat("ef", 32)+".tar")
		v = strings.ReplaceAll(v, "@java@", "java-17.0.15-linux-amd64-"+strings.Repeat("cd", 32)+".tgz")
		v = regexp.MustCompile(`@(jobmanager|taskmanager)-classes:([0-9.]+)@`).ReplaceAllString(v, "classes-"+strings.Repeat("ab", 32)+"-$1-17.0.15+6.jsa")
		return regexp.MustCompile(`@sha256:[^@]+@`).ReplaceAllString(v, strings.Repeat("0f", 32))
	default:
		return v
	}
}

// schemaFile finds a schema of others, which is not part of the project.
func schemaFile(t testing.TB, name string) (found bool, path string) {
	t.Helper()
	dir := os.Getenv("UNIVERSE_SCHEMAS")
	if dir == "" {
		dir = filepath.Join(root, "..", "shared", "schemas")
	}
	path, err := filepath.Abs(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	_, err = os.Stat(path)
	return err == nil, path
}

// schema compiles a schema of others; without it the test is skipped.
func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	found, path := schemaFile(t, name)
	if !found {
		t.Skipf("%s is not there: set UNIVERSE_SCHEMAS to a directory with Universe's and Marathon's schemas; the rules written into these tests are checked without it", path)
	}
	return compileSchema(t, path)
}

func compileSchema(t testing.TB, path string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	s, err := c.Compile("file://" + filepath.ToSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// plain brings a value into the form that the schema library reads.
func plain(t testing.TB, v any) any {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestUniverseSchemas(t *testing.T) {
	t.Parallel()
	p := pkg(t)
	for name, v := range map[string]any{
		"universe/package-schema.json":     p.Info,
		"universe/config-schema.json":      p.Config,
		"universe/v3-resource-schema.json": p.Resource,
		"universe/v4-repo-schema.json":     universe.Repository(p, 0),
		"universe/v5-repo-schema.json":     universe.Repository(p, 7),
	} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			if err := schema(t, name).Validate(plain(t, v)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestInfo holds package.json to Universe's rules and to what a user reads in the catalog.
func TestInfo(t *testing.T) {
	t.Parallel()
	p := pkg(t)
	text := func(name string) string { s, _ := p.Info[name].(string); return s }
	for name, pattern := range map[string]string{
		"packagingVersion": `^4\.0$`, "name": `^flink$`, "version": `^[-a-zA-Z0-9.]+$`, "minDcosReleaseVersion": `^1\.1[1-9]$`,
		"maintainer": `.`, "scm": `^https://`, "website": `^https://`, "description": `^Apache Flink .*\.$`,
		"preInstallNotes":    `^This DC/OS Service is currently in preview\.`,
		"postInstallNotes":   `dcos flink (?s:.*)\tDocumentation: https://\S+/docs\n\tIssues: https://\S+/issues$`,
		"postUninstallNotes": `^The service is being uninstalled: `, // It is shown when the removal begins.
	} {
		if !regexp.MustCompile(pattern).MatchString(text(name)) {
			t.Errorf("package.json: %s is %q, which does not match %s", name, text(name), pattern)
		}
	}
	known := []string{
		"packagingVersion", "name", "version", "minDcosReleaseVersion", "upgradesFrom", "downgradesTo", "scm", "website", "maintainer",
		"description", "framework", "selected", "tags", "preInstallNotes", "postInstallNotes", "postUninstallNotes", "licenses",
	}
	for name := range p.Info {
		if !slices.Contains(known, name) {
			t.Errorf("package.json: %s is not a field of packaging version 4.0 that we know", name)
		}
	}
	if p.Info["framework"] != true || p.Info["selected"] != false {
		t.Error("package.json: a framework of the community is framework and not selected")
	}
	tags, _ := p.Info["tags"].([]any)
	for _, tag := range tags {
		if !regexp.MustCompile(`^\S+$`).MatchString(fmt.Sprint(tag)) {
			t.Errorf("package.json: tag %q has a blank", tag)
		}
	}
	if len(tags) == 0 || len(p.Info["licenses"].([]any)) == 0 {
		t.Error("package.json: tags and licenses are needed")
	}
}

// TestResource holds resource.json to Universe's rules, and to what the DC/OS CLI downloads.
func TestResource(t *testing.T) {
	t.Parallel()
	p, err := universe.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	r := plain(t, p.Resource).(map[string]any)
	at := func(path ...string) any {
		var v any = r
		for _, name := range path {
			m, _ := v.(map[string]any)
			v = m[name]
		}
		return v
	}
	for _, system := range []string{"linux", "darwin", "windows"} {
		zip := "dcos-flink-" + system + "-amd64.zip"
		binary := at("cli", "binaries", system, "x86-64")
		want := map[string]any{
			"kind": "zip", "url": "@base@/" + zip,
			"contentHash": []any{map[string]any{"algo": "sha256", "value": "@sha256:" + zip + "@"}},
		}
		if fmt.Sprint(binary) != fmt.Sprint(want) {
			t.Errorf("resource.json: the command line for %s is %v, want %v", system, binary, want)
		}
	}
	for name, size := range map[string]int{"icon-small": 48, "icon-medium": 128, "icon-large": 256} {
		if got := at("images", name); got != fmt.Sprintf("@base@/icon-%d.png", size) {
			t.Errorf("resource.json: %s is %v", name, got)
		}
	}
	screenshots, _ := at("images", "screenshots").([]any)
	for _, uri := range screenshots {
		name, ok := strings.CutPrefix(fmt.Sprint(uri), "@base@/screenshot-")
		if _, err := os.Stat(filepath.Join(root, "docs", "images", name)); !ok || err != nil {
			t.Errorf("resource.json: %v is not a screenshot of docs/images: %v", uri, err)
		}
	}
	if len(screenshots) == 0 {
		t.Error("resource.json: there are no screenshots")
	}
	uris, _ := at("assets", "uris").(map[string]any)
	for alias, uri := range uris {
		if !strings.HasPrefix(fmt.Sprint(uri), "@base@/") {
			t.Errorf("resource.json: %s is %v, which is not a file of the release", alias, uri)
		}
		if !strings.Contains(p.Template, "{{resource.assets.uris."+alias+"}}") {
			t.Errorf("resource.json: %s is not used by the template", alias)
		}
	}
}

// TestForm holds config.json to what the form of the DC/OS UI can show: sections with options in them, each with a
// title, a sentence, a type and a default.
func TestForm(t *testing.T) {
	t.Parallel()
	p := pkg(t)
	media := []string{"application/x-secret+string", "application/x-service-account+string", "application/x-region+string", "application/x-yaml", "application/x-zone-constraints+json"}
	sections, _ := p.Config["properties"].(map[string]any)
	for name, v := range sections {
		s, _ := v.(map[string]any)
		if s["type"] != "object" || s["title"] == nil || s["description"] == nil || s["additionalProperties"] != false {
			t.Errorf("section %s is not an object with a title and a description, closed to other options", name)
		}
	}
	if p.Config["additionalProperties"] != false {
		t.Error("a misspelt section would pass silently")
	}
	for _, o := range universe.Options(p.Config) {
		if strings.Count(o.Path, ".") != 1 || !regexp.MustCompile(`^[a-z0-9_]+\.[a-z0-9_]+$`).MatchString(o.Path) {
			t.Errorf("%s does not stand in a section", o.Path)
		}
		title, _ := o.Schema["title"].(string)
		description, _ := o.Schema["description"].(string)
		if title == "" || !strings.HasSuffix(description, ".") && !strings.HasSuffix(description, "]].") {
			t.Errorf("%s has no title, or no sentence that describes it", o.Path)
		}
		def, ok := o.Schema["default"]
		if !ok {
			t.Errorf("%s has no default", o.Path)
		}
		// Cosmos before 0.6, which is that of DC/OS 1.11, writes texts in arrays without their quotes.
		if !slices.Contains([]any{"string", "boolean", "integer", "number"}, o.Schema["type"]) {
			t.Errorf("%s is of type %v, which DC/OS 1.11 does not render", o.Path, o.Schema["type"])
		}
		// The form takes an empty text for a missing value.
		if o.Required && def == "" {
			t.Errorf("%s is required, and its default is empty", o.Path)
		}
		if m, ok := o.Schema["media"].(map[string]any); ok && !slices.Contains(media, fmt.Sprint(m["type"])) {
			t.Errorf("%s has the medium %v, which the form does not know", o.Path, m["type"])
		} else if ok && (m["type"] == "application/x-yaml") != (m["binaryEncoding"] == "base64") {
			t.Errorf("%s: the form stores what its YAML editor holds in base64, and nothing else", o.Path)
		}
		if o.Schema["type"] == "string" && o.Schema["enum"] == nil && o.Schema["pattern"] == nil && o.Schema["media"] == nil {
			t.Errorf("%s takes any text: give it a pattern", o.Path)
		}
	}
}

// TestSecrets keeps secrets out of options: they are named, and the secret store gives them to the service.
func TestSecrets(t *testing.T) {
	t.Parallel()
	for _, o := range universe.Options(pkg(t).Config) {
		secret := regexp.MustCompile(`(?i)secret|password|token|keytab|private|certificate|key$`).MatchString(o.Path)
		m, _ := o.Schema["media"].(map[string]any)
		if secret != (m["type"] == "application/x-secret+string") {
			t.Errorf("%s: a secret is given by its path in the secret store, and nothing else is", o.Path)
		}
	}
}
