package universe_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
	"github.com/flink-on-mesos/flink-service/internal/flink/jre"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/universe"
)

const root = "../.."

const releaseURL = "https://example.com/releases/0.1.0"

// options make a release of the real package with programs, a driver and Flinks that are only texts.
func options(t testing.TB) universe.BuildOptions {
	t.Helper()
	work := t.TempDir()
	o := universe.BuildOptions{
		Root: root, Dir: filepath.Join(work, "release"), URL: releaseURL, Version: "1.2.3", Commit: "abc", ReleaseVersion: 7,
		Flinks: filepath.Join(work, "flinks"), DriverJar: filepath.Join(work, "driver.jar"),
		Compile: func(_ context.Context, o universe.BuildOptions, main, goos, goarch, file string) error {
			return os.WriteFile(file, []byte(strings.Join([]string{main, goos, goarch, o.Version, o.Commit}, " ")), 0o600)
		},
	}
	write(t, o.DriverJar, "driver")
	for _, version := range []string{"2.3.0", "1.20.5", "1.20.4"} {
		addFlink(t, o.Flinks, version)
	}
	addJava(t, o.Flinks)
	return o
}

// addJava adds a Java archive, the classes that were prepared for it, and some for another Java.
func addJava(t testing.TB, dir string) {
	t.Helper()
	m := jre.Manifest{Version: "17.0.15+6-flink-1", Source: "17.0.15+6", Modules: jre.Modules(), SHA256: sum("Java")}
	m.File = "java-17.0.15-linux-amd64-" + m.SHA256 + ".tgz"
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, m.File), "Java")
	write(t, filepath.Join(dir, strings.TrimSuffix(m.File, ".tgz")+".json"), string(text))
	for _, version := range []string{"2.3.0", "1.20.5"} {
		for _, kind := range []string{"jobmanager", "taskmanager"} {
			write(t, filepath.Join(dir, "classes-"+sum("Flink "+version)+"-"+kind+"-"+m.Version+".jsa"), kind+" "+version)
			write(t, filepath.Join(dir, "classes-"+sum("Flink "+version)+"-"+kind+"-21.0.1+1.jsa"), "another")
		}
	}
}

func addFlink(t testing.TB, dir, version string) {
	t.Helper()
	content := "Flink " + version
	m := dist.Manifest{Version: version, SHA256: sum(content), Size: int64(len(content)), Home: dist.Home}
	name := "flink-" + version + "-" + m.SHA256
	m.File = name + ".tgz"
	opt := "opt of " + content
	m.Optional = &dist.Optional{File: "flink-" + version + "-optional-" + sum(opt) + ".tar", SHA256: sum(opt), Size: int64(len(opt))}
	write(t, filepath.Join(dir, m.Optional.File), opt)
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, m.File), content)
	write(t, filepath.Join(dir, name+".json"), string(text))
}

