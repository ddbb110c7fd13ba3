package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"time"

	mesosgo "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/store/file"
	"github.com/flink-on-mesos/flink-service/internal/testkit/core"
)

// The bench of offers: how long after an OFFERS event begins to arrive each of its ACCEPTs has been read by the master,
// through HTTP, with everything between them: reading, matching, the durable save, planning, and the calls one after
// the other. One in ten agents has room for a worker, and as many workers wait. All agents' offers come in one event.
const (
	offersEvery  = 10
	offersBlocks = 5
)

// offersLoad says how many rounds make a block; each block has a p99 of its own, over every ACCEPT of its rounds.
type offersLoad struct{ offers, rounds int }

const coordinatorName = "LaunchCoordinator's timers"

func benchOffers(ctx context.Context, e env) ([]Result, error) {
	var results []Result
	for _, l := range []offersLoad{{1, 400}, {100, 200}, {10_000, 6}} {
		w, err := newOffersWorld(ctx, filepath.Join(e.dir, fmt.Sprint(l.offers)))
		if err != nil {
			return nil, err
		}
		var ours, theirs []float64
		for block := range offersBlocks + 1 {
			var took, model []time.Duration
			for range l.rounds {
				t, err := w.round(ctx, l.offers)
				if err != nil {
					w.close()
					return nil, err
				}
				took = append(took, t...)
				model = append(model, coordinate([]arrival{{0, len(t), 0}, {0, 0, len(t)}})...)
			}
			if block == 0 { // The first warms up.
				continue
			}
			ours, theirs = append(ours, p99(took)), append(theirs, p99(model))
			fmt.Fprintf(e.progress, "  %d offers: p99 %.2f ms, median %.2f ms over %d ACCEPTs\n", l.offers, p99(took), percentile(took, 0.5), len(took))
		}
		w.close()
		results = append(results, NewResult(fmt.Sprintf("offer_accept_p99_ms_%d", l.offers), "ms", ours, coordinatorName, theirs))
	}
	return results, nil
}

// p99 is in milliseconds.
func p99(times []time.Duration) float64 { return percentile(times, 0.99) }

func percentile(times []time.Duration, part float64) float64 {
	sorted := slices.Sorted(slices.Values(times))
	at := max(0, int(math.Ceil(part*float64(len(sorted))))-1)
	return float64(sorted[at]) / float64(time.Millisecond)
}

// offersWorld is a core with one cluster, and a master that does what the bench says.
type offersWorld struct {
	master  *endpoint
	core    *core.Core
	store   *file.Store
	accepts chan accepted
	serial  int
}

// accepted is an ACCEPT: when it had been read, and whom it launches where.
type accepted struct {
	at    time.Time
	tasks []mesosgo.TaskInfo
}

func newAccepted(c *scheduler.Call_Accept, at time.Time) accepted {
	a := accepted{at: at}
	for i := range c.Operations {
		a.tasks = append(a.tasks, c.Operations[i].GetLaunch().GetTaskInfos()...)
	}
	return a
}

const offersCluster = "bench"

func newOffersWorld(ctx context.Context, dir string) (*offersWorld, error) {
	w := &offersWorld{accepts: make(chan accepted, 2000)}
	var err error
	if w.store, err = file.New(file.Options{Dir: dir}); err != nil {
		return nil, err
	}
	if w.master, err = newEndpoint(w.call); err != nil {
		return nil, errors.Join(err, w.store.Close())
	}
	if w.core, err = core.Start(core.Options{Master: w.master.address, Store: w.store}); err != nil {
		w.master.close()
		return nil, errors.Join(err, w.store.Close())
	}
	if err := w.begin(ctx); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// begin gives the JobManager its place.
func (w *offersWorld) begin(ctx context.Context) error {
	if err := w.master.ready(ctx); err != nil {
		return err
	}
	if err := w.scale(ctx, 0); err != nil {
		return err
	}
	if _, err := w.master.send(offers(1, 1, -1)); err != nil {
		return err
	}
	_, err := w.accept(ctx)
	return err
}

func (w *offersWorld) close() {
	_ = w.core.Stop() // The measurements are done.
	w.master.close()
	_ = w.store.Close()
}

func (w *offersWorld) call(c *scheduler.Call, at time.Time) {
	if a := c.GetAccept(); a != nil {
		w.accepts <- newAccepted(a, at)
	}
	if k := c.GetKill(); k != nil {
		// Should the stream be gone, the bench finds the task still there and says so.
		_ = w.master.update(k.TaskID.Value, k.AgentID.Value, mesosgo.TASK_KILLED)
	}
}

func (w *offersWorld) accept(ctx context.Context) (accepted, error) {
	select {
	case a := <-w.accepts:
		return a, nil
	case <-time.After(30 * time.Second):
		return accepted{}, errors.New("no ACCEPT came")
	case <-ctx.Done():
		return accepted{}, ctx.Err()
	}
}

func (w *offersWorld) scale(ctx context.Context, workers int) error {
	return w.core.Put(ctx, "aaaa", benchSpec(offersCluster, workers))
}

// round has workers wait, sends one event, takes the times of the ACCEPTs, and has the workers gone again.
func (w *offersWorld) round(ctx context.Context, n int) ([]time.Duration, error) {
	workers := max(1, n/offersEvery)
	if err := w.scale(ctx, workers); err != nil {
		return nil, err
	}
	w.serial++
	event := offers(n, offersEvery, w.serial)
	began, err := w.master.send(event)
	if err != nil {
		return nil, err
	}
	var took []time.Duration
	for len(took) < workers {
		a, err := w.accept(ctx)
		if err != nil {
			return nil, err
		}
		for range a.tasks {
			took = append(took, a.at.Sub(began))
		}
	}
	if err := w.scale(ctx, 0); err != nil {
		return nil, err
	}
	for end := time.Now().Add(30 * time.Second); view.Service(w.core.View()).Tasks > 1; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return nil, errors.New("the workers do not go away")
		}
	}
	return took, nil
}
