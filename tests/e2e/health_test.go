package e2e_test

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/testkit/recorder"
	"github.com/flink-on-mesos/flink-service/internal/wire"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// TestFailedJob has a job without high availability fail for good again and again: it is started again from its newest
// checkpoint, each time later. A corrected program continues from there, and when its JobManager is killed, from the
// checkpoint that was recorded. One line of Flink is enough: what is seen of a failed job is the same for all.
func TestFailedJob(t *testing.T) {
	d := slices.MaxFunc(disttest.Real(t), func(a, b disttest.Distribution) int { return strings.Compare(a.Version, b.Version) })
	w := world.Start(t, world.Options{})
	// It takes a few checkpoints and fails; Flink itself does not restart it.
	failing := recording(t, w, "failing", d, "v1", "--fail-after", "300")
	failing.Job.Args[slices.Index(failing.Job.Args, "--interval")+1] = "1000"
	failing.Job.UpgradeMode, failing.Recovery.RestartFailedJob = spec.LastState, true
	failing.FlinkConfiguration["restart-strategy.type"] = "none"
	failing.FlinkConfiguration["execution.checkpointing.dir"] = "file://" + w.Dir() + "/checkpoints"
	w.Make(failing)
	restarts := func(d wire.Description) (told []wire.Event) {
		for _, e := range d.Events {
			if e.Type == "RestartFailedJob" {
				told = append(told, e)
			}
		}
		return told
	}
	after := w.Until("failing", "was restarted twice", func(d wire.Description) bool { return len(restarts(d)) == 2 })
	for i, e := range restarts(after) {
		if pause := []string{"in 10s", "in 20s"}[i]; !strings.Contains(e.Message, pause) || !strings.Contains(e.Message, "/chk-") {
			t.Errorf("restart %d says %q, want %s and a checkpoint", i+1, e.Message, pause)
		}
	}
	l := recorded(w, "two attempts were recorded", func(l *recorder.Log) error {
		if len(l.Attempts) < 2 {
			return errNone
		}
		return nil
	})
	first, second := l.Attempts[0], l.Attempts[1]
	if second.Restored == nil || second.Restored.Checkpoint == 0 || second.JobID == first.JobID {
		t.Errorf("the second attempt, of job %s, restored %+v; want a checkpoint in another job than %s", second.JobID, second.Restored, first.JobID)
	}
	if pause := second.Start.Sub(first.Records[len(first.Records)-1].Time); pause < 10*time.Second {
		t.Errorf("it was started again after %s, want 10s or more", pause)
	}

	// Who corrects the program need not wait for the next restart.
	mended := recording(t, w, "failing", d, "v2")
	mended.Job.Args[slices.Index(mended.Job.Args, "--interval")+1] = "2000"
	mended.Job.UpgradeMode, mended.FlinkConfiguration = spec.LastState, failing.FlinkConfiguration
	if _, err := w.Client.PutCluster(t.Context(), mended); err != nil {
		t.Fatal(err)
	}
	l = recorded(w, "v2 records", records("v2", 50))
	if r := l.Latest().Restored; r == nil || r.Processed < second.Restored.Processed {
		t.Errorf("v2 restored %+v, want what the second attempt had restored (%+v) or more", r, second.Restored)
	}
	live := w.Until("failing", "runs, with a checkpoint of its own", func(d wire.Description) bool {
		j := d.Status.Job
		return d.Status.State == wire.Stable && d.Status.Health == nil && j != nil && j.ID == l.Latest().JobID && j.Checkpoint != nil
	})
	w.Signal(world.Tasks(live, spec.JobManagerTask)[0].ID, syscall.SIGKILL)
	l = recorded(w, "v2 records under another JobManager", world.RecordsAfter(len(l.Attempts), "v2", 50))
	if r := l.Latest().Restored; r == nil || r.Checkpoint < live.Status.Job.Checkpoint.ID {
		t.Errorf("after the loss of the JobManager it restored %+v, want checkpoint %d or a later one", r, live.Status.Job.Checkpoint.ID)
	}
	if g, o := l.Gaps(), l.Overlaps(); len(g) > 0 || len(o) > 0 || l.Inconsistencies() > 0 {
		t.Errorf("gaps %v, overlaps %v, %d inconsistencies; want none", g, o, l.Inconsistencies())
	}
}
