package lifecycle

import (
	"github.com/flink-on-mesos/flink-service/internal/core/revision"
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
	if e.Stop != nil && c.Active() && tx.JobsMayRun(c) {
		if c.Rollout != nil {
			tx.Answer(e.Request, fault.New(fault.Conflict, "the jobs of cluster %q are being stopped for another change; try again when that is done", e.Name))
			return
		}
		next := c.Spec
		next.Suspended = true
		BeginRollout(tx, c, next, *e.Stop, "")
		c.Rollout.Delete, c.Rollout.By = true, e.By
		tx.Record(c, wire.Operation{Kind: wire.OperationDelete, By: e.By, From: c.Generation, To: c.Rollout.Generation, State: wire.OperationRunning})
		tx.SaveCluster(c)
		tx.Answer(e.Request, nil)
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
	revision.Forget(tx, c)
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
	if o, ok := tx.State.Operations.Get(c.Operation); !ok || o.Kind != wire.OperationDelete { // Else it has stopped the jobs first.
		tx.Record(c, wire.Operation{Kind: wire.OperationDelete, By: by, From: c.Generation, State: wire.OperationRunning})
	}
	tx.RecordEvent(c, "Deleting", "cluster %s is being deleted", c.Spec.Name)
	tx.SaveCluster(c)
	tx.Send(state.Unwatch{Cluster: c.Spec.Name})
}
