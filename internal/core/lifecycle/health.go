package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/revision"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/workers"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

const (
	// mostHealthRestarts is how often in a row a job is restarted because it is unhealthy or has failed.
	mostHealthRestarts = 3
	// healthBackoff is the pause before the first of them; it doubles.
	healthBackoff = 10 * time.Second
	// healthyFor is how long a job has to run well for the count to begin anew.
	healthyFor = 10 * time.Minute
)

// progressOf folds an observation of a job into what its health is judged by.
func progressOf(p state.Progress, h spec.Health, j wire.Job, now time.Time) state.Progress {
	if p.Job != j.ID {
		p = state.Progress{Job: j.ID, Restarts: -1, Completed: now}
	}
	if j.Restarts >= 0 && (p.Restarts < 0 || j.Restarts < p.Restarts || j.Restarts == p.Restarts && now.Sub(p.RestartsAt) > h.RestartsWindow) {
		p.Restarts, p.RestartsAt = j.Restarts, now
	}
	for _, c := range []*wire.Checkpoint{j.Checkpoint, j.Savepoint} {
		if c != nil && c.ID > p.Checkpoint {
			p.Checkpoint, p.Completed = c.ID, now
		}
	}
	return p
}

// unhealthy says what is wrong with a job; empty for nothing. The rules are those of the Flink Kubernetes operator
// (ClusterHealthEvaluator).
func unhealthy(p state.Progress, h spec.Health, j wire.Job, now time.Time) string {
	if p.Job != j.ID || j.Terminal() {
		return ""
	}
	if elapsed := now.Sub(p.RestartsAt); j.Restarts > p.Restarts && p.Restarts >= 0 {
		scaled := float64(j.Restarts-p.Restarts) * min(1, float64(h.RestartsWindow)/float64(max(elapsed, 1)))
		if scaled > float64(h.MostRestarts) {
			return fmt.Sprintf("the job restarted %d times within %s", j.Restarts-p.Restarts, elapsed.Round(time.Second))
		}
	}
	if h.Progress > 0 && now.Sub(p.Completed) > h.Progress {
		return fmt.Sprintf("the job has completed no checkpoint for %s", now.Sub(p.Completed).Round(time.Second))
	}
	return ""
}

// observeHealth keeps what the health of the job is judged by.
func observeHealth(tx *state.Tx, c *state.Cluster) {
	if h := c.Spec.Health(); h.Check != spec.HealthOff && c.Job != nil {
		c.Progress = progressOf(c.Progress, h, *c.Job, tx.Now)
	}
}

// TickHealth judges the jobs of the clusters, and restarts those that do not get on.
func TickHealth(tx *state.Tx) {
	it := tx.State.Clusters.Root().Iterator()
	for name, c, ok := it.Next(); ok; name, c, ok = it.Next() {
		if c.Job == nil || !c.Active() || c.Rollout != nil || revision.OnTrial(&tx.State, c) != nil {
			continue
		}
		h := c.Spec.Health()
		why := ""
		if h.Check != spec.HealthOff && len(c.JobManagers) > 0 {
			why = unhealthy(c.Progress, h, *c.Job, tx.Now)
		}
		switch {
		case why != "" && !c.Progress.Reported:
			judged(tx, tx.Edit(string(name)), h, why)
		case why == "" && c.Progress.Reported:
			tx.Edit(string(name)).Progress.Reported = false
		case why == "" && c.Health != nil && c.Job.Running && tx.Now.Sub(c.Health.Last) >= healthyFor && tx.Now.Sub(c.JobSince) >= healthyFor:
			c := tx.Edit(string(name))
			tx.RecordEvent(c, "Healthy", "the job has run well for %s; its restarts are counted anew", healthyFor)
			c.Health = nil
			tx.SaveCluster(c)
		}
	}
}

// judged does what is to be done about an unhealthy job. It is never restarted without its state.
func judged(tx *state.Tx, c *state.Cluster, h spec.Health, why string) {
	c.Progress.Reported = true
	restore := c.NewestState()
	switch {
	case h.Check == spec.HealthEvents:
		tx.RecordEvent(c, "Unhealthy", "%s; the spec asks for events alone", why)
	case c.Spec.Mode() != spec.Stateless && restore.Path == "" && !c.Spec.HighAvailability():
		tx.RecordEvent(c, "Unhealthy", "%s; it is not restarted, because no checkpoint or savepoint of it is known", why)
	case exhausted(c):
		tx.RecordEvent(c, "Unhealthy", "%s; it is not restarted again after %d times in a row, the last time because %s", why, c.Health.Restarts, c.Health.Reason)
	default:
		countHealthRestart(tx, c, why)
		tx.RecordEvent(c, "RestartUnhealthyJob", "%s; cluster %s is restarted, %s (%d of %d)", why, c.Spec.Name, describeRestore(c), c.Health.Restarts, mostHealthRestarts)
		c.Progress = state.Progress{}
		tx.DropAllPending(c, spec.TaskManagerTask)
		tx.ReleaseAll(c)
		Converge(tx, c.Spec.Name)
	}
}

// exhausted says that the job was restarted as often in a row as it may be.
func exhausted(c *state.Cluster) bool {
	return c.Health != nil && c.Health.Restarts >= mostHealthRestarts
}

