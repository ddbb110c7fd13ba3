package e2e_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/testkit/recorder"
	"github.com/flink-on-mesos/flink-service/internal/testkit/zookeeper"
	"github.com/flink-on-mesos/flink-service/internal/wire"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// cell is one way to run a job whose changes are tested.
type cell struct {
	kind       spec.Kind
	allocation spec.Allocation
	ha         bool
	mode       spec.UpgradeMode
}

func (c cell) String() string {
	parts := []string{string(c.kind), string(c.allocation), string(c.mode)}
	if c.ha {
		parts = append(parts, "ha")
	}
	return strings.Join(parts, "-")
}

// cells are all combinations.
func cells() []cell {
	var all []cell
	for _, kind := range []spec.Kind{spec.Application, spec.Job} {
		for _, allocation := range []spec.Allocation{spec.Dynamic, spec.Static} {
			for _, ha := range []bool{false, true} {
				for _, mode := range []spec.UpgradeMode{spec.Stateless, spec.LastState, spec.Savepoint} {
					all = append(all, cell{kind, allocation, ha, mode})
				}
			}
		}
	}
	return all
}

// fewCells are the ones of every test run: each kind, allocation and mode is there with and without high availability.
// fewChanges are their changes: each of the six has two, and together they have all.
var (
	fewCells = []cell{
		{spec.Application, spec.Static, true, spec.LastState},
		{spec.Job, spec.Dynamic, false, spec.LastState},
		{spec.Application, spec.Dynamic, true, spec.Savepoint},
		{spec.Job, spec.Static, false, spec.Savepoint},
		{spec.Job, spec.Dynamic, true, spec.Stateless},
		{spec.Application, spec.Static, false, spec.Stateless},
	}
	fewChanges = [][]string{
		{"jar", "JobManager killed"},
		{"memory", "service killed"},
		{"high availability switched", "savepoint fails"},
		{"parallelism", "JobManager killed"},
		{"arguments", "high availability switched"},
		{"arguments"},
	}
)

// change is one step of a cell: how the spec becomes another, and what happens meanwhile.
type change struct {
	name  string
	shape func(m *moving)
	// disturb happens after the change was accepted; nil for nothing.
	disturb func(m *moving)
	// after puts right what shape broke; nil for nothing.
	after func(m *moving)
	// fails says that the change is to be dropped, and the old program goes on.
	fails func(c cell) bool
	// only says where the change makes sense; nil for everywhere.
	only func(d disttest.Distribution) bool
}

func changes() []change {
	return []change{
		{name: "arguments", shape: func(*moving) {}},
		{name: "jar", shape: func(m *moving) { m.jar("v2") }},
		{name: "parallelism", shape: func(m *moving) { m.set("--parallelism", "2"); m.spec.Job.Parallelism = 2 }},
		{name: "memory", shape: func(m *moving) { m.spec.TaskManager.Resources.Memory = 1200 << 20 }},
		{name: "high availability switched", shape: (*moving).switchHA},
		{name: "high availability switched back", shape: (*moving).switchHA},
		{name: "JobManager killed", shape: func(m *moving) { m.jar("v3") }, disturb: (*moving).killJobManager},
		{name: "service killed", shape: func(m *moving) { m.jar("v4") }, disturb: (*moving).killService},
		{
			name:  "savepoint fails",
			shape: func(m *moving) { m.jar("v5"); m.breakSavepoints() },
			after: (*moving).mendSavepoints,
			fails: func(c cell) bool { return c.mode == spec.Savepoint },
		},
		{
			name: "Flink upgraded",
			shape: func(m *moving) {
				m.jar("v6")
				m.spec.FlinkVersion = m.newest
			},
			only: func(d disttest.Distribution) bool { return strings.HasPrefix(d.Version, "1.") },
		},
	}
}

// moving is a job that is changed.
type moving struct {
	t      *testing.T
	w      *world.World
	cell   cell
	spec   spec.Spec
	newest string // Flink version.
	step   int
	before wire.Description
}

// set gives the program an argument, in place of the one that it has.
func (m *moving) set(flag, value string) {
	args := slices.Clone(m.spec.Job.Args)
	if at := slices.Index(args, flag); at >= 0 {
		args[at+1] = value
	} else {
		args = append(args, flag, value)
	}
	m.spec.Job.Args = args
}

