package tasks

import (
	"github.com/flink-on-mesos/flink-service/internal/core/state"
)

// TickKills repeats KILL for released tasks that have not ended.
func TickKills(tx *state.Tx) {
	if !tx.State.Connected {
		return
	}
	it := tx.State.Killing.Root().Iterator()
	for id, _, ok := it.Next(); ok; id, _, ok = it.Next() {
		if t, ok := tx.Task(string(id)); ok && !tx.Now.Before(t.KillAfter) {
			tx.Kill(t)
		}
	}
}

// killAnew repeats the KILL of all released tasks after a new subscription. How often one was sent before says
// nothing about whether the task heeds it, so the delays begin anew.
func killAnew(tx *state.Tx) {
	it := tx.State.Killing.Root().Iterator()
	for id, _, ok := it.Next(); ok; id, _, ok = it.Next() {
		if t, ok := tx.Task(string(id)); ok {
			t.Kills = 0
			tx.Kill(t)
		}
	}
}
