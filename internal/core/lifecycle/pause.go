package lifecycle

import (
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// PauseLaunches pauses the task launches of one cluster, or of all clusters and those created later, or resumes them.
// Running tasks keep running.
func PauseLaunches(tx *state.Tx, e state.PauseLaunches) {
	if e.Cluster == "" && tx.State.Framework.Paused != e.Paused {
		tx.State.Framework.Paused = e.Paused
		tx.SaveFramework()
	}
	found := false
	it := tx.State.Clusters.Root().Iterator()
	for key, c, ok := it.Next(); ok; key, c, ok = it.Next() {
		name := string(key)
		if e.Cluster != "" && name != e.Cluster {
			continue
		}
		found = true
		if c.Paused == e.Paused {
			continue
		}
		c = tx.Edit(name)
		c.Paused = e.Paused
		kind := wire.OperationContinue
		if e.Paused {
			kind = wire.OperationPause
			tx.RecordEvent(c, "Paused", "task launches are paused on request")
		} else {
			tx.RecordEvent(c, "Continued", "task launches are resumed on request")
			tx.State.WantOffers = true
		}
		tx.Record(c, wire.Operation{Kind: kind, By: e.By, State: wire.OperationSucceeded})
		tx.SaveCluster(c)
	}
	if !found && e.Cluster != "" {
		tx.Answer(e.Request, fault.New(fault.NotFound, "there is no cluster %q", e.Cluster))
		return
	}
	tx.Answer(e.Request, nil)
}
