package journal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/journal"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

func masked(s spec.Spec) spec.Spec {
	s.FlinkConfiguration = map[string]string{"s3.secret-key": "(hidden)"}
	return s
}

func open(t *testing.T, o journal.Options) *journal.Journal {
	t.Helper()
	o.Masked, o.Log = masked, slog.New(slog.DiscardHandler)
	j, err := journal.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// story folds a short life in and notes it.
func story(j *journal.Journal) {
	j.Begin(noon, state.Stored{})
	s := core.New(state.Options{}, state.Stored{}, noon)
	spec := spec.Spec{
		Name: "demo", Kind: spec.Session, FlinkVersion: "2.3.0", Allocation: spec.Static,
		FlinkConfiguration: map[string]string{"s3.secret-key": "the canary"},
		JobManager:         spec.JobManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}, Replicas: 1},
		TaskManager:        spec.TaskManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}, Slots: 1},
		TaskManagers:       spec.TaskManagers{Count: 1},
	}
	scalar := func(name string, v float64) offer.Resource {
		return offer.Resource{Name: name, AllocationRole: "*", Scalar: offer.ToMilli(v)}
	}
	for i, e := range []state.Event{
		state.Subscribed{FrameworkID: "fw"},
		state.PutCluster{Request: 1, Spec: spec, Nonce: "aaaa", CreateOnly: true},
		state.Ticked{},
		state.Offered{Offers: []offer.Offer{{ID: "o1", AgentID: "a1", Hostname: "h1", Resources: []offer.Resource{
			scalar("cpus", 8), scalar("mem", 8192), {Name: "ports", AllocationRole: "*", Ranges: []offer.Range{{Begin: 31000, End: 31099}}},
		}}}},
		state.Updated{TaskID: "demo-aaaa-jm-1", AgentID: "a1", State: task.Running, UUID: []byte{1, 2}},
	} {
		at := noon.Add(time.Duration(i) * time.Second)
		var actions []state.Action
		s, actions = core.Step(s, e, at)
		j.Observe(at, e, actions)
	}
}

// TestReplay reproduces what was noted, to the action.
func TestReplay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, journal.Options{Dir: dir})
	story(j)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := journal.Read(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	r, err := journal.Replay(entries, state.Options{})
	if err != nil || len(r.Differences) != 0 || r.Events < 4 {
		t.Fatalf("Replay() = %d events, %+v, %v", r.Events, r.Differences, err)
	}
	d, ok := view.Describe(&r.State, "demo")
	if !ok || len(d.Tasks) != 2 {
		t.Errorf("the state after the replay is %+v", d)
	}
	// What is told otherwise is found.
	entries[len(entries)-1].Actions = []string{"nothing of the kind"}
	if r, err = journal.Replay(entries, state.Options{}); err != nil || len(r.Differences) != 1 {
		t.Errorf("a changed entry: %+v, %v", r.Differences, err)
	}
	if last, err := journal.Read(dir, 2); err != nil || len(last) != 2 || last[1].Event != "Updated" {
		t.Errorf("the last two entries are %+v, %v", last, err)
	}
	tail(t, dir)
	for _, name := range glob(t, dir) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "the canary") {
			t.Errorf("%s holds a secret", name)
		}
	}
}

// tail reads the end of story's ring.
func tail(t *testing.T, dir string) {
	t.Helper()
	for _, c := range []struct {
		text            string
		limit, maxBytes int
		want            []string
	}{
		{"", 2, 1 << 20, []string{"Offered", "Updated"}},
		{"demo-aaaa-jm-1", 100, 1 << 20, []string{"Offered", "Updated"}},
		{"save framework", 100, 1 << 20, []string{"Subscribed"}},
		{"", 100, 300, []string{"Updated"}},
		{"never said", 100, 1 << 20, nil},
	} {
		lines, err := journal.Tail(dir, c.text, c.limit, c.maxBytes)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, line := range lines {
			var e journal.Entry
			if err := json.Unmarshal(line, &e); err != nil {
				t.Fatal(err)
			}
			got = append(got, e.Event)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("Tail(%q, %d, %d) = %v, want %v", c.text, c.limit, c.maxBytes, got, c.want)
		}
	}
}

func glob(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestRing keeps a bounded number of bounded files, over restarts too, and reads behind a line that was cut off.
func TestRing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for n := range 3 {
		j := open(t, journal.Options{Dir: dir, Files: 3, FileBytes: 1000})
		for i := range 100 {
			j.Observe(noon, state.AgentLost{AgentID: fmt.Sprintf("agent-%d-%d", n, i)}, nil)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	names := glob(t, dir)
	if len(names) != 3 {
		t.Fatalf("the ring has the files %v, want three", names)
	}
	f, err := os.OpenFile(names[2], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"time":"2026-01-`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := journal.Read(dir, 0)
	if err != nil || len(entries) == 0 || !strings.Contains(string(entries[len(entries)-1].Data), "agent-2-99") {
		t.Fatalf("Read() = %d entries, %v", len(entries), err)
	}
	if _, err := journal.Replay(entries, state.Options{}); err == nil {
		t.Error("a ring without a start was replayed")
	}
}

// TestFull never waits: what cannot be written is counted.
func TestFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, journal.Options{Dir: dir})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 50_000 {
			j.Observe(noon, state.AgentLost{AgentID: "a"}, nil)
		}
	}()
	select {
	case <-done:
	case <-ctx.Done():
		t.Fatal("the journal held the core up")
	}
}
