package metrics

import (
	"context"
	"log/slog"
	"math"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

const (
	// StatsDInterval is the time between two reports.
	StatsDInterval = 10 * time.Second
	// maxPacket is the most bytes of a datagram: what passes every network undivided.
	maxPacket = 512
)

// StatsD sends metrics as datagrams: gauges as they are, and by how much counters have grown since the last report. Names
// are those of /metrics, with the values of labels after dots.
type StatsD struct {
	from prometheus.Gatherer
	conn net.Conn
	log  *slog.Logger
	// last are the counters as they were last reported.
	last map[string]float64
}

// NewStatsD returns what reports the metrics of a gatherer to host:port. Nothing has to listen there.
func NewStatsD(from prometheus.Gatherer, address string, log *slog.Logger) (*StatsD, error) {
	conn, err := net.Dial("udp", address)
	if err != nil {
		return nil, err
	}
	return &StatsD{from: from, conn: conn, log: log, last: map[string]float64{}}, nil
}

// Run reports every StatsDInterval until ctx is done. What cannot be sent is lost, as with any datagram.
func (s *StatsD) Run(ctx context.Context) error {
	defer func() { _ = s.conn.Close() }()
	ticker := time.NewTicker(StatsDInterval)
	defer ticker.Stop()
	for {
		if err := s.Report(); err != nil {
			s.log.Debug("metrics not sent to StatsD", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Report sends all metrics once. It returns the first error of a datagram, and sends the others all the same.
func (s *StatsD) Report() error {
	families, err := s.from.Gather()
	if err != nil {
		return err
	}
	var packet []byte
	var first error
	flush := func() {
		if _, err := s.conn.Write(packet); err != nil && first == nil {
			first = err
		}
		packet = packet[:0]
	}
	for _, line := range s.lines(families) {
		if len(packet) > 0 && len(packet)+1+len(line) > maxPacket {
			flush()
		}
		if len(packet) > 0 {
			packet = append(packet, '\n')
		}
		packet = append(packet, line...)
	}
	if len(packet) > 0 {
		flush()
	}
	return first
}

// lines are the metrics in StatsD's form: name:value|g and name:growth|c.
func (s *StatsD) lines(families []*dto.MetricFamily) []string {
	var all []string
	now := make(map[string]float64, len(s.last))
	line := func(name string, value float64, kind string) {
		if !math.IsNaN(value) && !math.IsInf(value, 0) {
			all = append(all, name+":"+strconv.FormatFloat(value, 'f', -1, 64)+"|"+kind)
		}
	}
	grown := func(family, name string, value float64) {
		before, seen := s.last[name]
		if !seen && outlives(family) {
			before = value
		}
		if now[name] = value; value > before {
			line(name, value-before, "c")
		}
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := statsdName(f.GetName(), m.GetLabel())
			switch f.GetType() {
			case dto.MetricType_COUNTER:
				grown(f.GetName(), name, m.GetCounter().GetValue())
			case dto.MetricType_GAUGE:
				if v := m.GetGauge().GetValue(); v < 0 {
					line(name, 0, "g") // A sign would make it a change of the gauge.
					line(name, v, "g")
				} else {
					line(name, v, "g")
				}
			case dto.MetricType_HISTOGRAM:
				grown(f.GetName(), name+".count", float64(m.GetHistogram().GetSampleCount()))
				grown(f.GetName(), name+".sum", m.GetHistogram().GetSampleSum())
			case dto.MetricType_SUMMARY, dto.MetricType_UNTYPED, dto.MetricType_GAUGE_HISTOGRAM:
			}
		}
	}
	s.last = now
	return all
}

// outlives says that a counter is part of the state: what it counted before this process was reported by another one.
func outlives(family string) bool {
	return strings.HasPrefix(family, "flink_mesos_cluster_") || strings.HasPrefix(family, "flink_mesos_job_")
}

// statsdName keeps the characters that mean something to StatsD out of a name.
func statsdName(family string, labels []*dto.LabelPair) string {
	parts := []string{family}
	for _, l := range labels {
		parts = append(parts, strings.Map(func(r rune) rune {
			if r == ':' || r == '|' || r == '@' || r == '.' || r == '/' || r <= ' ' || r == 0x7f {
				return '_'
			}
			return r
		}, l.GetValue()))
	}
	return strings.Join(parts, ".")
}
