package state

import (
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// TasksOf returns the tasks of a cluster, in the order of their ids.
func (tx *Tx) TasksOf(c *Cluster) []*task.Task {
	var tasks []*task.Task
	tx.Tasks.Root().WalkPrefix([]byte(c.Prefix()), func(_ []byte, t *task.Task) bool {
		tasks = append(tasks, t)
		return false
	})
	return tasks
}

// SetTask stores a task and keeps the counts of its cluster. The caller hands over a fresh copy.
func (tx *Tx) SetTask(t *task.Task) {
	tx.Save(TaskPrefix+t.ID, t)
	tx.IndexTask(t)
}

// IndexTask keeps the indexes and the counts for a task whose record is stored already.
func (tx *Tx) IndexTask(t *task.Task) {
	c := tx.Edit(t.Cluster)
	if old, ok := tx.Tasks.Get([]byte(t.ID)); ok {
		tx.count(c, old, -1)
	}
	tx.Tasks.Insert([]byte(t.ID), t)
	tx.count(c, t, +1)
}

// IndexUnnamed is IndexTask for a task of a release in which pods had no names: it gets one.
func (tx *Tx) IndexUnnamed(t *task.Task) {
	t.Pod = tx.Edit(t.Cluster).nextPod(t.Kind)
	tx.IndexTask(t)
}

// RemoveTask forgets a task.
func (tx *Tx) RemoveTask(id string) {
	if old, ok := tx.Tasks.Get([]byte(id)); ok {
		tx.count(tx.Edit(old.Cluster), old, -1)
		tx.Tasks.Delete([]byte(id))
		tx.Unreachable.Delete([]byte(id))
		tx.FreeReservation(old)
	}
	tx.Save(TaskPrefix+id, nil)
}

func (tx *Tx) count(c *Cluster, t *task.Task, d int) {
	key := []byte(t.ID)
	if t.Goal == task.Launched && d > 0 {
		c.holdPod(t.Kind, t.Pod)
	} else if t.Goal == task.Launched {
		c.freePod(t.Kind, t.Pod)
	}
	if d < 0 {
		tx.killing.Delete(key)
	} else {
		if t.Goal == task.Released {
			tx.killing.Insert(key, struct{}{})
		}
		if t.State != task.Unreachable {
			tx.Unreachable.Delete(key)
		} else if _, ok := tx.Unreachable.Get(key); !ok {
			tx.Unreachable.Insert(key, Probing{})
		}
	}
	if t.Goal == task.Released {
		c.Releasing += d
	}
	if t.Kind == spec.JobManagerTask {
		c.JobManagers = slices.DeleteFunc(slices.Clone(c.JobManagers), func(id string) bool { return id == t.ID })
		if d > 0 {
			c.JobManagers = append(c.JobManagers, t.ID)
		}
		return
	}
	if t.Goal == task.Launched {
		c.TaskManagers += d
		if t.State == task.Running {
			c.Running += d
		}
	}
}

// Task returns a copy of a task that the caller may change and hand to setTask.
func (tx *Tx) Task(id string) (*task.Task, bool) {
	t, ok := tx.Tasks.Get([]byte(id))
	if !ok {
		return nil, false
	}
	c := *t
	return &c, true
}

// SupersededTasks says whether tasks of an earlier submission of a cluster's job may still run. Until they have
// ended no TaskManager is launched, so that two programs never run at once.
func (tx *Tx) SupersededTasks(c *Cluster) bool {
	if c.Submission == nil || c.Releasing == 0 {
		return false
	}
	found := false
	tx.Tasks.Root().WalkPrefix([]byte(c.Prefix()), func(_ []byte, t *task.Task) bool {
		found = t.Generation < c.Submission.Generation && t.Live()
		return found
	})
	return found
}
