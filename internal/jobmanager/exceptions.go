package jobmanager

import (
	"context"
	"slices"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// askFor is how long after trouble of a job its exceptions are asked for: Flink answers from a cache that is up to
// web.refresh-interval old, 3 s by default. A job without trouble is not asked about, because the question fills that
// cache: who asks for its accumulators when it has ended would get those of before.
const askFor = 10 * time.Second

// exceptions follow the exception history of the jobs of one cluster.
type exceptions struct {
	// until is when they are no longer asked for, by job.
	until map[string]time.Time
	// told is the time of the newest exception that was posted, by job.
	told map[string]int64
}

// look asks for the exceptions of jobs that were in trouble a short time ago, and posts what is new. before are the jobs
// of the pass before.
func (e *exceptions) look(ctx context.Context, w *Watcher, a state.Watch, before, jobs []wire.Job) {
	now := time.Now()
	ask := map[string]time.Time{}
	for _, j := range jobs {
		switch until := e.until[j.ID]; {
		case troubled(before, j):
			ask[j.ID] = now.Add(askFor)
		case now.Before(until):
			ask[j.ID] = until
		}
	}
	e.until = ask
	if len(ask) == 0 {
		return
	}
	client, err := w.o.REST(a.JobManager)
	if err != nil {
		return
	}
	for _, j := range jobs {
		if _, asked := ask[j.ID]; !asked {
			continue
		}
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

// troubled says whether a job has failed since the pass before, as far as its state tells.
func troubled(before []wire.Job, j wire.Job) bool {
	at := slices.IndexFunc(before, func(o wire.Job) bool { return o.ID == j.ID })
	switch {
	case at < 0:
		return j.Restarts > 0 || j.State == "RESTARTING" || j.State == "FAILING" || j.State == "FAILED"
	case before[at].State != j.State && (j.State == "RESTARTING" || j.State == "FAILING" || j.State == "FAILED"):
		return true
	}
	return before[at].Running && !j.Running && !j.Terminal() || j.Restarts > max(before[at].Restarts, 0)
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
