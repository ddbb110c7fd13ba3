package lifecycle

import (
	"github.com/flink-on-mesos/flink-service/internal/core/state"
)

// FlinkObserved takes what a JobManager's REST API says.
func FlinkObserved(tx *state.Tx, e state.FlinkObserved) {
	c, ok := tx.ClusterOfLiveJobManager(e.Cluster, e.JobManager)
	if !ok {
		return
	}
	first := c.Flink == nil
	f := e.Flink
	c.Flink, c.NeedsObservation = &f, false
	if first {
		tx.RecordEvent(c, "JobManagerReady", "the JobManager %s answers", e.JobManager)
	}
}
