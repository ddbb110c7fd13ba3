package e2e_test

import (
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/testkit/zookeeper"
	"github.com/flink-on-mesos/flink-service/internal/wire"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// TestLastState changes the jar, the arguments and the name of the job of an application in mode last-state. The new
// program runs, from the last completed checkpoint of the old one, and the two never run at once.
func TestLastState(t *testing.T) {
	each(t, func(t *testing.T, d disttest.Distribution) {
		t.Run("plain", func(t *testing.T) { lastState(t, d, world.Options{}, func(s spec.Spec) spec.Spec { return s }) })
		t.Run("highly available", func(t *testing.T) {
			lastState(t, d, world.Options{Service: withZooKeeper(zookeeper.Start(t))}, highlyAvailable)
		})
	})
}

func lastState(t *testing.T, d disttest.Distribution, o world.Options, shape func(spec.Spec) spec.Spec) {
	t.Helper()
	w := world.Start(t, o)
	s := shape(recording(t, w, "recorder", d, "v1", "--name", "first"))
	s.Job.UpgradeMode = spec.LastState
	s.FlinkConfiguration["execution.checkpointing.dir"] = "file://" + w.Dir() + "/checkpoints"
	w.Create(s)
	recorded(w, "v1 records", records("v1", 50))
	w.Eventually("there is a checkpoint of v1", func() error { return checkpointed(t, w, "recorder", job(t, w, "recorder")) })
	before := w.Until("recorder", "shows its last checkpoint", func(d wire.Description) bool {
		return d.Status.State == wire.Stable && d.Status.Job != nil && d.Status.Job.Checkpoint != nil
	})
	if n := before.Status.NextRestore; n == nil || !strings.Contains(n.Restore.Path, "/chk-") {
		t.Errorf("the next change would restore %+v, want a checkpoint", n)
	}

	next := shape(recording(t, w, "recorder", d, "v2", "--name", "second", "--parallelism", "2"))
	next.Job.UpgradeMode = spec.LastState
	next.FlinkConfiguration["execution.checkpointing.dir"] = s.FlinkConfiguration["execution.checkpointing.dir"]
	if _, err := w.Client.PutCluster(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	l := recorded(w, "v2 records", records("v2", 50))
	newest := l.Latest()
	if newest.JobName != "second" {
		t.Errorf("the job's name is %q, want second", newest.JobName)
	}
	if r := newest.Restored; r == nil || r.Processed == 0 || r.Checkpoint < before.Status.Job.Checkpoint.ID {
		t.Errorf("v2 restored %+v, want checkpoint %d or a later one", r, before.Status.Job.Checkpoint.ID)
	}
	if g, o := l.Gaps(), l.Overlaps(); len(g) > 0 || len(o) > 0 || l.Inconsistencies() > 0 {
		t.Errorf("after the upgrade: gaps %v, overlaps %v, %d inconsistencies; want none", g, o, l.Inconsistencies())
	}
	after := w.Until("recorder", "is stable", func(d wire.Description) bool { return d.Status.State == wire.Stable })
	if r := after.Status.Restore; r == nil || !strings.Contains(r.Path, "/chk-") {
		t.Errorf("the status says that it restored %+v", r)
	}
	t.Logf("the upgrade took %s from record to record", l.Outage().Length())
}
