package e2e_test

import (
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

func dynamic(name string, d disttest.Distribution, slots int) spec.Spec {
	return spec.Spec{
		Name: name, FlinkVersion: d.Version, Allocation: spec.Dynamic, TaskManager: spec.TaskManager{Slots: slots, Resources: spec.Resources{CPUs: 1, Memory: 1 << 30}},
		FlinkConfiguration: map[string]string{
			"resourcemanager.taskmanager-timeout": "5 s", "slotmanager.taskmanager-timeout": "5 s", "slot.idle.timeout": "2 s",
			"taskmanager.memory.managed.size": "64m", "taskmanager.memory.network.min": "32m", "taskmanager.memory.network.max": "32m",
		},
	}
}

// taskManagers counts those that are to stay.
func taskManagers(d wire.Description) int { return len(world.Tasks(d, spec.TaskManagerTask)) }

// taskManagerIDs collects the ids of the TaskManagers that there are.
func taskManagerIDs(d wire.Description, seen map[string]bool) {
	for _, t := range d.Tasks {
		if t.Kind == spec.TaskManagerTask {
			seen[t.ID] = true
		}
	}
}

// TestWorkersOnDemand starts from zero workers: a job gets exactly what it needs, a second one re-uses it, and idle workers go.
func TestWorkersOnDemand(t *testing.T) {
	each(t, func(t *testing.T, d disttest.Distribution) {
		w := world.Start(t, world.Options{})
		spec := dynamic("elastic", d, 2)
		// On a slow machine too, the second job comes before that.
		maps.Copy(spec.FlinkConfiguration, map[string]string{"resourcemanager.taskmanager-timeout": "20 s", "slotmanager.taskmanager-timeout": "20 s"})
		if n := taskManagers(w.Create(spec)); n != 0 {
			t.Fatalf("a new cluster has %d TaskManagers, want none", n)
		}
		seen := map[string]bool{}
		first := w.Run("elastic", "Sum", "--count", "4000", "--rate", "1000", "--parallelism", "8", "--interval", "1000")
		w.JobState("elastic", first, "RUNNING")
		taskManagerIDs(w.Until("elastic", "has 4 TaskManagers", func(d wire.Description) bool { return taskManagers(d) == 4 }), seen)
		w.JobState("elastic", first, "FINISHED")
		// The second job comes before the idle timeout.
		second := w.Run("elastic", "Sum", "--count", "2000", "--rate", "1000", "--parallelism", "8", "--interval", "1000")
		w.JobState("elastic", second, "FINISHED")
		now, err := w.Client.Cluster(t.Context(), "elastic")
		if err != nil {
			t.Fatal(err)
		}
		taskManagerIDs(now, seen)
		if len(seen) != 4 {
			t.Errorf("two jobs of 8 slots one after the other used %d TaskManagers, want 4: %v", len(seen), seen)
		}
		w.Until("elastic", "has released its TaskManagers", func(d wire.Description) bool {
			return taskManagers(d) == 0 && len(d.Tasks) == 1
		})
		for id := range seen {
			if pids := w.Pids(id); len(pids) > 0 {
				t.Errorf("TaskManager %s was released and left processes %v", id, pids)
			}
		}
		// Two jobs at once get what both need.
		a := w.Run("elastic", "Endless", "--parallelism", "4")
		b := w.Run("elastic", "Endless", "--parallelism", "2")
		w.JobState("elastic", a, "RUNNING")
		w.JobState("elastic", b, "RUNNING")
		w.Until("elastic", "has 3 TaskManagers", func(d wire.Description) bool { return taskManagers(d) == 3 })
	})
}

// TestTooBig has a job that is larger than the agents wait with the reason, and run when an agent is added.
func TestTooBig(t *testing.T) {
	world.NeedsLocal(t, "it takes an agent away")
	each(t, func(t *testing.T, d disttest.Distribution) {
		w := world.Start(t, world.Options{Agents: 2, CPUs: 4})
		w.Fault(map[string]any{"name": "Deactivate", "agent": "1", "on": true})
		spec := dynamic("big", d, 1)
		w.Create(spec)
		tooBig := func() string {
			id := w.Run("big", "Endless", "--parallelism", "6")
			waits := w.Until("big", "waits for cpus", func(d wire.Description) bool {
				return len(d.Waiting) > 0 && strings.Contains(d.Waiting[0].Reason, "cpus")
			})
			t.Logf("the reason: %s", waits.Waiting[0].Reason)
			return id
		}
		// Nothing is wanted any more, neither what waits nor what runs, when the job is cancelled.
		if err := w.Client.Flink("big").Cancel(t.Context(), tooBig()); err != nil {
			t.Fatal(err)
		}
		w.Until("big", "wants nothing", func(d wire.Description) bool { return len(d.Waiting) == 0 && taskManagers(d) == 0 })
		id := tooBig()
		w.Fault(map[string]any{"name": "Deactivate", "agent": "1", "on": false})
		w.JobState("big", id, "RUNNING")
		w.Until("big", "has 6 TaskManagers", func(d wire.Description) bool { return taskManagers(d) == 6 && len(d.Waiting) == 0 })
	})
}

// TestWorkerKilled kills a worker: it is replaced, and the job goes on from its checkpoint.
func TestWorkerKilled(t *testing.T) {
	each(t, func(t *testing.T, d disttest.Distribution) {
		w := world.Start(t, world.Options{})
		w.Create(dynamic("mortal", d, 2))
		out := w.Dir() + "/sum"
		id := w.Run("mortal", "Sum", "--count", "20000", "--rate", "1000", "--parallelism", "4", "--interval", "500", "--checkpoints", "file://"+w.Dir()+"/checkpoints", "--output", out)
		w.JobState("mortal", id, "RUNNING")
		before := w.Until("mortal", "has 2 TaskManagers", func(d wire.Description) bool {
			return taskManagers(d) == 2 && d.Status.Flink != nil && d.Status.Flink.TaskManagers == 2
		})
		w.Eventually("there is a checkpoint", func() error { return checkpointed(t, w, "mortal", id) })
		victim := world.Tasks(before, spec.TaskManagerTask)[0].ID
		w.Signal(victim, syscall.SIGKILL)
		w.Until("mortal", "has replaced "+victim, func(d wire.Description) bool {
			tms := world.Tasks(d, spec.TaskManagerTask)
			return len(tms) == 2 && tms[0].ID != victim && tms[1].ID != victim
		})
		w.JobState("mortal", id, "FINISHED")
		checkSum(t, out, 20000)
	})
}

// TestMaintenance plans maintenance of a machine with a TaskManager: another takes its place before it is released, and
// the job goes on from its checkpoint.
func TestMaintenance(t *testing.T) {
	world.NeedsLocal(t, "it plans maintenance of one of several agents with one host name, which a schedule cannot tell apart")
	each(t, func(t *testing.T, d disttest.Distribution) {
		w := world.Start(t, world.Options{Agents: 3, CPUs: 2})
		w.Create(dynamic("moved", d, 1))
		out := w.Dir() + "/sum"
		id := w.Run("moved", "Sum", "--count", "30000", "--rate", "1000", "--parallelism", "2", "--interval", "500", "--checkpoints", "file://"+w.Dir()+"/checkpoints", "--output", out)
		w.JobState("moved", id, "RUNNING")
		settled := func(d wire.Description) bool {
			return taskManagers(d) == 2 && len(d.Waiting) == 0 && d.Status.Flink != nil && d.Status.Flink.TaskManagers == 2
		}
		before := w.Until("moved", "has 2 TaskManagers", settled)
		w.Eventually("there is a checkpoint", func() error { return checkpointed(t, w, "moved", id) })
		jm := world.Tasks(before, spec.JobManagerTask)[0]
		var leaves wire.TaskStatus
		for _, tm := range world.Tasks(before, spec.TaskManagerTask) {
			if tm.AgentID != jm.AgentID {
				leaves = tm
			}
		}
		if leaves.ID == "" {
			t.Fatalf("every TaskManager is where the JobManager is: %+v", before.Tasks)
		}
		w.Fault(map[string]any{"name": "Plan", "agent": leaves.AgentID, "on": true})
		after := w.Until("moved", "has left "+leaves.AgentID, func(d wire.Description) bool {
			return settled(d) && !slices.ContainsFunc(d.Tasks, func(x wire.TaskStatus) bool { return x.AgentID == leaves.AgentID })
		})
		if !slices.ContainsFunc(after.Events, func(n wire.Event) bool { return n.Type == "Replaced" && strings.Contains(n.Message, leaves.ID) }) {
			t.Fatalf("%s was not replaced before it was released: %+v", leaves.ID, after.Events)
		}
		w.JobState("moved", id, "FINISHED")
		checkSum(t, out, 30000)
	})
}

// TestBurstAndKill kills the service while it launches 12 workers: there are exactly 12 afterwards.
func TestBurstAndKill(t *testing.T) {
	d := disttest.Real(t)[0]
	w := world.Start(t, world.Options{Agents: 2, CPUs: 32, MemMiB: 32768, NeedsCPUs: 13, NeedsMemMiB: 9500})
	sp := dynamic("burst", d, 1)
	sp.TaskManager.Memory = 640 << 20
	maps.Copy(sp.FlinkConfiguration, map[string]string{
		"taskmanager.memory.managed.size": "0", "taskmanager.memory.framework.heap.size": "64m", "taskmanager.memory.framework.off-heap.size": "64m",
		"taskmanager.memory.network.min": "16m", "taskmanager.memory.network.max": "16m", "taskmanager.memory.jvm-metaspace.size": "128m",
	})
	w.Create(sp)
	id := w.Run("burst", "Endless", "--parallelism", "12")
	w.Until("burst", "has launched some", func(d wire.Description) bool { return taskManagers(d) > 0 })
	w.KillService()
	time.Sleep(500 * time.Millisecond) // So long nobody schedules; Flink keeps asking.
	w.StartService()
	w.JobState("burst", id, "RUNNING")
	after := w.Until("burst", "has 12 TaskManagers", func(d wire.Description) bool {
		return taskManagers(d) == 12 && len(d.Waiting) == 0 && d.Status.Flink != nil && d.Status.Flink.TaskManagers == 12
	})
	running := 0
	for _, task := range after.Tasks {
		if task.Kind == spec.TaskManagerTask && len(w.Pids(task.ID)) > 0 {
			running++
		}
	}
	if running != 12 {
		t.Errorf("%d TaskManagers have processes, want 12", running)
	}
}
