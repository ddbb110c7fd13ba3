package lifecycle

import (
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/workers"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// RestartTask replaces a task on request.
func RestartTask(tx *state.Tx, e state.RestartTask) {
	t, ok := tx.Task(e.TaskID)
	if !ok || t.Cluster != e.Cluster {
		tx.Answer(e.Request, fault.New(fault.NotFound, "cluster %q has no task %q", e.Cluster, e.TaskID))
		return
	}
	c := tx.Edit(e.Cluster)
	tx.RecordEvent(c, "Restarting", "task %s is replaced on request", t.ID)
	if t.Kind == spec.TaskManagerTask && c.Spec.Allocation == spec.Dynamic {
		workers.Ended(tx, c, t.ID, "restarted on request")
	}
	if r, ok := tx.Reservations.Get([]byte(t.Reservation)); ok && e.Replace && t.Reservation != "" {
		tx.ReleaseReservation(r)
	}
	tx.Record(tx.Edit(e.Cluster), wire.Operation{Kind: wire.OperationRestartTask, By: e.By, Subject: t.ID, State: wire.OperationSucceeded})
	if t.Goal == task.Launched && c.Active() {
		tx.LosePod(c, t)
	}
	tx.Release(t)
	Converge(tx, e.Cluster)
	tx.Answer(e.Request, nil)
}
