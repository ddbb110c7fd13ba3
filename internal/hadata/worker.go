package hadata

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/flink/ha"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// timeout bounds one piece of work in ZooKeeper. Without it Flink waits for its own session timeout, as it does without
// the service.
const timeout = 20 * time.Second

// Worker performs actions of the core, each in a goroutine of its own, and posts how they ended.
type Worker struct {
	locator Locator
	post    func(state.Event)
	log     *slog.Logger
	ctx     context.Context
	stop    context.CancelFunc
	wg      sync.WaitGroup
}

// New returns a Worker that posts events with post.
func New(l Locator, post func(state.Event), log *slog.Logger) *Worker {
	ctx, stop := context.WithCancel(context.Background())
	return &Worker{locator: l, post: post, log: log, ctx: ctx, stop: stop}
}

// Close ends the work under way, and waits.
func (w *Worker) Close() {
	w.stop()
	w.wg.Wait()
}

// Wait returns when no work is under way.
func (w *Worker) Wait() { w.wg.Wait() }

// Depose implements loop.Flink. It does not wait.
func (w *Worker) Depose(d state.RevokeLeadership) {
	log := w.log.With("cluster", d.Spec.Name, "task", d.JobManager.ID)
	l, ok := w.locator.logged(d.Spec, d.Nonce, log)
	if !ok {
		return
	}
	w.wg.Go(func() {
		ctx, cancel := context.WithTimeout(w.ctx, timeout)
		defer cancel()
		removed, err := l.RevokeLeadership(ctx, task.HostOf(d.Spec, &d.JobManager), d.JobManager.Ports[flink.PortRPC], d.Alone)
		if err != nil {
			log.Warn("the dead JobManager's leadership is not removed; its successor waits until its session ends", "error", err)
			return
		}
		log.Info("the dead JobManager's leadership is removed", "candidates", removed)
	})
}

// Forget implements loop.Flink. It does not wait.
func (w *Worker) Forget(d state.DeleteHAData) {
	log := w.log.With("cluster", d.Spec.Name)
	l, ok := w.locator.logged(d.Spec, d.Nonce, log)
	w.wg.Go(func() {
		done := state.HADataDeleted{Name: d.Spec.Name, Nonce: d.Nonce, Submission: d.Submission}
		if !ok {
			w.post(done)
			return
		}
		ctx, cancel := context.WithTimeout(w.ctx, timeout)
		defer cancel()
		if err := l.Remove(ctx); err != nil {
			log.Warn("the deleted cluster's high-availability data is not removed from ZooKeeper yet", "path", l.Path, "error", err)
			return
		}
		log.Info("the deleted cluster's high-availability data is removed", "path", l.Path)
		config := w.locator.Configuration(d.Spec, d.Nonce)
		if removed, err := ha.RemoveResults(config); err != nil {
			log.Warn("job results are left behind", "error", err)
		} else if removed {
			log.Info("the job results are removed", "path", l.Path)
		}
		removeEmptyDirectories(config)
		w.post(done)
	})
}

// FindCheckpoint implements loop.Flink. It does not wait.
func (w *Worker) FindCheckpoint(a state.FindCheckpoint) {
	l, ok := w.locator.logged(a.Lookup.Spec, a.Nonce, w.log.With("cluster", a.Cluster))
	w.wg.Go(func() {
		found := state.CheckpointFound{Cluster: a.Cluster, Submission: a.Submission}
		if ok {
			ctx, cancel := context.WithTimeout(w.ctx, timeout)
			defer cancel()
			newest, known, err := newestCheckpoint(ctx, l, a)
			if err != nil {
				found.Error = err.Error()
			}
			found.Newest, found.JobKnown = newest, known
		}
		if w.ctx.Err() == nil {
			w.post(found)
		}
	})
}

// newestCheckpoint is the id of the newest checkpoint of a job in ZooKeeper, 0 for none, and whether ZooKeeper knows
// the job at all. The graphs beside it are removed where a JobManager is to continue from there with another program.
func newestCheckpoint(ctx context.Context, l ha.Location, a state.FindCheckpoint) (newest int64, known bool, err error) {
	job := a.Lookup.JobID
	jobs, err := l.Jobs(ctx)
	if err != nil {
		return 0, false, err
	}
	if !slices.Contains(jobs, job) && len(jobs) == 1 {
		job = jobs[0]
	}
	known = slices.Contains(jobs, job)
	ids, err := l.Checkpoints(ctx, job)
	if err != nil || len(ids) == 0 {
		return 0, known, err
	}
	if a.RemoveGraphs {
		if _, err := l.RemoveGraphs(ctx); err != nil {
			return 0, known, err
		}
	}
	return slices.Max(ids), known, nil
}
