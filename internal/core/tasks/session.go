package tasks

import (
	iradix "github.com/hashicorp/go-immutable-radix/v2"

	"github.com/flink-on-mesos/flink-service/internal/core/lifecycle"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// Subscribed starts explicit reconciliation of every task.
func Subscribed(tx *state.Tx, e state.Subscribed) {
	tx.State.Connected, tx.State.Master, tx.State.MasterRegion = true, e.Master, e.Region
	tx.State.MasterVersion = e.Version
	tx.State.Constraints, tx.State.ConstraintsUnconfirmed, tx.State.ConstraintsRefused = nil, false, false
	tx.DoubtReservations("", tx.Now.Add(state.QuietAfterStart))
	// A new subscription gets offers for all our roles until we suppress them again. Filters of earlier declines may
	// still hold, which only REVIVE ends.
	tx.State.Suppressed, tx.State.WantOffers = false, true
	if tx.State.Framework.ID != e.FrameworkID {
		tx.State.Framework.ID = e.FrameworkID
		tx.SaveFramework()
	}
	open := iradix.New[struct{}]().Txn()
	it := tx.Tasks.Root().Iterator()
	for id, _, ok := it.Next(); ok; id, _, ok = it.Next() {
		open.Insert(id, struct{}{})
	}
	tx.Open = open
	tx.State.Reconcile.Attempt = 0
	reconcileRound(tx, 0)
	if soon := tx.Now.Add(reconcileSoon); soon.Before(tx.State.Reconcile.Implicit) {
		tx.State.Reconcile.Implicit = soon
	}
	// A KILL that was under way when the last subscription ended may never have arrived.
	killAnew(tx)
	cit := tx.Clusters.Root().Iterator()
	for _, c, ok := cit.Next(); ok; _, c, ok = cit.Next() {
		for _, id := range c.JobManagers {
			if jm, ok := tx.Tasks.Get([]byte(id)); ok && jm.State == task.Running {
				watch(tx, c, jm)
			}
		}
	}
}

// FrameworkRemoved starts anew: the master has ended all tasks of the old framework id.
func FrameworkRemoved(tx *state.Tx, e state.FrameworkRemoved) {
	if tx.State.Options.Uninstall {
		lifecycle.TornDown(tx)
		return
	}
	tx.State.Connected = false
	if id := tx.State.Framework.ID; id != "" {
		tx.State.Framework.Previous = append(append([]string(nil), tx.State.Framework.Previous...), id)
		if n := len(tx.State.Framework.Previous); n > 10 {
			tx.State.Framework.Previous = tx.State.Framework.Previous[n-10:]
		}
	}
	tx.State.Framework.ID = ""
	tx.SaveFramework()
	it := tx.State.Clusters.Root().Iterator()
	for _, old, ok := it.Next(); ok; _, old, ok = it.Next() {
		c := tx.Edit(old.Spec.Name)
		for _, t := range tx.TasksOf(c) {
			tx.RemoveTask(t.ID)
		}
		c.Flink = nil
		forgetJobManager(tx, c, "")
		tx.DropAllPending(c, spec.TaskManagerTask)
		tx.RecordEvent(c, "FrameworkRemoved", "Mesos removed the framework (%s); the cluster is rebuilt under a new framework id", e.Message)
		lifecycle.Converge(tx, c.Spec.Name)
	}
	tx.Send(state.Resubscribe{})
}
