// Package collect asks a JobManager for what the autoscaler decides from: a job's vertices with
// their counters and metrics, and the memory of its TaskManagers. It only translates; package
// autoscale says which metrics are needed and what they mean.
//
// A collection takes one request for the job, one for each vertex and one more for each source,
// and two for the cluster, a few of them at a time. The first one of a run asks for the names of
// metrics, too.
package collect

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
)

// parallel is the number of requests to a JobManager at a time. An http.Transport keeps as many
// connections to a host by default; with more it would make new ones all the time.
const parallel = http.DefaultMaxIdleConnsPerHost

// ErrNotRunning means that the job, or a subtask of it, does not run.
var ErrNotRunning = errors.New("not all subtasks of the job are running")

// Metrics over all TaskManagers.
const (
	heapMax       = "Status.JVM.Memory.Heap.Max"
	heapUsed      = "Status.JVM.Memory.Heap.Used"
	managedUsed   = "Status.Flink.Memory.Managed.Used"
	metaspaceUsed = "Status.JVM.Memory.Metaspace.Used"
	gcTime        = "Status.JVM.GarbageCollector.All.TimeMsPerSecond"
)

var taskManagerMetrics = []string{heapMax, heapUsed, managedUsed, metaspaceUsed, gcTime}

// Options say which job to collect.
type Options struct {
	// Client talks to the JobManager of the job.
	Client *rest.Client
	// Job is the id of the job.
	Job string
}

// Collector collects one job. It is used by one goroutine at a time.
type Collector struct {
	client *rest.Client
	job    string
	// Names of metrics do not change while the job runs, but those of sources.
	running time.Time
	mu      sync.Mutex // Guards what follows against the requests of one collection.
	names   map[string]autoscale.MetricNames
	cluster []string // Metrics of the TaskManagers that exist; used by one request alone.
}

// New returns a collector. It does not connect.
func New(o Options) *Collector { return &Collector{client: o.Client, job: o.Job} }

// Collect asks for everything once. now becomes the time of the collection. The error is
// ErrNotRunning while there is nothing to decide on, or that of a request.
func (c *Collector) Collect(ctx context.Context, now time.Time) (autoscale.Collection, error) {
	g, err := c.client.JobGraph(ctx, c.job)
	if err != nil {
		return autoscale.Collection{}, fmt.Errorf("collect job %s: %w", c.job, err)
	}
	running := g.Since("RUNNING")
	if !runs(g) || running.IsZero() {
		return autoscale.Collection{}, ErrNotRunning
	}
	if !running.Equal(c.running) {
		c.running, c.names, c.cluster = running, map[string]autoscale.MetricNames{}, nil
	}
	all := autoscale.Collection{At: now, Running: running, Vertices: vertices(g)}
	var requests group
	for i := range all.Vertices {
		if v := &all.Vertices[i]; !v.Finished {
			names, known := c.names[v.ID] // No request runs yet.
			requests.do(func() error { return c.vertex(ctx, v, names, known) })
		}
	}
	requests.do(func() error { return c.taskManagers(ctx, &all.TaskManagers) })
	requests.do(func() error { return c.slots(ctx, &all.TaskManagers) })
	if err := requests.wait(); err != nil {
		return autoscale.Collection{}, fmt.Errorf("collect job %s: %w", c.job, err)
	}
	return all, nil
}

// runs says that every subtask runs or has finished.
func runs(g rest.JobGraph) bool {
	if g.State != "RUNNING" || len(g.Vertices) == 0 {
		return false
	}
	for _, v := range g.Vertices {
		if v.Tasks["RUNNING"]+v.Tasks["FINISHED"] < v.Parallelism {
			return false
		}
	}
	return true
}

func vertices(g rest.JobGraph) []autoscale.Vertex {
	inputs := map[string][]autoscale.Input{}
	for _, node := range g.Plan.Nodes {
		for _, in := range node.Inputs {
			inputs[node.ID] = append(inputs[node.ID], autoscale.Input{ID: in.ID, Ship: in.ShipStrategy})
		}
	}
	list := make([]autoscale.Vertex, 0, len(g.Vertices))
	for _, v := range g.Vertices {
		list = append(list, autoscale.Vertex{
			ID: v.ID, Name: v.Name, SlotSharingGroup: v.SlotSharingGroup,
			Parallelism: v.Parallelism, MaxParallelism: v.MaxParallelism,
			Finished: v.Status == "FINISHED", Inputs: inputs[v.ID],
			Totals: autoscale.Totals{Read: v.Metrics.ReadRecords, Written: v.Metrics.WrittenRecords, Busy: value(v.Metrics.Busy)},
		})
	}
	return list
}

