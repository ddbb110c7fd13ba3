package e2e_test

import (
	"archive/zip"
	"bytes"
	"slices"
	"syscall"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/testkit/recorder"
	"github.com/flink-on-mesos/flink-service/internal/wire"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// recording is an application that writes down what becomes of it: in the directory records of the test. The marker is
// part of its jar.
func recording(t *testing.T, w *world.World, name string, d disttest.Distribution, marker string, args ...string) spec.Spec {
	t.Helper()
	a, err := w.Client.UploadArtifact(t.Context(), marked(t, w.Jar(), marker))
	if err != nil {
		t.Fatal(err)
	}
	s := application(t, w, name, "Recorder", d, append([]string{
		"--directory", recordsOf(w), "--checkpoints", "file://" + w.Dir() + "/checkpoints", "--interval", "300",
	}, args...)...)
	s.Job.JarURI = a.URI
	s.FlinkConfiguration["execution.checkpointing.savepoint-dir"] = "file://" + w.Dir() + "/savepoints"
	return s
}

func recordsOf(w *world.World) string { return w.RecordDir() }

// marked is a jar with a marker in it, so that another version of the program is another file.
func marked(t *testing.T, jar client.File, marker string) client.File {
	t.Helper()
	in, err := zip.NewReader(jar.Data, jar.Size)
	if err != nil {
		t.Fatal(err)
	}
	out := new(bytes.Buffer)
	zw := zip.NewWriter(out)
	for _, f := range in.File {
		if err := zw.Copy(f); err != nil {
			t.Fatal(err)
		}
	}
	f, err := zw.Create("marker")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(marker)); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return client.File{Name: "recorder-" + marker + ".jar", Size: int64(out.Len()), Data: bytes.NewReader(out.Bytes())}
}

// recorded waits until what was written down satisfies a condition.
func recorded(w *world.World, what string, holds func(*recorder.Log) error) *recorder.Log {
	return w.Recorded(what, holds)
}

// records wants the newest attempt, all of its subtasks together, to be of a marker and to have recorded so many numbers.
func records(marker string, n int) func(*recorder.Log) error { return world.Records(marker, n) }

// TestRecorder upgrades a job that writes down what it does to another jar, and kills its TaskManager.
func TestRecorder(t *testing.T) {
	each(t, func(t *testing.T, d disttest.Distribution) {
		w := world.Start(t, world.Options{})
		s := recording(t, w, "recorder", d, "v1", "--name", "counting")
		s.Job.UpgradeMode = spec.Savepoint
		w.Create(s)
		recorded(w, "v1 records", records("v1", 50))

		next := recording(t, w, "recorder", d, "v2", "--name", "counting", "--parallelism", "2")
		next.Job.UpgradeMode = spec.Savepoint
		if _, err := w.Client.PutCluster(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		l := recorded(w, "v2 records", records("v2", 50))
		if g, d, o := l.Gaps(), l.Doubles(), l.Overlaps(); len(g) > 0 || len(d) > 0 || len(o) > 0 || l.Inconsistencies() > 0 {
			t.Errorf("after the upgrade: gaps %v, doubles %v, overlaps %v, %d inconsistencies; want none", g, d, o, l.Inconsistencies())
		}
		before := 0
		for _, a := range l.Attempts {
			if a.Marker == "v1" {
				before += len(a.Records)
			}
			if a.JobName != "counting" {
				t.Errorf("the job's name is %q", a.JobName)
			}
		}
		if r := l.Latest().Restored; r == nil || r.Processed != int64(before) {
			t.Errorf("v2 restored %+v, want the %d records of v1", r, before)
		}
		var markers []string
		for _, m := range l.Mains {
			markers = append(markers, m.Marker)
		}
		if !slices.Equal(markers, []string{"v1", "v2"}) || !slices.Contains(l.Mains[1].Args, "--parallelism") {
			t.Errorf("the programs were %+v", l.Mains)
		}
		t.Logf("the upgrade took %s from record to record", l.Outage().Length())

		w.Eventually("there is a checkpoint of v2", func() error { return checkpointed(t, w, "recorder", job(t, w, "recorder")) })
		live, err := w.Client.Cluster(t.Context(), "recorder")
		if err != nil {
			t.Fatal(err)
		}
		w.Signal(world.Tasks(live, spec.TaskManagerTask)[0].ID, syscall.SIGKILL)
		attempts := len(l.Attempts)
		l = recorded(w, "v2 records again", func(l *recorder.Log) error {
			if len(l.Attempts) <= attempts {
				return errNone
			}
			return records("v2", 50)(l)
		})
		restored := l.Latest().Restored
		if restored == nil || restored.Checkpoint < 1 {
			t.Fatalf("the attempt after the kill restored %+v, want a checkpoint", restored)
		}
		kept := restored.Processed
		for _, a := range l.Attempts {
			if a.Number > 0 && a.Restored != nil {
				kept = min(kept, a.Restored.Processed)
			}
		}
		if g, o := l.Gaps(), l.Overlaps(); len(g) > 0 || len(o) > 0 || l.Inconsistencies() > 0 {
			t.Errorf("after the kill: gaps %v, overlaps %v, %d inconsistencies; want none", g, o, l.Inconsistencies())
		}
		for _, double := range l.Doubles() {
			if double.First <= kept {
				t.Errorf("%v was processed again, and the checkpoint has the first %d", double, kept)
			}
		}
		if w.State("recorder", wire.Stable).Status.Flink.JobsRunning != 1 {
			t.Error("not one job runs")
		}
	})
}
