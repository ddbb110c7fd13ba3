package registry

import (
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// Task is a task that the master has not seen acknowledged to its end.
type Task struct {
	Info      mesos.TaskInfo
	Framework *Framework
	AgentID   string
	State     *mesos.TaskState
	Statuses  []mesos.TaskStatus
	// Unacknowledged are the updates of the agent in order; the first was sent.
	Unacknowledged []mesos.TaskStatus
	Retry          *time.Timer
	Retries        int
	Freed          bool
}

// FromAgent is the newest status that came from the agent; those of the master have no id. Nil when there is none.
func (t *Task) FromAgent() *mesos.TaskStatus {
	for i := range slices.Backward(t.Statuses) {
		if len(t.Statuses[i].UUID) > 0 {
			return &t.Statuses[i]
		}
	}
	return nil
}

// Role is the one that the task's resources are allocated to.
func (t *Task) Role() string {
	for i := range t.Info.Resources {
		if a := t.Info.Resources[i].AllocationInfo; a != nil {
			return a.GetRole()
		}
	}
	return "*"
}

// Unreachable says whether the task is among those whose agent is unreachable.
func (t *Task) Unreachable() bool { return t.Framework.Unreachable[t.Info.TaskID.Value] == t }

// Terminal says whether a state is the last one of a task.
func Terminal(s mesos.TaskState) bool {
	switch s {
	case mesos.TASK_FINISHED, mesos.TASK_FAILED, mesos.TASK_KILLED, mesos.TASK_ERROR, mesos.TASK_LOST,
		mesos.TASK_DROPPED, mesos.TASK_GONE, mesos.TASK_GONE_BY_OPERATOR:
		return true
	default:
		return false
	}
}
