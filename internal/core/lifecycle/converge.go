package lifecycle

import (
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/workers"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Converge looks at what a cluster should have against what it has, and closes the gap:
// tasks that are missing wait for an offer, tasks that are too many are released.
func Converge(tx *state.Tx, name string) {
	c := tx.Edit(name)
	if c == nil {
		return
	}
	applyRolloutIfIdle(tx, c)
	looking := lookUp(tx, c)
	defer tx.ReleaseUnused(c.Prefix())
	if !c.Active() {
		tx.DropAllPending(c, spec.JobManagerTask)
		tx.DropAllPending(c, spec.TaskManagerTask)
		if cancelling(tx, c) {
			return
		}
		if c.Result == nil || len(c.JobManagers) == 0 {
			tx.ReleaseAll(c)
		} else {
			// The JobManager of an ended job leaves by itself, after it has said how the job ended.
			tx.ReleaseKind(c, spec.TaskManagerTask)
		}
		if c.State == wire.Deleting && len(c.JobManagers) == 0 && c.TaskManagers == 0 && c.Releasing == 0 {
			removeCluster(tx, c)
		}
		return
	}
	if looking {
		return
	}
	want := max(1, c.Spec.JobManager.Replicas)
	for have := len(c.JobManagers) + c.PendingJobManagers; have < want; have++ {
		tx.AddPending(c, state.PendingTask{
			ID: c.NewID(spec.JobManagerTask), Role: spec.JobManagerTask,
			Need: tx.State.Need(c, spec.JobManagerTask, c.Spec.JobManager.Resources), Resources: c.Spec.JobManager.Resources,
		})
	}
	if c.Spec.Allocation == spec.Static {
		workers.ConvergeStatic(tx, c)
	}
}
