package decide

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// updated takes a status update. It is acknowledged after everything that follows from it is saved.
func (st *step) updated(e Updated) {
	if len(e.UUID) > 0 {
		st.acks = append(st.acks, Ack{TaskID: e.TaskID, AgentID: e.AgentID, UUID: e.UUID})
	}
	st.open.Delete([]byte(e.TaskID))
	t, ok := st.task(e.TaskID)
	if !ok {
		st.updatedUnknown(e)
		return
	}
	c := st.edit(t.Cluster)
	if e.State == task.Unknown {
		// The agent of the task is not known to the master (any more): it may come back.
		e.State = task.Unreachable
	}
	if t.Goal == task.Released && !e.State.Terminal() && e.Reason == "REASON_AGENT_REREGISTERED" {
		// The master passes no KILL on to an agent that it does not hear.
		t.Kills = 0
		st.kill(t)
		return
	}
	if e.State == t.State && e.State != task.Running || older(e.State, t.State) {
		return
	}
	was := t.State
	if was != e.State {
		t.Changed = st.now
	}
	t.State, t.Reason, t.Message = e.State, e.Reason, e.Message
	if e.Sandbox != "" {
		t.Sandbox = e.Sandbox
	}
	if e.AgentID != "" {
		t.AgentID = e.AgentID
	}
	if drained(e.Reason) && t.AgentID != "" {
		st.leaves(t.AgentID, leaving{draining: true})
	}
	moved := st.address(c, t, was, e)
	st.made(t)
	if t.State.Terminal() || t.State == task.Unreachable && t.Goal == task.Released {
		// What is not wanted and cannot be reached need not be waited for: if it comes back it
		// is an orphan and is killed.
		st.ended(c, t, was)
		return
	}
	if was == t.State && e.Sandbox == "" && !moved {
		return
	}
	st.setTask(t)
	if moved && was == t.State && t.Kind == spec.JobManagerTask {
		st.send(Unwatch{Cluster: t.Cluster, JobManager: t.ID})
		st.watch(c, t)
	}
	switch {
	case t.Goal == task.Released:
		// Its end is on the way, or the next KILL is.
	case t.State == task.Running && was != task.Running:
		st.trust(t.AgentID)
		if t.Kind == spec.JobManagerTask {
			st.watch(c, t)
		}
	case t.State == task.Unreachable:
		st.note(c, "Unreachable", "Mesos does not hear the agent %s of %s; it is replaced after %s if it does not come back",
			t.Hostname, t.ID, st.s.Options.UnreachableTimeout)
	}
	if t.Kind == spec.TaskManagerTask {
		st.tellFlink(c)
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
func (st *step) updatedUnknown(e Updated) {
	switch e.State {
	case task.Staging, task.Starting, task.Running:
		st.send(Kill{TaskID: e.TaskID, AgentID: e.AgentID})
	default:
		if !e.State.Terminal() {
			return
		}
	}
}

// ended takes the end of a task: forget it, and close the gap that it leaves.
func (st *step) ended(c *Cluster, t *task.Task, was task.State) {
	st.removeTask(t.ID)
	if t.State == task.Unreachable {
		st.lose(t.AgentID)
	}
	words := describeEnd(t)
	if t.Kind == spec.JobManagerTask {
		st.jobManagerEnded(c, t, words)
	} else {
		st.taskManagerEnded(c, t, was, words)
	}
	st.converge(c.Spec.Name)
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

func (st *step) jobManagerEnded(c *Cluster, t *task.Task, words string) {
	flink := c.flink
	st.forgetJobManager(c, t.ID)
	if !c.active() {
		return
	}
	if c.Spec.HighAvailability() && t.State.Terminal() {
		st.send(Depose{Spec: c.Spec, Nonce: c.Nonce, JobManager: *t, Alone: len(c.jobManagers) == 0})
	}
	if st.lostStop(c, t) {
		return
	}
	if c.Spec.Kind != spec.Session && t.Goal == task.Launched && st.jobEnded(c, t) {
		return
	}
	if t.Goal == task.Launched {
		st.failed(c, t)
		if !blameless(t) {
			b := c.brakeOf(spec.JobManagerTask)
			*b = b.fail(t, words, st.now)
			if st.now.Sub(t.Launched) < brakeForget {
				st.blame(t)
			}
		}
		c.Restarts++
		st.saveCluster(c)
		lost := ""
		if !c.Spec.HighAvailability() && flink != nil && flink.JobsRunning > 0 {
			lost = fmt.Sprintf("; without high availability its %d running jobs are lost", flink.JobsRunning)
		}
		st.note(c, "JobManagerLost", "JobManager %s ended on %s: %s; it is replaced%s", t.ID, t.Hostname, words, lost)
	}
	if c.Spec.HighAvailability() {
		return
	}
	for _, w := range st.tasksOf(c) {
		if w.Kind == spec.TaskManagerTask && w.JobManager == t.ID {
			st.release(w)
		}
	}
	st.dropAllWaiting(c, spec.TaskManagerTask)
}

// forgetJobManager ends the conversation with a JobManager that is gone.
func (st *step) forgetJobManager(c *Cluster, id string) {
	if c.exchange.jobManager == id || len(c.jobManagers) == 0 {
		c.exchange.retire()
		c.flink = nil
	}
	st.send(Unwatch{Cluster: c.Spec.Name, JobManager: id})
}

// jobEnded decides whether the end of the JobManager is the end of an application or job
// cluster. Flink's entry points exit with 0 when the job succeeded or was cancelled and with
// 1443 (163 as an exit status) when it failed.
func (st *step) jobEnded(c *Cluster, t *task.Task) bool {
	if c.Result == nil {
		switch {
		case t.State == task.Finished:
			st.finish(c, wire.JobResult{
				Status: "SUCCEEDED", Ended: st.now,
				Diagnostics: "the JobManager exited with status 0 before it could be asked how the job ended",
			})
		case strings.Contains(t.Message, "exited with status 163"):
			st.finish(c, wire.JobResult{
				Status: "FAILED", Ended: st.now,
				Diagnostics: "the JobManager reported by its exit status that the job failed; its sandbox has the log",
			})
		default:
			return false
		}
	}
	return true
}

// finish records how the job of an application or job cluster ended.
func (st *step) finish(c *Cluster, r wire.JobResult) {
	c.Result = &r
	c.State = wire.Finished
	if r.Status == "FAILED" {
		c.State = wire.Failed
	}
	c.Message = r.Diagnostics
	if c.Change != nil {
		ch := *c.Change
		ch.Result = nil
		c.Change = &ch
		st.giveUp(c, "the job ended: "+r.Status)
	}
	st.saveCluster(c)
	st.note(c, "JobEnded", "the job ended: %s", r.Status)
	st.converge(c.Spec.Name)
}

func (st *step) taskManagerEnded(c *Cluster, t *task.Task, was task.State, words string) {
	if t.Goal == task.Launched && c.active() {
		st.failed(c, t)
		if !blameless(t) {
			b := c.brakeOf(spec.TaskManagerTask)
			*b = b.fail(t, words, st.now)
			if was != task.Running {
				st.blame(t)
			}
		}
		st.note(c, "TaskManagerLost", "TaskManager %s ended on %s: %s", t.ID, t.Hostname, words)
	}
	if c.flink != nil && was == task.Running && c.flink.TaskManagers > 0 {
		// Flink goes on to count it until a heartbeat fails; its successor must not pass for registered.
		f := *c.flink
		f.TaskManagers--
		c.flink, c.doubted = &f, true
	}
	if c.Spec.Allocation == spec.Dynamic {
		st.workerEnded(c, t.ID, words)
	}
}

// failed remembers how a task ended, and where what it wrote lies.
func (st *step) failed(c *Cluster, t *task.Task) {
	from := max(0, len(c.Failures)-maxFailures+1)
	c.Failures = append(slices.Clone(c.Failures[from:]), wire.Failure{
		TaskID: t.ID, Kind: t.Kind, AgentID: t.AgentID, Hostname: t.Hostname, Endpoint: t.Endpoint, Sandbox: t.Sandbox,
		State: t.State, Reason: t.Reason, Message: t.Message, Launched: t.Launched, Ended: st.now,
	})
	st.saveCluster(c)
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

// release makes a task unwanted: saved before it is killed.
func (st *step) release(t *task.Task) {
	if t.Goal == task.Released {
		return
	}
	r := *t
	r.Goal = task.Released
	st.kill(&r)
}

// kill sends a KILL and plans the next one; r belongs to this step.
func (st *step) kill(r *task.Task) {
	r.Kills++
	r.KillAfter = st.now.Add(min(killMost, killFirst<<min(r.Kills-1, 10)))
	st.setTask(r)
	st.send(Kill{TaskID: r.ID, AgentID: r.AgentID})
}
