package tasks

import (
	"fmt"
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/core/lifecycle"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/workers"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// ended takes the end of a task: forget it, and close the gap that it leaves.
func ended(tx *state.Tx, c *state.Cluster, t *task.Task, was task.State) {
	tx.RemoveTask(t.ID)
	if t.State == task.Unreachable {
		tx.MarkAgentLost(t.AgentID)
	}
	words := describeEnd(t)
	if t.Goal == task.Launched {
		lifecycle.RecoveryBegins(tx, c, fmt.Sprintf("%s on %s ended: %s", t.ID, t.Hostname, words))
	}
	if t.Kind == spec.JobManagerTask {
		jobManagerEnded(tx, c, t, words)
	} else {
		taskManagerEnded(tx, c, t, was, words)
	}
	lifecycle.Converge(tx, c.Spec.Name)
}

// blameless says that the task did not end because it, or its agent, is bad: its offer was gone
// before it could be started, its agent cannot be reached or was removed, or Mesos has never
// heard of it, because we were stopped between saving the launch and sending it.
func blameless(t *task.Task) bool {
	switch t.Reason {
	case "REASON_CONTAINER_PREEMPTED", "REASON_INVALID_OFFERS", "REASON_AGENT_REMOVED", "REASON_AGENT_REMOVED_BY_OPERATOR",
		"REASON_AGENT_DRAINING", "REASON_SLAVE_DRAINING":
		return true
	case "REASON_RECONCILIATION":
		// Its own end would be FAILED, FINISHED or KILLED in the answer as well.
		return t.State == task.Gone || t.State == task.Lost || t.State == task.Dropped
	}
	return t.State == task.Unreachable
}

// failsAlike says that a task of the same kind has failed in the same way on another agent: the cluster is at fault,
// such as one whose jar cannot be fetched, and not the agents, which others need.
func failsAlike(c *state.Cluster, t *task.Task) bool {
	return t.Message != "" && slices.ContainsFunc(c.Failures, func(f wire.Failure) bool {
		return f.AgentID != t.AgentID && f.Kind == t.Kind && f.Reason == t.Reason && f.Message == t.Message
	})
}

func jobManagerEnded(tx *state.Tx, c *state.Cluster, t *task.Task, words string) {
	flink := c.Flink
	if c.Recovering != nil && c.Recovering.Began.Equal(tx.Now) && (len(c.JobManagers) == 0 || c.Driver.JobManager == t.ID) {
		r := *c.Recovering
		r.Noticed = true // Its jobs ended with it.
		c.Recovering = &r
	}
	forgetJobManager(tx, c, t.ID)
	if !c.Active() {
		return
	}
	if c.Spec.HighAvailability() && t.State.Terminal() && (c.Submission == nil || t.Generation >= c.Submission.Generation) {
		tx.Send(state.RevokeLeadership{Spec: c.LaunchSpec(), Nonce: c.Nonce, JobManager: *t, Alone: len(c.JobManagers) == 0})
	}
	if lifecycle.StopOutcomeUnknown(tx, c, t) {
		return
	}
	if c.Spec.Kind != spec.Session && t.Goal == task.Launched && lifecycle.JobEnded(tx, c, t) {
		return
	}
	if t.Goal == task.Launched {
		jobManagerLost(tx, c, t, words, flink)
	}
	if !c.Spec.HighAvailability() {
		releaseWorkersOf(tx, c, t)
	}
}

// jobManagerLost records that a JobManager ended that was to run. What was last known of its Flink says what that
// costs.
func jobManagerLost(tx *state.Tx, c *state.Cluster, t *task.Task, words string, flink *wire.Flink) {
	tx.LosePod(c, t)
	recordFailure(tx, c, t)
	if !blameless(t) {
		b := c.BackoffOf(spec.JobManagerTask)
		*b = b.Fail(t, words, tx.Now)
		if tx.Now.Sub(t.Launched) < state.BackoffForget && !failsAlike(c, t) {
			LaunchFailed(tx, t)
		}
	}
	c.Restarts++
	tx.SaveCluster(c)
	lost := ""
	switch known, ok := state.Observed(c.Job); {
	case c.Spec.HighAvailability():
	case ok && c.Spec.Kind != spec.Session:
		lost = fmt.Sprintf("; its job is restored from %s %s", known.Kind, known.Path)
	case flink != nil && flink.JobsRunning > 0:
		lost = fmt.Sprintf("; without high availability its %d running jobs are lost", flink.JobsRunning)
	}
	tx.RecordEvent(c, "JobManagerLost", "JobManager %s ended on %s: %s; it is replaced%s", t.ID, t.Hostname, words, lost)
}

// releaseWorkersOf ends the TaskManagers of a JobManager that no other one takes over.
func releaseWorkersOf(tx *state.Tx, c *state.Cluster, t *task.Task) {
	for _, w := range tx.TasksOf(c) {
		if w.Kind == spec.TaskManagerTask && w.JobManager == t.ID {
			if w.Goal == task.Launched && c.Spec.Allocation == spec.Static && w.Generation >= c.ReplacedGeneration {
				tx.LosePod(c, w)
			}
			tx.Release(w)
		}
	}
	tx.DropAllPending(c, spec.TaskManagerTask)
}

func taskManagerEnded(tx *state.Tx, c *state.Cluster, t *task.Task, was task.State, words string) {
	if t.Goal == task.Launched && c.Active() {
		tx.LosePod(c, t)
		recordFailure(tx, c, t)
		if !blameless(t) {
			b := c.BackoffOf(spec.TaskManagerTask)
			*b = b.Fail(t, words, tx.Now)
			if was != task.Running && !failsAlike(c, t) {
				LaunchFailed(tx, t)
			}
		}
		tx.RecordEvent(c, "TaskManagerLost", "TaskManager %s ended on %s: %s", t.ID, t.Hostname, words)
	}
	if c.Flink != nil && was == task.Running && c.Flink.TaskManagers > 0 {
		// Flink goes on to count it until a heartbeat fails; its successor must not pass for registered.
		f := *c.Flink
		f.TaskManagers--
		c.Flink, c.NeedsObservation = &f, true
	}
	if c.Spec.Allocation == spec.Dynamic {
		workers.Ended(tx, c, t.ID, words)
	}
}

// recordFailure remembers how a task ended, and where what it wrote lies.
func recordFailure(tx *state.Tx, c *state.Cluster, t *task.Task) {
	from := max(0, len(c.Failures)-state.MaxFailures+1)
	c.Failures = append(slices.Clone(c.Failures[from:]), wire.Failure{
		TaskID: t.ID, Kind: t.Kind, AgentID: t.AgentID, Hostname: t.Hostname, Endpoint: t.Endpoint, Sandbox: t.Sandbox,
		State: t.State, Reason: t.Reason, Message: t.Message, Launched: t.Launched, Ended: tx.Now,
	})
	tx.SaveCluster(c)
	if t.Endpoint != "" && t.State != task.Unreachable && t.State != task.Dropped {
		tx.Send(state.FindLogError{Cluster: c.Spec.Name, TaskID: t.ID, Endpoint: t.Endpoint, Sandbox: sandboxOf(tx, t)})
	}
}

// sandboxOf is the directory of a task at its agent: the real one when a status told it, and otherwise the virtual one,
// which an agent knows from the ids of the framework and the executor.
func sandboxOf(tx *state.Tx, t *task.Task) string {
	if t.Sandbox != "" {
		return t.Sandbox
	}
	return "/frameworks/" + tx.State.Framework.ID + "/executors/" + t.ID + "/runs/latest"
}

// LogErrorFound adds the last error of a task's log to its failure.
func LogErrorFound(tx *state.Tx, e state.LogErrorFound) {
	c := tx.Edit(e.Cluster)
	if c == nil {
		return
	}
	i := slices.IndexFunc(c.Failures, func(f wire.Failure) bool { return f.TaskID == e.TaskID })
	if i < 0 || c.Failures[i].LogError == e.Error {
		return
	}
	c.Failures = slices.Clone(c.Failures)
	c.Failures[i].LogError = e.Error
	tx.RecordEvent(c, "LogError", "the log of task %s ends with: %s", e.TaskID, e.Error)
	tx.SaveCluster(c)
}

// describeEnd puts Mesos' words about the end of a task in one sentence.
func describeEnd(t *task.Task) string {
	s := "TASK_" + string(t.State)
	if t.Message != "" {
		s += ": " + t.Message
	}
	if t.Reason != "" {
		s += " (" + t.Reason + ")"
	}
	return s
}