// vertex adds the metrics of a vertex. The names of a source are asked for each time: those of
// its partitions and of its lag appear with the first records.
func (c *Collector) vertex(ctx context.Context, v *autoscale.Vertex, names autoscale.MetricNames, known bool) error {
	source := len(v.Inputs) == 0
	if source || !known {
		listed, err := c.client.VertexMetrics(ctx, c.job, v.ID, nil)
		if err != nil {
			return err
		}
		all := make([]string, 0, len(listed))
		for _, m := range listed {
			all = append(all, m.ID)
		}
		var missing string
		if names, missing = autoscale.SelectMetrics(all, source); missing == "" {
			c.remember(v.ID, names)
		}
		if source {
			v.Partitions = autoscale.CountPartitions(all)
		}
	}
	get := names.List()
	if len(get) == 0 {
		return nil
	}
	answer, err := c.client.VertexMetrics(ctx, c.job, v.ID, get)
	if err != nil {
		return err
	}
	if len(answer) == 0 {
		// Flink answers nothing at all when one of the metrics does not exist.
		c.remember(v.ID, autoscale.MetricNames{})
	}
	aggregates := make([]autoscale.NamedAggregate, 0, len(answer))
	for _, m := range answer {
		aggregates = append(aggregates, autoscale.NamedAggregate{
			ID: m.ID, Min: value(m.Min), Max: value(m.Max), Avg: value(m.Avg), Sum: value(m.Sum),
		})
	}
	v.Metrics = names.Metrics(aggregates)
	return nil
}

// remember keeps the names of a vertex' metrics; no names are asked for again.
func (c *Collector) remember(vertex string, names autoscale.MetricNames) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if names.Busy == "" {
		delete(c.names, vertex)
		return
	}
	c.names[vertex] = names
}

// taskManagers asks only for metrics that exist: those of garbage collection may not.
func (c *Collector) taskManagers(ctx context.Context, to *autoscale.TaskManagers) error {
	if len(c.cluster) < len(taskManagerMetrics) {
		listed, err := c.client.TaskManagerMetrics(ctx, nil)
		if err != nil {
			return err
		}
		c.cluster = nil
		for _, m := range listed {
			if slices.Contains(taskManagerMetrics, m.ID) {
				c.cluster = append(c.cluster, m.ID)
			}
		}
	}
	if len(c.cluster) == 0 {
		return nil
	}
	answer, err := c.client.TaskManagerMetrics(ctx, c.cluster)
	if len(answer) == 0 {
		c.cluster = nil
	}
	for _, m := range answer {
		switch largest := value(m.Max); m.ID {
		case heapMax:
			to.HeapMax = largest
		case heapUsed:
			to.HeapUsed = largest
		case managedUsed:
			to.ManagedUsed = largest
		case metaspaceUsed:
			to.MetaspaceUsed = largest
		case gcTime:
			to.GC = largest
		}
	}
	return err
}

func (c *Collector) slots(ctx context.Context, to *autoscale.TaskManagers) error {
	metrics, err := c.client.JobManagerMetrics(ctx, []string{"taskSlotsTotal", "taskSlotsAvailable"})
	number := func(text string) autoscale.Value {
		f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil {
			return autoscale.Value{}
		}
		return autoscale.Of(f)
	}
	to.SlotsTotal, to.SlotsAvailable = number(metrics["taskSlotsTotal"]), number(metrics["taskSlotsAvailable"])
	return err
}

func value(n *rest.Number) autoscale.Value {
	if n == nil || math.IsNaN(float64(*n)) {
		return autoscale.Value{}
	}
	return autoscale.Of(float64(*n))
}

// group are requests, of which a few run at a time.
type group []func() error

func (g *group) do(f func() error) { *g = append(*g, f) }

// wait runs them and joins their errors.
func (g group) wait() error {
	errs := make([]error, len(g))
	free := make(chan struct{}, parallel)
	var running sync.WaitGroup
	for i, f := range g {
		free <- struct{}{}
		running.Go(func() {
			errs[i] = f()
			<-free
		})
	}
	running.Wait()
	return errors.Join(errs...)
}
