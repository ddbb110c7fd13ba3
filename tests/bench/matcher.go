package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// The bench of the matcher: how many offers a second one core looks at, when one in ten is large enough for one of
// the workers that wait. The whole step of the core is measured: matching, the new state, the actions and the reasons,
// by the processor time that it takes, collection of garbage included: what else the machine does is not counted.
const (
	matcherOffers = 10_000
	matcherEvery  = 10
	matcherRounds = 15
	matcherRound  = 400 * time.Millisecond
)

func benchMatcher(ctx context.Context, e env) ([]Result, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	now := time.Now()
	st, err := waitingWorkers(matcherOffers/matcherEvery, now)
	if err != nil {
		return nil, err
	}
	event := state.Offered{Offers: mixedOffers(matcherOffers, matcherEvery)}
	var values []float64
	for round := range matcherRounds + 1 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		offers := 0
		began, used := time.Now(), processorTime()
		for time.Since(began) < matcherRound {
			if _, actions := core.Step(st, event, now); accepts(actions) != matcherOffers/matcherEvery {
				return nil, fmt.Errorf("%d agents were used, %d were expected", accepts(actions), matcherOffers/matcherEvery)
			}
			offers += matcherOffers
		}
		if round > 0 { // The first warms up.
			values = append(values, float64(offers)/(processorTime()-used).Seconds())
		}
	}
	fmt.Fprintf(e.progress, "  matcher: %.0f offers/s on one core\n", Median(values))
	return []Result{NewResult("matcher_offers_per_s", "offers/s", values, "", nil)}, nil
}

// processorTime is what this process has used of all processors.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // It fails for a wrong first argument only.
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func accepts(actions []state.Action) int {
	n := 0
	for _, a := range actions {
		if _, ok := a.(state.Accept); ok {
			n++
		}
	}
	return n
}

// waitingWorkers is the state of a cluster whose JobManager has a place and whose workers have none.
func waitingWorkers(count int, now time.Time) (state.State, error) {
	return waitingFor(benchSpec("bench", count), count, now)
}

// waitingFor is the state of a cluster whose JobManager has a place and whose workers have none.
func waitingFor(spec spec.Spec, count int, now time.Time) (state.State, error) {
	s := core.New(state.Options{}, state.Stored{}, now)
	for _, e := range []state.Event{
		state.Subscribed{FrameworkID: "bench", Master: "127.0.0.1:5050"},
		state.PutCluster{Nonce: "aaaa", Spec: spec},
		state.Offered{Offers: mixedOffers(1, 1)},
	} {
		s, _ = core.Step(s, e, now)
	}
	if v := view.Service(&s); v.Waiting != count || v.Tasks != 1 {
		return s, errors.New("the cluster is not as it was meant to be")
	}
	return s, nil
}

// benchSpec is a cluster with a fixed number of workers of 2 cpus and 2 GiB.
func benchSpec(name string, workers int) spec.Spec {
	return spec.Spec{
		Name: name, Kind: spec.Session, Allocation: spec.Static, Role: "*",
		JobManager:   spec.JobManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}, Replicas: 1},
		TaskManager:  spec.TaskManager{Resources: spec.Resources{CPUs: 2, Memory: 2 * spec.GiB}, Slots: 1},
		TaskManagers: spec.TaskManagers{Count: workers},
	}
}

// mixedOffers are offers of as many agents; the first of every so many is large enough for a worker, and for one only.
func mixedOffers(n, every int) []offer.Offer {
	offers := make([]offer.Offer, n)
	for i := range offers {
		cpus := 1.5
		if i%every == 0 {
			cpus = 2.5
		}
		offers[i] = offer.Offer{
			ID: fmt.Sprintf("offer-%d", i), AgentID: fmt.Sprintf("agent-%d", i), Hostname: fmt.Sprintf("host-%d", i),
			Attributes: map[string]string{"rack": fmt.Sprintf("r%d", i%40)},
			Resources: []offer.Resource{
				{Name: "cpus", Scalar: offer.ToMilli(cpus), AllocationRole: "*"},
				{Name: "mem", Scalar: offer.ToMilli(8192), AllocationRole: "*"},
				{Name: "disk", Scalar: offer.ToMilli(8192), AllocationRole: "*"},
				{Name: "ports", Ranges: []offer.Range{{Begin: 31000, End: 32000}}, AllocationRole: "*"},
			},
		}
	}
	return offers
}
