package metrics_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/yaml"

	"github.com/flink-on-mesos/flink-service/internal/artifact"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/loop"
	"github.com/flink-on-mesos/flink-service/internal/mesos"
	"github.com/flink-on-mesos/flink-service/internal/metrics"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

const monitoring = "../../resources/monitoring"

// promtool runs Prometheus' own checks in a directory.
func promtool(t *testing.T, dir string, args ...string) {
	t.Helper()
	program, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("there is no promtool: install the package prometheus")
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestRules has Prometheus read the rules, and run the tests of them.
func TestRules(t *testing.T) {
	t.Parallel()
	promtool(t, monitoring, "check", "rules", "flink.rules.yml")
	promtool(t, monitoring, "test", "rules", "flink.rules.test.yml")
}

// board is what the tests read of a dashboard of Grafana.
type board struct {
	UID    string `json:"uid"`
	Panels []struct {
		ID      int    `json:"id"`
		Title   string `json:"title"`
		GridPos struct{ X, Y, W, H int }
		Targets []struct {
			Expr string `json:"expr"`
		} `json:"targets"`
	} `json:"panels"`
}

func boards(t *testing.T) map[string]board {
	t.Helper()
	files, err := fs.Glob(os.DirFS(monitoring), "grafana-*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	all := map[string]board{}
	for _, f := range files {
		var b board
		if err := json.Unmarshal(read(t, f), &b); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		all[f] = b
	}
	return all
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(monitoring, file))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestBoards checks that panels do not overlap, and has Prometheus read every expression in them.
func TestBoards(t *testing.T) {
	t.Parallel()
	type rule struct {
		Record string `json:"record"`
		Expr   string `json:"expr"`
	}
	var rules []rule
	variables := strings.NewReplacer("$cluster", "demo", "$__rate_interval", "5m")
	for name, b := range boards(t) {
		taken, ids := map[[2]int]string{}, map[int]bool{}
		for _, p := range b.Panels {
			if ids[p.ID] || p.Title == "" || len(p.Targets) == 0 {
				t.Errorf("%s: panel %d is there twice, or has no title or nothing to show", name, p.ID)
			}
			ids[p.ID] = true
			for x := range p.GridPos.W {
				for y := range p.GridPos.H {
					at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
					if other, ok := taken[at]; ok || at[0] >= 24 {
						t.Fatalf("%s: panel %q is at the place of %q, or beyond the edge", name, p.Title, other)
					}
					taken[at] = p.Title
				}
			}
			for _, target := range p.Targets {
				rules = append(rules, rule{fmt.Sprintf("panel:%d", len(rules)), variables.Replace(target.Expr)})
			}
		}
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "boards", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "boards.yml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, dir, "check", "rules", "--lint=none", "boards.yml")
}

// names is a registerer that notes the names of what is registered.
type names map[string]bool

var fqName = regexp.MustCompile(`fqName: "([^"]+)"`)

func (n names) Register(c prometheus.Collector) error {
	out := make(chan *prometheus.Desc)
	go func() { defer close(out); c.Describe(out) }()
	for d := range out {
		n[fqName.FindStringSubmatch(d.String())[1]] = true
	}
	return nil
}

func (n names) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		_ = n.Register(c)
	}
}

func (names) Unregister(prometheus.Collector) bool { return true }

// registered are the names of all metrics of the service.
func registered(t *testing.T) names {
	t.Helper()
	n := names{}
	n.MustRegister(metrics.NewCollector(metrics.Options{View: func() *state.State { return nil }}))
	log := slog.New(slog.DiscardHandler)
	if _, err := loop.New(loop.Options{
		Saver: struct{ loop.Saver }{}, Mesos: struct{ loop.Sender }{}, Flink: struct{ loop.Flink }{}, Jobs: struct{ loop.Jobs }{},
		Probe: struct{ loop.Prober }{}, Snapshots: struct{ loop.Snapshots }{}, Registerer: n, Log: log,
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := mesos.New(mesos.Options{
		Framework: mesos.Framework{Name: "flink", Roles: []string{"*"}, FailoverTimeout: time.Hour},
		Masters:   mastersOf, FrameworkID: func() string { return "" }, Post: func(state.Event) {},
		Plan: func(state.Launch) (task.Template, error) { return task.Template{}, nil }, Registerer: n, Log: log,
	}); err != nil {
		t.Fatal(err)
	}
	store, err := artifact.New(artifact.Options{
		Dir: t.TempDir(), Prefix: strings.Repeat("p", 22), Key: bytes.Repeat([]byte("k"), 32), Registerer: n, Log: log,
		InUse: func(string) []string { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return n
}

// TestNames checks that every metric of the service that a rule or a dashboard names exists, and that the paragraph exists
// to which an alert sends people.
func TestNames(t *testing.T) {
	t.Parallel()
	texts := map[string]string{"flink.rules.yml": string(read(t, "flink.rules.yml"))}
	for name := range boards(t) {
		texts[name] = string(read(t, name))
	}
	known := registered(t)
	named := regexp.MustCompile(`flink_mesos_[a-z_]+`)
	count := 0
	for file, text := range texts {
		for _, name := range named.FindAllString(text, -1) {
			count++
			if !known[name] && !known[strings.TrimSuffix(name, "_bucket")] {
				t.Errorf("%s names %s, which the service does not have: it has %q", file, name, slices.Sorted(mapsKeys(known)))
			}
		}
	}
	if count < 40 {
		t.Errorf("found %d names of metrics: what was read?", count)
	}
	operations, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, alert := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(texts["flink.rules.yml"], -1) {
		if !strings.Contains(string(operations), "\n#### "+alert[1]+"\n") ||
			!strings.Contains(texts["flink.rules.yml"], "runbook: docs/operations.md#"+strings.ToLower(alert[1])+"\n") {
			t.Errorf("docs/operations.md has no paragraph %s, or the alert does not name it", alert[1])
		}
	}
}
