package tasks

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

const (
	// probeAgain is the time between two looks at an unreachable task that lives.
	probeAgain = 2 * time.Second
	// probeLost is after how long a look that was not answered is asked for again: who performs it may be gone.
	probeLost = 10 * time.Second
	// probeOthers is with how many other tasks an unreachable one is compared, and probeSearch how many tasks are
	// looked at to find them.
	probeOthers = 3
	probeSearch = 200
)

// probe has a task asked whether it lives.
func probe(tx *state.Tx, c *state.Cluster, t *task.Task) {
	p, _ := tx.Unreachable.Get([]byte(t.ID))
	p.Asked, p.Answered = tx.Now, false
	if !p.Alive && p.Silent.IsZero() {
		p.Silent = tx.Now
	}
	tx.Unreachable.Insert([]byte(t.ID), p)
	a := state.Probe{Task: *t, Since: t.Changed, Heartbeat: c.Spec.HeartbeatInterval(), Others: others(tx, c, t)}
	if t.Kind == spec.TaskManagerTask {
		if jm, ok := tx.ControllingJobManager(c); ok {
			a.JobManager = jm
		}
	}
	tx.Send(a)
}

// others are running tasks on other agents: the JobManagers of the cluster first, then some of all.
func others(tx *state.Tx, c *state.Cluster, t *task.Task) []task.Task {
	var found []task.Task
	agents := map[string]bool{t.AgentID: true}
	take := func(o *task.Task) {
		if o.State == task.Running && o.Goal == task.Launched && !agents[o.AgentID] && len(found) < probeOthers {
			agents[o.AgentID] = true
			found = append(found, *o)
		}
	}
	for _, id := range c.JobManagers {
		if o, ok := tx.Tasks.Get([]byte(id)); ok {
			take(o)
		}
	}
	it := tx.Tasks.Root().Iterator()
	for n := 0; n < probeSearch && len(found) < probeOthers; n++ {
		_, o, ok := it.Next()
		if !ok {
			break
		}
		take(o)
	}
	return found
}

// Probed takes the answer of a look. A task that lives stays as long as it does: Flink's heartbeats judge it until
// its agent returns. One that does not is lost at once, unless nothing else answers the service either: then it is the
// service that is cut off, and the task is waited for.
func Probed(tx *state.Tx, e state.Probed) {
	t, ok := tx.Task(e.TaskID)
	if !ok || t.State != task.Unreachable || !t.Changed.Equal(e.Since) {
		return // It is back, or over.
	}
	c := tx.Edit(t.Cluster)
	p, _ := tx.Unreachable.Get([]byte(t.ID))
	switch {
	case e.Alive:
		if !p.Alive && t.Goal == task.Launched {
			tx.RecordEvent(c, "StillRuns", "%s on %s runs (%s) though its agent is unreachable; it is kept for as long as it runs", t.ID, t.Hostname, e.By)
		}
		p.Alive, p.Silent = true, time.Time{}
	case e.Reached || e.Compared == 0 && otherAgents(tx, t.AgentID):
		lost(tx, c, t, "its agent is unreachable, and it does not answer")
		return
	default:
		if (p.Alive || p.Silent.Equal(p.Asked)) && t.Goal == task.Launched {
			tx.RecordEvent(c, "CutOff", "neither %s on %s nor anything else answers the service; it is replaced after %s if that lasts",
				t.ID, t.Hostname, tx.State.Options.UnreachableTimeout)
		}
		if p.Alive {
			p.Alive, p.Silent = false, tx.Now
		}
	}
	p.Answered = true
	tx.Unreachable.Insert([]byte(t.ID), p)
}

// otherAgents says whether there is an agent that Mesos hears where a replacement might run.
func otherAgents(tx *state.Tx, agent string) bool {
	it := tx.Agents.Root().Iterator()
	for id, a, ok := it.Next(); ok; id, a, ok = it.Next() {
		if string(id) != agent && len(a.Snapshots) > 0 {
			return true
		}
	}
	return false
}

// lost gives a task up whose agent is not heard. It is forgotten: should it come back it is an orphan and is killed on
// sight, so that two are never in service.
func lost(tx *state.Tx, c *state.Cluster, t *task.Task, why string) {
	t.Message = why
	tx.Send(state.Kill{TaskID: t.ID, AgentID: t.AgentID})
	ended(tx, c, t, t.State)
}

// TickUnreachable looks again at the tasks whose agents are not heard, and gives up those that were silent for too long
// while nothing could be reached to compare with.
func TickUnreachable(tx *state.Tx) {
	if !tx.State.Connected {
		return // What became of their agents is heard first, and nothing could be launched in their place.
	}
	it := tx.State.Unreachable.Root().Iterator()
	for id, p, ok := it.Next(); ok; id, p, ok = it.Next() {
		t, ok := tx.Task(string(id))
		if !ok {
			continue
		}
		silent := p.Silent
		if t.Goal == task.Released {
			silent = t.Changed // It lives on and cannot be killed: it is not waited for for ever.
		}
		again := probeAgain
		if !p.Answered {
			again = probeLost
		}
		switch {
		case !silent.IsZero() && tx.Now.Sub(silent) >= tx.State.Options.UnreachableTimeout:
			lost(tx, tx.Edit(t.Cluster), t, "")
		case tx.Now.Sub(p.Asked) >= again:
			probe(tx, tx.Edit(t.Cluster), t)
		}
	}
}
