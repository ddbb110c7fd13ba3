// Package probe asks tasks whose agents Mesos does not hear whether they live: it connects to a port of the task, and
// asks the JobManager for the heartbeats of a TaskManager. It decides nothing about the answers.
package probe

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

const (
	// tries is how often a port is tried; a try takes at most tryTimeout, and at least tryPause pass between the
	// begins of two. Together they take at most 2 s.
	tries      = 3
	tryTimeout = 600 * time.Millisecond
	tryPause   = 300 * time.Millisecond
	// restTimeout bounds what the JobManager is asked, and the comparison with other tasks.
	restTimeout = 1300 * time.Millisecond
	// heartbeatSlack is by how much a heartbeat of a living TaskManager may be older than the interval. The clocks of
	// the service and the JobManager are taken for alike, as Mesos takes them.
	heartbeatSlack = time.Second
	// most is how many tasks are asked at a time.
	most = 64
	// heartbeatsFor is how long one answer of a JobManager serves for all of its TaskManagers.
	heartbeatsFor = 500 * time.Millisecond
)

// Options configure a Prober. All are required.
type Options struct {
	// Dial connects, as (*net.Dialer).DialContext.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// TaskManagers lists those that a JobManager has registered, with their last heartbeats.
	TaskManagers func(ctx context.Context, jm task.Task) ([]rest.TaskManager, error)
	// Post delivers the answers. It may block.
	Post func(state.Event)
}

// Prober asks tasks. Its methods are safe for use by several goroutines.
type Prober struct {
	o      Options
	ctx    context.Context //nolint:containedctx // It ends with the Prober.
	cancel context.CancelFunc
	places chan struct{}
	wg     sync.WaitGroup

	mu         sync.Mutex
	closed     bool
	heartbeats map[string]*heartbeats // by JobManager
}

// heartbeats is one answer of a JobManager.
type heartbeats struct {
	asked time.Time
	done  chan struct{}
	at    map[string]time.Time
	err   error
}

// New returns a Prober that asks nobody yet.
func New(o Options) (*Prober, error) {
	if o.Dial == nil || o.TaskManagers == nil || o.Post == nil {
		return nil, errors.New("probe: Dial, TaskManagers and Post are required")
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Prober{o: o, ctx: ctx, cancel: cancel, places: make(chan struct{}, most), heartbeats: make(map[string]*heartbeats)}, nil
}

// Close ends the questions under way, which are not answered, and waits for them.
func (p *Prober) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.cancel()
	p.wg.Wait()
	return nil
}

// Probe asks a task, and posts state.Probed within about two seconds from when it has its turn. It does not wait.
func (p *Prober) Probe(a state.Probe) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.wg.Go(func() {
		select {
		case p.places <- struct{}{}:
			defer func() { <-p.places }()
		case <-p.ctx.Done():
			return
		}
		if e := p.ask(a); p.ctx.Err() == nil {
			p.o.Post(e)
		}
	})
}

// ask asks a task. Only when its port does not answer at once is anything else asked.
func (p *Prober) ask(a state.Probe) state.Probed {
	began := time.Now()
	e := state.Probed{TaskID: a.Task.ID, Since: a.Since, Compared: len(a.Others)}
	found := p.try(a.Task, tryTimeout)
	if found == taken {
		e.Alive, e.By = true, "its port answers"
		return e
	}
	var others, reached, beats atomic.Bool
	var wg sync.WaitGroup
	for _, o := range a.Others {
		wg.Go(func() {
			if p.try(o, restTimeout) == taken {
				others.Store(true)
			}
		})
	}
	if a.JobManager != nil {
		wg.Go(func() {
			at, err := p.lastHeartbeat(*a.JobManager, a.Task.ID)
			if err == nil {
				reached.Store(true)
				beats.Store(time.Since(at) <= a.Heartbeat+heartbeatSlack)
			}
		})
	}
	closed := found == refused
	for range tries - 1 {
		if pause(p.ctx, tryPause-time.Since(began)); p.ctx.Err() != nil {
			break
		}
		began = time.Now()
		if found = p.try(a.Task, tryTimeout); found == taken {
			e.Alive, e.By = true, "its port answers"
			break
		}
		closed = closed && found == refused
	}
	wg.Wait()
	e.Reached = others.Load() || reached.Load() || e.Alive
	// A machine that refuses says that nothing listens there, if it is not a firewall that refuses all: then no old
	// heartbeat counts. One that is silent may be out of reach of the service alone.
	if !e.Alive && beats.Load() && (!closed || !others.Load()) {
		e.Alive, e.By = true, "Flink has its heartbeats"
	}
	return e
}

// answer is what becomes of a try to connect.
type answer string

const (
	taken   answer = "taken"
	refused answer = "refused"
	silent  answer = "silent"
)

// try connects to a task.
func (p *Prober) try(t task.Task, timeout time.Duration) answer {
	name := flink.PortRPC
	if t.Kind == spec.JobManagerTask {
		name = flink.PortREST
	}
	port, ok := t.Ports[name]
	if !ok || t.Host() == "" {
		return silent
	}
	ctx, cancel := context.WithTimeout(p.ctx, timeout)
	defer cancel()
	conn, err := p.o.Dial(ctx, "tcp", net.JoinHostPort(t.Host(), strconv.Itoa(port)))
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return refused
	case err != nil:
		return silent
	}
	_ = conn.Close() // Nothing was said.
	return taken
}

// lastHeartbeat is when a JobManager last had a heartbeat of a TaskManager; the zero time for one that is not
// registered.
func (p *Prober) lastHeartbeat(jm task.Task, id string) (time.Time, error) {
	p.mu.Lock()
	h := p.heartbeats[jm.ID]
	if h == nil || time.Since(h.asked) > heartbeatsFor {
		h = &heartbeats{asked: time.Now(), done: make(chan struct{})}
		for other, old := range p.heartbeats { // JobManagers that are gone leave nothing behind.
			if time.Since(old.asked) > heartbeatsFor {
				delete(p.heartbeats, other)
			}
		}
		p.heartbeats[jm.ID] = h
		p.wg.Go(func() { p.read(h, jm) })
	}
	p.mu.Unlock()
	<-h.done
	return h.at[id], h.err
}

// read asks a JobManager for the heartbeats of all of its TaskManagers.
func (p *Prober) read(h *heartbeats, jm task.Task) {
	defer close(h.done)
	ctx, cancel := context.WithTimeout(p.ctx, restTimeout)
	defer cancel()
	list, err := p.o.TaskManagers(ctx, jm)
	h.err, h.at = err, make(map[string]time.Time, len(list))
	for _, tm := range list {
		h.at[tm.ID] = time.UnixMilli(tm.TimeSinceLastHeartbeat)
	}
}

// pause waits, but not for longer than ctx lasts.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
