package jobmanager

import (
	"context"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
)

const (
	// cancelTries is how often in a row a JobManager may not answer before its jobs are taken for gone.
	cancelTries = 4
	// restAfterEnd is how long a JobManager is left alone after a job ended: it shows the end before it has cleaned up.
	restAfterEnd = time.Second
)

// CancelJobs has every job cancelled and posts when none runs any more, or when the JobManager does not answer. It does not
// wait. What is under way already goes on. It needs no conversation.
func (w *Watcher) CancelJobs(a state.CancelJobs) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := a.JobManager.ID
	if w.closed || w.cancelling[id] != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	w.cancelling[id] = cancel
	w.wg.Go(func() {
		defer cancel()
		over := w.cancelJobs(ctx, a)
		w.mu.Lock()
		delete(w.cancelling, id)
		w.mu.Unlock()
		if over {
			w.o.Post(state.JobsCancelled{Cluster: a.Cluster, JobManager: id})
		}
	})
}

// cancelJobs returns true when no job runs, or nobody answers; false when ctx ended before.
func (w *Watcher) cancelJobs(ctx context.Context, a state.CancelJobs) bool {
	client, err := w.o.REST(a.JobManager)
	if err != nil {
		w.o.Log.Error("no client of the JobManager", "cluster", a.Cluster, "error", err)
		return true
	}
	for failed := 0; failed < cancelTries; {
		live, recent, err := cancelLive(ctx, client)
		switch {
		case err != nil:
			failed++
			w.o.Log.Warn("the jobs are not cancelled yet", "cluster", a.Cluster, "error", err)
		case live == 0 && !recent:
			return true
		default:
			failed = 0
		}
		select {
		case <-time.After(stopPoll):
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// cancelLive cancels every job that runs. It returns how many that were, and whether another one ended just now.
func cancelLive(ctx context.Context, client *rest.Client) (live int, recent bool, err error) {
	jobs, err := client.Jobs(ctx)
	if err != nil {
		return 0, false, err
	}
	for _, j := range jobs {
		if j.Terminal() {
			recent = recent || endedNow(j)
			continue
		}
		live++
		if j.State == "CANCELLING" {
			continue
		}
		if err := client.Cancel(ctx, j.ID); err != nil && !rest.IsNotFound(err) {
			return live, recent, err
		}
	}
	return live, recent, nil
}

// endedNow says whether a job ended so short a time ago that Flink may still be removing what it kept of it. The clocks of the
// two machines may differ.
func endedNow(j rest.JobSummary) bool {
	return time.Since(time.UnixMilli(j.End)).Abs() < restAfterEnd
}
