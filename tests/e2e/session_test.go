package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// each runs a test with every real Flink that there is.
func each(t *testing.T, test func(t *testing.T, d disttest.Distribution)) {
	t.Helper()
	for _, d := range disttest.Real(t) {
		t.Run(d.Version, func(t *testing.T) { test(t, d) })
	}
}

func static(name string, d disttest.Distribution, taskManagers, slots int) spec.Spec {
	return spec.Spec{
		Name: name, FlinkVersion: d.Version, Allocation: spec.Static,
		TaskManagers: spec.TaskManagers{Count: taskManagers}, TaskManager: spec.TaskManager{Slots: slots},
	}
}

// TestWordCount runs the main job and compares its counts with those of other programs.
func TestWordCount(t *testing.T) {
	each(t, func(t *testing.T, d disttest.Distribution) {
		w := world.Start(t, world.Options{})
		w.Create(static("words", d, 2, 2))
		input := filepath.Join(w.Root(), "docs", "design.md")
		id := w.Run("words", "WordCount", "--input", input, "--parallelism", "4", "--top", "1000000")
		w.JobState("words", id, "FINISHED")
		values, err := w.Client.Flink("words").Accumulators(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		got := accumulator(t, values, "top")
		// Our own count, by programs that know nothing of Flink.
		script := `LC_ALL=C tr -cs A-Za-z0-9_ '\n' <"$1" | LC_ALL=C tr A-Z a-z | grep . | LC_ALL=C sort | uniq -c | LC_ALL=C awk '{print $2" "$1}' | LC_ALL=C sort`
		out, err := exec.Command("sh", "-c", script, "sh", input).Output()
		if err != nil {
			t.Fatal(err)
		}
		sorted := exec.Command("sort")
		sorted.Env = append(os.Environ(), "LC_ALL=C")
		sorted.Stdin = strings.NewReader(got)
		mine, err := sorted.Output()
		if err != nil {
			t.Fatal(err)
		}
		if string(mine) != string(out) {
			t.Fatalf("Flink counted\n%s\nand tr, sort and uniq counted\n%s", mine, out)
		}
	})
}

func accumulator(t *testing.T, values []client.Accumulator, name string) string {
	t.Helper()
	for _, v := range values {
		if v.Name == name {
			return v.Value
		}
	}
	t.Fatalf("there is no accumulator %s in %v", name, values)
	return ""
}

// TestKilledProcesses kills Flink's processes with -9: each is replaced without any action.
func TestKilledProcesses(t *testing.T) {
	each(t, func(t *testing.T, d disttest.Distribution) {
		w := world.Start(t, world.Options{})
		before := w.Create(static("phoenix", d, 2, 1))
		victim := world.Tasks(before, spec.TaskManagerTask)[0].ID
		w.Signal(victim, syscall.SIGKILL)
		w.Until("phoenix", "has replaced "+victim, func(d wire.Description) bool {
			tms := world.Tasks(d, spec.TaskManagerTask)
			return d.Status.State == wire.Stable && len(tms) == 2 && tms[0].ID != victim && tms[1].ID != victim
		})
		leader := world.Tasks(before, spec.JobManagerTask)[0].ID
		w.Signal(leader, syscall.SIGKILL)
		w.Until("phoenix", "has replaced "+leader, func(d wire.Description) bool {
			jms := world.Tasks(d, spec.JobManagerTask)
			return d.Status.State == wire.Stable && len(jms) == 1 && jms[0].ID != leader && len(world.Tasks(d, spec.TaskManagerTask)) == 2
		})
	})
}

// TestServiceComesBack kills the service: Flink goes on, and the next service takes the tasks over.
func TestServiceComesBack(t *testing.T) {
	each(t, func(t *testing.T, d disttest.Distribution) {
		w := world.Start(t, world.Options{})
		before := w.Create(static("stays", d, 2, 1))
		id := w.Run("stays", "Endless", "--parallelism", "2")
		w.JobState("stays", id, "RUNNING")
		w.KillService()
		for _, task := range before.Tasks {
			if len(w.Pids(task.ID)) == 0 {
				t.Errorf("task %s did not outlive the service", task.ID)
			}
		}
		w.StartService()
		after := w.State("stays", wire.Stable)
		if got, want := ids(after), ids(before); got != want {
			t.Errorf("tasks are %s, and were %s", got, want)
		}
		w.JobState("stays", id, "RUNNING")
		if err := w.Client.DeleteCluster(t.Context(), "stays", true); err != nil {
			t.Fatal(err)
		}
		w.Eventually("the cluster is gone", func() error {
			if _, err := w.Client.Cluster(t.Context(), "stays"); !client.NotFound(err) {
				return fmt.Errorf("it is there: %w", err)
			}
			return nil
		})
		for _, task := range before.Tasks {
			if pids := w.Pids(task.ID); len(pids) > 0 {
				t.Errorf("task %s left processes %v", task.ID, pids)
			}
		}
	})
}

func ids(d wire.Description) string {
	var all []string
	for _, t := range d.Tasks {
		all = append(all, t.ID)
	}
	return strings.Join(all, " ")
}
