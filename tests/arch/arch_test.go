// Package arch fails the build when the shape of the code changes: who may import whom,
// which calls stand where, and how large the mains are.
package arch_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/flink-on-mesos/flink-service"

// pkg is what `go list` says of a package.
type pkg struct {
	ImportPath string
	Dir        string
	Name       string
	GoFiles    []string
	Imports    []string
	Deps       []string
}

func packages(t *testing.T, patterns ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Dir,Name,GoFiles,Imports,Deps"}, patterns...)...)
	cmd.Dir = root(t)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v", patterns, err)
	}
	var all []pkg
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("read go list: %v", err)
		}
		all = append(all, p)
	}
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// allowed says which of our packages a package may import; "x/*" means x and all below it.
// A package that is not listed may import nothing of ours. The arrows point one way: adapters
// never import each other, and only app sees them all.
var allowed = map[string][]string{
	"internal/fault":            {},
	"internal/auth":             {},
	"internal/ca":               {},
	"internal/spec":             {"internal/fault", "internal/constraint", "internal/autoscale/calendar"},
	"internal/task":             {"internal/spec"},
	"internal/wire":             {"internal/task", "internal/spec", "internal/fault"},
	"internal/offer":            {"internal/wire", "internal/task", "internal/spec"},
	"internal/core":             {"internal/core/*", "internal/offer", "internal/constraint", "internal/wire", "internal/task", "internal/spec", "internal/fault"},
	"internal/core/state":       {"internal/autoscale/flinkconf", "internal/offer", "internal/constraint", "internal/wire", "internal/task", "internal/spec", "internal/fault"},
	"internal/core/overrides":   {"internal/autoscale/flinkconf", "internal/core/state", "internal/spec"},
	"internal/core/workers":     {"internal/core/overrides", "internal/core/state", "internal/offer", "internal/wire", "internal/task", "internal/spec", "internal/fault"},
	"internal/core/rollback":    {"internal/core/lifecycle", "internal/core/revision", "internal/core/state", "internal/redact", "internal/wire", "internal/spec"},
	"internal/core/revision":    {"internal/core/state", "internal/task", "internal/wire", "internal/spec", "internal/fault"},
	"internal/core/lifecycle":   {"internal/core/naming", "internal/core/overrides", "internal/autoscale/flinkconf", "internal/redact", "internal/autoscale/calendar", "internal/core/revision", "internal/core/workers", "internal/core/state", "internal/wire", "internal/task", "internal/spec", "internal/fault"},
	"internal/core/naming":      {"internal/core/state", "internal/wire", "internal/spec"},
	"internal/core/refused":     {"internal/core/state", "internal/wire"},
	"internal/core/scaling":     {"internal/autoscale/flinkconf", "internal/core/lifecycle", "internal/core/workers", "internal/core/state", "internal/wire", "internal/task", "internal/spec", "internal/fault"},
	"internal/core/tasks":       {"internal/core/lifecycle", "internal/core/workers", "internal/core/state", "internal/wire", "internal/task", "internal/spec"},
	"internal/core/offers":      {"internal/core/overrides", "internal/core/workers", "internal/core/state", "internal/offer", "internal/constraint", "internal/wire", "internal/task", "internal/spec", "internal/fault"},
	"internal/core/view":        {"internal/core/lifecycle", "internal/core/revision", "internal/core/offers", "internal/core/state", "internal/wire", "internal/task", "internal/spec", "internal/fault"},
	"internal/core/check":       {"internal/core/state", "internal/spec", "internal/task"},
	"internal/loop":             {"internal/core", "internal/core/*", "internal/wire", "internal/task", "internal/spec", "internal/fault"},
	"internal/document":         {"internal/fault"},
	"internal/redact":           {"internal/wire", "internal/spec", "internal/fault"},
	"internal/admit":            {"internal/autoscale/settings", "internal/spec", "internal/fault", "internal/flink/*", "internal/flinkmesos", "internal/redact", "internal/document"},
	"internal/mesos":            {"internal/core", "internal/core/*", "internal/wire", "internal/task", "internal/spec", "internal/offer", "internal/constraint", "internal/redact"},
	"internal/mesos/detect":     {},
	"internal/store":            {"internal/wire", "internal/task", "internal/spec"},
	"internal/store/*":          {"internal/store", "internal/wire", "internal/task", "internal/spec"},
	"internal/store/records":    {"internal/store", "internal/core/state", "internal/wire", "internal/task", "internal/spec"},
	"internal/flink":            {"internal/flink/*", "internal/wire", "internal/task", "internal/spec", "internal/fault", "resources"},
	"internal/flink/*":          {"internal/flink/*", "internal/wire", "internal/task", "internal/spec", "internal/fault", "resources"},
	"internal/flinkmesos":       {"internal/flink", "internal/wire", "internal/task", "internal/spec", "internal/fault", "internal/constraint"},
	"internal/render":           {"internal/config", "internal/fault"},
	"internal/launch":           {"internal/ca", "internal/core", "internal/core/*", "internal/wire", "internal/task", "internal/spec", "internal/flink/*", "internal/fault"},
	"internal/jobmanager":       {"internal/ca", "internal/core", "internal/core/*", "internal/wire", "internal/task", "internal/spec", "internal/flink/*"},
	"internal/probe":            {"internal/core/state", "internal/flink", "internal/flink/rest", "internal/spec", "internal/task"},
	"internal/hadata":           {"internal/core/state", "internal/flink", "internal/flink/ha", "internal/spec", "internal/task"},
	"internal/artifact":         {"internal/wire", "internal/task", "internal/spec", "internal/fault"},
	"internal/artifact/replica": {"internal/artifact", "internal/fault"},
	"internal/tasklog":          {"internal/redact"},
	"internal/eventlog":         {"internal/store", "internal/wire"},
	"internal/api/query":        {"internal/fault"},
	"internal/api/live":         {"internal/core/state", "internal/core/view", "internal/eventlog", "internal/wire", "internal/fault"},
	"internal/console":          {},
	"internal/api/access":       {"internal/auth"},
	"internal/api/asked":        {"internal/api/query", "internal/core/state", "internal/wire"},
	"internal/api/attempt":      {"internal/api/query", "internal/core/state", "internal/core/view", "internal/redact", "internal/wire", "internal/fault"},
	"internal/api/happened":     {"internal/api/query", "internal/core/state", "internal/core/view", "internal/eventlog", "internal/wire", "internal/fault"},
	"internal/api/snapshots":    {"internal/api/query", "internal/core/state", "internal/flink/savepoint", "internal/redact", "internal/wire", "internal/spec", "internal/fault"},
	"internal/api/revisions":    {"internal/api/query", "internal/core/revision", "internal/core/state", "internal/core/view", "internal/redact", "internal/wire", "internal/spec", "internal/fault"},
	"internal/api/scaling":      {"internal/api/query", "internal/autoscale/report", "internal/fault"},
	"internal/api/sdk":          {"internal/api/query", "internal/metrics", "internal/fault", "internal/core/state", "internal/core/view", "internal/wire", "internal/task", "internal/spec", "internal/redact"},
	"internal/api":              {"internal/api/*", "internal/console", "internal/audit", "internal/autoscale/report", "internal/eventlog", "internal/auth", "internal/core", "internal/core/*", "internal/wire", "internal/task", "internal/spec", "internal/fault", "internal/artifact", "internal/redact", "internal/document"},
	"internal/client":           {"internal/autoscale/report", "internal/wire", "internal/task", "internal/spec", "internal/fault"},
	"internal/cli":              {"internal/cli/*", "internal/client", "internal/wire", "internal/task", "internal/spec", "internal/fault", "internal/document"},
	"internal/cli/autoscaler":   {"internal/cli/command", "internal/autoscale", "internal/autoscale/report"},
	"internal/cli/*":            {"internal/cli/*", "internal/client", "internal/wire", "internal/task", "internal/spec", "internal/fault", "internal/document"},
	"internal/config":           {"internal/auth", "internal/wire", "internal/task", "internal/spec", "internal/fault", "internal/document"},
	"internal/localmesos":       {"internal/localmesos/*"},
	"internal/localmesos/*":     {"internal/localmesos/*", "internal/fault"},
	"internal/constraint":       {},
	"internal/history":          {"internal/core", "internal/core/*", "internal/wire", "internal/task", "internal/spec"},
	"internal/journal":          {"internal/core", "internal/core/*", "internal/wire", "internal/task", "internal/spec"},
	"internal/app":              {"internal/*", "resources"},
	"internal/testkit/*":        {"internal/*"},
	"internal/universe":         {"internal/flink/appcds", "internal/flink/dist", "internal/flink/jre", "internal/spec"},
	"internal/universe/*":       {"internal/universe"},
	"internal/store/storetest":  {"internal/store"},
	"internal/admin":            {"internal/app", "internal/*"},
	"service":                   {"internal/admin"},
	"cli-plugin":                {"internal/cli", "internal/cli/terminal"},
	"resources":                 {},
	"tests/bench":               {"internal/*", "tests/*"},
	"tests/sim":                 {"internal/*"},
	"tests/e2e/*":               {"internal/*"},
	"tests/demo":                {},

	"internal/kubernetes":        {"internal/wire", "internal/spec"},
	"internal/kubernetes/export": {"internal/kubernetes", "internal/spec"},
	"internal/cli/manifests": {
		"internal/cli/*", "internal/client", "internal/kubernetes", "internal/kubernetes/export", "internal/wire", "internal/spec", "internal/fault", "internal/document",
	},

	"internal/autoscale":          {"internal/autoscale/calendar", "internal/autoscale/settings"},
	"internal/autoscale/calendar": {},
	"internal/autoscale/settings": {"internal/autoscale/calendar", "internal/spec"},
	"internal/autoscale/collect":  {"internal/autoscale", "internal/flink/rest"},

	"internal/secretdir":           {"internal/spec"},
	"internal/audit":               {},
	"internal/stale":               {},
	"internal/api/audited":         {"internal/api/query", "internal/audit", "internal/auth", "internal/wire"},
	"internal/metrics":             {"internal/core/state", "internal/wire", "internal/task", "internal/spec"},
	"internal/autoscale/flinkconf": {},
	"internal/autoscale/report":    {"internal/autoscale"},
	"internal/autoscale/runner":    {"internal/autoscale", "internal/autoscale/*", "internal/core/*", "internal/flink", "internal/flink/rest", "internal/redact", "internal/store", "internal/wire", "internal/task", "internal/spec", "internal/fault"},
}

