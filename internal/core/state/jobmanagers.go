package state

import (
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/task"
)

// JobsMayRun says whether there is a JobManager whose jobs have a state to lose.
func (tx *Tx) JobsMayRun(c *Cluster) bool {
	_, ok := tx.ControllingJobManager(c)
	return ok
}

// ControllingJobManager returns the JobManager to ask for the stop of jobs: the newest that runs and is to stay.
func (tx *Tx) ControllingJobManager(c *Cluster) (*task.Task, bool) {
	for _, id := range slices.Backward(c.JobManagers) {
		t, ok := tx.Tasks.Get([]byte(id))
		if ok && t.Goal == task.Launched && (t.State == task.Running || t.State == task.Unreachable) {
			return t, true
		}
	}
	return nil, false
}

// ClusterOfLiveJobManager returns the cluster for which a JobManager speaks that runs and is to stay. Of several, each tells
// the same of Flink, and only the driver of the one that leads has an epoch.
func (tx *Tx) ClusterOfLiveJobManager(name, jobManager string) (*Cluster, bool) {
	c, ok := tx.Clusters.Get([]byte(name))
	if !ok || !slices.Contains(c.JobManagers, jobManager) {
		return nil, false
	}
	if t, ok := tx.Tasks.Get([]byte(jobManager)); !ok || t.Goal != task.Launched {
		return nil, false
	}
	return tx.Edit(name), true
}

// NewestJobManager returns the JobManager that new TaskManagers are started for.
func (tx *Tx) NewestJobManager(name string) (*task.Task, bool) {
	c, ok := tx.Clusters.Get([]byte(name))
	if !ok {
		return nil, false
	}
	for _, id := range slices.Backward(c.JobManagers) {
		if t, ok := tx.Tasks.Get([]byte(id)); ok && t.Goal == task.Launched {
			return t, true
		}
	}
	return nil, false
}
