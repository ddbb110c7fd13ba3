// Package scaling carries out what the autoscaler decides about the jobs of clusters.
package scaling

import (
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// Autoscaled takes what the autoscaler says about a cluster.
func Autoscaled(tx *state.Tx, e state.Autoscaled) {
	if _, ok := tx.Clusters.Get([]byte(e.Cluster)); !ok {
		tx.Answer(e.Request, fault.New(fault.NotFound, "there is no cluster %q", e.Cluster))
		return
	}
	c := tx.Edit(e.Cluster)
	for _, one := range e.Events {
		tx.RecordData(c, one.Type, one.Data, "%s", one.Message)
	}
	tx.Answer(e.Request, nil)
}
