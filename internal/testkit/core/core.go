// Package core runs the service's core for simulations and benches: the real owner of the state, the real scheduler
// and the real conversation with JobManagers, wired as package app wires them, on a store and a master of the test's
// choice. It has no HTTP API, fetches nothing and renders no Flink; and it can stop anywhere, as kill -9 does.
package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/flink/driver"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/jobmanager"
	"github.com/flink-on-mesos/flink-service/internal/loop"
	"github.com/flink-on-mesos/flink-service/internal/mesos"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/store/records"
	"github.com/flink-on-mesos/flink-service/internal/task"
	scripted "github.com/flink-on-mesos/flink-service/internal/testkit/jobmanager"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Options configure a Core.
type Options struct {
	// Master is the host:port of the Mesos master.
	Master string
	// Dial connects to the master; nil for the network of the machine.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Store holds what an earlier Core left, and takes what this one saves.
	Store store.Store
	// JobManager finds the scripted JobManager that stands for the one of a cluster; nil when no cluster has any.
	JobManager func(cluster string) *scripted.JobManager
	// Role is the Mesos role; * when empty.
	Role string
	// Decide are the knobs of the decisions.
	Decide state.Options
	// Tick is the time between looks at the deadlines; 500 ms when 0.
	Tick time.Duration
	// Repeat is the time after which a driver is told again what nothing changed about; 10 s when 0.
	Repeat time.Duration
	// Backoff bounds the wait between connections to the master; 15 s when 0.
	Backoff time.Duration
	// Log takes what the parts say; nil for nobody.
	Log *slog.Logger
}

// Core is one life of the service's core.
type Core struct {
	*loop.Loop
	o       Options
	gate    *gate
	watcher *jobmanager.Watcher
	done    chan struct{}
	err     error
}

// Start loads what the store holds and runs the core until Stop or Crash.
func Start(o Options) (*Core, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	saved, err := o.Store.Load(context.Background())
	if err != nil {
		return nil, err
	}
	stored, err := records.Decode(saved, nil)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &Core{o: o, gate: newGate(cancel), done: make(chan struct{})}
	scheduler, err := c.wire(core.New(o.Decide, stored, time.Now()))
	if err != nil {
		cancel()
		return nil, err
	}
	var wg sync.WaitGroup
	var loopErr, schedulerErr error
	wg.Go(func() { loopErr = c.Run(ctx); cancel() })
	if !o.Decide.Uninstall || stored.Framework.ID != "" { // As package app: what was never registered needs no end.
		wg.Go(func() { schedulerErr = scheduler.Run(ctx); cancel() })
	}
	go func() {
		defer close(c.done)
		wg.Wait()
		c.watcher.Close()
		if c.err = errors.Join(loopErr, schedulerErr); errors.Is(c.err, errCrashed) {
			c.err = nil
		}
	}()
	return c, nil
}

// wire makes the parts, as package app does.
func (c *Core) wire(st state.State) (*mesos.Scheduler, error) {
	registry := prometheus.NewRegistry()
	masters, err := mesos.Masters(c.o.Master, "http", nil)
	if err != nil {
		return nil, err
	}
	scheduler, err := mesos.New(mesos.Options{
		Framework:   mesos.Framework{Name: "core", User: "nobody", Roles: []string{cmp.Or(c.o.Role, "*")}, FailoverTimeout: time.Hour},
		Masters:     masters,
		Dial:        c.o.Dial,
		FrameworkID: func() string { return c.View().Framework.ID },
		Plan: func(l state.Launch) (task.Template, error) {
			return task.Template{Command: "exec " + string(l.Task.Kind), KillGrace: time.Second}, nil
		},
		Post:       func(e state.Event) { c.Post(e) },
		BackoffMax: c.o.Backoff,
		Registerer: registry, Log: c.o.Log.With("part", "mesos"),
	})
	if err != nil {
		return nil, err
	}
	c.watcher, err = jobmanager.New(jobmanager.Options{
		Observe: c.observe, Wanted: func(name string) bool { return view.Doubted(c.View(), name) }, Dial: c.dial, REST: c.rest, Post: func(e state.Event) { c.Post(e) }, Log: c.o.Log.With("part", "jobmanager"),
	})
	if err != nil {
		return nil, err
	}
	doing := jobs{c.watcher, func(e state.Event) { go c.Loop.Post(e) }}
	c.Loop, err = loop.New(loop.Options{
		State: st, Saver: saver{c.gate, records.Saver{Store: c.o.Store}}, Mesos: sender{c.gate, scheduler}, Flink: flinkSide{c.watcher}, Jobs: doing, Snapshots: doing, Probe: doing, Tick: c.o.Tick,
		Registerer: registry, Log: c.o.Log,
	})
	return scheduler, err
}

