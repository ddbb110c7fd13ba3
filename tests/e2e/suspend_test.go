package e2e_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/testkit/zookeeper"
	"github.com/flink-on-mesos/flink-service/internal/wire"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// TestUpgrade changes an application while it counts, suspends and resumes it, and kills the service in the middle of
// both: each number is counted once, and each start is from the savepoint before.
func TestUpgrade(t *testing.T) {
	each(t, func(t *testing.T, d disttest.Distribution) {
		t.Run("plain", func(t *testing.T) { upgrade(t, d, world.Options{}, func(s spec.Spec) spec.Spec { return s }) })
		t.Run("highly available", func(t *testing.T) {
			upgrade(t, d, world.Options{Service: withZooKeeper(zookeeper.Start(t))}, highlyAvailable)
		})
	})
}

func upgrade(t *testing.T, d disttest.Distribution, o world.Options, shape func(spec.Spec) spec.Spec) {
	t.Helper()
	w := world.Start(t, o)
	const count = 30000
	out := w.Dir() + "/sum"
	s := shape(application(t, w, "app", "Sum", d, "--count", fmt.Sprint(count), "--rate", "1000", "--parallelism", "2", "--interval", "500",
		"--checkpoints", "file://"+w.Dir()+"/checkpoints", "--output", out))
	s.Job.UpgradeMode = spec.Savepoint
	s.FlinkConfiguration["execution.checkpointing.savepoint-dir"] = "file://" + w.Dir() + "/savepoints"
	w.Create(s)
	w.Eventually("there is a checkpoint", func() error { return checkpointed(t, w, "app", job(t, w, "app")) })

	s.TaskManager.Memory += 64 << 20
	if _, err := w.Client.PutCluster(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	w.KillService() // What was asked for is saved.
	w.StartService()
	first := stopped(t, w, "app", "runs with its new spec", func(d wire.Description) bool {
		return d.Status.State == wire.Stable && d.Status.ObservedGeneration == 2 && running(d) == 1
	})
	restored(t, w, "app", first.Path)
	for _, task := range w.State("app", wire.Stable).Tasks {
		if task.Kind == spec.TaskManagerTask && task.Memory != s.TaskManager.Memory {
			t.Errorf("TaskManager %s has %s, want %s", task.ID, task.Memory, s.TaskManager.Memory)
		}
	}

	if _, err := w.Client.SuspendCluster(t.Context(), "app", client.Suspension{}); err != nil {
		t.Fatal(err)
	}
	w.KillService()
	w.StartService()
	second := stopped(t, w, "app", "is suspended and has no task", func(d wire.Description) bool {
		return d.Status.State == wire.Suspended && len(d.Tasks) == 0
	})
	if second.Path == first.Path {
		t.Errorf("both savepoints are at %s", first.Path)
	}
	w.StopService()
	w.StartService()
	if _, err := w.Client.ResumeCluster(t.Context(), "app"); err != nil {
		t.Fatal(err)
	}
	w.Until("app", "runs again", func(d wire.Description) bool { return running(d) == 1 })
	restored(t, w, "app", second.Path)
	if r := ended(w, "app").Status.Result; r.Status != "SUCCEEDED" {
		t.Errorf("the result is %+v, want SUCCEEDED", r)
	}
	checkSum(t, out, count)
}

// running is how many jobs run as far as is known.
func running(d wire.Description) int {
	if d.Status.Flink == nil {
		return 0
	}
	return d.Status.Flink.JobsRunning
}

// stopped waits until a change is made that stopped the only job, and returns its savepoint.
func stopped(t *testing.T, w *world.World, name, what string, holds func(wire.Description) bool) wire.Savepoint {
	t.Helper()
	d := w.Until(name, what, func(d wire.Description) bool {
		return d.Status.ChangeFailure != "" || d.Status.Change == nil && len(d.Status.Savepoints) == 1 && holds(d)
	})
	if d.Status.ChangeFailure != "" {
		t.Fatal(d.Status.ChangeFailure)
	}
	return d.Status.Savepoints[0]
}

// restored checks where the only job of a cluster has its state from.
func restored(t *testing.T, w *world.World, name, savepoint string) {
	t.Helper()
	w.Eventually("the job says what it was restored from", func() error {
		c, err := w.Client.Flink(name).Checkpoints(t.Context(), job(t, w, name))
		if err != nil {
			return err
		}
		if c.Latest.Restored == nil {
			return errNone
		}
		if r := c.Latest.Restored; !r.IsSavepoint || !strings.HasSuffix(r.ExternalPath, filepath.Base(savepoint)) {
			t.Errorf("the job was restored from %+v, want %s", r, savepoint)
		}
		return nil
	})
}

// TestSuspendSession suspends a session with two jobs and runs them again from their savepoints.
func TestSuspendSession(t *testing.T) {
	each(t, func(t *testing.T, d disttest.Distribution) {
		w := world.Start(t, world.Options{})
		s := dynamic("session", d, 2)
		w.Create(s)
		const count = 15000
		args := func(i int) []string {
			return []string{
				"--count", fmt.Sprint(count), "--rate", "1000", "--parallelism", "1", "--interval", "500",
				"--checkpoints", "file://" + w.Dir() + "/checkpoints", "--output", fmt.Sprintf("%s/sum%d", w.Dir(), i),
			}
		}
		var ids [2]string
		for i := range ids {
			ids[i] = w.Run("session", "Sum", args(i)...)
		}
		for _, id := range ids {
			w.Eventually("there is a checkpoint", func() error { return checkpointed(t, w, "session", id) })
		}
		// Without a directory it is refused, and nothing is stopped.
		_, err := w.Client.SuspendCluster(t.Context(), "session", client.Suspension{})
		if err == nil || !strings.Contains(err.Error(), "directory") {
			t.Errorf("without a directory: %v", err)
		}
		if _, err := w.Client.SuspendCluster(t.Context(), "session", client.Suspension{Directory: "file://" + w.Dir() + "/savepoints"}); err != nil {
			t.Fatal(err)
		}
		suspended := w.Until("session", "is suspended and has no task", func(d wire.Description) bool {
			return d.Status.State == wire.Suspended && len(d.Tasks) == 0
		})
		if len(suspended.Status.Savepoints) != 2 {
			t.Fatalf("savepoints: %+v", suspended.Status.Savepoints)
		}
		if _, err := w.Client.ResumeCluster(t.Context(), "session"); err != nil {
			t.Fatal(err)
		}
		w.State("session", wire.Stable)
		for i, id := range ids {
			for _, p := range suspended.Status.Savepoints {
				if p.Job == id {
					w.JobState("session", again(t, w, "session", p.Path, args(i)), "FINISHED")
					checkSum(t, fmt.Sprintf("%s/sum%d", w.Dir(), i), count)
				}
			}
		}
	})
}

// again runs the job Sum from a savepoint.
func again(t *testing.T, w *world.World, name, savepoint string, args []string) (id string) {
	t.Helper()
	flink := w.Client.Flink(name)
	w.Eventually("Sum is started from "+savepoint, func() error {
		jar, err := flink.UploadJar(t.Context(), w.Jar())
		if err != nil {
			return err
		}
		id, err = flink.RunJar(t.Context(), jar, client.Run{EntryClass: "org.flinkonmesos.demo.Sum", Args: args, Savepoint: savepoint})
		return err
	})
	if id == "" {
		t.Fatal(errors.New("it has no id"))
	}
	return id
}
