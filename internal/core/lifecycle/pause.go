package lifecycle

import (
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/fault"
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
		if e.Paused {
			tx.RecordEvent(c, "Paused", "task launches are paused on request")
		} else {
			tx.RecordEvent(c, "Continued", "task launches are resumed on request")
			tx.State.WantOffers = true
		}
		tx.SaveCluster(c)
	}
	if !found && e.Cluster != "" {
		tx.Answer(e.Request, fault.New(fault.NotFound, "there is no cluster %q", e.Cluster))
		return
	}
	tx.Answer(e.Request, nil)
}
