package tasks

import (
	"time"

	iradix "github.com/hashicorp/go-immutable-radix/v2"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
)

// Delays between rounds of explicit reconciliation, in which only those tasks are asked for
// that have not answered: doubled from the first to the most, and spread by up to a fifth.
const (
	reconcileFirst = 4 * time.Second
	reconcileMost  = 30 * time.Second
	// reconcileSoon is after how long a new subscription asks for every task of the framework: one that is
	// not known here, because its update was lost, would else live on until the next regular time.
	reconcileSoon = 10 * time.Second
)

// reconcileRound asks for the tasks that have not answered.
func reconcileRound(tx *state.Tx, jitter float64) {
	var refs []state.TaskRef
	it := tx.Open.Root().Iterator()
	for id, _, ok := it.Next(); ok; id, _, ok = it.Next() {
		if t, known := tx.Tasks.Get(id); known {
			refs = append(refs, state.TaskRef{TaskID: t.ID, AgentID: t.AgentID})
		}
	}
	if len(refs) == 0 {
		tx.Open = iradix.New[struct{}]().Txn()
		return
	}
	wait := min(reconcileMost, reconcileFirst<<min(tx.State.Reconcile.Attempt, 10))
	wait += time.Duration(float64(wait) * jitter / 5)
	tx.State.Reconcile.Attempt++
	tx.State.Reconcile.Next = tx.Now.Add(wait)
	tx.Send(state.Reconcile{Tasks: refs})
}

// CallFailed has the tasks of a call that the master did not take asked for.
func CallFailed(tx *state.Tx, e state.CallFailed) {
	found := false
	for _, id := range e.TaskIDs {
		if _, ok := tx.Tasks.Get([]byte(id)); ok {
			tx.Open.Insert([]byte(id), struct{}{})
			found = true
		}
	}
	if found {
		tx.State.Reconcile.Attempt = 0
		tx.State.Reconcile.Next = tx.Now.Add(time.Second)
	}
	if e.AgentID != "" {
		tx.DoubtReservations(e.AgentID, tx.Now.Add(state.QuietAfterGiven))
	}
}

// TickReconciliation asks for the tasks that have not answered, and from time to time for all.
func TickReconciliation(tx *state.Tx, e state.Ticked) {
	if !tx.State.Connected {
		return
	}
	if _, _, open := tx.Open.Root().Minimum(); open && !tx.Now.Before(tx.State.Reconcile.Next) {
		reconcileRound(tx, e.Jitter)
	}
	if !tx.State.Options.Uninstall && !tx.Now.Before(tx.State.Reconcile.Implicit) {
		tx.State.Reconcile.Implicit = tx.Now.Add(tx.State.Options.ReconcileInterval)
		tx.Send(state.Reconcile{})
	}
}
