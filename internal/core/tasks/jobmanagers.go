package tasks

import (
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// watch has the JobManager observed, and its driver dialled when it has one. One whose address is not known is left
// alone until it is.
func watch(tx *state.Tx, c *state.Cluster, t *task.Task) {
	if t.Goal == task.Launched && t.Host() != "" {
		tx.Send(state.Watch{Cluster: c.Spec.Name, JobManager: *t, Exchange: c.Spec.HasDriver()})
	}
}

// forgetJobManager ends the conversation with a JobManager that is gone.
func forgetJobManager(tx *state.Tx, c *state.Cluster, id string) {
	if c.Driver.JobManager == id || len(c.JobManagers) == 0 {
		c.Driver.Retire()
		c.Flink = nil
	}
	tx.Send(state.Unwatch{Cluster: c.Spec.Name, JobManager: id})
}
