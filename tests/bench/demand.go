package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	mesosgo "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/flink/driver"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/store/file"
	"github.com/flink-on-mesos/flink-service/internal/testkit/core"
	"github.com/flink-on-mesos/flink-service/internal/testkit/jobmanager"
)

// The bench of demand: how long after Flink asks for a worker the ACCEPT that launches it has been read by the master,
// which answers REVIVE with a fitting offer at once. Between the two stand the driver's long-poll, REVIVE, OFFERS, the
// matching and the durable save. Demand comes to an idle cluster, as the first slot request of a job does. Several
// services run side by side and take turns, because one does not ask for offers more than once a second.
const (
	demandWorlds = 12
	demandTurn   = 110 * time.Millisecond
	demandRounds = 20 // of each world, beside one that warms up
	demandBlocks = 5
)

func benchDemand(ctx context.Context, e env) ([]Result, error) {
	worlds := make([]*demandWorld, demandWorlds)
	for i := range worlds {
		w, err := newDemandWorld(ctx, filepath.Join(e.dir, fmt.Sprint(i)))
		if err != nil {
			return nil, err
		}
		defer w.close()
		worlds[i] = w
	}
	var ours, theirs []float64
	for block := range demandBlocks {
		var took, model []time.Duration
		for round := range demandRounds / demandBlocks {
			for _, w := range worlds {
				next := time.After(demandTurn)
				t, err := w.round(ctx)
				if err != nil {
					return nil, err
				}
				if block > 0 || round > 0 {
					took = append(took, t)
					model = append(model, coordinate([]arrival{{0, 1, 0}, {0, 0, 1}})...)
				}
				<-next
			}
		}
		ours, theirs = append(ours, p99(took)), append(theirs, p99(model))
		fmt.Fprintf(e.progress, "  demand: p99 %.2f ms, median %.2f ms over %d workers\n", p99(took), percentile(took, 0.5), len(took))
	}
	return []Result{NewResult("demand_accept_p99_ms", "ms", ours, coordinatorName, theirs)}, nil
}

// demandWorld is a core with one cluster whose JobManager is scripted, and a master with room for one worker.
type demandWorld struct {
	master     *endpoint
	core       *core.Core
	store      *file.Store
	jobManager *jobmanager.JobManager
	accepts    chan accepted
	problems   chan error

	mu     sync.Mutex
	serial int
}

func newDemandWorld(ctx context.Context, dir string) (*demandWorld, error) {
	w := &demandWorld{accepts: make(chan accepted, 100), problems: make(chan error, 100)}
	var err error
	w.jobManager, err = jobmanager.Start(jobmanager.Options{Prefix: offersCluster + "-aaaa-tm", WithdrawDelay: -1})
	if err != nil {
		return nil, err
	}
	if w.master, err = newEndpoint(w.call); err != nil {
		w.jobManager.Stop()
		return nil, err
	}
	if w.store, err = file.New(file.Options{Dir: dir}); err != nil {
		w.jobManager.Stop()
		w.master.close()
		return nil, err
	}
	w.core, err = core.Start(core.Options{
		Master: w.master.address, Store: w.store, JobManager: func(string) *jobmanager.JobManager { return w.jobManager },
	})
	if err == nil {
		err = w.begin(ctx)
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// begin has the JobManager run, and the conversation with it.
func (w *demandWorld) begin(ctx context.Context) error {
	if err := w.master.ready(ctx); err != nil {
		return err
	}
	sp := benchSpec(offersCluster, 0)
	sp.Allocation = spec.Dynamic
	if err := w.core.Put(ctx, "aaaa", sp); err != nil {
		return err
	}
	a, err := w.accepted(ctx)
	if err != nil {
		return err
	}
	for _, t := range a.tasks {
		if err := w.master.update(t.TaskID.Value, t.AgentID.Value, mesosgo.TASK_RUNNING); err != nil {
			return err
		}
	}
	for end := time.Now().Add(10 * time.Second); w.jobManager.Reports() == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return errors.New("the service does not talk to the JobManager")
		}
	}
	time.Sleep(1100 * time.Millisecond) // The next REVIVE is free to go.
	return nil
}

func (w *demandWorld) close() {
	if w.core != nil {
		_ = w.core.Stop() // The measurements are done.
	}
	w.jobManager.Stop()
	w.master.close()
	_ = w.store.Close()
}

func (w *demandWorld) call(c *scheduler.Call, at time.Time) {
	var err error
	if a := c.GetAccept(); a != nil {
		w.accepts <- newAccepted(a, at)
	}
	if k := c.GetKill(); k != nil {
		err = w.master.update(k.TaskID.Value, k.AgentID.Value, mesosgo.TASK_KILLED)
	}
	if c.GetType() == scheduler.Call_REVIVE {
		w.mu.Lock()
		w.serial++
		event := offers(1, 1, w.serial)
		w.mu.Unlock()
		_, err = w.master.send(event)
	}
	if err != nil {
		w.problems <- err
	}
}

func (w *demandWorld) accepted(ctx context.Context) (accepted, error) {
	select {
	case a := <-w.accepts:
		return a, nil
	case err := <-w.problems:
		return accepted{}, err
	case <-time.After(30 * time.Second):
		return accepted{}, errors.New("no ACCEPT came")
	case <-ctx.Done():
		return accepted{}, ctx.Err()
	}
}

// round asks for a worker, takes the time of its ACCEPT, and gives it back.
func (w *demandWorld) round(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	id := w.jobManager.Want(driver.Worker{CPUs: 2, MemoryBytes: 2 << 30, Slots: 1})
	a, err := w.accepted(ctx)
	if err != nil {
		return 0, err
	}
	if len(a.tasks) != 1 || a.tasks[0].TaskID.Value != id {
		return 0, fmt.Errorf("the ACCEPT launches %v, not %s", a.tasks, id)
	}
	w.jobManager.Release(id)
	for end := time.Now().Add(10 * time.Second); view.Service(w.core.View()).Tasks > 1; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return 0, errors.New("the worker does not go away")
		}
	}
	return a.at.Sub(began), nil
}
