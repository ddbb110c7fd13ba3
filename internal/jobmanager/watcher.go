// Package jobmanager keeps one conversation with the JobManager of each cluster: it observes
// Flink through its REST API and exchanges the set of wanted workers with the driver inside.
// What it learns it posts as events; it decides nothing.
package jobmanager

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Exchange is the conversation with one driver about wanted workers.
type Exchange interface {
	// Run keeps the conversation alive until ctx is done, over restarts of either side.
	Run(ctx context.Context) error
	// Tell has the newest report sent soon. It does not wait.
	Tell()
}

// Options configure a Watcher.
type Options struct {
	// Observe asks a JobManager's REST API what is so.
	Observe func(ctx context.Context, jm task.Task) (wire.Flink, error)
	// Wanted says that an observation of a cluster is to be posted soon, also when it is the same as the last one; nil for
	// never.
	Wanted func(cluster string) bool
	// Dial makes the conversation with the driver of a JobManager.
	Dial func(jm task.Task) (Exchange, error)
	// REST returns the client of a JobManager's REST API.
	REST func(jm task.Task) (*rest.Client, error)
	// Post delivers an event to the owner of the state. It may block.
	Post func(state.Event)
	// Busy and Idle are the times between observations while things change and otherwise;
	// 250 ms and 2 s when 0.
	Busy, Idle time.Duration
	Log        *slog.Logger
}

func (o *Options) validate() error {
	if o.Observe == nil || o.Dial == nil || o.REST == nil || o.Post == nil || o.Log == nil {
		return errors.New("jobmanager: Observe, Dial, REST, Post and Log are required")
	}
	if o.Wanted == nil {
		o.Wanted = func(string) bool { return false }
	}
	if o.Busy == 0 {
		o.Busy = 250 * time.Millisecond
	}
	if o.Idle == 0 {
		o.Idle = 2 * time.Second
	}
	return nil
}

// Watcher holds the conversations.
type Watcher struct {
	o Options

	mu            sync.Mutex
	conversations map[string]map[string]*conversation // by cluster and JobManager
	// cancelling ends the cancellation of jobs that is under way, by JobManager.
	cancelling map[string]context.CancelFunc
	// working ends the work on snapshots that is under way, by what it is about.
	working map[string]context.CancelFunc
	closed  bool
	wg      sync.WaitGroup
}

type conversation struct {
	ctx      context.Context //nolint:containedctx // It ends with the conversation, which outlives every call.
	cancel   context.CancelFunc
	exchange Exchange
	// stopping is the number of the change for which the jobs are being stopped; 0 for none.
	stopping int64
}

// New returns a Watcher without conversations.
func New(o Options) (*Watcher, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &Watcher{o: o, conversations: make(map[string]map[string]*conversation), cancelling: make(map[string]context.CancelFunc), working: make(map[string]context.CancelFunc)}, nil
}

// Watch starts the conversation with a JobManager, unless there is one.
func (w *Watcher) Watch(a state.Watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.conversations[a.Cluster][a.JobManager.ID] != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &conversation{ctx: ctx, cancel: cancel}
	if w.conversations[a.Cluster] == nil {
		w.conversations[a.Cluster] = make(map[string]*conversation)
	}
	w.conversations[a.Cluster][a.JobManager.ID] = c
	w.wg.Go(func() { w.observe(ctx, a) })
	if !a.Exchange {
		return
	}
	exchange, err := w.o.Dial(a.JobManager)
	if err != nil {
		w.o.Log.Error("no conversation with the driver", "cluster", a.Cluster, "error", err)
		return
	}
	c.exchange = exchange
	w.wg.Go(func() {
		if err := exchange.Run(ctx); err != nil && ctx.Err() == nil {
			w.o.Log.Error("conversation with the driver ended", "cluster", a.Cluster, "error", err)
		}
	})
}

// Unwatch ends the conversation with a JobManager, or with all of a cluster.
func (w *Watcher) Unwatch(a state.Unwatch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	of := w.conversations[a.Cluster]
	for id, c := range of {
		if a.JobManager == "" || a.JobManager == id {
			c.cancel()
			delete(of, id)
		}
	}
	if len(of) == 0 {
		delete(w.conversations, a.Cluster)
	}
}

// Tell has the newest report sent to the drivers of a cluster: the one that leads takes it.
func (w *Watcher) Tell(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conversations[name] {
		if c.exchange != nil {
			c.exchange.Tell()
		}
	}
}

// Close ends every conversation and waits for the goroutines.
func (w *Watcher) Close() {
	w.mu.Lock()
	w.closed = true
	for _, of := range w.conversations {
		for _, c := range of {
			c.cancel()
		}
	}
	for _, cancel := range w.cancelling {
		cancel()
	}
	for _, cancel := range w.working {
		cancel()
	}
	clear(w.conversations)
	w.mu.Unlock()
	w.wg.Wait()
}

// busyFor is how long after a change more changes are expected soon.
const busyFor = 20 * time.Second

// observe asks Flink how it is, often while things change, now and then otherwise, and posts
// what is new.
func (w *Watcher) observe(ctx context.Context, a state.Watch) {
	var last wire.Flink
	var jobs []wire.Job
	var failures exceptions
	listed := jobList{}
	known := false
	changed := time.Now()
	for {
		f, err := w.o.Observe(ctx, a.JobManager)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			observed := f.Observed
			f.Observed = last.Observed
			f.SlotWait = w.look(ctx, a, f, &listed)
			if !known || f != last || w.o.Wanted(a.Cluster) {
				f.Observed = observed
				last, known, changed = f, true, time.Now()
				w.o.Post(state.FlinkObserved{Cluster: a.Cluster, JobManager: a.JobManager.ID, Flink: f})
			}
			before := jobs
			if a.Jobs {
				jobs = w.jobs(ctx, a, jobs)
			} else {
				jobs = w.sessionJobs(ctx, a, jobs, &listed)
			}
			failures.look(ctx, w, a, before, jobs)
		}
		wait := w.o.Busy
		if known && time.Since(changed) > busyFor && !w.o.Wanted(a.Cluster) {
			wait = w.o.Idle
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}