func TestImports(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t, "./...") {
		path := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		may := allowedFor(path)
		for _, imp := range p.Imports {
			ours, ok := strings.CutPrefix(imp, module+"/")
			if ok && !slices.ContainsFunc(may, func(a string) bool { return matches(a, ours) }) {
				t.Errorf("%s imports %s; allowed are %v", path, ours, may)
			}
		}
	}
}

// allowedFor finds the rule of a package: its own, or that of the nearest folder with a star.
func allowedFor(path string) []string {
	if a, ok := allowed[path]; ok {
		return a
	}
	for dir := filepath.Dir(path); dir != "."; dir = filepath.Dir(dir) {
		if a, ok := allowed[dir+"/*"]; ok {
			return a
		}
	}
	return nil
}

func matches(pattern, path string) bool {
	base, star := strings.CutSuffix(pattern, "/*")
	return path == base || star && strings.HasPrefix(path, base+"/")
}

// TestPure keeps the core free of clocks, chance and the outside world.
func TestPure(t *testing.T) {
	t.Parallel()
	forbidden := []string{"context", "net", "net/http", "os", "sync", "log", "log/slog", "math/rand", "math/rand/v2"}
	for _, p := range packages(t, "./internal/core/...", "./internal/offer", "./internal/constraint", "./internal/spec", "./internal/task", "./internal/wire", "./internal/kubernetes/...",
		"./internal/autoscale", "./internal/autoscale/calendar", "./internal/autoscale/settings", "./internal/autoscale/report", "./internal/autoscale/flinkconf") {
		for _, imp := range p.Imports {
			if slices.Contains(forbidden, imp) {
				t.Errorf("%s imports %s", p.ImportPath, imp)
			}
		}
		for name, f := range files(t, p) {
			if calls(f, "time", "Now") {
				t.Errorf("%s calls time.Now; now is a parameter", name)
			}
		}
	}
}

