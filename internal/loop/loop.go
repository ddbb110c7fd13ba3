// Package loop owns the state: one goroutine takes events from a queue, has the core
// fold them in, saves what must be saved, and then performs the actions in order. It never
// waits for anything slow but the store, and never posts to its own queue.
package loop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Saver makes records durable, all or none.
type Saver interface {
	Save(ctx context.Context, records []state.Record) error
}

// Sender takes the actions that go to the Mesos master. It must not wait.
type Sender interface {
	Send(a state.Action)
}

// Flink takes the actions that concern JobManagers. It must not wait.
type Flink interface {
	Watch(w state.Watch)
	Unwatch(w state.Unwatch)
	Depose(d state.RevokeLeadership)
	Forget(f state.DeleteHAData)
	Tell(cluster string)
}

// Jobs ends and rescales the jobs of clusters, and finds what they and their tasks left. It must not wait.
type Jobs interface {
	CancelJobs(a state.CancelJobs)
	StopJobs(a state.StopJobs)
	FindCheckpoint(a state.FindCheckpoint)
	FindLogError(a state.FindLogError)
	Rescale(a state.Rescale)
}

// Snapshots has Flink take snapshots, and their files removed. It must not wait.
type Snapshots interface {
	TakeSnapshot(a state.TakeSnapshot)
	DisposeSnapshot(a state.DisposeSnapshot)
}

// Recorder keeps what happened. It must not wait.
type Recorder interface {
	// Record keeps an event; cluster is empty for one of the service.
	Record(cluster string, e wire.Event)
	// Wake says that an operation changed.
	Wake()
}

// Prober asks tasks whether they live. It must not wait.
type Prober interface {
	Probe(a state.Probe)
}

// Options configure a Loop.
type Options struct {
	State state.State
	Saver Saver
	Mesos Sender
	Flink Flink
	Jobs  Jobs
	Probe Prober
	// Snapshots takes the actions that concern snapshots.
	Snapshots Snapshots
	// Recorder is told of events and operations; nil for nobody.
	Recorder Recorder
	// Tick is the time between Ticked events; 500 ms when 0.
	Tick time.Duration
	// Batch is how many queued events are saved together at most; 256 when 0.
	Batch int
	// Jitter returns the random number in [0,1) of the next Ticked event; nil means a good one.
	Jitter func() float64
	// Observe, when set, sees each event and its actions after they were performed.
	Observe func(at time.Time, e state.Event, actions []state.Action)
	// Check, when set, sees each step before its actions are performed; for tests.
	Check      func(before *state.State, e state.Event, actions []state.Action, after *state.State)
	Registerer prometheus.Registerer
	Log        *slog.Logger
}

