package autoscale

import (
	"math"
	"slices"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/settings"
)

// maxSamples bounds the samples of a window: they are at least spacing apart.
const maxSamples = 500

// spacing is the least time between two samples that are kept, but for the newest one.
func spacing(o settings.Options) time.Duration { return o.Window.Length / maxSamples }

// Sample is what one collection adds to the history of a job.
type Sample struct {
	At time.Time `json:"at"`
	// Vertices are by vertex id.
	Vertices map[string]VertexSample `json:"vertices"`
	Job      JobSample               `json:"job,omitzero"`
}

// VertexSample is what is kept of one vertex, rounded to three decimals.
type VertexSample struct {
	// Load is the busy share of the subtasks, from 0 to 1.
	Load Value `json:"load,omitzero"`
	// Busy is the accumulated busy time in milliseconds; In and Out are accumulated records.
	Busy Value `json:"busy,omitzero"`
	In   Value `json:"in,omitzero"`
	Out  Value `json:"out,omitzero"`
	// InPerSecond is Flink's own rate of records in; not for sources.
	InPerSecond Value `json:"inPerSecond,omitzero"`
	// Lag is the number of pending records; sources only.
	Lag Value `json:"lag,omitzero"`
	// Observed is the true processing rate seen while there was lag, in records per second;
	// without enough lag the mean of the earlier ones is repeated. Sources only.
	Observed Value `json:"observed,omitzero"`
}

// JobSample is what is kept of the TaskManagers and slots.
type JobSample struct {
	// GC is the share of time in garbage collection, HeapRatio that of the heap in use; both 0 to 1.
	GC        Value `json:"gc,omitzero"`
	HeapRatio Value `json:"heapRatio,omitzero"`
	// HeapUsed, ManagedUsed and MetaspaceUsed are in bytes.
	HeapUsed      Value `json:"heapUsed,omitzero"`
	ManagedUsed   Value `json:"managedUsed,omitzero"`
	MetaspaceUsed Value `json:"metaspaceUsed,omitzero"`
	SlotsUsed     Value `json:"slotsUsed,omitzero"`
}

// newSample turns a collection into a sample. history are the samples before it.
func newSample(o settings.Options, c Collection, history []Sample) Sample {
	s := Sample{At: c.At, Vertices: make(map[string]VertexSample, len(c.Vertices)), Job: newJobSample(c.TaskManagers)}
	for _, v := range c.Vertices {
		s.Vertices[v.ID] = newVertexSample(o, v, history)
	}
	return s
}

func newVertexSample(o settings.Options, v Vertex, history []Sample) VertexSample {
	if v.Finished {
		v.Totals = Totals{Busy: Of(0)}
		v.Metrics = finishedMetrics()
	}
	s := VertexSample{
		Load: round(pick(o.Window.Busy, v.Metrics.Busy) / 1000),
		Busy: round(v.Totals.Busy.Or(0)),
		In:   round(recordsIn(v)),
		Out:  Of(float64(v.Totals.Written)),
	}
	if !v.source() {
		s.InPerSecond = round(v.Metrics.InPerSecond.Float())
		return s
	}
	s.Lag = round(v.Metrics.Pending.Or(0))
	if rate := v.Metrics.SourceInPerSecond; rate.Known() {
		s.Observed = round(observedRate(o, v, max(0, rate.Float()), history))
	}
	return s
}

// finishedMetrics are assumed of a finished vertex, of which Flink reports none.
func finishedMetrics() Metrics {
	zero := Of(0)
	return Metrics{
		Busy: Aggregate{Min: zero, Max: zero, Avg: zero}, Pending: zero,
		SourceIn: zero, SourceInPerSecond: zero, SourceOut: zero,
	}
}

// pick returns the busy time in milliseconds per second, or NaN where it is not finite.
func pick(a settings.Aggregator, busy Aggregate) float64 {
	var v Value
	switch a {
	case settings.AggregateMax:
		v = busy.Max
	case settings.AggregateMin:
		v = busy.Min
	case settings.AggregateAvg:
		v = busy.Avg
	}
	if !v.Finite() {
		return math.NaN()
	}
	return max(0, v.Float())
}

// recordsIn is the number of records that came in so far. A source's task counts none, so its
// operator's are taken, or else what that put out.
func recordsIn(v Vertex) float64 {
	n := float64(v.Totals.Read)
	if v.source() && n == 0 && v.Metrics.SourceIn.Known() {
		n = v.Metrics.SourceIn.Float()
	}
	if v.source() && n == 0 && v.Metrics.SourceOut.Known() {
		n = v.Metrics.SourceOut.Float()
	}
	return max(0, n)
}

// observedRate is the true processing rate of a source with enough lag, corrected for the time
// it was back-pressured. Without enough lag it is the mean of what was observed before.
func observedRate(o settings.Options, v Vertex, perSecond float64, history []Sample) float64 {
	if perSecond == 0 {
		return math.Inf(1)
	}
	if lag := v.Metrics.Pending.Or(0); lag >= seconds(o.Observed.Lag)*perSecond {
		if pressed := v.Metrics.BackPressured.Float(); pressed < 1000 {
			return perSecond / (1 - pressed/1000)
		}
	}
	return window(history).mean(v.ID, observed, o.Observed.Min)
}

func newJobSample(m TaskManagers) JobSample {
	return JobSample{
		GC:        Of(m.GC.Float() / 1000),
		HeapRatio: Of(m.HeapUsed.Float() / m.HeapMax.Float()),
		HeapUsed:  m.HeapUsed, ManagedUsed: m.ManagedUsed, MetaspaceUsed: m.MetaspaceUsed,
		SlotsUsed: Of(m.SlotsTotal.Float() - m.SlotsAvailable.Float()),
	}
}

func round(f float64) Value { return Of(round3(f)) }

// addSample appends a sample. It replaces the newest one where that is too close to the one before.
func addSample(o settings.Options, history []Sample, s Sample) []Sample {
	history = slices.Clone(history)
	if n := len(history); n >= 2 && history[n-1].At.Sub(history[n-2].At) < spacing(o) {
		history = history[:n-1]
	}
	return append(history, s)
}

// readiness says from when on a history can be acted on.
type readiness struct {
	stable time.Time // The end of the stabilization interval.
	full   time.Time // When the window is full.
}

// newReadiness computes it from the samples before the present one.
func newReadiness(o settings.Options, c Collection, history []Sample) readiness {
	r := readiness{stable: c.Running.Add(o.Window.Stabilization)}
	r.full = c.At.Add(o.Window.Length)
	for _, s := range history {
		if !s.At.Before(r.stable) {
			r.full = s.At.Add(o.Window.Length)
			break
		}
	}
	return r
}

// trim drops the samples before the window.
func trim(o settings.Options, history []Sample, now time.Time) []Sample {
	start := now.Add(-o.Window.Length)
	return slices.DeleteFunc(slices.Clone(history), func(s Sample) bool { return s.At.Before(start) })
}