// TestPlugin keeps the CLI plugin small.
func TestPlugin(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t, "./cli-plugin") {
		for _, dep := range p.Deps {
			for _, no := range []string{"mesos-go", "go-zookeeper", "go-marathon", "prometheus", "/internal/app", "/internal/core"} {
				if strings.Contains(dep, no) {
					t.Errorf("cli-plugin depends on %s", dep)
				}
			}
		}
	}
}

// TestForm looks at every file: mains, exits, init functions, names of packages, sizes of interfaces.
func TestForm(t *testing.T) {
	t.Parallel()
	badNames := []string{"util", "utils", "common", "helper", "helpers", "base", "types", "models"}
	for _, p := range packages(t, "./...") {
		if slices.Contains(badNames, p.Name) {
			t.Errorf("package %s: a package is named for what it owns", p.ImportPath)
		}
		for name, f := range files(t, p) {
			if p.Name != "main" && calls(f, "os", "Exit") {
				t.Errorf("%s calls os.Exit; only main does", name)
			}
			if calls(f, "log", "Fatal") || calls(f, "log", "Fatalf") {
				t.Errorf("%s calls log.Fatal; return an error", name)
			}
			form(t, name, f)
		}
	}
	for _, main := range []string{"service/main.go", "cli-plugin/main.go"} {
		text, err := os.ReadFile(filepath.Join(root(t), main))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), "\n"); n > 40 {
			t.Errorf("%s has %d lines, at most 40 are allowed", main, n)
		}
	}
}