func (o *Options) validate() error {
	if o.Saver == nil || o.Mesos == nil || o.Flink == nil || o.Jobs == nil || o.Probe == nil || o.Snapshots == nil || o.Log == nil || o.Registerer == nil {
		return errors.New("loop: Saver, Mesos, Flink, Jobs, Probe, Snapshots, Log and Registerer are required")
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Tick == 0 {
		o.Tick = 500 * time.Millisecond
	}
	if o.Batch == 0 {
		o.Batch = 256
	}
	return nil
}

// Loop is the owner of the state.
type Loop struct {
	o        Options
	queue    chan item
	view     atomic.Pointer[state.State]
	requests atomic.Uint64
	stopped  chan struct{}
	// began is when the work under way was taken up, in Unix nanoseconds; 0 while idle.
	began   atomic.Int64
	metrics metrics
}

// item is an event on the queue, and who waits for its answer.
type item struct {
	event   state.Event
	request uint64
	reply   chan error
}

// New returns a Loop that has published its first view and does not run yet.
func New(o Options) (*Loop, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	l := &Loop{o: o, queue: make(chan item, 4*o.Batch), stopped: make(chan struct{}), metrics: newMetrics(o.Registerer)}
	l.view.Store(&o.State)
	return l, nil
}

// View returns the state as last published. It never changes.
func (l *Loop) View() *state.State { return l.view.Load() }

// Busy is how long the work under way has taken so far; 0 while there is none.
func (l *Loop) Busy() time.Duration {
	began := l.began.Load()
	if began == 0 {
		return 0
	}
	return time.Since(time.Unix(0, began))
}

// Post queues an event. It waits while the queue is full, and gives up when the loop has ended.
func (l *Loop) Post(e state.Event) {
	select {
	case l.queue <- item{event: e}:
	case <-l.stopped:
	}
}

// Do queues an event made for a request id and waits for the answer, which comes after what
// it says was saved.
func (l *Loop) Do(ctx context.Context, build func(request uint64) state.Event) error {
	id := l.requests.Add(1)
	it := item{event: build(id), request: id, reply: make(chan error, 1)}
	select {
	case l.queue <- it:
	case <-l.stopped:
		return errStopped()
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-it.reply:
		return err
	case <-l.stopped:
		return errStopped()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func errStopped() error {
	return fault.New(fault.Unavailable, "the service is stopping; try again in a moment")
}

// Run takes events until ctx is done. It returns an error when something could not be saved:
// what is in memory is then ahead of what is stored, and the process must end.
func (l *Loop) Run(ctx context.Context) error {
	defer close(l.stopped)
	ticker := time.NewTicker(l.o.Tick)
	defer ticker.Stop()
	r := run{Loop: l, state: l.o.State, waiting: make(map[uint64]chan error)}
	for {
		select {
		case <-ctx.Done():
			return nil
		case it := <-l.queue:
			l.began.Store(time.Now().UnixNano())
			r.step(it)
		case <-ticker.C:
			l.began.Store(time.Now().UnixNano())
			r.step(item{event: state.Ticked{Jitter: l.o.Jitter()}})
		}
		r.drain()
		if err := r.perform(ctx); err != nil {
			return err
		}
		l.began.Store(0)
	}
}

// run is the working memory of Run.
type run struct {
	*Loop
	state   state.State
	waiting map[uint64]chan error
	records []state.Record
	actions []state.Action
}

// step folds in one event and collects what it asks for.
func (r *run) step(it item) {
	if it.reply != nil {
		r.waiting[it.request] = it.reply
	}
	now := time.Now()
	next, actions := core.Step(r.state, it.event, now)
	if r.o.Check != nil {
		r.o.Check(&r.state, it.event, actions, &next)
	}
	r.state = next
	r.metrics.event(it.event)
	for _, a := range actions {
		if s, ok := a.(state.Save); ok {
			r.records = append(r.records, s.Records...)
			continue
		}
		r.actions = append(r.actions, a)
	}
	if r.o.Observe != nil {
		r.o.Observe(now, it.event, actions)
	}
}

// drain folds in what is on the queue already, so that many events share one save.
func (r *run) drain() {
	for range r.o.Batch - 1 {
		select {
		case it := <-r.queue:
			r.step(it)
		default:
			return
		}
	}
}

// perform saves first, then does the rest in order.
func (r *run) perform(ctx context.Context) error {
	if len(r.records) > 0 {
		began := time.Now()
		if err := r.o.Saver.Save(context.WithoutCancel(ctx), r.records); err != nil {
			return fmt.Errorf("save the state: %w", err)
		}
		r.metrics.saved(len(r.records), time.Since(began))
		clear(r.records)
		r.records = r.records[:0]
	}
	view := r.state
	r.view.Store(&view)
	for _, a := range r.actions {
		r.act(a)
	}
	clear(r.actions)
	r.actions = r.actions[:0]
	return nil
}

func (r *run) act(a state.Action) {
	r.metrics.action(a)
	switch a := a.(type) {
	case state.Accept:
		for i := range a.Launches {
			t := &a.Launches[i].Task
			r.o.Log.Info("task launched", "cluster", t.Cluster, "task", t.ID, "role", t.Kind, "agent", t.AgentID, "host", t.Hostname)
		}
		if n := len(a.Destroy) + len(a.Unreserve); n > 0 {
			r.o.Log.Info("reserved resources given back", "agent", a.AgentID, "volumes", len(a.Destroy), "resources", len(a.Unreserve))
		}
		r.o.Mesos.Send(a)
	case state.Kill:
		r.o.Log.Info("task killed", "task", a.TaskID, "agent", a.AgentID)
		r.o.Mesos.Send(a)
	case state.Decline, state.AnswerInverse, state.Constrain, state.Revive, state.Suppress, state.Reconcile, state.Ack, state.Teardown, state.Resubscribe:
		r.o.Mesos.Send(a)
	case state.Watch:
		r.o.Flink.Watch(a)
	case state.Unwatch:
		r.o.Flink.Unwatch(a)
	case state.CancelJobs:
		r.o.Jobs.CancelJobs(a)
	case state.StopJobs:
		r.o.Jobs.StopJobs(a)
	case state.RevokeLeadership:
		r.o.Flink.Depose(a)
	case state.DeleteHAData:
		r.o.Flink.Forget(a)
	case state.FindCheckpoint:
		r.o.Jobs.FindCheckpoint(a)
	case state.Rescale:
		r.o.Log.Info("Flink is asked to rescale a job", "cluster", a.Cluster, "job", a.Job, "step", a.Number)
		r.o.Jobs.Rescale(a)
	case state.FindLogError:
		r.o.Jobs.FindLogError(a)
	case state.Probe:
		r.o.Probe.Probe(a)
	case state.TakeSnapshot:
		r.o.Snapshots.TakeSnapshot(a)
	case state.DisposeSnapshot:
		r.o.Snapshots.DisposeSnapshot(a)
	case state.ReportWorkers:
		r.o.Flink.Tell(a.Cluster)
	case state.Answer:
		if reply, ok := r.waiting[a.Request]; ok {
			delete(r.waiting, a.Request)
			reply <- a.Err
		}
	case state.OperationChanged:
		o := a.Operation
		r.o.Log.Info("operation", "state", o.State, "operation", o.ID, "kind", o.Kind, "cluster", o.Cluster, "by", o.By.Name, "user", o.By.User, "address", o.By.Address, "message", o.Message)
		if r.o.Recorder != nil {
			r.o.Recorder.Wake()
		}
	case state.RecordEvent:
		r.o.Log.Info(a.Event.Message, "cluster", a.Cluster, "event", a.Event.Type)
		if r.o.Recorder != nil {
			r.o.Recorder.Record(a.Cluster, a.Event)
		}
	case state.Recovered:
		// Counted by the metrics.
	case state.Save:
		// Collected by step.
	}
}
