package e2e_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// apart starts a checkpointed job of two workers on three small agents, and returns a worker whose agent is not that of
// the JobManager.
func apart(t *testing.T, w *world.World, d disttest.Distribution, out string) (id string, before wire.Description, worker wire.TaskStatus) {
	t.Helper()
	sp := dynamic("apart", d, 1)
	w.Create(sp)
	id = w.Run("apart", "Sum", "--count", "40000", "--rate", "1000", "--parallelism", "2", "--interval", "500", "--checkpoints", "file://"+w.Dir()+"/checkpoints", "--output", out)
	w.JobState("apart", id, "RUNNING")
	before = w.Until("apart", "has 2 TaskManagers", func(d wire.Description) bool {
		return taskManagers(d) == 2 && len(d.Waiting) == 0 && d.Status.Flink != nil && d.Status.Flink.TaskManagers == 2
	})
	w.Eventually("there is a checkpoint", func() error { return checkpointed(t, w, "apart", id) })
	jm := world.Tasks(before, spec.JobManagerTask)[0]
	for _, tm := range world.Tasks(before, spec.TaskManagerTask) {
		if tm.AgentID != jm.AgentID {
			return id, before, tm
		}
	}
	t.Fatalf("every TaskManager is where the JobManager is: %+v", before.Tasks)
	return "", before, wire.TaskStatus{}
}

// TestHostLost fails the machine of a worker: nobody hears of it until the master's pings have run out. Then the worker
// is replaced on another machine at once, and the job goes on from its checkpoint: with a timeout of an hour for
// what does not answer, whoever waited would wait for the end of the test.
func TestHostLost(t *testing.T) {
	world.NeedsLocal(t, "it fails a machine")
	d := disttest.Real(t)[0]
	w := world.Start(t, world.Options{Agents: 3, CPUs: 2, AgentPings: 2 * time.Second, Service: func(string) []string { return []string{"UNREACHABLE_TIMEOUT=1h"} }})
	out := w.Dir() + "/sum"
	id, _, worker := apart(t, w, d, out)
	w.Fault(map[string]any{"name": "KillAgent", "agent": worker.AgentID})
	if pids := w.Pids(worker.ID); len(pids) > 0 {
		t.Errorf("the machine failed and %s still has the processes %v", worker.ID, pids)
	}
	after := w.Until("apart", "has replaced "+worker.ID, func(d wire.Description) bool {
		return taskManagers(d) == 2 && len(d.Waiting) == 0 && d.Status.Flink != nil && d.Status.Flink.TaskManagers == 2 &&
			!slices.ContainsFunc(world.Tasks(d, spec.TaskManagerTask), func(x wire.TaskStatus) bool { return x.AgentID == worker.AgentID })
	})
	w.JobState("apart", id, "RUNNING")
	if said := eventAt(after, "Unreachable"); said.IsZero() {
		t.Log("Flink gave the worker up before Mesos had said so")
	} else {
		t.Logf("the job ran again at most %s after Mesos had said so", time.Since(said).Round(100*time.Millisecond))
	}
	w.JobState("apart", id, "FINISHED")
	checkSum(t, out, 40000)
}

// eventAt is the time of the first event of a type.
func eventAt(d wire.Description, kind string) time.Time {
	for _, e := range d.Events {
		if e.Type == kind {
			return e.Time
		}
	}
	return time.Time{}
}

// TestAgentProcessLost ends the process of an agent for many pings: its tasks run on, the job is not restarted, and they
// are the same afterwards.
func TestAgentProcessLost(t *testing.T) {
	world.NeedsLocal(t, "it ends the process of an agent")
	d := disttest.Real(t)[0]
	w := world.Start(t, world.Options{Agents: 3, CPUs: 2, AgentPings: 2 * time.Second, Service: func(string) []string { return []string{"UNREACHABLE_TIMEOUT=2s"} }})
	out := w.Dir() + "/sum"
	id, before, worker := apart(t, w, d, out)
	seen := map[string]bool{}
	taskManagerIDs(before, seen)
	same := maps.Clone(seen)
	w.Fault(map[string]any{"name": "LoseAgent", "agent": worker.AgentID})
	w.Until("apart", "has known for 15s that its TaskManager runs unseen", func(d wire.Description) bool {
		taskManagerIDs(d, same)
		since := eventAt(d, "StillRuns")
		return !since.IsZero() && time.Since(since) > 15*time.Second
	})
	w.Fault(map[string]any{"name": "ReturnAgent", "agent": worker.AgentID})
	after := w.Until("apart", "has both TaskManagers again", func(d wire.Description) bool {
		taskManagerIDs(d, same)
		return taskManagers(d) == 2 && !slices.ContainsFunc(d.Tasks, func(x wire.TaskStatus) bool { return x.State == "UNREACHABLE" })
	})
	if !maps.Equal(seen, same) || after.Status.Restarts != 0 {
		t.Errorf("there were the TaskManagers %v, then %v, with %d restarts", seen, same, after.Status.Restarts)
	}
	failures, err := w.Client.Flink("apart").Exceptions(t.Context(), id, 10)
	if err != nil || len(failures.History.Entries) != 0 {
		t.Errorf("the job failed meanwhile: %+v: %v", failures, err)
	}
	w.JobState("apart", id, "FINISHED")
	checkSum(t, out, 40000)
}