func (m *moving) jar(marker string) {
	a, err := m.w.Client.UploadArtifact(m.t.Context(), marked(m.t, m.w.Jar(), marker))
	if err != nil {
		m.t.Fatal(err)
	}
	m.spec.Job.JarURI = a.URI
}

func (m *moving) switchHA() {
	if m.spec.HighAvailability() {
		delete(m.spec.FlinkConfiguration, "high-availability.type")
		return
	}
	m.spec = highlyAvailable(m.spec)
}

// breakSavepoints puts a file where the directory of savepoints is: nobody can write below it, root neither.
func (m *moving) breakSavepoints() {
	dir := filepath.Join(m.w.Dir(), "savepoints")
	if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
		m.t.Fatal(err)
	}
}

func (m *moving) mendSavepoints() {
	if err := os.Remove(filepath.Join(m.w.Dir(), "savepoints")); err != nil {
		m.t.Fatal(err)
	}
}

func (m *moving) killJobManager() {
	for _, t := range world.Tasks(m.before, spec.JobManagerTask) {
		m.w.Signal(t.ID, syscall.SIGKILL)
	}
}

func (m *moving) killService() {
	m.w.KillService()
	m.w.StartService()
}

// TestChanges changes running jobs in every way, with every kind of cluster, allocation and upgrade mode: the new
// program runs, no state is lost, and two programs never run at once. E2E_CHANGES=all takes all cells and changes, which is hours;
// other text takes all changes of the cells whose name it is.
func TestChanges(t *testing.T) {
	server := zookeeper.Start(t)
	which := os.Getenv("E2E_CHANGES")
	list := fewCells
	if which != "" {
		list = cells()
	}
	distributions := disttest.Real(t)
	newest := slices.MaxFunc(distributions, func(a, b disttest.Distribution) int { return strings.Compare(a.Version, b.Version) }).Version
	for i, c := range list {
		for j, d := range distributions {
			names := []string(nil)
			switch {
			case which == "" && i%len(distributions) != j:
				continue // Every second cell for each of two lines.
			case which == "":
				names = fewChanges[i]
			case which != "all" && which != c.String():
				continue
			}
			t.Run(c.String()+"/"+d.Version, func(t *testing.T) {
				m := begin(t, server, c, d)
				m.newest = newest
				for _, change := range changes() {
					if names != nil && !slices.Contains(names, change.name) || change.only != nil && !change.only(d) {
						continue
					}
					m.make(change)
				}
			})
		}
	}
}

// begin runs the first program of a cell.
func begin(t *testing.T, server *zookeeper.Server, c cell, d disttest.Distribution) *moving {
	t.Helper()
	w := world.Start(t, world.Options{Service: withZooKeeper(server)})
	s := allocated(recording(t, w, "moving", d, "v1", "--name", "step-0"), c.allocation)
	s.Kind, s.Job.UpgradeMode = c.kind, c.mode
	s.Job.Parallelism = 1
	s.FlinkConfiguration["execution.checkpointing.dir"] = "file://" + w.Dir() + "/checkpoints"
	if c.ha {
		s = highlyAvailable(s)
	}
	w.Create(s)
	m := &moving{t: t, w: w, cell: c, spec: s}
	recorded(w, "the first program records", records("v1", 20))
	return m
}

// make makes a change and looks at what became of the job.
func (m *moving) make(c change) {
	m.step++
	m.t.Logf("%s: %s", m.spec.FlinkVersion, c.name)
	m.before = m.w.Until("moving", "is stable, with a checkpoint", func(d wire.Description) bool {
		return d.Status.State == wire.Stable && d.Status.Job != nil && d.Status.Job.Checkpoint != nil
	})
	old, err := recorder.Read(recordsOf(m.w))
	if err != nil {
		m.t.Fatal(err)
	}
	kept := m.spec
	kept.FlinkConfiguration = maps.Clone(kept.FlinkConfiguration)
	m.set("--name", "step-"+strconv.Itoa(m.step))
	c.shape(m)
	if _, err := m.w.Client.PutCluster(m.t.Context(), m.spec); err != nil {
		m.t.Fatalf("%s: %v", c.name, err)
	}
	if c.disturb != nil {
		c.disturb(m)
	}
	if c.after != nil {
		defer c.after(m)
	}
	if c.fails != nil && c.fails(m.cell) {
		m.goesOn(c, old)
		m.spec = kept
		return
	}
	want := old.Latest().JobID
	l := recorded(m.w, c.name+": the new program records", func(l *recorder.Log) error {
		if newest := l.Latest(); newest.JobID == want || newest.JobName != "step-"+strconv.Itoa(m.step) {
			return fmt.Errorf("the newest attempt is of job %s, %s", newest.JobID, newest.JobName)
		}
		return recordsOfJob(l, l.Latest().JobID, 20)
	})
	m.check(c, old, l)
	after := m.w.Until("moving", "is stable", func(d wire.Description) bool { return d.Status.State == wire.Stable })
	if len(after.Status.Message) > 0 {
		m.t.Logf("it says %q", after.Status.Message)
	}
	m.t.Logf("%s: %s without records", c.name, outage(l, want))
}

