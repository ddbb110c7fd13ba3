package workers

import (
	"strings"

	iradix "github.com/hashicorp/go-immutable-radix/v2"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// Want closes the gap between the wanted set and what is waiting, launched and ended.
func Want(tx *state.Tx, c *state.Cluster, workers []task.Worker, started map[string]bool) {
	prefix := c.Prefix()
	wanted := iradix.New[*task.Worker]().Txn()
	for i := range workers {
		w := workers[i]
		if !strings.HasPrefix(w.ID, prefix) {
			continue
		}
		wanted.Insert([]byte(w.ID), &w)
		if _, ended := c.Driver.Ended.Get([]byte(w.ID)); ended {
			continue
		}
		if t, launched := tx.Tasks.Get([]byte(w.ID)); launched {
			if t.Surplus != "" { // Flink has taken it in: from now on it is like any other.
				own := *t
				own.Surplus = ""
				tx.SetTask(&own)
			}
			continue
		}
		if _, waits := c.Pending.Get([]byte(w.ID)); waits {
			continue
		}
		if started[w.ID] {
			continue // The next report does not name it, which Flink takes for its end.
		}
		r := c.Spec.TaskManager.Resources
		r.CPUs, r.Memory = w.CPUs, w.Memory
		if n, ok := w.ExternalResources["gpu"]; ok {
			r.GPUs = n
		}
		tx.AddPending(c, state.PendingTask{
			ID: w.ID, Role: spec.TaskManagerTask, Worker: &w,
			Need: tx.State.Need(c, spec.TaskManagerTask, r), Resources: r,
		})
	}
	c.Driver.Wanted = wanted.Commit()

	isWanted := func(id string) bool {
		_, ok := c.Driver.Wanted.Get([]byte(id))
		return ok
	}
	it := c.Pending.Root().Iterator()
	for _, w, ok := it.Next(); ok; _, w, ok = it.Next() {
		if w.Role == spec.TaskManagerTask && w.Surplus == "" && !isWanted(w.ID) {
			tx.DropPending(c, w)
		}
	}
	for _, t := range tx.TasksOf(c) {
		if t.Kind == spec.TaskManagerTask && !isWanted(t.ID) && (t.Surplus == "" || tx.Now.Sub(t.Launched) > surplusFor) {
			tx.Release(t)
		}
	}
	ended := c.Driver.Ended.Root().Iterator()
	for key, _, ok := ended.Next(); ok; key, _, ok = ended.Next() {
		if !isWanted(string(key)) {
			c.Driver.Ended, _, _ = c.Driver.Ended.Delete(key)
		}
	}
}

// Ended remembers the end of a worker until Flink no longer wants it: the set that Flink
// last sent may still name it, and must not bring it back. The first words about it are the ones that Flink is told.
func Ended(tx *state.Tx, c *state.Cluster, id, words string) {
	if _, known := c.Driver.Ended.Get([]byte(id)); known {
		return
	}
	c.Driver.Ended, _, _ = c.Driver.Ended.Insert([]byte(id), words)
	Report(tx, c)
}

// Report has the driver told what is so of each worker; Report has the words.
func Report(tx *state.Tx, c *state.Cluster) {
	if !c.Spec.HasDriver() || c.Driver.Epoch == "" {
		return
	}
	for _, a := range tx.Sends {
		if t, ok := a.(state.ReportWorkers); ok && t.Cluster == c.Spec.Name {
			return
		}
	}
	tx.Send(state.ReportWorkers{Cluster: c.Spec.Name})
}
