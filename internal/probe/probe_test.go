package probe_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/probe"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// place is how a host treats connections.
type place string

const (
	answers place = "answers"
	refuses place = "refuses"
	// drops has packets vanish, as a machine without power does.
	drops place = "drops"
	// third answers the third try.
	third place = "third"
)

// network is hosts by name, and what a JobManager says.
type network struct {
	hosts map[string]place
	// heartbeats are the ages of the last ones by TaskManager; nil has the JobManager not answer.
	heartbeats map[string]time.Duration

	mu    sync.Mutex
	tried map[string]int
	asked atomic.Int64
	open  atomic.Int64
	most  atomic.Int64
}

func (n *network) dial(ctx context.Context, _, address string) (net.Conn, error) {
	host, _, _ := net.SplitHostPort(address)
	n.mu.Lock()
	n.tried[host]++
	tries := n.tried[host]
	n.mu.Unlock()
	n.most.Store(max(n.most.Load(), n.open.Add(1)))
	defer n.open.Add(-1)
	switch p := n.hosts[host]; {
	case p == answers, p == third && tries >= 3:
		near, far := net.Pipe()
		_ = far.Close()
		return near, nil
	case p == drops:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
}

func (n *network) taskManagers(ctx context.Context, _ task.Task) ([]rest.TaskManager, error) {
	n.asked.Add(1)
	if n.heartbeats == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	var all []rest.TaskManager
	for id, age := range n.heartbeats {
		all = append(all, rest.TaskManager{ID: id, TimeSinceLastHeartbeat: time.Now().Add(-age).UnixMilli()})
	}
	return all, nil
}

func worker(id, host string) task.Task {
	return task.Task{ID: id, Kind: spec.TaskManagerTask, Hostname: host, Ports: map[string]int{"rpc": 31000}}
}

func manager(host string) task.Task {
	return task.Task{ID: "jm", Kind: spec.JobManagerTask, Hostname: host, Ports: map[string]int{"rest": 31000}}
}

// TestProbe asks tasks that live or do not, with the answer and the time that it takes.
func TestProbe(t *testing.T) {
	t.Parallel()
	jm := manager("other")
	alive := state.Probed{TaskID: "tm", Alive: true, By: "its port answers"}
	compared := func(e state.Probed, reached bool) state.Probed { e.Compared, e.Reached = 1, reached; return e }
	dead := state.Probed{TaskID: "tm"}
	for _, c := range []struct {
		name   string
		hosts  map[string]place
		beats  map[string]time.Duration
		task   task.Task
		want   state.Probed
		within time.Duration
	}{
		{"lives", map[string]place{"host": answers}, nil, worker("tm", "host"), compared(alive, false), 0},
		{"answers the third try", map[string]place{"host": third}, nil, worker("tm", "host"), compared(alive, true), 2 * time.Second},
		{"died, its machine lives", map[string]place{"host": refuses, "other": answers}, map[string]time.Duration{}, worker("tm", "host"), compared(dead, true), time.Second},
		{"died a moment ago, its last heartbeat is young", map[string]place{"host": refuses, "other": answers}, map[string]time.Duration{"tm": time.Second}, worker("tm", "host"), compared(dead, true), time.Second},
		{
			"a firewall refuses the service, and Flink has heartbeats",
			map[string]place{"host": refuses, "other": refuses},
			map[string]time.Duration{"tm": time.Second},
			worker("tm", "host"),
			state.Probed{TaskID: "tm", Alive: true, By: "Flink has its heartbeats", Compared: 1, Reached: true},
			time.Second,
		},
		{"machine lost", map[string]place{"host": drops, "other": answers}, map[string]time.Duration{"tm": 75 * time.Second}, worker("tm", "host"), compared(dead, true), 2 * time.Second},
		{
			"no way to its port, and Flink has heartbeats",
			map[string]place{"host": drops},
			map[string]time.Duration{"tm": 9 * time.Second},
			worker("tm", "host"),
			state.Probed{TaskID: "tm", Alive: true, By: "Flink has its heartbeats", Compared: 1, Reached: true},
			2 * time.Second,
		},
		{"Flink has given it up", map[string]place{"host": drops}, map[string]time.Duration{"tm": 12 * time.Second}, worker("tm", "host"), compared(dead, true), 2 * time.Second},
		{"nothing answers", map[string]place{"host": drops, "other": drops}, nil, worker("tm", "host"), compared(dead, false), 2 * time.Second},
		{"has no address yet", map[string]place{"other": answers}, map[string]time.Duration{}, worker("tm", ""), compared(dead, true), time.Second},
		{
			"is a JobManager",
			map[string]place{"host": answers},
			nil, manager("host"),
			state.Probed{TaskID: "jm", Alive: true, By: "its port answers", Compared: 1},
			0,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := &network{hosts: c.hosts, heartbeats: c.beats, tried: map[string]int{}}
				events := make(chan state.Event, 1)
				p := start(t, n, events)
				began := time.Now()
				a := state.Probe{Task: c.task, Since: began, Heartbeat: 10 * time.Second, Others: []task.Task{worker("o", "other")}}
				if c.task.Kind == spec.TaskManagerTask {
					a.JobManager = &jm
				}
				p.Probe(a)
				want := c.want
				want.Since = began
				if diff := cmp.Diff(state.Event(want), <-events); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if took := time.Since(began); took > c.within {
					t.Errorf("the answer took %s, want at most %s", took, c.within)
				}
			})
		})
	}
}

// TestMany asks a thousand tasks whose machines are gone: a bounded number at a time, and their JobManager not for each.
func TestMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{hosts: map[string]place{"host": refuses}, heartbeats: map[string]time.Duration{}, tried: map[string]int{}}
		events := make(chan state.Event, 1000)
		p := start(t, n, events)
		jm := manager("other")
		for i := range 1000 {
			p.Probe(state.Probe{Task: worker(fmt.Sprintf("tm-%d", i), "host"), JobManager: &jm, Heartbeat: time.Second})
		}
		for range 1000 {
			if e := (<-events).(state.Probed); e.Alive || !e.Reached {
				t.Fatalf("%+v", e)
			}
		}
		if n.most.Load() > 64 || n.asked.Load() > 30 {
			t.Errorf("%d connections were made at a time, and the JobManager was asked %d times", n.most.Load(), n.asked.Load())
		}
	})
}

// TestClose ends questions without an answer.
func TestClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{hosts: map[string]place{"host": drops}, tried: map[string]int{}}
		events := make(chan state.Event, 1)
		p := start(t, n, events)
		p.Probe(state.Probe{Task: worker("tm", "host")})
		synctest.Wait()
		began := time.Now()
		_ = p.Close()
		p.Probe(state.Probe{Task: worker("tm", "host")})
		synctest.Wait()
		if took := time.Since(began); took != 0 || len(events) != 0 {
			t.Errorf("Close() took %s, and there are %d answers", took, len(events))
		}
	})
}

func TestOptions(t *testing.T) {
	t.Parallel()
	if _, err := probe.New(probe.Options{}); err == nil {
		t.Error("New() takes options without Dial")
	}
}

func start(t *testing.T, n *network, events chan state.Event) *probe.Prober {
	t.Helper()
	p, err := probe.New(probe.Options{Dial: n.dial, TaskManagers: n.taskManagers, Post: func(e state.Event) { events <- e }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}
