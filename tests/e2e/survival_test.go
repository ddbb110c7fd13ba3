package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/testkit/zookeeper"
	"github.com/flink-on-mesos/flink-service/internal/wire"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// TestSurvival takes one thing after the other away from a checkpointed job: its sum is exact all the same.
func TestSurvival(t *testing.T) {
	each(t, func(t *testing.T, d disttest.Distribution) {
		server := zookeeper.Start(t)
		w := world.Start(t, world.Options{Service: func(dir string) []string {
			return append(withZooKeeper(server)(dir), "STATE_STORE=zk://"+server.Addr+"/service")
		}})
		w.Standby()
		w.Create(highlyAvailable(dynamic("tough", d, 2)))
		const count = 90000
		out := w.Dir() + "/sum"
		id := w.Run("tough", "Sum", "--count", fmt.Sprint(count), "--rate", "1000", "--parallelism", "4", "--interval", "500",
			"--checkpoints", "file://"+w.Dir()+"/checkpoints", "--output", out)
		w.JobState("tough", id, "RUNNING")
		w.Eventually("there is a checkpoint", func() error { return checkpointed(t, w, "tough", id) })
		runs := func(d wire.Description) bool {
			return d.Status.State == wire.Stable && d.Status.Flink != nil && d.Status.Flink.JobsRunning == 1 && taskManagers(d) == 2 && d.Status.Flink.TaskManagers == 2 && len(d.Waiting) == 0
		}
		lose := func(what string, do func()) {
			t.Helper()
			began := time.Now()
			do()
			w.Until("tough", "runs again after the loss of "+what, runs)
			t.Logf("loss of %-22s the job runs again after %s", what+":", time.Since(began).Round(100*time.Millisecond))
		}
		now := func(role spec.TaskKind) string { return world.Tasks(w.Until("tough", "runs", runs), role)[0].ID }

		lose("a TaskManager", func() { kill(w, now(spec.TaskManagerTask)) })
		lose("the JobManager", func() { kill(w, now(spec.JobManagerTask)) })
		lose("the leading service", w.Promote)
		if w.Local() { // A master that is not ours leads on.
			lose("the leading master", func() { w.Fault(map[string]any{"name": "Failover"}) })
		}
		lose("ZooKeeper for 20 s", func() {
			if err := server.Pause(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Second) // It is the stall itself that is tested.
			if err := server.Resume(); err != nil {
				t.Fatal(err)
			}
			w.Revive() // The service has ended, because another could have led by now.
		})
		w.JobState("tough", id, "FINISHED")
		checkSum(t, out, count)
	})
}

// TestKilledService kills the service again and again while a checkpointed job runs: no worker is lost, and the sum is
// exact.
func TestKilledService(t *testing.T) {
	d := disttest.Real(t)[0]
	w := world.Start(t, world.Options{})
	w.Create(dynamic("calm", d, 2))
	const count = 30000
	out := w.Dir() + "/sum"
	id := w.Run("calm", "Sum", "--count", fmt.Sprint(count), "--rate", "1000", "--parallelism", "4", "--interval", "500",
		"--checkpoints", "file://"+w.Dir()+"/checkpoints", "--output", out)
	w.JobState("calm", id, "RUNNING")
	before := map[string]bool{}
	taskManagerIDs(w.Until("calm", "has 2 TaskManagers", func(d wire.Description) bool {
		return taskManagers(d) == 2 && d.Status.Flink != nil && d.Status.Flink.TaskManagers == 2
	}), before)
	rng := rand.New(rand.NewPCG(1, 2))
	const kills = 10
	for range kills {
		w.KillService()
		w.StartService()
		time.Sleep(time.Duration(rng.IntN(800)) * time.Millisecond) // Somewhere between its start and its rest.
	}
	now, err := w.Client.Cluster(t.Context(), "calm")
	if err != nil {
		t.Fatal(err)
	}
	taskManagerIDs(now, before)
	if len(before) != 2 || now.Status.Restarts != 0 {
		t.Errorf("after %d kills there were the TaskManagers %v and %d restarts", kills, before, now.Status.Restarts)
	}
	w.JobState("calm", id, "FINISHED")
	checkSum(t, out, count)
}

// kill ends a task as a crash would, and waits until it is not among those that run.
func kill(w *world.World, task string) {
	w.Signal(task, syscall.SIGKILL)
	w.Until("tough", "has lost "+task, func(d wire.Description) bool {
		for _, t := range d.Tasks {
			if t.ID == task {
				return false
			}
		}
		return true
	})
}

// TestFrozenWorker stops a worker for longer than Flink's heartbeat allows: it is replaced, and when it goes on
// there are never two in service.
func TestFrozenWorker(t *testing.T) {
	d := disttest.Real(t)[0]
	w := world.Start(t, world.Options{})
	sp := dynamic("frozen", d, 2)
	sp.FlinkConfiguration["heartbeat.timeout"], sp.FlinkConfiguration["heartbeat.interval"] = "5000", "1000"
	w.Create(sp)
	id := w.Run("frozen", "Endless", "--parallelism", "2", "--interval", "500")
	w.JobState("frozen", id, "RUNNING")
	before := w.Until("frozen", "has a TaskManager whose slots are known", func(d wire.Description) bool {
		return taskManagers(d) == 1 && d.Status.Flink != nil && d.Status.Flink.TaskManagers == 1 && d.Status.Flink.SlotsTotal == 2
	})
	victim := world.Tasks(before, spec.TaskManagerTask)[0].ID
	pids := w.Pids(victim)
	w.Signal(victim, syscall.SIGSTOP)
	w.Until("frozen", "has another TaskManager", func(d wire.Description) bool {
		tms := world.Tasks(d, spec.TaskManagerTask)
		return len(tms) == 1 && tms[0].ID != victim && d.Status.Flink != nil && d.Status.Flink.JobsRunning == 1 && d.Status.Flink.TaskManagers == 1
	})
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGCONT) // It may have been killed already.
	}
	w.Until("frozen", "has one TaskManager and the frozen one is gone", func(d wire.Description) bool {
		return len(d.Tasks) == 2 && taskManagers(d) == 1 && len(w.Pids(victim)) == 0
	})
	w.JobState("frozen", id, "RUNNING")
}
