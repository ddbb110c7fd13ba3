package jobmanager

import (
	"context"
	"slices"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// askFor is how long after a change of a job its exceptions are asked for: Flink answers from a cache that is up to
// web.refresh-interval old, 3 s by default.
const askFor = 10 * time.Second

// exceptions follow the exception history of the jobs of one cluster.
type exceptions struct {
	// until is when they are no longer asked for.
	until time.Time
	// told is the time of the newest exception that was posted, by job.
	told map[string]int64
}

// look asks for the exceptions of jobs that changed a short time ago, and posts what is new.
func (e *exceptions) look(ctx context.Context, w *Watcher, a state.Watch, jobs []wire.Job, changed bool) {
	now := time.Now()
	if changed {
		e.until = now.Add(askFor)
	}
	if now.After(e.until) {
		return
	}
	client, err := w.o.REST(a.JobManager)
	if err != nil {
		return
	}
	for _, j := range jobs {
		list, err := client.Exceptions(ctx, j.ID)
		if err != nil || len(list) == 0 || ctx.Err() != nil || list[0].Time == e.told[j.ID] {
			continue
		}
		if e.told == nil {
			e.told = map[string]int64{}
		}
		e.told[j.ID] = list[0].Time
		w.o.Post(state.JobFailed{Cluster: a.Cluster, JobManager: a.JobManager.ID, Job: j.ID, Exceptions: exceptionsOf(list)})
	}
}

// exceptionsOf are Flink's entries, the oldest first.
func exceptionsOf(list []rest.Failure) []wire.JobException {
	all := make([]wire.JobException, 0, len(list))
	for _, f := range slices.Backward(list) {
		message := rest.Reason(f.Trace)
		if message == "" {
			message = f.Name
		}
		all = append(all, wire.JobException{
			Time: time.UnixMilli(f.Time).UTC(), Message: message, Task: f.Task, TaskManager: f.TaskManager, Endpoint: f.Endpoint,
		})
	}
	return all
}
