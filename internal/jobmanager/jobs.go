package jobmanager

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// maxObserved bounds the jobs of one cluster that are asked for their checkpoints.
const maxObserved = 20

// jobs asks for the jobs of an application or job cluster with their newest checkpoints, and posts what is new.
// It returns what was posted last.
func (w *Watcher) jobs(ctx context.Context, a state.Watch, last []wire.Job) []wire.Job {
	client, err := w.o.REST(a.JobManager)
	if err != nil {
		return last
	}
	jobs, err := ObserveJobs(ctx, client)
	if err != nil || len(jobs) == 0 || ctx.Err() != nil || reflect.DeepEqual(jobs, last) {
		return last
	}
	w.o.Post(state.JobsObserved{Cluster: a.Cluster, JobManager: a.JobManager.ID, Jobs: jobs})
	return jobs
}

// ObserveJobs asks a JobManager for its jobs with their newest checkpoints. Jobs that have not ended come first.
func ObserveJobs(ctx context.Context, client *rest.Client) ([]wire.Job, error) {
	list, err := client.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(a, b rest.JobSummary) int {
		switch {
		case a.Terminal() == b.Terminal():
			return 0
		case b.Terminal():
			return -1
		}
		return 1
	})
	var jobs []wire.Job
	for _, s := range list[:min(len(list), maxObserved)] {
		j := wire.Job{ID: s.ID, Name: s.Name, State: s.State, Running: s.Running(), Started: time.UnixMilli(s.Start).UTC(), Restarts: -1}
		c, err := client.Checkpoints(ctx, s.ID)
		if err != nil && !rest.IsNotFound(err) {
			return nil, err
		}
		j.Checkpoint, j.Savepoint = checkpoint(c.Completed), checkpoint(c.Savepoint)
		if c.Pending != nil {
			j.Pending = c.Pending.Time().UTC()
		}
		if n, err := client.Restarts(ctx, s.ID); err == nil {
			j.Restarts = n
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

func checkpoint(c *rest.Checkpoint) *wire.Checkpoint {
	if c == nil {
		return nil
	}
	return &wire.Checkpoint{ID: c.ID, Path: c.Path, Time: c.Time().UTC(), Completed: c.Completed().UTC(), Size: c.Size}
}

// listEvery is the time between two looks at the list of jobs while their numbers stay the same.
const listEvery = time.Second

// jobList is the list of a JobManager's jobs as it was last asked for.
type jobList struct {
	asked time.Time
	// counts are the numbers of jobs that were observed with it.
	counts [4]int
	jobs   []rest.JobSummary
	waits  slotWaits
	wait   wire.SlotWait
}

// look asks for the list of jobs when their numbers have changed, and from time to time while jobs run. It returns
// which of them wait for slots.
func (w *Watcher) look(ctx context.Context, a state.Watch, f wire.Flink, l *jobList) wire.SlotWait {
	counts := [4]int{f.JobsRunning, f.JobsFinished, f.JobsCancelled, f.JobsFailed}
	if counts == ([4]int{}) {
		*l = jobList{}
		return wire.SlotWait{}
	}
	if counts == l.counts && (f.JobsRunning == 0 || time.Since(l.asked) < listEvery) {
		return l.wait
	}
	client, err := w.o.REST(a.JobManager)
	if err != nil {
		return l.wait
	}
	jobs, err := client.Jobs(ctx)
	if err != nil {
		return l.wait // The next look asks again.
	}
	wait, err := l.waits.look(ctx, client, jobs, time.Now())
	if err != nil {
		return l.wait
	}
	if wait.AllSlots > 0 && !wait.Failed && wait.AllSlots <= f.SlotsTotal-f.SlotsAvailable {
		wait = wire.SlotWait{} // All have their slots, and their subtasks are being started.
	}
	l.asked, l.counts, l.jobs, l.wait = time.Now(), counts, jobs, wait
	return wait
}

// maxEnded bounds the jobs of a session that have ended and are observed: the newest.
const maxEnded = 50

// sessionJobs posts the jobs of a session when they have changed. It returns what was posted last.
func (w *Watcher) sessionJobs(ctx context.Context, a state.Watch, last []wire.Job, l *jobList) []wire.Job {
	var live, ended []wire.Job
	sorted := slices.Clone(l.jobs)
	slices.SortStableFunc(sorted, func(a, b rest.JobSummary) int { return cmp.Compare(b.End, a.End) })
	for _, s := range sorted {
		j := wire.Job{ID: s.ID, Name: s.Name, State: s.State, Running: s.Running(), Started: time.UnixMilli(s.Start).UTC(), Restarts: -1}
		switch {
		case !s.Terminal():
			live = append(live, j)
		case len(ended) < maxEnded:
			j.Failure = w.failure(ctx, a, s, last)
			ended = append(ended, j)
		}
	}
	jobs := slices.Concat(live, ended)
	if len(jobs) == 0 || ctx.Err() != nil || reflect.DeepEqual(jobs, last) {
		return last
	}
	w.o.Post(state.JobsObserved{Cluster: a.Cluster, JobManager: a.JobManager.ID, Jobs: jobs})
	return jobs
}

// maxFailure bounds the reason of a failed job, in bytes.
const maxFailure = 500

// failure is why a job failed; it is asked for once.
func (w *Watcher) failure(ctx context.Context, a state.Watch, s rest.JobSummary, last []wire.Job) string {
	if s.State != "FAILED" {
		return ""
	}
	if i := slices.IndexFunc(last, func(j wire.Job) bool { return j.ID == s.ID && j.State == s.State }); i >= 0 {
		return last[i].Failure
	}
	client, err := w.o.REST(a.JobManager)
	if err != nil {
		return ""
	}
	failures, err := client.Exceptions(ctx, s.ID)
	if err != nil || len(failures) == 0 {
		return ""
	}
	reason := rest.Reason(failures[0].Trace)
	return strings.ToValidUTF8(reason[:min(len(reason), maxFailure)], "")
}
