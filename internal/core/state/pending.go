package state

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// AddPending puts a task on the list of those that need a place.
func (tx *Tx) AddPending(c *Cluster, w PendingTask) {
	w.Since, w.Pod = tx.Now, c.nextPod(w.Role)
	c.holdPod(w.Role, w.Pod)
	c.Pending, _, _ = c.Pending.Insert([]byte(w.ID), &w)
	if w.Role == spec.JobManagerTask {
		c.PendingJobManagers++
	}
	tx.State.WantOffers = true
}

// DropPending takes a task off the list of those that need a place.
func (tx *Tx) DropPending(c *Cluster, w *PendingTask) {
	var had bool
	c.Pending, _, had = c.Pending.Delete([]byte(w.ID))
	if had {
		c.freePod(w.Role, w.Pod)
	}
	if had && w.Role == spec.JobManagerTask {
		c.PendingJobManagers--
	}
}

// DropAllPending takes all tasks of a kind off that list.
func (tx *Tx) DropAllPending(c *Cluster, role spec.TaskKind) {
	it := c.Pending.Root().Iterator()
	for _, w, ok := it.Next(); ok; _, w, ok = it.Next() {
		if w.Role == role {
			tx.DropPending(c, w)
		}
	}
}

// PendingTask is a wanted task without a place.
type PendingTask struct {
	ID string
	// Pod is the name of the pod that it will be the task of.
	Pod       string
	Role      spec.TaskKind
	Need      offer.Need
	Resources spec.Resources
	Worker    *task.Worker
	// Surplus is the task that it is to replace, when Flink did not ask for it.
	Surplus string
	Since   time.Time
}
