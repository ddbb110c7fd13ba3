// Package storage_test runs the specs of docs/storage.md on real Flink with the real systems that they name, so that what the
// page shows is what works. It runs with FLINK_REAL=1; with -short one Flink line for each store, and fewer failures.
package storage_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/document"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/testkit/recorder"
	"github.com/flink-on-mesos/flink-service/internal/wire"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// each runs a test with every real Flink; in the short form only with the first that has the line.
func each(t *testing.T, short string, test func(t *testing.T, d disttest.Distribution)) {
	t.Helper()
	for _, d := range disttest.Real(t) {
		if testing.Short() && !strings.HasPrefix(d.Version, short) {
			continue
		}
		t.Run(d.Version, func(t *testing.T) { test(t, d) })
	}
}

// documented is the spec of a docs page that follows the comment "spec: name". Each text of replacements, which are pairs of old
// and new, must be in it. A test cannot have the addresses and files of the page; all else is as it is there.
func documented(t *testing.T, d disttest.Distribution, page, name string, replacements ...string) spec.Spec {
	t.Helper()
	text := example(t, page, name)
	for i := 0; i < len(replacements); i += 2 {
		if !strings.Contains(text, replacements[i]) {
			t.Fatalf("the spec %s of %s has no %q to replace", name, page, replacements[i])
		}
		text = strings.ReplaceAll(text, replacements[i], replacements[i+1])
	}
	var s spec.Spec
	if err := document.Unmarshal([]byte(text), document.YAML, "the spec "+name+" of "+page, &s); err != nil {
		t.Fatal(err)
	}
	s.FlinkVersion = d.Version
	return s
}

// example is the code that follows the comment "spec: name" on a docs page.
func example(t *testing.T, page, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(disttest.Root(t), "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "<!-- spec: "+name+" -->\n```")
	_, after, line := strings.Cut(after, "\n")
	code, _, end := strings.Cut(after, "\n```\n")
	if !found || !line || !end {
		t.Fatalf("%s has no spec %s", page, name)
	}
	return code + "\n"
}

// upload hands a file to the service, and returns its URI.
func upload(t *testing.T, w *world.World, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	a, err := w.Client.UploadArtifact(t.Context(), client.File{Name: filepath.Base(path), Size: int64(len(data)), Data: bytes.NewReader(data)})
	if err != nil {
		t.Fatal(err)
	}
	return a.URI
}

// drill is a job of a spec that writes down what it processes.
type drill struct {
	t *testing.T
	w *world.World
	s spec.Spec
	// scheme begins the paths of all checkpoints and savepoints.
	scheme string
}

// newDrill puts the Recorder into a spec, as the version v1 of its program.
func newDrill(t *testing.T, w *world.World, s spec.Spec, scheme string) *drill {
	t.Helper()
	a, err := w.Client.UploadArtifact(t.Context(), w.Jar())
	if err != nil {
		t.Fatal(err)
	}
	s.Job.JarURI, s.Job.EntryClass = a.URI, "org.flinkonmesos.demo.Recorder"
	s.TaskManager.CPUs, s.TaskManager.Memory = 1, 1<<30
	c := &drill{t, w, s, scheme}
	c.version("v1")
	return c
}

// version makes the spec one of another version of the program.
func (c *drill) version(marker string) {
	c.s.Job.Args = []string{"--directory", c.w.RecordDir(), "--marker", marker, "--name", "orders", "--interval", "300", "--parallelism", "2"}
}

// start creates the cluster and waits for a checkpoint that the service knows of.
func (c *drill) start() {
	c.t.Helper()
	c.w.Create(c.s)
	c.w.Recorded("v1 records", world.Records("v1", 50))
	c.checkpoint()
}

// checkpoint waits until the service knows a checkpoint, and returns it.
func (c *drill) checkpoint() wire.Checkpoint {
	c.t.Helper()
	d := c.w.Until(c.s.Name, "has a checkpoint", func(d wire.Description) bool {
		return d.Status.State == wire.Stable && d.Status.Job != nil && d.Status.Job.Checkpoint != nil
	})
	if p := d.Status.Job.Checkpoint.Path; !strings.HasPrefix(p, c.scheme) || !strings.Contains(p, "/chk-") {
		c.t.Errorf("the checkpoint is at %q, want one at %s", p, c.scheme)
	}
	return *d.Status.Job.Checkpoint
}

// kill ends a process of a kind with -9 and waits until the job has gone on from a checkpoint.
func (c *drill) kill(kind spec.TaskKind) {
	c.t.Helper()
	d := c.w.State(c.s.Name, wire.Stable)
	before, err := recorder.Read(c.w.RecordDir())
	if err != nil {
		c.t.Fatal(err)
	}
	c.w.Signal(world.Tasks(d, kind)[0].ID, syscall.SIGKILL)
	l := c.w.Recorded("records after the loss of a "+string(kind), world.RecordsAfter(len(before.Attempts), "v1", 50))
	if r := l.Latest().Restored; r == nil || r.Checkpoint < 1 || r.Processed < 1 {
		c.t.Errorf("after the loss of a %s the job restored %+v, want a checkpoint", kind, r)
	}
	c.checkpoint()
	c.t.Logf("after the loss of a %s: nothing was recorded for %s", kind, l.Outage().Length())
}

// upgrade starts another version of the program from a savepoint of the first, and checks that every number is in the state
// once.
func (c *drill) upgrade() {
	c.t.Helper()
	c.version("v2")
	if _, err := c.w.Client.PutCluster(c.t.Context(), c.s); err != nil {
		c.t.Fatal(err)
	}
	l := c.w.Recorded("v2 records", world.Records("v2", 50))
	if r, want := l.Latest().Restored, processed(l, "v1"); r == nil || r.Processed != want {
		c.t.Errorf("v2 restored %+v, want the %d numbers of v1", r, want)
	}
	if g, o := l.Gaps(), l.Overlaps(); len(g) > 0 || len(o) > 0 || l.Inconsistencies() > 0 {
		c.t.Errorf("after all: gaps %v, overlaps %v, %d inconsistencies; want none", g, o, l.Inconsistencies())
	}
	d := c.w.State(c.s.Name, wire.Stable)
	if r := d.Status.Restore; r == nil || !strings.HasPrefix(r.Path, c.scheme) {
		c.t.Errorf("the status says that v2 restored %+v, want a savepoint at %s", r, c.scheme)
	}
}

// processed is how many numbers the last attempt of a version had in its state at its end: those that it was restored with and
// those that it recorded.
func processed(l *recorder.Log, marker string) int64 {
	var last *recorder.Attempt
	for _, a := range l.Attempts {
		if a.Marker == marker {
			last = a
		}
	}
	var n int64
	if last.Restored != nil {
		n = last.Restored.Processed
	}
	for _, a := range l.Attempts {
		if world.SameAttempt(a, last) {
			n += int64(len(a.Records))
		}
	}
	return n
}

// run is the whole drill; with -short the JobManager is let live.
func (c *drill) run() {
	c.t.Helper()
	c.start()
	c.kill(spec.TaskManagerTask)
	if !testing.Short() {
		c.kill(spec.JobManagerTask)
	}
	c.upgrade()
}
