package core

import (
	"fmt"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/lifecycle"
	"github.com/flink-on-mesos/flink-service/internal/core/offers"
	"github.com/flink-on-mesos/flink-service/internal/core/refused"
	"github.com/flink-on-mesos/flink-service/internal/core/revision"
	"github.com/flink-on-mesos/flink-service/internal/core/rollback"
	"github.com/flink-on-mesos/flink-service/internal/core/scaling"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/tasks"
	"github.com/flink-on-mesos/flink-service/internal/core/workers"
)

// Step folds one event into the state and says what must be done about it. The order of the
// actions is a promise: Save stands before everything that relies on what it saves.
// The state that is passed in stays as it was.
func Step(s state.State, e state.Event, now time.Time) (state.State, []state.Action) {
	tx := &state.Tx{State: s, Now: now}
	tx.Begin()
	switch e := e.(type) {
	case state.Subscribed:
		tasks.Subscribed(tx, e)
	case state.Disconnected:
		tx.State.Connected = false
	case state.FrameworkRemoved:
		tasks.FrameworkRemoved(tx, e)
	case state.TornDown:
		lifecycle.TornDown(tx)
	case state.Offered:
		offers.Offered(tx, e)
	case state.Rescinded:
		// No offer is ever held: a launch that lost this race comes back as a lost task.
	case state.InverseOffered:
		workers.InverseOffered(tx, e)
	case state.InverseRescinded:
		workers.InverseRescinded(tx, e)
	case state.Updated:
		tasks.Updated(tx, e)
	case state.AgentLost:
		tasks.AgentLost(tx, e)
	case state.CallFailed:
		tasks.CallFailed(tx, e)
		offers.CallFailed(tx, e)
	case state.PutCluster, state.DeleteCluster, state.RestartTask, state.PauseLaunches:
		lifecycle.Request(tx, e)
	case state.HADataDeleted:
		lifecycle.HADataDeleted(tx, e)
	case state.TagRevision:
		revision.Tag(tx, e)
	case state.RequestRefused:
		refused.Record(tx, e)
	case state.ProbeOffers:
		offers.Probe(tx, e)
	case state.JobsCancelled:
		lifecycle.JobsCancelled(tx, e)
	case state.JobsStopped:
		lifecycle.JobsStopped(tx, e)
	case state.LogErrorFound:
		tasks.LogErrorFound(tx, e)
	case state.Probed:
		tasks.Probed(tx, e)
	case state.FlinkObserved:
		lifecycle.FlinkObserved(tx, e)
	case state.JobsObserved:
		lifecycle.JobsObserved(tx, e)
	case state.JobFailed:
		lifecycle.JobFailed(tx, e)
	case state.CreateSnapshot, state.ChangeSnapshot, state.SnapshotTaken, state.SnapshotDisposed:
		lifecycle.Snapshot(tx, e)
	case state.Autoscaled, state.Rescaled:
		scaling.Take(tx, e)
	case state.CheckpointFound:
		lifecycle.CheckpointFound(tx, e)
	case state.WorkersWanted:
		lifecycle.WorkersWanted(tx, e)
	case state.Ticked:
		tick(tx, e)
	default:
		panic(fmt.Sprintf("core: event %T has no case", e))
	}
	return settle(tx)
}

// settle ends a step: what follows from its changes for the phases of clusters and for the stream of offers.
func settle(tx *state.Tx) (state.State, []state.Action) {
	tx.EachEdited(func(c *state.Cluster) {
		lifecycle.UpdatePhase(tx, c)
		revision.Follow(tx, c)
		if rollback.Judge(tx, c) {
			lifecycle.UpdatePhase(tx, c)
		}
		revision.Follow(tx, c)
		lifecycle.UpdateOperation(tx, c)
	})
	tx.Commit()
	offers.UpdateFlow(tx)
	return tx.State, tx.Actions()
}

// tick looks at the deadlines.
func tick(tx *state.Tx, e state.Ticked) {
	if tx.State.Options.Uninstall {
		lifecycle.Uninstall(tx)
	}
	lifecycle.TickHACleanup(tx)
	tasks.TickKills(tx)
	tasks.TickUnreachable(tx)
	for _, name := range workers.TickDraining(tx) {
		lifecycle.Converge(tx, name)
	}
	offers.TickProbes(tx)
	offers.TickAgents(tx)
	offers.TickReservations(tx)
	lifecycle.TickRollouts(tx)
	lifecycle.TickLookups(tx)
	lifecycle.TickHealth(tx)
	rollback.Tick(tx)
	lifecycle.TickCancels(tx)
	lifecycle.TickSnapshots(tx)
	scaling.Tick(tx)
	tx.TickOperations()
	tasks.TickReconciliation(tx, e)
}
