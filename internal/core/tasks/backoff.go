package tasks

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// LaunchFailed remembers a failed start with its agent, and avoids the agent for a while when starts
// keep failing there. A start that worked clears it, and so does time.
func LaunchFailed(tx *state.Tx, t *task.Task) {
	old, ok := tx.Agents.Get([]byte(t.AgentID))
	if !ok {
		return
	}
	if t.Launched.Before(old.Counted) {
		return // It was under way with one that is counted.
	}
	a := *old
	a.Failures = a.Failures>>min(int(tx.Now.Sub(a.Counted)/state.AgentHalfLife), 30) + 1
	a.Counted = tx.Now
	if a.Failures >= state.AvoidAfter {
		a.AvoidUntil = tx.Now.Add(min(state.BackoffMost, 10*time.Second<<min(a.Failures-state.AvoidAfter, 20)))
	}
	tx.Agents.Insert([]byte(a.ID), &a)
}

// LaunchSucceeded forgets the failures of an agent on which a task came to run.
func LaunchSucceeded(tx *state.Tx, id string) {
	if old, ok := tx.Agents.Get([]byte(id)); ok && old.Failures > 0 {
		a := *old
		a.Failures, a.AvoidUntil, a.AvoidReason = 0, time.Time{}, ""
		tx.Agents.Insert([]byte(id), &a)
	}
}
