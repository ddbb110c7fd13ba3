package lifecycle

import (
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// RestartTask replaces a task on request.
func RestartTask(tx *state.Tx, e state.RestartTask) {
	t, ok := tx.Task(e.TaskID)
	if !ok || t.Cluster != e.Cluster {
		tx.Answer(e.Request, fault.New(fault.NotFound, "cluster %q has no task %q", e.Cluster, e.TaskID))
		return
	}
	tx.RecordEvent(tx.Edit(e.Cluster), "Restarting", "task %s is replaced on request", t.ID)
	if r, ok := tx.Reservations.Get([]byte(t.Reservation)); ok && e.Replace && t.Reservation != "" {
		tx.ReleaseReservation(r)
	}
	if c := tx.Edit(e.Cluster); t.Goal == task.Launched && c.Active() {
		tx.LosePod(c, t)
	}
	tx.Release(t)
	Converge(tx, e.Cluster)
	tx.Answer(e.Request, nil)
}
