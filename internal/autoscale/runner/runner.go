// Package runner runs the autoscaler: for each cluster whose job.autoscaler.enabled is true it
// collects the metrics of the running jobs, has package autoscale decide, keeps the history in the
// store, and tells the core what came of it. It runs on the instance that leads.
//
// One goroutine looks once a second which jobs are due; a few collections run at a time. A job is
// collected every Interval, and never twice at a time.
package runner

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/settings"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

const (
	// look is the time between two looks at which jobs are due.
	look = time.Second
	// mostInterval is the longest time between two collections of a job.
	mostInterval = time.Minute
	// samplesPerWindow is how many collections a metrics window has at least.
	samplesPerWindow = 15
	// parallel is how many jobs are collected at a time.
	parallel = 4
)

// Applier makes changes durable.
type Applier interface {
	Apply(ctx context.Context, changes []store.Record) error
}

// Options configure a Runner. All but Stored, Zone, Now and Tick are required.
type Options struct {
	// View returns the state as last published.
	View func() *state.State
	// Do posts an event and waits until what it asks for was saved.
	Do func(ctx context.Context, build func(request uint64) state.Event) error
	// REST returns the client of a JobManager's REST API, whose requests take at most the timeout.
	REST func(jm task.Task, timeout time.Duration) (*rest.Client, error)
	// Configuration is what the processes of a cluster are configured with.
	Configuration func(s spec.Spec, nonce string) map[string]string
	// Store takes the history, of which Stored is what it has.
	Store  Applier
	Stored []store.Record
	// Zone is that of the hours in job.autoscaler.excluded.periods; UTC when nil.
	Zone *time.Location
	// Now is the clock; nil means time.Now.
	Now        func() time.Time
	Registerer prometheus.Registerer
	Log        *slog.Logger
}

func (o *Options) validate() error {
	if o.View == nil || o.Do == nil || o.REST == nil || o.Configuration == nil || o.Store == nil || o.Registerer == nil || o.Log == nil {
		return errors.New("runner: View, Do, REST, Configuration, Store, Registerer and Log are required")
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}

// Runner runs the autoscaler. It is safe for use by several goroutines.
type Runner struct {
	o       Options
	metrics metrics

	mu   sync.Mutex
	jobs map[key]*job
	// parsed are the options of clusters, by name.
	parsed map[string]parsed
	// probed is when Mesos was last asked for offers, and probing has a token for who asks.
	probed  time.Time
	probing chan struct{}
	// free has a token for each collection that may run.
	free chan struct{}
	wg   sync.WaitGroup
}

// key names a job: that of an application has no id, because it stays the same over restarts.
type key struct{ cluster, nonce, job string }

// parsed are the options of one generation of a cluster's spec.
type parsed struct {
	nonce      string
	generation int64
	options    settings.Options
	err        error
}

// New returns a Runner with what was stored. It starts nothing.
func New(o Options) (*Runner, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	r := &Runner{o: o, jobs: map[key]*job{}, parsed: map[string]parsed{}, probing: make(chan struct{}, 1), free: make(chan struct{}, parallel)}
	if err := r.load(o.Stored); err != nil {
		return nil, err
	}
	r.metrics = newMetrics(o.Registerer, r)
	return r, nil
}

// Run collects and decides until ctx is done. It returns an error when the history cannot be saved.
func (r *Runner) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer func() {
		cancel(nil)
		r.wg.Wait()
	}()
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			if err := context.Cause(ctx); errors.Is(err, errSave) {
				return err
			}
			return nil
		case <-ticker.C:
			if err := r.tick(ctx, func(err error) { cancel(err) }); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

// tick begins the collections that are due, and forgets the jobs that are gone.
func (r *Runner) tick(ctx context.Context, failed func(error)) error {
	view, now := r.o.View(), r.o.Now()
	found := map[key]bool{}
	for _, t := range r.targets(view) {
		found[t.key] = true
		j := r.due(t, now)
		if j == nil {
			continue
		}
		r.wg.Go(func() {
			defer r.done(j)
			select {
			case r.free <- struct{}{}:
			case <-ctx.Done():
				return
			}
			defer func() { <-r.free }()
			if err := r.evaluate(ctx, j, t); err != nil && ctx.Err() == nil {
				failed(err)
			}
		})
	}
	return r.forget(ctx, view, found)
}

// due returns the job of a target when it is to be collected now, and marks it as busy.
func (r *Runner) due(t target, now time.Time) *job {
	r.mu.Lock()
	defer r.mu.Unlock()
	j := r.jobs[t.key]
	if j == nil {
		j = &job{key: t.key, reset: t.reset()}
		r.jobs[t.key] = j
	}
	if j.busy || now.Before(j.next) {
		return nil
	}
	j.busy, j.next = true, now.Add(Interval(t.options))
	return j
}

func (r *Runner) done(j *job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	j.busy = false
}

// Interval is the time between two collections of a job: a minute, or a fifteenth of the metrics
// window when that is shorter, and at least a second.
func Interval(o settings.Options) time.Duration {
	return max(look, min(mostInterval, o.Window.Length/samplesPerWindow))
}