// goesOn wants the change to be dropped: the old program runs as before.
func (m *moving) goesOn(c change, old *recorder.Log) {
	m.w.Until("moving", "says that the change failed", func(d wire.Description) bool {
		return d.Status.ChangeFailure != "" && d.Status.State == wire.Stable
	})
	job, had := old.Latest().JobID, count(old, old.Latest().JobID)
	l := recorded(m.w, c.name+": the old program goes on", func(l *recorder.Log) error { return recordsOfJob(l, job, had+20) })
	if l.Latest().JobID != job {
		m.t.Errorf("%s: another program was started", c.name)
	}
}

func (m *moving) check(c change, old, l *recorder.Log) {
	m.t.Helper()
	was, is := old.Latest().JobID, l.Latest().JobID
	for _, a := range l.Attempts {
		switch r := a.Restored; {
		case a.JobID != is || a.Number > 0:
		case m.cell.mode == spec.Stateless && r != nil:
			m.t.Errorf("%s: the new program restored %+v, want nothing", c.name, *r)
		case m.cell.mode != spec.Stateless && r == nil:
			m.t.Errorf("%s: the new program started empty", c.name)
		case m.cell.mode != spec.Stateless && r.Checkpoint < m.before.Status.Job.Checkpoint.ID:
			m.t.Errorf("%s: the new program restored checkpoint %d, and %d had been completed", c.name, r.Checkpoint, m.before.Status.Job.Checkpoint.ID)
		}
	}
	if main := l.Mains[len(l.Mains)-1]; main.JobName != "step-"+strconv.Itoa(m.step) {
		m.t.Errorf("%s: the last program was %+v", c.name, main)
	}
	if m.cell.mode == spec.Savepoint && c.disturb == nil {
		if again := repeated(l, was, is); len(again) > 0 {
			m.t.Errorf("%s: numbers were processed twice around a savepoint: %v", c.name, again)
		}
	}
	if g, o := l.Gaps(), l.Overlaps(); len(g) > 0 || len(o) > 0 || l.Inconsistencies() > 0 {
		m.t.Errorf("%s: gaps %v, %d overlaps, %d inconsistencies; want none", c.name, g, len(o), l.Inconsistencies())
	}
	if m.t.Failed() {
		m.t.FailNow()
	}
}

func count(l *recorder.Log, job string) (n int) {
	for _, a := range l.Attempts {
		if a.JobID == job {
			n += len(a.Records)
		}
	}
	return n
}

func recordsOfJob(l *recorder.Log, job string, n int) error {
	if have := count(l, job); have < n {
		return fmt.Errorf("job %s has %d records, want %d", job, have, n)
	}
	return nil
}

// repeated are the numbers that two jobs have both recorded.
func repeated(l *recorder.Log, a, b string) (both []int64) {
	seen := map[int64]bool{}
	for _, at := range l.Attempts {
		for _, r := range at.Records {
			seen[r.Number] = seen[r.Number] || at.JobID == a
		}
	}
	for _, at := range l.Attempts {
		for _, r := range at.Records {
			if at.JobID == b && seen[r.Number] {
				both = append(both, r.Number)
			}
		}
	}
	return both
}

// outage is the time from the last record of a job to the first one after it.
func outage(l *recorder.Log, job string) string {
	var last, next recorder.Record
	for _, at := range l.Attempts {
		for _, r := range at.Records {
			if at.JobID == job && r.Time.After(last.Time) {
				last = r
			}
		}
	}
	for _, at := range l.Attempts {
		for _, r := range at.Records {
			if r.Time.After(last.Time) && (next.Time.IsZero() || r.Time.Before(next.Time)) {
				next = r
			}
		}
	}
	return next.Time.Sub(last.Time).String()
}