// Stop ends the core in order: the event under way is finished. The tasks stay.
func (c *Core) Stop() error {
	c.gate.cancel()
	<-c.done
	return c.err
}

// Crash lets so many more saves and calls happen and then none, whatever the core was about to do, as if the process
// had been killed at that moment. It returns at once; Gone says when that moment has come and all has ended.
func (c *Core) Crash(after int) { c.gate.close(after) }

// Gone is closed when the core has ended.
func (c *Core) Gone() <-chan struct{} { return c.done }

// Err is why the core ended by itself; nil when it was stopped or crashed. It is for after Gone.
func (c *Core) Err() error { return c.err }

// Put creates or changes a cluster, and returns when that is saved.
func (c *Core) Put(ctx context.Context, nonce string, spec spec.Spec) error {
	return c.Do(ctx, func(request uint64) state.Event {
		return state.PutCluster{Request: request, Nonce: nonce, Spec: spec}
	})
}

// Delete asks for the end of a cluster, and returns when that is saved.
func (c *Core) Delete(ctx context.Context, name string) error {
	return c.Do(ctx, func(request uint64) state.Event { return state.DeleteCluster{Request: request, Name: name} })
}

// errNoREST says that a scripted JobManager has no REST API.
var errNoREST = errors.New("a scripted JobManager has no REST API")

func (c *Core) observe(context.Context, task.Task) (wire.Flink, error) {
	return wire.Flink{}, errNoREST
}

// rest has no client: a scripted JobManager runs no jobs.
func (c *Core) rest(task.Task) (*rest.Client, error) { return nil, errNoREST }

// dial converses with the scripted JobManager of a task's cluster, wherever the task is.
func (c *Core) dial(jm task.Task) (jobmanager.Exchange, error) {
	var there *scripted.JobManager
	if c.o.JobManager != nil {
		there = c.o.JobManager(jm.Cluster)
	}
	if there == nil {
		return nil, fmt.Errorf("cluster %s has no scripted JobManager", jm.Cluster)
	}
	client, err := driver.New(driver.Options{Address: there.Addr(), Token: there.Token()})
	if err != nil {
		return nil, err
	}
	return driver.NewExchange(driver.ExchangeOptions{
		Client: client, Log: c.o.Log.With("part", "driver", "cluster", jm.Cluster), Repeat: c.o.Repeat,
		OnWanted: func(w driver.Wanted) { c.Post(jobmanager.WorkersWanted(jm, w)) },
		Report:   func() driver.Report { return jobmanager.Report(c.View(), jm.Cluster) },
	})
}

// flinkSide is the conversations alone: nothing here is highly available.
type flinkSide struct{ *jobmanager.Watcher }

// Depose implements loop.Flink.
func (flinkSide) Depose(state.RevokeLeadership) {}

// Forget implements loop.Flink.
func (flinkSide) Forget(state.DeleteHAData) {}

// jobs performs the actions about jobs; there is no ZooKeeper, which therefore knows no checkpoint.
type jobs struct {
	*jobmanager.Watcher
	post func(state.Event)
}

// FindLogError implements loop.Jobs. Scripted agents keep no files.
func (j jobs) FindLogError(state.FindLogError) {}

// FindCheckpoint implements loop.Jobs.
func (j jobs) FindCheckpoint(a state.FindCheckpoint) {
	j.post(state.CheckpointFound{Cluster: a.Cluster, Submission: a.Submission})
}

// Probe implements loop.Prober: scripted tasks have no ports, and none answers.
func (j jobs) Probe(a state.Probe) { j.post(state.Probed{TaskID: a.Task.ID, Since: a.Since}) }
