package workers

import (
	"cmp"
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/core/overrides"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// ConvergeStatic keeps the fixed number of TaskManagers.
func ConvergeStatic(tx *state.Tx, c *state.Cluster) {
	gone := drainingTaskManagers(tx, c)
	c.AllowSurge = len(gone) > 0
	have := c.TaskManagers - len(gone) + c.Pending.Len() - c.PendingJobManagers
	for ; have < overrides.TaskManagers(c); have++ {
		tx.AddPending(c, state.PendingTask{
			ID: c.NewID(spec.TaskManagerTask), Role: spec.TaskManagerTask,
			Need: tx.State.Need(c, spec.TaskManagerTask, c.Spec.TaskManager.Resources), Resources: c.Spec.TaskManager.Resources,
		})
	}
	if have == overrides.TaskManagers(c) {
		releaseDraining(tx, c, gone)
		return
	}
	excess := have - overrides.TaskManagers(c)
	var unplaced []*state.PendingTask
	it := c.Pending.Root().Iterator()
	for _, w, ok := it.Next(); ok; _, w, ok = it.Next() {
		if w.Role == spec.TaskManagerTask {
			unplaced = append(unplaced, w)
		}
	}
	for ; excess > 0 && len(unplaced) > 0; excess-- {
		tx.DropPending(c, unplaced[len(unplaced)-1])
		unplaced = unplaced[:len(unplaced)-1]
	}
	tasks := slices.DeleteFunc(tx.TasksOf(c), func(t *task.Task) bool {
		return t.Kind != spec.TaskManagerTask || t.Goal != task.Launched || slices.Contains(gone, t)
	})
	idle := func(t *task.Task) int {
		if slices.Contains(c.IdleTaskManagers, t.ID) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(tasks, func(a, b *task.Task) int { // Those that do not run yet first, then those without work, then the newest.
		return cmp.Or(cmp.Compare(runs(a), runs(b)), cmp.Compare(idle(a), idle(b)), b.Launched.Compare(a.Launched))
	})
	for _, t := range tasks[:min(excess, len(tasks))] {
		tx.Release(t)
	}
	releaseDraining(tx, c, gone)
}

// runs is 1 for a task that runs, and 0 for another.
func runs(t *task.Task) int {
	if t.State == task.Running {
		return 1
	}
	return 0
}

// releaseDraining releases those TaskManagers on agents that will not be there whose replacements are registered:
// together, because each time Flink's job starts anew.
func releaseDraining(tx *state.Tx, c *state.Cluster, gone []*task.Task) {
	spare := len(gone) - overrides.TaskManagers(c) // More are not wanted in any case.
	if len(gone) > 0 && allTaskManagersRegistered(c) {
		spare = min(c.TaskManagers-overrides.TaskManagers(c), len(gone))
	}
	for _, t := range gone[:max(0, spare)] {
		tx.RecordEvent(c, "Replaced", "TaskManager %s on %s is replaced", t.ID, t.Hostname)
		tx.Release(t)
	}
}