func sum(content string) string {
	hash := sha256.Sum256([]byte(content))
	return hex.EncodeToString(hash[:])
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func build(t testing.TB, o universe.BuildOptions) universe.Package {
	t.Helper()
	p, err := universe.Build(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// unzip reads an archive: the modes and contents of its files.
func unzip(t testing.TB, path string) (modes, contents map[string]string) {
	t.Helper()
	r, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	modes, contents = map[string]string{}, map[string]string{}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		modes[f.Name], contents[f.Name] = f.Mode().String(), string(data)
	}
	return modes, contents
}

func TestBuild(t *testing.T) {
	t.Parallel()
	o := options(t)
	p := build(t, o)

	var names []string
	entries, err := os.ReadDir(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	want := []string{
		"SHA256SUMS", "flink-mesos-driver.jar", "icon-128.png", "icon-256.png", "icon-48.png", "screenshot-form.png", "screenshot-history.png", "screenshot-page-dark.png", "screenshot-page-phone.png", "screenshot-page.png", "package", "repo-v4.json", "repo-v5.json",
		"dcos-flink-darwin-amd64.zip", "dcos-flink-darwin-arm64.zip", "dcos-flink-linux-amd64.zip", "dcos-flink-linux-arm64.zip",
		"dcos-flink-windows-amd64.zip", "dcos-flink-windows-arm64.zip",
		"flink-service-darwin-amd64.zip", "flink-service-darwin-arm64.zip", "flink-service-linux-amd64.zip", "flink-service-linux-arm64.zip",
	}
	for _, v := range []string{"2.3.0", "1.20.5", "1.20.4"} {
		want = append(want, "flink-"+v+"-"+sum("Flink "+v)+".tgz", "flink-"+v+"-"+sum("Flink "+v)+".json",
			"flink-"+v+"-optional-"+sum("opt of Flink "+v)+".tar")
	}
	want = append(want, "java-17.0.15-linux-amd64-"+sum("Java")+".tgz")
	for _, v := range []string{"2.3.0", "1.20.5"} {
		for _, kind := range []string{"jobmanager", "taskmanager"} {
			want = append(want, "classes-"+sum("Flink "+v)+"-"+kind+"-17.0.15+6-flink-1.jsa") // Not those of another Java.
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("the release holds other files (-want +got):\n%s", diff)
	}
	for line := range strings.Lines(read(t, filepath.Join(o.Dir, "SHA256SUMS"))) {
		hash, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if got := sum(read(t, filepath.Join(o.Dir, name))); got != hash {
			t.Errorf("%s has the hash %s, not %s", name, got, hash)
		}
	}

	modes, contents := unzip(t, filepath.Join(o.Dir, "flink-service-linux-amd64.zip"))
	wantModes := map[string]string{"flink-service/flink-service": "-rwxr-xr-x", "flink-service/flink-mesos-driver.jar": "-rw-r--r--", "flink-service/LICENSE": "-rw-r--r--"}
	if diff := cmp.Diff(wantModes, modes); diff != "" {
		t.Errorf("the service's archive (-want +got):\n%s", diff)
	}
	if got := contents["flink-service/flink-service"]; got != "./service linux amd64 1.2.3 abc" {
		t.Errorf("the service is %q", got)
	}

	modes, contents = unzip(t, filepath.Join(o.Dir, "dcos-flink-windows-amd64.zip"))
	wantModes = map[string]string{"plugin.toml": "-rw-r--r--", "bin/dcos-flink.exe": "-rwxr-xr-x", "completion/bash/flink.sh": "-rw-r--r--", "LICENSE": "-rw-r--r--"}
	if diff := cmp.Diff(wantModes, modes); diff != "" {
		t.Errorf("the archive of the command line (-want +got):\n%s", diff)
	}
	if !strings.Contains(contents["plugin.toml"], `path = "bin/dcos-flink.exe"`) || !strings.Contains(contents["plugin.toml"], `name = "flink"`) {
		t.Errorf("plugin.toml is %q", contents["plugin.toml"])
	}
	if contents["completion/bash/flink.sh"] != read(t, filepath.Join(root, "cli-plugin/completion/bash/flink.sh")) {
		t.Error("the completion is another")
	}

	linux := p.Resource["cli"].(map[string]any)["binaries"].(map[string]any)["linux"].(map[string]any)["x86-64"]
	wantLinux := map[string]any{
		"kind": "zip", "url": releaseURL + "/dcos-flink-linux-amd64.zip",
		"contentHash": []any{map[string]any{"algo": "sha256", "value": sum(read(t, filepath.Join(o.Dir, "dcos-flink-linux-amd64.zip")))}},
	}
	if diff := cmp.Diff(any(wantLinux), linux); diff != "" {
		t.Errorf("the command line in resource.json (-want +got):\n%s", diff)
	}
	uris := p.Resource["assets"].(map[string]any)["uris"].(map[string]any)
	if want := releaseURL + "/flink-1.20.5-" + sum("Flink 1.20.5") + ".tgz"; uris["flink-1-20"] != want {
		t.Errorf("Flink 1.20 is fetched from %v, want %s", uris["flink-1-20"], want)
	}
}

// TestBuildTwice shows that the same inputs give the same bytes, and that a release replaces the one before.
func TestBuildTwice(t *testing.T) {
	t.Parallel()
	o := options(t)
	build(t, o)
	first := read(t, filepath.Join(o.Dir, "SHA256SUMS"))
	write(t, filepath.Join(o.Dir, "flink-9.9.9-"+sum("x")+".tgz"), "of a release before")
	build(t, o)
	if diff := cmp.Diff(first, read(t, filepath.Join(o.Dir, "SHA256SUMS"))); diff != "" {
		t.Errorf("the second build differs (-first +second):\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(o.Dir, "flink-9.9.9-"+sum("x")+".tgz")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a file of the release before is still there")
	}
}

func TestBuildRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, want string
		change     func(t *testing.T, o *universe.BuildOptions)
	}{
		{"no directory", "required", func(_ *testing.T, o *universe.BuildOptions) { o.Dir = "" }},
		{"a URL with a slash behind it", "without a slash", func(_ *testing.T, o *universe.BuildOptions) { o.URL += "/" }},
		{"a URL that would need quotes", "without a slash", func(_ *testing.T, o *universe.BuildOptions) { o.URL += `/"` }},
		{"a negative release", "negative", func(_ *testing.T, o *universe.BuildOptions) { o.ReleaseVersion = -1 }},
		{"a directory of something else", "in the way", func(t *testing.T, o *universe.BuildOptions) { write(t, filepath.Join(o.Dir, "thesis.txt"), "x") }},
		{"no driver", "make driver", func(_ *testing.T, o *universe.BuildOptions) { o.DriverJar += "x" }},
		{"no Java", "make java", func(t *testing.T, o *universe.BuildOptions) {
			found, err := filepath.Glob(filepath.Join(o.Flinks, "java-*"))
			if err != nil || len(found) == 0 {
				t.Fatal(found, err)
			}
			for _, f := range found {
				if err := os.Remove(f); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{"no classes for this Java", "make java", func(t *testing.T, o *universe.BuildOptions) {
			if err := os.Remove(filepath.Join(o.Flinks, "classes-"+sum("Flink 2.3.0")+"-taskmanager-17.0.15+6-flink-1.jsa")); err != nil {
				t.Fatal(err)
			}
		}},
		{"no Flink", "make flink", func(_ *testing.T, o *universe.BuildOptions) { o.Flinks += "x" }},
		{"not every Flink", "2.3", func(t *testing.T, o *universe.BuildOptions) {
			o.Flinks = filepath.Join(o.Flinks, "other")
			addFlink(t, o.Flinks, "1.20.5")
			addJava(t, o.Flinks)
		}},
		{"jars of opt that are broken", "not what its manifest says", func(t *testing.T, o *universe.BuildOptions) {
			write(t, filepath.Join(o.Flinks, "flink-2.3.0-optional-"+sum("opt of Flink 2.3.0")+".tar"), "opt of Flink 2.3.1")
		}},
		{"a Flink that is broken", "not what its manifest says", func(t *testing.T, o *universe.BuildOptions) {
			write(t, filepath.Join(o.Flinks, "flink-2.3.0-"+sum("Flink 2.3.0")+".tgz"), "Flink 2.3.1")
		}},
		{"a program that does not compile", "no compiler", func(_ *testing.T, o *universe.BuildOptions) {
			o.Compile = func(context.Context, universe.BuildOptions, string, string, string, string) error {
				return errors.New("no compiler")
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := options(t)
			tt.change(t, &o)
			if _, err := universe.Build(t.Context(), o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Build() = %v, want %q", err, tt.want)
			}
			if tt.name == "a directory of something else" {
				read(t, filepath.Join(o.Dir, "thesis.txt"))
			}
		})
	}
}

// TestBuildCompiles runs the go command once, for a small program.
func TestBuildCompiles(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("compiles a program")
	}
	o := options(t)
	work := t.TempDir()
	write(t, filepath.Join(work, "go.mod"), "module example.com/x\n")
	write(t, filepath.Join(work, "service", "main.go"), "package main\n\nvar version string\n\nfunc main() { broken }\n")
	for _, name := range []string{universe.InfoFile, universe.ResourceFile, universe.ConfigFile, universe.TemplateFile} {
		write(t, filepath.Join(work, name), read(t, filepath.Join(root, name)))
	}
	o.Root, o.Compile = work, nil
	if _, err := universe.Build(t.Context(), o); err == nil || !strings.Contains(err.Error(), "compile ./service for linux/amd64") || !strings.Contains(err.Error(), "broken") {
		t.Errorf("Build() = %v, want what the compiler says", err)
	}
}

// TestFill shows what placeholders mean, and that none is left over.
func TestFill(t *testing.T) {
	t.Parallel()
	files := map[string]string{"a.zip": "123", "flink-2.3.1-x.tgz": "4", "java-17.tgz": "5"}
	flinks := []dist.Manifest{
		{Version: "2.3.0", File: "flink-2.3.0-x.tgz", SHA256: "0"},
		{Version: "2.3.1", File: "flink-2.3.1-x.tgz", SHA256: "1", Optional: &dist.Optional{File: "flink-2.3.1-optional-y.tar"}},
		{Version: "1.20.5", File: "flink-1.20.5-z.tgz", SHA256: "2"},
	}
	java := universe.Java{Archive: "java-17.tgz", Classes: map[string]map[spec.TaskKind]string{"1": {spec.TaskManagerTask: "classes-tm.jsa"}}}
	tests := []struct{ text, want, problem string }{
		{"@base@/a.zip", "http://h/a.zip", ""},
		{"@sha256:a.zip@", "123", ""},
		{"@base@/@flink:2.3@.tgz", "http://h/flink-2.3.1-x.tgz", ""},
		{"@flink-opt:2.3@", "flink-2.3.1-optional-y.tar", ""},
		{"@base@/@flink-opt:1.20@", "", ""}, // Left out.
		{"@flink-opt:9@", "", "no Flink 9"},
		{"nothing to fill, mail@example.com", "nothing to fill, mail@example.com", ""},
		{"@base@/b.zip", "", "b.zip is not a file"},
		{"@sha256:b.zip@", "", "no such file"},
		{"@flink:9@", "", "no Flink 9"},
		{"@other@", "", "no placeholder"},
		{"@base@/@java@", "http://h/java-17.tgz", ""},
		{"@taskmanager-classes:2.3@", "classes-tm.jsa", ""},
		{"@jobmanager-classes:2.3@", "", "run make java"},
		{"@taskmanager-classes:9@", "", "run make java"},
	}
	for _, tt := range tests {
		got, err := universe.Fill(map[string]any{"a": []any{map[string]any{"b": tt.text}}, "n": true}, "http://h", files, flinks, java)
		if tt.problem != "" {
			if err == nil || !strings.Contains(err.Error(), tt.problem) {
				t.Errorf("Fill(%q) = %v, want %q", tt.text, err, tt.problem)
			}
			continue
		}
		want := map[string]any{"a": []any{map[string]any{"b": tt.want}}, "n": true}
		if tt.want == "" {
			want["a"] = []any{map[string]any{}}
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("Fill(%q) = %v (-want +got):\n%s", tt.text, err, diff)
		}
	}
}

// TestHandler asks for the repository as Cosmos does, and renders what it gets.
func TestHandler(t *testing.T) {
	t.Parallel()
	o := options(t)
	p := build(t, o)
	h, err := universe.Handler(o.Dir, o.URL)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	defer s.Close()
	const kind = "application/vnd.dcos.universe.repo+json;charset=utf-8;version="
	tests := []struct {
		accept      []string
		status      int
		contentType string
	}{
		{[]string{kind + "v5"}, 200, kind + "v5"},
		{[]string{kind + "v4"}, 200, kind + "v4"},
		{[]string{kind + "v5," + kind + "v4," + kind + "v3"}, 200, kind + "v5"},
		{[]string{kind + "v3", kind + "v4"}, 200, kind + "v4"},
		{nil, 200, kind + "v5"},
		{[]string{"*/*"}, 200, kind + "v5"},
		{[]string{kind + "v3"}, 406, ""},
		{[]string{kind + "v9"}, 406, ""},
		{[]string{"text/html"}, 406, ""},
		{[]string{"application/zip;q=;"}, 406, ""},
	}
	for _, tt := range tests {
		resp, body := fetch(t, s.URL+"/repo", "", tt.accept)
		if resp.StatusCode != tt.status {
			t.Errorf("Accept %v gives %s", tt.accept, resp.Status)
			continue
		}
		if tt.status != 200 {
			continue
		}
		if got := resp.Header.Get("Content-Type"); got != tt.contentType {
			t.Errorf("Accept %v gives %s, want %s", tt.accept, got, tt.contentType)
		}
		if strings.Contains(body, releaseURL) || !strings.Contains(body, s.URL+"/dcos-flink-linux-amd64.zip") {
			t.Error("the repository does not name the host that it was fetched from")
		}
	}

	_, body := fetch(t, s.URL+"/repo", "", nil)
	packages := object(t, body)["packages"].([]any)
	entry := packages[0].(map[string]any)
	if len(packages) != 1 || fmt.Sprint(entry["releaseVersion"]) != "7" || entry["name"] != "flink" {
		t.Errorf("the repository holds %v", entry["name"])
	}
	template, err := base64.StdEncoding.DecodeString(entry["marathon"].(map[string]any)["v2AppMustacheTemplate"].(string))
	if err != nil || string(template) != p.Template {
		t.Errorf("the template in the repository is another (%v)", err)
	}
	fetched := universe.Package{Info: entry, Config: entry["config"].(map[string]any), Resource: entry["resource"].(map[string]any), Template: string(template)}
	app, err := render(fetched, universe.RenderOptions{Source: s.URL + "/repo"})
	if err != nil {
		t.Fatal(err)
	}
	if err := universe.CheckApp(app); err != nil {
		t.Error(err)
	}
	// Everything that the app fetches is served.
	for _, f := range app["fetch"].([]any) {
		uri := f.(map[string]any)["uri"].(string)
		if resp, _ := fetch(t, uri, "", nil); resp.StatusCode != 200 {
			t.Errorf("GET %s: %s", uri, resp.Status)
		}
	}

	if resp, _ := fetch(t, s.URL+"/repo", `x"y`, nil); resp.StatusCode != 400 {
		t.Errorf("a Host that is none gives %s", resp.Status)
	}
	if _, err := universe.Handler(t.TempDir(), o.URL); err == nil || !strings.Contains(err.Error(), "make universe") {
		t.Errorf("Handler() without a release = %v", err)
	}
}

func fetch(t testing.TB, url, host string, accept []string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header["Accept"] = accept
	if host != "" {
		r.Host = host
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// TestIcons keeps the icons in the project equal to what the program draws.
func TestIcons(t *testing.T) {
	t.Parallel()
	for _, size := range universe.IconSizes() {
		f, err := os.Open(filepath.Join(root, "universe", "icons", fmt.Sprintf("icon-%d.png", size)))
		if err != nil {
			t.Fatal(err)
		}
		kept, err := png.Decode(f)
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		drawn := universe.Icon(size)
		if kept.Bounds() != drawn.Bounds() || kept.Bounds().Dx() != size {
			t.Fatalf("icon-%d.png measures %v", size, kept.Bounds())
		}
		for y := range size {
			for x := range size {
				if kept.At(x, y) != drawn.At(x, y) {
					t.Fatalf("icon-%d.png differs at %d, %d: run go run ./internal/universe/release icons", size, x, y)
				}
			}
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	good := map[string]string{universe.InfoFile: "{}", universe.ResourceFile: "{}", universe.ConfigFile: "{}", universe.TemplateFile: "{}"}
	tests := []struct{ name, file, text, want string }{
		{"a letter that is not ASCII", universe.TemplateFile, "{\n\"\u00fc\"}", "line 2"},
		{"a tab", universe.ConfigFile, "{\t}", "line 1"},
		{"no JSON", universe.InfoFile, `{"name": flink}`, `"{\"name\": fl"`},
		{"no object", universe.ResourceFile, `[]`, "not a JSON object"},
		{"two objects", universe.ResourceFile, `{}{}`, "behind"},
	}
	for _, tt := range tests {
		dir := t.TempDir()
		files := maps.Clone(good)
		files[tt.file] = tt.text
		for name, text := range files {
			write(t, filepath.Join(dir, name), text)
		}
		if _, err := universe.Load(dir); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), filepath.Base(tt.file)) {
			t.Errorf("%s: Load() = %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := universe.Load(t.TempDir()); err == nil {
		t.Error("Load() of nothing succeeds")
	}
}

func TestCommand(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args []string
		code int
		want string
	}{
		{nil, 2, "universe build"},
		{[]string{"fly"}, 2, "universe build"},
		{[]string{"build", "now"}, 2, "no arguments"},
		{[]string{"build", "-x"}, 2, "not defined"},
		{[]string{"build", "-h"}, 0, "release-version"},
		{[]string{"serve", "-dir", filepath.Join(t.TempDir(), "none")}, 1, "make universe"},
		{[]string{"build", "-root", t.TempDir(), "-dir", t.TempDir()}, 1, "package.json"},
	}
	for _, tt := range tests {
		var out, err bytes.Buffer
		if code := universe.Main(t.Context(), tt.args, &out, &err); code != tt.code || !strings.Contains(err.String(), tt.want) {
			t.Errorf("Main(%v) = %d, %s; want %d and %q", tt.args, code, err.String(), tt.code, tt.want)
		}
	}
	dir := t.TempDir()
	if code := universe.Main(t.Context(), []string{"icons", "-root", dir}, io.Discard, io.Discard); code != 0 {
		t.Errorf("icons: %d", code)
	}
	read(t, filepath.Join(dir, "universe", "icons", "icon-48.png"))
}

// TestServe serves until it is told to stop.
func TestServe(t *testing.T) {
	t.Parallel()
	o := options(t)
	build(t, o)
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- universe.Serve(ctx, "127.0.0.1:0", o.Dir, o.URL, w) }()
	line := make([]byte, 200)
	n, err := r.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(string(line[:n]))
	if resp, _ := fetch(t, words[len(words)-1], "", nil); resp.StatusCode != 200 {
		t.Errorf("GET %s: %s", words[len(words)-1], resp.Status)
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("Serve() = %v", err)
	}
}
