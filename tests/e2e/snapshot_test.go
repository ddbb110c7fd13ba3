package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/testkit/zookeeper"
	"github.com/flink-on-mesos/flink-service/internal/wire"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// TestSnapshots has real Flink take savepoints by the clock, dispose of those that are not kept, and start a job again
// from one of them.
func TestSnapshots(t *testing.T) {
	d := disttest.Real(t)[0]
	w := world.Start(t, world.Options{Service: withZooKeeper(zookeeper.Start(t))})
	s := recording(t, w, "recorder", d, "v1")
	savepoints := filepath.Join(w.Dir(), "savepoints")
	s.Job.UpgradeMode = spec.Savepoint
	s.Job.Snapshots = &spec.Snapshots{Periodic: "3s", Directory: "file://" + savepoints, Retention: spec.Retention{Count: 2}}
	s.FlinkConfiguration["execution.checkpointing.savepoint-dir"] = "file://" + savepoints
	w.Create(s)
	recorded(w, "v1 records", records("v1", 20))

	var kept []wire.Snapshot
	w.Eventually("the third savepoint is there and the first is gone, with its files", func() error {
		list, err := w.Client.Snapshots(t.Context(), "recorder")
		if err != nil {
			return err
		}
		kept = nil
		for _, n := range list {
			if n.ID != "" && strings.HasSuffix(n.ID, "-snap-1") {
				return fmt.Errorf("%s is %s", n.ID, n.State)
			}
			if n.State == wire.SnapshotCompleted {
				kept = append(kept, n)
			}
		}
		files, err := os.ReadDir(savepoints)
		if err != nil {
			return err
		}
		if len(kept) < 2 || len(files) > 4 {
			return fmt.Errorf("%d snapshots and %d folders", len(kept), len(files))
		}
		return nil
	})
	last := kept[0]
	if v, err := w.Client.VerifySnapshot(t.Context(), last.ID); err != nil || !v.Readable || v.MetadataVersion < 3 {
		t.Errorf("the newest savepoint: %+v, %v", v, err)
	}
	pinned, err := w.Client.PinSnapshot(t.Context(), last.ID, true)
	if err != nil {
		t.Fatal(err)
	}

	next := s
	job := *s.Job
	job.Snapshots = nil
	next.Job = &job
	plan, err := w.Client.PlanCluster(t.Context(), next, pinned.ID)
	if err != nil || plan.Class != "restart" || plan.Restore == nil || plan.Restore.Restore.Path != pinned.Path {
		t.Fatalf("the plan is %+v, %v", plan, err)
	}
	if _, err := w.Client.PutClusterFrom(t.Context(), next, pinned.ID); err != nil {
		t.Fatal(err)
	}
	after := w.Until("recorder", "is stable again", func(d wire.Description) bool {
		return d.Status.State == wire.Stable && d.Status.Change == nil && d.Status.Restore != nil && d.Status.Restore.Path == pinned.Path
	})
	if after.Status.Restore.Path != pinned.Path {
		t.Errorf("it restored %+v, want %s", after.Status.Restore, pinned.Path)
	}
	if _, err := w.Client.DeleteSnapshot(t.Context(), pinned.ID, false); err == nil {
		t.Error("a pinned snapshot was deleted")
	}

	// The cluster goes with a savepoint, and what it leaves can be removed without any JobManager.
	if err := w.Client.DeleteClusterWithSavepoints(t.Context(), "recorder", "file://"+savepoints); err != nil {
		t.Fatal(err)
	}
	w.Eventually("the savepoint of the deletion", func() error {
		list, err := w.Client.Snapshots(t.Context(), "recorder")
		if err != nil {
			return err
		}
		if len(list) == 0 || list[0].Trigger != wire.TriggerDelete {
			return fmt.Errorf("the snapshots are %+v", list)
		}
		last = list[0]
		return nil
	})
	w.Eventually("the cluster is gone", func() error {
		if _, err := w.Client.Cluster(t.Context(), "recorder"); err == nil {
			return errors.New("it is still there")
		}
		return nil
	})
	dir := strings.TrimPrefix(last.Path, "file:")
	if _, err := w.Client.DeleteSnapshot(t.Context(), last.ID, false); err != nil {
		t.Fatal(err)
	}
	w.Eventually("its files are gone", func() error {
		if _, err := os.Stat(strings.TrimPrefix(dir, "//")); !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s is still there: %w", dir, err)
		}
		return nil
	})
}
