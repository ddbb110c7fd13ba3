package view

import (
	"github.com/flink-on-mesos/flink-service/internal/core/offers"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// States of a worker in a report.
const (
	WorkerWaiting    = "waiting"
	WorkerLaunching  = "launching"
	WorkerRunning    = "running"
	WorkerTerminated = "terminated"
)

// WorkerReports is what is so of every worker of a cluster, for the driver of the epoch. With static allocation
// the TaskManagers are no workers: Flink did not ask for them, and they register by themselves.
func WorkerReports(s *state.State, name string) (epoch string, workers []state.WorkerReport, finishedSeen bool) {
	c, ok := s.Clusters.Get([]byte(name))
	if !ok {
		return "", nil, false
	}
	finishedSeen = c.Result != nil || c.Rollout != nil && c.Rollout.Result != nil
	if c.Spec.Allocation == spec.Static {
		return c.Driver.Epoch, nil, finishedSeen
	}
	it := c.Driver.Ended.Root().Iterator()
	for id, words, ok := it.Next(); ok; id, words, ok = it.Next() {
		workers = append(workers, state.WorkerReport{ID: string(id), State: WorkerTerminated, Message: words})
	}
	s.Tasks.Root().WalkPrefix([]byte(c.Prefix()), func(_ []byte, t *task.Task) bool {
		if t.Kind != spec.TaskManagerTask || t.Goal != task.Launched {
			return false
		}
		r := state.WorkerReport{ID: t.ID, State: WorkerLaunching, Message: t.Message, Host: t.Host(), Surplus: t.Surplus != ""}
		if t.State == task.Running {
			r.State = WorkerRunning
		}
		workers = append(workers, r)
		return false
	})
	reasons := make(map[string]string)
	wit := c.Pending.Root().Iterator()
	for _, w, ok := wit.Next(); ok; _, w, ok = wit.Next() {
		if w.Role != spec.TaskManagerTask || w.Surplus != "" {
			continue
		}
		key := w.Need.String()
		if _, ok := reasons[key]; !ok {
			reasons[key] = offers.Explain(s, c, w.Role, w.Need)
		}
		workers = append(workers, state.WorkerReport{ID: w.ID, State: WorkerWaiting, Message: reasons[key]})
	}
	return c.Driver.Epoch, workers, finishedSeen
}
