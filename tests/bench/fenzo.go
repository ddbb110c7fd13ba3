package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// The bench of the matcher beside Netflix Fenzo, which flink-mesos asked for its placements. Both are given the same offers
// of 10,000 agents and the same workers, which must be on agents with ten attributes; one agent in ten has them all, and has
// room for four workers. Both run on one processor, are warmed up, and are measured by the processor time of the process,
// collection of garbage included. Of Fenzo nothing is measured but its one call (scheduleOnce); of the service the whole
// step of the core. Fenzo runs in three ways, and the fastest counts.
const (
	fenzoAgents = 10_000
	fenzoTasks  = 200
	fenzoRules  = 10
	fenzoWarmUp = 3
	fenzoRounds = 5
	// fenzoRoom is how many workers an agent has room for.
	fenzoRoom = 4
)

func benchFenzo(ctx context.Context, e env) ([]Result, error) {
	ours, agents, err := matchRules(ctx)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(e.progress, "  matcher: %.0f offers/s, %d workers on %d agents\n", Median(ours), fenzoTasks, agents)
	build := exec.CommandContext(ctx, "mvn", "-q", "-B", "-f", "tests/bench/fenzo", "package")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the bench of Fenzo: %w\n%s", err, out)
	}
	var best []float64
	bestWay := ""
	for _, way := range []string{"plain", "quick", "packing"} {
		rates, used, err := runFenzo(ctx, way)
		if err != nil {
			return nil, fmt.Errorf("fenzo, %s: %w", way, err)
		}
		fmt.Fprintf(e.progress, "  Fenzo, %s: %.0f offers/s, %d workers on %d agents\n", way, Median(rates), fenzoTasks, used)
		if agents > used {
			return nil, fmt.Errorf("the workers are on %d agents, and Fenzo (%s) needs %d", agents, way, used)
		}
		if Median(rates) > Median(best) {
			best, bestWay = rates, way
		}
	}
	return []Result{NewResult("matcher_vs_fenzo", "offers/s", ours, "Fenzo 1.0.1 ("+bestWay+")", best)}, nil
}

// matchRules measures the core's own matcher, and says on how many agents the workers are.
func matchRules(ctx context.Context) (rates []float64, agents int, err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	now := time.Now()
	st, err := waitingFor(ruledSpec(fenzoTasks), fenzoTasks, now)
	if err != nil {
		return nil, 0, err
	}
	event := state.Offered{Offers: ruledOffers()}
	for round := range matcherRounds + 1 {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		offers := 0
		began, used := time.Now(), processorTime()
		for time.Since(began) < matcherRound {
			_, actions := core.Step(st, event, now)
			placed := 0
			for _, a := range actions {
				if accept, ok := a.(state.Accept); ok {
					placed += len(accept.Launches)
				}
			}
			if agents = accepts(actions); placed != fenzoTasks {
				return nil, 0, fmt.Errorf("%d workers of %d were placed", placed, fenzoTasks)
			}
			offers += fenzoAgents
		}
		if round > 0 { // The first warms up.
			rates = append(rates, float64(offers)/(processorTime()-used).Seconds())
		}
	}
	return rates, agents, nil
}

// ruledSpec is a cluster whose workers must be on agents with every attribute.
func ruledSpec(workers int) spec.Spec {
	s := benchSpec("bench", workers)
	for i := range fenzoRules {
		s.TaskManager.Constraints = append(s.TaskManager.Constraints, []string{"a" + strconv.Itoa(i), "IS", "right"})
	}
	return s
}

// ruledOffers are those that the Java side makes: one agent in ten has the right value of every attribute, and each other one a
// wrong one, not always the first.
func ruledOffers() []offer.Offer {
	offers := mixedOffers(fenzoAgents, 1)
	for i := range offers {
		offers[i].Attributes = map[string]string{}
		for a := range fenzoRules {
			offers[i].Attributes["a"+strconv.Itoa(a)] = "right"
		}
		if i%10 != 0 {
			offers[i].Attributes["a"+strconv.Itoa(i%fenzoRules)] = "wrong"
		}
		offers[i].Resources[0].Scalar = offer.ToMilli(2*fenzoRoom + 0.5)
		offers[i].Resources[1].Scalar = offer.ToMilli(16384)
	}
	return offers
}

// runFenzo has Fenzo make the same assignments in a Java of its own.
func runFenzo(ctx context.Context, way string) (rates []float64, agents int, err error) {
	target := filepath.Join("tests", "bench", "fenzo", "target")
	args := []string{
		"-XX:ActiveProcessorCount=1", "-Xmx2g", "-cp", filepath.Join(target, "classes") + ":" + filepath.Join(target, "lib", "*"), "org.flinkonmesos.bench.Fenzo", way,
	}
	for _, n := range []int{fenzoAgents, fenzoTasks, fenzoRules, fenzoWarmUp, fenzoRounds} {
		args = append(args, strconv.Itoa(n))
	}
	cmd := exec.CommandContext(ctx, "java", args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, 0, fmt.Errorf("%w\n%s", err, errs.String())
	}
	var used []int
	for line := range bytes.Lines(out.Bytes()) {
		var seconds float64
		var placed, on int
		if _, err := fmt.Sscan(string(line), &seconds, &placed, &on); err != nil {
			return nil, 0, fmt.Errorf("read %q: %w", line, err)
		}
		if placed != fenzoTasks {
			return nil, 0, fmt.Errorf("%d workers of %d were placed", placed, fenzoTasks)
		}
		rates, used = append(rates, fenzoAgents/seconds), append(used, on)
	}
	if len(rates) != fenzoRounds {
		return nil, 0, fmt.Errorf("%d rounds were measured, and were to be %d", len(rates), fenzoRounds)
	}
	return rates, slices.Min(used), nil
}