// countHealthRestart counts a restart, and holds the start back for a while.
func countHealthRestart(tx *state.Tx, c *state.Cluster, why string) {
	h := wire.Health{Restarts: 1, Last: tx.Now, Reason: why}
	if c.Health != nil {
		h.Restarts = c.Health.Restarts + 1
	}
	c.Health = &h
	c.JobManagerBackoff.Until = tx.Now.Add(healthBackoff << (h.Restarts - 1))
	c.JobManagerBackoff.Reason = why
	tx.SaveCluster(c)
}

// restartFailed starts the job of a cluster again that has failed for good, if the spec asks for that, from the newest
// state that is known; it says whether it does.
func restartFailed(tx *state.Tx, c *state.Cluster, r wire.JobResult) bool {
	if r.Status != "FAILED" || c.Rollout != nil || !c.Active() || !c.Spec.Health().RestartFailed || revision.OnTrial(&tx.State, c) != nil {
		return false
	}
	why := "the job failed"
	if r.Diagnostics != "" {
		why += ": " + firstLine(r.Diagnostics)
	}
	if exhausted(c) {
		tx.RecordEvent(c, "Failed", "%s; it is not started again after %d times in a row, the last time because %s", why, c.Health.Restarts, c.Health.Reason)
		return false
	}
	s := situationOf(tx, c, c.Spec)
	s.Over, s.Ended = true, r.Status
	choice := Choose(s)
	if choice.Method != Start {
		tx.RecordEvent(c, "Failed", "%s; it is not started again: %s", why, choice.Reason)
		return false
	}
	choice.Restore.Reason = choice.Reason
	c.Result = nil
	resubmit(tx, c, c.Spec, tx.State.NextGeneration(c), choice.Restore, nil)
	countHealthRestart(tx, c, why)
	tx.RecordEvent(c, "RestartFailedJob", "%s; it is started again in %s, %s (%d of %d)",
		why, c.JobManagerBackoff.Until.Sub(tx.Now), describeRestore(c), c.Health.Restarts, mostHealthRestarts)
	Converge(tx, c.Spec.Name)
	return true
}

// workersOn are the TaskManagers of a cluster on an agent, and whether some run elsewhere.
func workersOn(tx *state.Tx, c *state.Cluster, agent string) (here []*task.Task, elsewhere bool) {
	for _, o := range tx.TasksOf(c) {
		switch {
		case o.Kind != spec.TaskManagerTask || o.Goal != task.Launched:
		case o.AgentID == agent:
			here = append(here, o)
		default:
			elsewhere = elsewhere || o.State == task.Running
		}
	}
	return here, elsewhere
}

// subtaskFailed takes a failure of a subtask on a TaskManager that runs. Where all of the last ones were on one agent,
// and TaskManagers run on others, the agent is at fault and not the program: it is avoided for a while, and with
// health checks that restart, its TaskManagers are replaced. A failure that comes again on another agent is the program's.
func subtaskFailed(tx *state.Tx, c *state.Cluster, x wire.JobException) {
	t, ok := tx.Tasks.Get([]byte(x.TaskManager))
	if !ok || t.Cluster != c.Spec.Name || t.Goal != task.Launched || c.Spec.Health().Check == spec.HealthOff {
		return
	}
	from := max(0, len(c.SubtaskFailures)-state.AvoidAfter+1)
	c.SubtaskFailures = append(slices.Clone(c.SubtaskFailures[from:]), state.SubtaskFailure{Agent: t.AgentID, Time: tx.Now})
	old, known := tx.Agents.Get([]byte(t.AgentID))
	if len(c.SubtaskFailures) < state.AvoidAfter || !known || x.Message == c.SubtaskFault || tx.Now.Before(old.AvoidUntil) {
		return
	}
	for _, f := range c.SubtaskFailures {
		if f.Agent != t.AgentID || tx.Now.Sub(f.Time) > state.AgentHalfLife {
			return
		}
	}
	here, elsewhere := workersOn(tx, c, t.AgentID)
	if !elsewhere {
		return
	}
	a := *old
	a.AvoidUntil, a.AvoidReason = tx.Now.Add(state.AgentHalfLife), "subtasks of "+c.Spec.Name+" failed on this agent"
	tx.Agents.Insert([]byte(a.ID), &a)
	c.SubtaskFailures, c.SubtaskFault = nil, x.Message
	if c.Spec.Health().Check != spec.HealthRestart {
		tx.RecordEvent(c, "AgentAvoided", "the last %d failures of subtasks were on %s, and TaskManagers run elsewhere; it is avoided for %s",
			state.AvoidAfter, t.Hostname, state.AgentHalfLife)
		return
	}
	tx.RecordEvent(c, "AgentAvoided", "the last %d failures of subtasks were on %s, and TaskManagers run elsewhere; it is avoided for %s, and its TaskManagers are replaced",
		state.AvoidAfter, t.Hostname, state.AgentHalfLife)
	for _, o := range here {
		tx.Release(o)
		if c.Spec.Allocation == spec.Dynamic {
			workers.Ended(tx, c, o.ID, "replaced, because subtasks fail on its agent "+o.Hostname)
		}
	}
	Converge(tx, c.Spec.Name)
}

// firstLine is a text without its stack trace.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line[:min(len(line), 300)]
}
