package state

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// ReleaseAll makes every task of a cluster unwanted.
func (tx *Tx) ReleaseAll(c *Cluster) {
	tx.ReleaseKind(c, spec.TaskManagerTask)
	tx.ReleaseKind(c, spec.JobManagerTask)
}

// ReleaseKind makes every task of a kind unwanted.
func (tx *Tx) ReleaseKind(c *Cluster, role spec.TaskKind) {
	if c.TaskManagers == 0 && len(c.JobManagers) == 0 {
		return
	}
	for _, t := range tx.TasksOf(c) {
		if t.Kind == role {
			tx.Release(t)
		}
	}
}

// Delays between KILL calls of one task: doubled from the first to the most.
const (
	killFirst = 5 * time.Second
	killMost  = time.Minute
)

// Release makes a task unwanted: saved before it is killed.
func (tx *Tx) Release(t *task.Task) {
	if t.Goal == task.Released {
		return
	}
	r := *t
	r.Goal = task.Released
	tx.Kill(&r)
}

// Kill sends a KILL and plans the next one; r belongs to this step.
func (tx *Tx) Kill(r *task.Task) {
	r.Kills++
	r.KillAfter = tx.Now.Add(min(killMost, killFirst<<min(r.Kills-1, 10)))
	tx.SetTask(r)
	tx.Send(Kill{TaskID: r.ID, AgentID: r.AgentID})
}
