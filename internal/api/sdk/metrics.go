package sdk

import (
	"math"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
)

// Count is a counter.
type Count struct {
	Count int64 `json:"count"`
}

// Gauge is a gauge: a number, or true or false.
type Gauge struct {
	Value any `json:"value"`
}

// Histogram is a histogram in short. Mean is in the unit of its name.
type Histogram struct {
	Count uint64  `json:"count"`
	Mean  float64 `json:"mean"`
}

// Metrics are those of /metrics in the form in which SDK services answer theirs: by name, with the values of labels
// after dots.
type Metrics struct {
	Counters   map[string]Count     `json:"counters"`
	Gauges     map[string]Gauge     `json:"gauges"`
	Histograms map[string]Histogram `json:"histograms"`
}

// offersTotal counts the offers that were answered, by result.
const offersTotal = "flink_mesos_loop_offers_total"

// MetricsOf reads all metrics. Beside their own names there are those that tools of SDK services ask for:
// offers.received, offers.processed and is_suppressed.
func MetricsOf(s *state.State, from prometheus.Gatherer) (Metrics, error) {
	m := Metrics{Counters: map[string]Count{}, Gauges: map[string]Gauge{}, Histograms: map[string]Histogram{}}
	families, err := from.Gather()
	if err != nil {
		return m, err //nolint:wrapcheck // The registry says which metric it is.
	}
	offers := int64(0)
	for _, f := range families {
		for _, v := range f.GetMetric() {
			name := nameOf(f.GetName(), v.GetLabel())
			switch f.GetType() {
			case dto.MetricType_COUNTER:
				m.Counters[name] = Count{Count: int64(v.GetCounter().GetValue())}
				if f.GetName() == offersTotal {
					offers += int64(v.GetCounter().GetValue())
				}
			case dto.MetricType_GAUGE:
				if n := v.GetGauge().GetValue(); !math.IsNaN(n) && !math.IsInf(n, 0) { // JSON has no such numbers.
					m.Gauges[name] = Gauge{Value: n}
				}
			case dto.MetricType_HISTOGRAM:
				h := Histogram{Count: v.GetHistogram().GetSampleCount()}
				if h.Count > 0 {
					h.Mean = v.GetHistogram().GetSampleSum() / float64(h.Count)
				}
				m.Histograms[name] = h
			case dto.MetricType_SUMMARY, dto.MetricType_UNTYPED, dto.MetricType_GAUGE_HISTOGRAM:
			}
		}
	}
	m.Counters["offers.received"], m.Counters["offers.processed"] = Count{Count: offers}, Count{Count: offers}
	m.Gauges["is_suppressed"] = Gauge{Value: view.Service(s).Suppressed}
	return m, nil
}

func nameOf(family string, labels []*dto.LabelPair) string {
	parts := []string{family}
	sorted := slices.SortedFunc(slices.Values(labels), func(a, b *dto.LabelPair) int { return strings.Compare(a.GetName(), b.GetName()) })
	for _, l := range sorted {
		parts = append(parts, l.GetValue())
	}
	return strings.Join(parts, ".")
}
