package core

import (
	"time"

	iradix "github.com/hashicorp/go-immutable-radix/v2"

	"github.com/flink-on-mesos/flink-service/internal/core/lifecycle"
	"github.com/flink-on-mesos/flink-service/internal/core/revision"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// New returns the state after a start: what was stored, and nothing known of the present.
func New(o state.Options, stored state.Stored, now time.Time) state.State {
	s := state.State{
		Options:        o.Defaults(),
		Framework:      stored.Framework,
		Clusters:       iradix.New[*state.Cluster](),
		Busy:           iradix.New[*state.Cluster](),
		Tasks:          iradix.New[*task.Task](),
		Agents:         iradix.New[*state.Agent](),
		Killing:        iradix.New[struct{}](),
		OrphanedHAData: iradix.New[*state.OrphanedHAData](),
		Unreachable:    iradix.New[state.Probing](),

		Reservations:   iradix.New[*state.Reservation](),
		DrainingAgents: iradix.New[state.DrainingAgent](),
	}
	s.Snapshots = state.NewSnapshots(stored.Snapshots)
	s.Operations = state.NewOperations(stored.Operations)
	s.Revisions = state.NewRevisions(stored.Revisions)
	s.Reconcile.Open = iradix.New[struct{}]()
	s.Reconcile.Implicit = now.Add(s.Options.ReconcileInterval)
	tx := &state.Tx{State: s, Now: now}
	tx.Begin()
	if len(stored.Leftovers) == 0 {
		tx.State.HACleanupNext = now.Add(lifecycle.CleanUpAgain) // Else it is tried with the first tick.
	}
	for i := range stored.Leftovers {
		l := stored.Leftovers[i]
		tx.State.OrphanedHAData, _, _ = tx.State.OrphanedHAData.Insert([]byte(l.Key()), &l)
	}
	for _, r := range stored.Clusters {
		c := state.NewCluster(r)
		c.Phases = []wire.PhaseTime{{Phase: wire.PhaseOffer, Since: now}}
		revision.Restore(tx, c)
		tx.Adopt(c)
	}
	for i := range stored.Tasks {
		t := stored.Tasks[i]
		if _, ok := tx.Clusters.Get([]byte(t.Cluster)); ok && t.Pod != "" {
			tx.IndexTask(&t)
		}
	}
	for i := range stored.Tasks { // The names of the others are known by now.
		t := stored.Tasks[i]
		if _, ok := tx.Clusters.Get([]byte(t.Cluster)); ok && t.Pod == "" {
			tx.IndexUnnamed(&t)
		}
	}
	for i := range stored.Reservations {
		r := state.Reservation{Reservation: stored.Reservations[i], GraceUntil: now.Add(state.QuietAfterStart)}
		if _, used := tx.Tasks.Get([]byte(r.Task)); !used {
			r.FreedAt = now
		}
		tx.KeepReservation(&r)
	}
	for _, r := range stored.Clusters {
		lifecycle.Converge(tx, r.Spec.Name)
	}
	s, _ = settle(tx)
	return s
}
