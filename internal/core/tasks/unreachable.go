package tasks

import (
	"github.com/flink-on-mesos/flink-service/internal/core/state"
)

// TickUnreachable replaces the tasks whose agent has been silent for too long. The old one is
// forgotten: should it come back it is an orphan and is killed on sight, so that two are never
// in service.
func TickUnreachable(tx *state.Tx) {
	it := tx.State.Unreachable.Root().Iterator()
	for id, _, ok := it.Next(); ok; id, _, ok = it.Next() {
		t, ok := tx.Task(string(id))
		if !ok || tx.Now.Sub(t.Changed) < tx.State.Options.UnreachableTimeout {
			continue
		}
		tx.Send(state.Kill{TaskID: t.ID, AgentID: t.AgentID})
		ended(tx, tx.Edit(t.Cluster), t, t.State)
	}
}
