package tasks

import (
	"slices"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/workers"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// Updated takes a status update. It is acknowledged after everything that follows from it is saved.
func Updated(tx *state.Tx, e state.Updated) {
	if len(e.UUID) > 0 {
		tx.Acks = append(tx.Acks, state.Ack{TaskID: e.TaskID, AgentID: e.AgentID, UUID: e.UUID})
	}
	tx.Open.Delete([]byte(e.TaskID))
	t, ok := tx.Task(e.TaskID)
	if !ok {
		updatedUnknown(tx, e)
		return
	}
	c := tx.Edit(t.Cluster)
	if e.State == task.Unknown {
		// The agent of the task is not known to the master (any more): it may come back.
		e.State = task.Unreachable
	}
	if t.Goal == task.Released && !e.State.Terminal() && e.Reason == "REASON_AGENT_REREGISTERED" {
		// The master passes no KILL on to an agent that it does not hear.
		t.Kills = 0
		tx.Kill(t)
		return
	}
	if e.State == t.State && e.State != task.Running || older(e.State, t.State) {
		return
	}
	was := t.State
	take(t, e, tx.Now)
	if workers.Drained(e.Reason) && t.AgentID != "" {
		workers.MarkDraining(tx, t.AgentID, state.DrainingAgent{Draining: true})
	}
	moved := address(tx, c, t, was, e)
	tx.ConfirmReservation(t)
	if t.State.Terminal() || t.State == task.Unreachable && t.Goal == task.Released {
		// What is not wanted and cannot be reached need not be waited for: if it comes back it
		// is an orphan and is killed.
		ended(tx, c, t, was)
		return
	}
	if was == t.State && e.Sandbox == "" && !moved {
		return
	}
	tx.SetTask(t)
	if moved && was == t.State && t.Kind == spec.JobManagerTask {
		tx.Send(state.Unwatch{Cluster: t.Cluster, JobManager: t.ID})
		watch(tx, c, t)
	}
	live(tx, c, t, was)
}

// take puts what an update says into the task.
func take(t *task.Task, e state.Updated, now time.Time) {
	if t.State != e.State {
		t.Changed = now
	}
	t.State, t.Reason, t.Message = e.State, e.Reason, e.Message
	if e.Sandbox != "" {
		t.Sandbox = e.Sandbox
	}
	if e.AgentID != "" {
		t.AgentID = e.AgentID
	}
}

// live does what follows from the new state of a task that has not ended.
func live(tx *state.Tx, c *state.Cluster, t *task.Task, was task.State) {
	switch {
	case t.Goal == task.Released:
		// Its end is on the way, or the next KILL is.
	case t.State == task.Running && was != task.Running:
		LaunchSucceeded(tx, t.AgentID)
		if t.Kind == spec.JobManagerTask {
			watch(tx, c, t)
		} else {
			recordStart(tx, c, t)
		}
	case t.State == task.Unreachable:
		tx.RecordEvent(c, "Unreachable", "agent %s of %s is unreachable; checking whether the task still runs", t.Hostname, t.ID)
		probe(tx, c, t)
	}
	if t.Kind == spec.TaskManagerTask {
		workers.Report(tx, c)
	}
}

// recordEach is up to how many TaskManagers of a cluster the start of each is an event; of more, only the last one's is.
const recordEach = 20

// recordStart records that a TaskManager runs.
func recordStart(tx *state.Tx, c *state.Cluster, t *task.Task) {
	switch wanted := c.TaskManagers + c.Pending.Len() - c.PendingJobManagers; {
	case wanted <= recordEach:
		tx.RecordEvent(c, "TaskManagerStarted", "TaskManager %s runs on %s", t.ID, t.Hostname)
	case c.Running == wanted:
		tx.RecordEvent(c, "TaskManagerStarted", "all %d TaskManagers run", wanted)
	}
}

// older says that a state comes before another in the life of a task: an update that was overtaken
// by a later one tells nothing, and no other would come to put it right.
func older(state, than task.State) bool {
	life := []task.State{task.Staging, task.Starting, task.Running, task.Killing}
	at := slices.Index(life, state)
	return at >= 0 && at < slices.Index(life, than)
}

// updatedUnknown takes an update of a task that we do not know: a live one is an orphan and is
// killed; one that has ended is only acknowledged.
func updatedUnknown(tx *state.Tx, e state.Updated) {
	switch e.State {
	case task.Staging, task.Starting, task.Running:
		tx.Send(state.Kill{TaskID: e.TaskID, AgentID: e.AgentID})
	default:
		if !e.State.Terminal() {
			return
		}
	}
}
