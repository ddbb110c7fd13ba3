package mesos

import (
	"context"

	"github.com/mesos/mesos-go/api/v1/lib/extras/scheduler/eventrules"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	events *prometheus.CounterVec
	calls  *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "flink_mesos_scheduler_events_total", Help: "Events received from the Mesos master, by type.",
		}, []string{"type"}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "flink_mesos_scheduler_calls_total", Help: "Calls sent to the Mesos master, by type and result.",
		}, []string{"type", "result"}),
	}
	r.MustRegister(m.events, m.calls)
	return m
}

func (m *metrics) event(ctx context.Context, e *scheduler.Event, err error, chain eventrules.Chain) (context.Context, *scheduler.Event, error) {
	m.events.WithLabelValues(e.GetType().String()).Inc()
	return chain(ctx, e, err)
}

func (m *metrics) call(t scheduler.Call_Type, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.calls.WithLabelValues(t.String(), result).Inc()
}