func form(t *testing.T, name string, f *ast.File) {
	t.Helper()
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Recv == nil && n.Name.Name == "init" {
				t.Errorf("%s has an init function", name)
			}
		case *ast.InterfaceType:
			if n.Methods != nil && n.Methods.NumFields() > 5 {
				t.Errorf("%s has an interface with %d methods, at most 5 are allowed", name, n.Methods.NumFields())
			}
		}
		return true
	})
}

func files(t *testing.T, p pkg) map[string]*ast.File {
	t.Helper()
	out := make(map[string]*ast.File, len(p.GoFiles))
	for _, name := range p.GoFiles {
		path := filepath.Join(p.Dir, name)
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		out[path] = f
	}
	return out
}

// calls says whether a file calls a function of a package by its usual name.
func calls(f *ast.File, pkgName, function string) bool {
	found := false
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Obj == nil && x.Name == pkgName && sel.Sel.Name == function {
			found = true
		}
		return true
	})
	return found
}

// TestText keeps hosts of package registries out of the project.
func TestText(t *testing.T) {
	t.Parallel()
	words := []string{"repo1.maven" + ".org", "repo.maven" + ".apache.org", "proxy.golang" + ".org", "registry.npmjs" + ".org", "pypi" + ".org", "deb.debian" + ".org"}
	skip := []string{".git", "build", "target", "node_modules"}
	err := filepath.WalkDir(root(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains(skip, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil || info.Size() > 1<<20 || !info.Mode().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, w := range words {
			if strings.Contains(string(text), w) {
				t.Errorf("%s names the host %s", path, w)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestDesignNamesWhatIsThere keeps the map of the code in docs/design.md true: every path of ours that it names exists.
func TestDesignNamesWhatIsThere(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root(t), "docs", "design.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for i, word := range strings.Split(string(text), "`") {
		if i%2 == 0 || !strings.HasPrefix(word, "internal/") || strings.ContainsAny(word, " \n*{") {
			continue
		}
		named++
		if _, err := os.Stat(filepath.Join(root(t), filepath.FromSlash(word))); err != nil {
			t.Errorf("docs/design.md names %s: %v", word, err)
		}
	}
	if named < 40 {
		t.Errorf("docs/design.md names %d paths; the table is not read", named)
	}
}
