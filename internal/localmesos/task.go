package localmesos

import (
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// task is a task that the master has not seen acknowledged to its end.
type task struct {
	info      mesos.TaskInfo
	framework *framework
	agentID   string
	state     *mesos.TaskState
	statuses  []mesos.TaskStatus
	// unacknowledged are the updates of the agent in order; the first was sent.
	unacknowledged []mesos.TaskStatus
	retry          *time.Timer
	retries        int
	freed          bool
}

// fromAgent is the newest status that came from the agent; those of the master have no id. Nil when there is none.
func (t *task) fromAgent() *mesos.TaskStatus {
	for i := range slices.Backward(t.statuses) {
		if len(t.statuses[i].UUID) > 0 {
			return &t.statuses[i]
		}
	}
	return nil
}

// role is the one that the task's resources are allocated to.
func (t *task) role() string {
	for i := range t.info.Resources {
		if a := t.info.Resources[i].AllocationInfo; a != nil {
			return a.GetRole()
		}
	}
	return "*"
}

// unreachable says whether the task is among those whose agent is unreachable.
func (t *task) unreachable() bool { return t.framework.unreachable[t.info.TaskID.Value] == t }

// terminal says whether a state is the last one of a task.
func terminal(s mesos.TaskState) bool {
	switch s {
	case mesos.TASK_FINISHED, mesos.TASK_FAILED, mesos.TASK_KILLED, mesos.TASK_ERROR, mesos.TASK_LOST,
		mesos.TASK_DROPPED, mesos.TASK_GONE, mesos.TASK_GONE_BY_OPERATOR:
		return true
	default:
		return false
	}
}
