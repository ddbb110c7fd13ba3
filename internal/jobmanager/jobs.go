package jobmanager

import (
	"context"
	"reflect"
	"slices"
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
