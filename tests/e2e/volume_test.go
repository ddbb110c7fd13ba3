package e2e_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// TestPersistentVolume kills a TaskManager that keeps its state on a volume. The one that replaces it has the same
// volume and Flink's name of the first, and a checkpointed job goes on; the end of the cluster removes the files.
func TestPersistentVolume(t *testing.T) {
	world.NeedsLocal(t, "it looks for the volumes in the agents' work directories, which the master does not tell")
	each(t, func(t *testing.T, d disttest.Distribution) {
		w := world.Start(t, world.Options{Service: func(string) []string { return []string{"MESOS_ROLES=dev/flink"} }})
		sp := static("kept", d, 1, 2)
		sp.JobManager.Reserve = true
		sp.TaskManager.PersistentVolumes = []spec.PersistentVolume{{ContainerPath: "state", Size: 100 * spec.MiB}}
		sp.FlinkConfiguration = map[string]string{"state.backend.local-recovery": "true", "execution.state-recovery.from-local": "true", "heartbeat.timeout": "10000", "heartbeat.interval": "2000"}
		w.Create(sp)
		const count = 20000
		out := w.Dir() + "/sum"
		id := w.Run("kept", "Sum", "--count", fmt.Sprint(count), "--rate", "1000", "--parallelism", "2", "--interval", "500",
			"--checkpoints", "file://"+w.Dir()+"/checkpoints", "--output", out)
		w.JobState("kept", id, "RUNNING")
		w.Eventually("there is a checkpoint", func() error { return checkpointed(t, w, "kept", id) })
		before := world.Tasks(w.Until("kept", "has a TaskManager", func(d wire.Description) bool { return taskManagers(d) == 1 }), spec.TaskManagerTask)[0]
		if len(volumes(t, w, "tm_"+before.ID)) != 1 {
			t.Fatalf("Flink's working directory is not on the volume of %s: %v", before.ID, volumes(t, w, "*"))
		}
		w.Signal(before.ID, syscall.SIGKILL)
		after := w.Until("kept", "has another TaskManager", func(d wire.Description) bool {
			tms := world.Tasks(d, spec.TaskManagerTask)
			return len(tms) == 1 && tms[0].ID != before.ID && tms[0].State == task.Running
		})
		if tm := world.Tasks(after, spec.TaskManagerTask)[0]; tm.AgentID != before.AgentID || tm.Reservation != before.ID {
			t.Errorf("%s with the reservation %s on %s replaced %s on %s", tm.ID, tm.Reservation, tm.AgentID, before.ID, before.AgentID)
		}
		w.JobState("kept", id, "FINISHED")
		checkSum(t, out, count)
		if found := volumes(t, w, "tm_*"); len(found) != 1 || !strings.HasSuffix(found[0], "/tm_"+before.ID) {
			t.Errorf("the volumes hold %v", found)
		}
		if err := w.Client.DeleteCluster(t.Context(), "kept", true); err != nil {
			t.Fatal(err)
		}
		w.Eventually("the volume is destroyed", func() error {
			if left := volumes(t, w, ""); len(left) > 0 {
				return fmt.Errorf("left are %v", left)
			}
			return nil
		})
	})
}

// volumes are what matches a pattern on the persistent volumes of the local Mesos; the volumes themselves without one.
func volumes(t *testing.T, w *world.World, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(w.Dir(), "mesos", "*", "volumes", "*", "roles", "dev", "flink", "*", pattern))
	if err != nil {
		t.Fatal(err)
	}
	return found
}
