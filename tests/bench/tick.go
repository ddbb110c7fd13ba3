package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// The bench of the clock: what a tick costs when clusters rest, by the processor time that it takes. A thousand stand
// beside one: a tick looks only at what is due.
const (
	tickClusters = 1000
	tickRounds   = 15
	tickTicks    = 2000 // of each round
)

func benchTick(ctx context.Context, e env) ([]Result, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	now := time.Now()
	many, err := resting(tickClusters, now)
	if err != nil {
		return nil, err
	}
	one, err := resting(1, now)
	if err != nil {
		return nil, err
	}
	var values, baseline []float64
	for round := range tickRounds + 1 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		a, b := ticks(many, now), ticks(one, now)
		if round > 0 { // The first warms up.
			values, baseline = append(values, a), append(baseline, b)
		}
	}
	fmt.Fprintf(e.progress, "  tick with %d clusters: %.1f µs\n", tickClusters, Median(values))
	return []Result{NewResult("tick_us_1000_clusters", "µs", values, "with one cluster", baseline)}, nil
}

// resting is a state with clusters for which nothing is to be done.
func resting(n int, now time.Time) (state.State, error) {
	s := core.New(state.Options{}, state.Stored{}, now)
	s, _ = core.Step(s, state.Subscribed{FrameworkID: "f"}, now)
	for i := range n {
		s, _ = core.Step(s, state.PutCluster{Nonce: "aaaa", Spec: spec.Spec{
			Name: fmt.Sprintf("demo-%d", i), Kind: spec.Session, Allocation: spec.Dynamic,
			JobManager: spec.JobManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}},
		}}, now)
	}
	s, _ = core.Step(s, state.Offered{Offers: mixedOffers(2*n, 1)}, now)
	if waiting := s.Busy.Len(); waiting > 0 {
		return s, fmt.Errorf("%d of %d clusters wait for a place", waiting, n)
	}
	return s, nil
}

// ticks is the processor time of one tick, in microseconds.
func ticks(s state.State, now time.Time) float64 {
	used := processorTime()
	for range tickTicks {
		core.Step(s, state.Ticked{}, now.Add(time.Second))
	}
	return float64((processorTime() - used).Microseconds()) / tickTicks
}
