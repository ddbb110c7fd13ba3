package artifact

import (
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The values of the label "path": by which kind of path a request came.
const (
	pathStable   = "stable"
	pathSigned   = "signed"
	pathRendered = "rendered"
	pathUnknown  = "unknown"
)

// The values of the label "result" of an upload.
const (
	uploadStored  = "stored"  // new content
	uploadKnown   = "known"   // the content was there
	uploadRefused = "refused" // the input was at fault
	uploadFailed  = "failed"  // the disk or the connection was
)

type metrics struct {
	registerer prometheus.Registerer

	requests  *prometheus.CounterVec
	sent      *prometheus.CounterVec
	durations *prometheus.HistogramVec
	uploads   *prometheus.CounterVec
	received  prometheus.Counter
	open      prometheus.Gauge
	files     prometheus.Gauge
	bytes     prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	const namespace, subsystem = "flink_mesos", "artifact"
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help}
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help})
	}
	m := &metrics{
		requests: prometheus.NewCounterVec(counter("requests_total",
			"Requests for artifacts by kind of path and HTTP status."), []string{"path", "code"}),
		sent: prometheus.NewCounterVec(counter("sent_bytes_total",
			"Bytes of artifacts sent to clients by kind of path."), []string{"path"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "request_duration_seconds",
			Help:    "Time from the request to the last byte of the answer by kind of path.",
			Buckets: []float64{.001, .01, .1, .5, 1, 5, 15, 60, 300},
		}, []string{"path"}),
		uploads: prometheus.NewCounterVec(counter("uploads_total",
			"Uploads by result: stored, known, refused, failed."), []string{"result"}),
		received: prometheus.NewCounter(counter("received_bytes_total", "Bytes of uploads read, kept or not.")),
		open:     gauge("open_uploads", "Uploads that are being received now."),
		files:    gauge("stored_files", "Artifacts in the store."),
		bytes:    gauge("stored_bytes", "Bytes of the artifacts in the store."),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range m.collectors() {
		if err := r.Register(c); err != nil {
			m.unregister()
			return nil, fmt.Errorf("register artifact metrics: %w", err)
		}
		m.registerer = r
	}
	return m, nil
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.requests, m.sent, m.durations, m.uploads, m.received, m.open, m.files, m.bytes}
}

// unregister lets another store register in the same process.
func (m *metrics) unregister() {
	if m.registerer == nil {
		return
	}
	for _, c := range m.collectors() {
		m.registerer.Unregister(c)
	}
}

func (m *metrics) served(path string, status int, sent int64, took time.Duration) {
	m.requests.WithLabelValues(path, codeLabel(status)).Inc()
	m.sent.WithLabelValues(path).Add(float64(sent))
	m.durations.WithLabelValues(path).Observe(took.Seconds())
}

// codeLabel keeps the label's set closed.
func codeLabel(status int) string {
	switch status {
	case 200, 206, 304, 404, 405, 410, 412, 416, 500:
		return strconv.Itoa(status)
	default:
		return "other"
	}
}

func (m *metrics) stored(files int, bytes int64) {
	m.files.Add(float64(files))
	m.bytes.Add(float64(bytes))
}

func (m *metrics) setStored(files int, bytes int64) {
	m.files.Set(float64(files))
	m.bytes.Set(float64(bytes))
}
