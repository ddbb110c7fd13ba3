package lifecycle

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

const (
	// teardownAgain is after how long a TEARDOWN is sent again that had no effect.
	teardownAgain = 10 * time.Second
	// saveAgain is after how long savepoints are asked for again that failed.
	saveAgain = 30 * time.Second
)

// Uninstall brings the end of everything nearer: every cluster is deleted, and when none and no task is left, the
// framework is torn down. It looks at what is so, not at how it came to be, so that it goes on where an earlier
// process was stopped.
func Uninstall(tx *state.Tx) {
	it := tx.State.Clusters.Root().Iterator()
	for name, c, ok := it.Next(); ok; name, c, ok = it.Next() {
		if c.State != wire.Deleting && !saving(tx, tx.Edit(string(name))) {
			markDeleted(tx, tx.Edit(string(name)), wire.Actor{Name: serviceActor})
			Converge(tx, string(name))
		}
	}
	_, _, clusters := tx.Clusters.Root().Minimum()
	_, _, tasks := tx.Tasks.Root().Minimum()
	if clusters || tasks || tx.State.Framework.ID == "" || !tx.State.Connected || tx.Now.Before(tx.State.TeardownNext) {
		return
	}
	if tx.ReleasesPending() {
		if tx.State.AbandonAt.IsZero() {
			tx.State.AbandonAt = tx.Now.Add(state.GiveUpAfter)
		}
		if tx.Now.Before(tx.State.AbandonAt) {
			return
		}
		tx.AbandonReservations()
	}
	tx.State.TeardownNext = tx.Now.Add(teardownAgain)
	tx.Send(state.Teardown{})
}

// saving says whether the deletion of a cluster waits for savepoints of its jobs, and has them taken: the cluster is suspended
// first, as on request. It is tried again until that succeeds.
func saving(tx *state.Tx, c *state.Cluster) bool {
	if tx.State.Options.UninstallSavepoints == "" || !c.Active() {
		return false
	}
	if c.Rollout != nil {
		return true // Also one of another kind: its jobs are being stopped.
	}
	if !tx.JobsMayRun(c) {
		return false
	}
	if !c.StopAsked.IsZero() && tx.Now.Sub(c.StopAsked) < saveAgain {
		return true
	}
	spec := c.Spec
	spec.Suspended = true
	BeginRollout(tx, c, spec, state.StopRequest{Directory: tx.State.Options.UninstallSavepoints}, "")
	tx.SaveCluster(c)
	return true
}

// TornDown takes the end of the framework: its id will never be used again.
func TornDown(tx *state.Tx) {
	tx.State.Connected = false
	tx.State.Framework = state.Framework{}
	tx.Save(state.FrameworkKey, nil)
	it := tx.State.Tasks.Root().Iterator()
	for _, t, ok := it.Next(); ok; _, t, ok = it.Next() {
		tx.RemoveTask(t.ID) // The master has killed what was left.
	}
	tx.AbandonReservations()
	cit := tx.State.Clusters.Root().Iterator()
	for name, _, ok := cit.Next(); ok; name, _, ok = cit.Next() {
		markDeleted(tx, tx.Edit(string(name)), wire.Actor{Name: serviceActor})
		Converge(tx, string(name))
	}
}

// errUninstalling refuses what would have to be removed again.
func errUninstalling() error {
	return fault.New(fault.Conflict, "the service is being uninstalled; nothing new is taken")
}
