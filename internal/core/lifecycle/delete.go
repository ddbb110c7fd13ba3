package lifecycle

import (
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Delete asks for the end of a cluster.
func Delete(tx *state.Tx, e state.DeleteCluster) {
	c := tx.Edit(e.Name)
	if c == nil {
		tx.Answer(e.Request, fault.New(fault.NotFound, "there is no cluster %q", e.Name))
		return
	}
	markDeleted(tx, c, e.By)
	Converge(tx, e.Name)
	tx.Answer(e.Request, nil)
}

// removeCluster forgets a cluster that has no task left.
func removeCluster(tx *state.Tx, c *state.Cluster) {
	name := c.Spec.Name
	tx.Clusters.Delete([]byte(name))
	tx.Edited[name] = nil
	tx.EndOperation(c, wire.OperationSucceeded, "")
	tx.Save(state.ClusterPrefix+name, nil)
	tx.Send(state.RecordEvent{Cluster: name, Event: wire.Event{Time: tx.Now, Type: "Deleted", Message: "cluster " + name + " is gone"}})
	scheduleHACleanup(tx, c)
}

// markDeleted saves that a cluster is to end. The caller converges it.
func markDeleted(tx *state.Tx, c *state.Cluster, by wire.Actor) {
	if c.State == wire.Deleting {
		return
	}
	c.State, c.Message, c.Rollout = wire.Deleting, "", nil
	tx.Record(c, wire.Operation{Kind: wire.OperationDelete, By: by, From: c.Generation, State: wire.OperationRunning})
	tx.RecordEvent(c, "Deleting", "cluster %s is being deleted", c.Spec.Name)
	tx.SaveCluster(c)
	tx.Send(state.Unwatch{Cluster: c.Spec.Name})
}
