package tasks

import (
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// address takes over the address that a status told of a task on a network of its own, and says whether
// it is news.
func address(tx *state.Tx, c *state.Cluster, t *task.Task, was task.State, e state.Updated) bool {
	if t.Network == "" {
		return false
	}
	if e.Address == "" && t.Address == "" && t.Kind == spec.JobManagerTask && t.State == task.Running && was != t.State {
		tx.RecordEvent(c, "NoAddress", "JobManager %s runs on the network %s and Mesos did not tell its address: the service cannot reach it",
			t.ID, t.Network)
	}
	if e.Address == "" || e.Address == t.Address {
		return false
	}
	t.Address = e.Address
	if t.Kind == spec.JobManagerTask {
		tx.State.WantOffers = true // Its TaskManagers have waited for this.
	}
	return true
}
