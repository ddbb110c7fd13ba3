package tasks

import (
	"github.com/flink-on-mesos/flink-service/internal/core/state"
)

// AgentLost has the tasks of the agent asked for: their own updates come as well, and one of
// the two may be lost.
func AgentLost(tx *state.Tx, e state.AgentLost) {
	if e.AgentID == "" {
		return
	}
	if a, ok := tx.Agents.Get([]byte(e.AgentID)); ok {
		gone := *a // It has no room; its failures are kept, should it come back.
		gone.Snapshots = nil
		tx.Agents.Insert([]byte(gone.ID), &gone)
	}
	tx.MarkAgentLost(e.AgentID)
	tx.DrainingAgents.Delete([]byte(e.AgentID))
	it := tx.Tasks.Root().Iterator()
	found := false
	for id, t, ok := it.Next(); ok; id, t, ok = it.Next() {
		if t.AgentID == e.AgentID {
			tx.Open.Insert(id, struct{}{})
			found = true
		}
	}
	if found {
		tx.State.Reconcile.Attempt = 0
		tx.State.Reconcile.Next = tx.Now.Add(reconcileFirst)
	}
}
