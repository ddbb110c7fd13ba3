package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
	metrics "github.com/flink-on-mesos/flink-service/internal/autoscale/collect"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/settings"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/testkit/jobmetrics"
)

// The bench of the autoscaler: what one collection and the decision on it cost the service. The job has 20
// vertices, 4 of them sources of 12 partitions each, and as many metrics as Flink has. The JobManager is
// another process.
const (
	autoscaleChildFlag = "serve-metrics"
	autoscaleVertices  = 20
	autoscaleSources   = 4
	autoscaleMetrics   = 150
	autoscaleRounds    = 7
	autoscaleRound     = 40 // Collections.
)

func benchAutoscale(ctx context.Context, e env) ([]Result, error) {
	url, stop, err := startChild(ctx, "-"+autoscaleChildFlag)
	if err != nil {
		return nil, err
	}
	defer stop()
	client, err := rest.New(rest.Options{URL: url})
	if err != nil {
		return nil, err
	}
	c := metrics.New(metrics.Options{Client: client, Job: jobmetrics.JobID})
	o := settings.Default()
	o.Window.Stabilization = 0
	var state autoscale.State
	var cost []float64
	now := time.Now()
	for round := range autoscaleRounds + 1 {
		before := processorTime()
		for range autoscaleRound {
			now = now.Add(time.Minute)
			collection, err := c.Collect(ctx, now)
			if err != nil {
				return nil, err
			}
			state, _ = autoscale.Step(o, state, collection, autoscale.Inputs{})
		}
		ms := float64(processorTime()-before) / float64(time.Millisecond) / autoscaleRound
		if round == 0 { // The first warms up.
			continue
		}
		cost = append(cost, ms)
		fmt.Fprintf(e.progress, "  autoscale round %d: %.2f ms of CPU a collection\n", round, ms)
	}
	if n := len(state.Samples); n < 10 {
		return nil, fmt.Errorf("only %d samples were kept", n)
	}
	return []Result{NewResult("autoscale_collect_ms", "ms", cost, "", nil)}, nil
}

// serveMetrics is the child: a JobManager with one job.
func serveMetrics(stdin io.Reader, stdout io.Writer) error {
	started := time.Now()
	show := func() autoscale.Collection { return benchJob(started) }
	return serveChild(jobmetrics.Handler(show, autoscaleMetrics), "", stdin, stdout)
}

// benchJob is a job that has read a thousand records a second with each vertex.
func benchJob(started time.Time) autoscale.Collection {
	c := autoscale.Collection{At: time.Now(), Running: started.Truncate(time.Millisecond)}
	number := autoscale.Of
	for i := range autoscaleVertices {
		n := int64(1000 * time.Since(started).Seconds())
		v := autoscale.Vertex{
			ID: fmt.Sprintf("%08x%024x", i+1, i), Name: fmt.Sprintf("vertex %d", i), Parallelism: 8, MaxParallelism: 128,
			Totals: autoscale.Totals{Read: n, Written: n, Busy: number(float64(n))},
			Metrics: autoscale.Metrics{
				Busy: autoscale.Aggregate{Min: number(100), Max: number(900), Avg: number(500)}, InPerSecond: number(1000),
			},
		}
		if i < autoscaleSources {
			v.Partitions = 12
			v.Metrics = autoscale.Metrics{
				Busy: v.Metrics.Busy, BackPressured: number(1), Pending: number(5), SourceIn: number(float64(n)), SourceInPerSecond: number(1000), SourceOut: number(float64(n)),
			}
		} else {
			v.Inputs = []autoscale.Input{{ID: c.Vertices[i-autoscaleSources].ID, Ship: "HASH"}}
		}
		c.Vertices = append(c.Vertices, v)
	}
	c.TaskManagers = autoscale.TaskManagers{
		HeapMax: number(1 << 30), HeapUsed: number(1 << 29), ManagedUsed: number(0), MetaspaceUsed: number(1 << 27), GC: number(3),
		SlotsTotal: number(40), SlotsAvailable: number(0),
	}
	return c
}
