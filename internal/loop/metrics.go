package loop

import (
	"reflect"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

type metrics struct {
	events  *prometheus.CounterVec
	actions *prometheus.CounterVec
	offers  *prometheus.CounterVec
	records prometheus.Counter
	save    prometheus.Histogram
	// recoveries are the times in which jobs got over a loss.
	recoveries prometheus.Histogram
	// operations are those that ended.
	operations *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) metrics {
	m := metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "flink_mesos_loop_events_total", Help: "Events folded into the state, by type.",
		}, []string{"type"}),
		actions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "flink_mesos_loop_actions_total", Help: "Actions performed, by type.",
		}, []string{"type"}),
		offers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "flink_mesos_loop_offers_total", Help: "Offers answered, by result: accepted, or the reason of the decline.",
		}, []string{"result"}),
		records: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flink_mesos_loop_saved_records_total", Help: "Records made durable.",
		}),
		save: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "flink_mesos_loop_save_seconds", Help: "Time of one save.", Buckets: prometheus.ExponentialBuckets(0.0001, 4, 9),
		}),
	}
	m.recoveries = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "flink_mesos_loop_recovery_seconds", Help: "Time from the loss of a task, or the failure of a job, until the jobs of the cluster ran again.",
		Buckets: prometheus.ExponentialBuckets(0.5, 2, 11),
	})
	m.operations = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "flink_mesos_loop_operations_total", Help: "Operations that ended, by kind and by how they ended: succeeded, failed or superseded.",
	}, []string{"kind", "state"})
	r.MustRegister(m.operations, m.recoveries, m.events, m.actions, m.offers, m.records, m.save)
	return m
}

func (m metrics) event(e state.Event) {
	m.events.WithLabelValues(reflect.TypeOf(e).Name()).Inc()
}

func (m metrics) action(a state.Action) {
	m.actions.WithLabelValues(reflect.TypeOf(a).Name()).Inc()
	switch a := a.(type) {
	case state.Accept:
		m.offers.WithLabelValues("accepted").Add(float64(len(a.OfferIDs)))
	case state.Recovered:
		m.recoveries.Observe(a.Took.Seconds())
	case state.OperationChanged:
		if o := a.Operation; o.State != wire.OperationRunning {
			m.operations.WithLabelValues(string(o.Kind), string(o.State)).Inc()
		}
	case state.Decline:
		m.offers.WithLabelValues(a.Reason).Add(float64(len(a.OfferIDs)))
	}
}

func (m metrics) saved(records int, took time.Duration) {
	m.records.Add(float64(records))
	m.save.Observe(took.Seconds())
}
