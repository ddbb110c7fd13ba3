package lifecycle

import (
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// PauseLaunches holds back the starts of one cluster or of all, or lets them go on. What runs stays.
func PauseLaunches(tx *state.Tx, e state.PauseLaunches) {
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
			tx.RecordEvent(c, "Paused", "the starts of tasks are paused on request")
		} else {
			tx.RecordEvent(c, "Continued", "the starts of tasks go on on request")
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
