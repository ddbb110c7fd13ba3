package runner

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/collect"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/report"
)

// metrics count the collections, and show the last evaluation of each vertex.
type metrics struct {
	collections *prometheus.CounterVec
	took        prometheus.Histogram
	steps       prometheus.Counter
}

func newMetrics(to prometheus.Registerer, r *Runner) metrics {
	m := metrics{
		collections: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "flink_mesos_autoscaler_collections_total", Help: "Collections of a job's metrics, by result: ok, not-running or failed.",
		}, []string{"result"}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "flink_mesos_autoscaler_collect_seconds", Help: "Time of one collection.", Buckets: prometheus.ExponentialBuckets(0.005, 3, 8),
		}),
		steps: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flink_mesos_autoscaler_steps_total", Help: "Changes of a job's parallelism.",
		}),
	}
	for _, result := range []string{"ok", "not-running", "failed"} {
		m.collections.WithLabelValues(result)
	}
	to.MustRegister(m.collections, m.took, m.steps, &vertices{r: r, descriptions: describe()})
	return m
}

// collected counts a collection.
func (m metrics) collected(took time.Duration, err error) {
	switch {
	case err == nil:
		m.collections.WithLabelValues("ok").Inc()
	case errors.Is(err, collect.ErrNotRunning):
		m.collections.WithLabelValues("not-running").Inc()
	default:
		m.collections.WithLabelValues("failed").Inc()
	}
	m.took.Observe(took.Seconds())
}

// gauge is one number of a vertex.
type gauge struct {
	name, help string
	value      func(report.Vertex) autoscale.Value
}

func gauges() []gauge {
	count := func(n int) autoscale.Value { return autoscale.Of(float64(n)) }
	return []gauge{
		{"parallelism", "Parallelism of a vertex.", func(v report.Vertex) autoscale.Value { return count(v.Parallelism) }},
		{"recommended_parallelism", "Recommended parallelism of a vertex; 0 while nothing is recommended.", func(v report.Vertex) autoscale.Value { return count(v.Recommended) }},
		{"load_ratio", "Busy share of a vertex.", func(v report.Vertex) autoscale.Value { return v.Load }},
		{"true_processing_rate", "Records per second that a vertex could process if it were always busy.", func(v report.Vertex) autoscale.Value { return v.TrueRate }},
		{"target_rate", "Records per second that arrive at a vertex.", func(v report.Vertex) autoscale.Value { return v.TargetRate }},
		{"lag_records", "Records that wait at a source.", func(v report.Vertex) autoscale.Value { return v.Lag }},
	}
}

// vertices collects the gauges of all vertices when they are asked for.
type vertices struct {
	r            *Runner
	descriptions []*prometheus.Desc
}

func describe() []*prometheus.Desc {
	var all []*prometheus.Desc
	for _, g := range gauges() {
		all = append(all, prometheus.NewDesc("flink_mesos_autoscaler_vertex_"+g.name, g.help, []string{"cluster", "job", "vertex", "name"}, nil))
	}
	return all
}

// Describe implements prometheus.Collector.
func (v *vertices) Describe(to chan<- *prometheus.Desc) {
	for _, d := range v.descriptions {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (v *vertices) Collect(to chan<- prometheus.Metric) {
	v.r.mu.Lock()
	shown := map[key]report.Job{}
	for k, j := range v.r.jobs {
		shown[k] = j.report
	}
	v.r.mu.Unlock()
	for k, j := range shown {
		for i, g := range gauges() {
			for _, vertex := range j.Vertices {
				if value := g.value(vertex); value.Known() {
					to <- prometheus.MustNewConstMetric(v.descriptions[i], prometheus.GaugeValue, value.Float(), k.cluster, k.job, vertex.ID, vertex.Name)
				}
			}
		}
	}
}
