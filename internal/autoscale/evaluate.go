package autoscale

import (
	"errors"
	"math"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/settings"
)

// Evaluation is what the window says about one vertex. Rates are in records per second.
type Evaluation struct {
	Parallelism    int `json:"parallelism"`
	MaxParallelism int `json:"maxParallelism"`
	Partitions     int `json:"partitions,omitempty"`
	// Load is the mean busy share of the vertex, from 0 to 1.
	Load Value `json:"load,omitzero"`
	// TrueRate is what the vertex could process if it were always busy.
	TrueRate Value `json:"trueRate,omitzero"`
	// Observed says that TrueRate was observed at a source with lag, not derived from busy time.
	Observed bool `json:"observed,omitempty"`
	// TargetRate is what arrives; CatchUpRate is what it takes on top to reduce the backlog.
	TargetRate  Value `json:"targetRate,omitzero"`
	CatchUpRate Value `json:"catchUpRate,omitzero"`
	// Lag is the number of pending records; sources only.
	Lag Value `json:"lag,omitzero"`
	// UpThreshold and DownThreshold bound the true rates at which nothing is done.
	UpThreshold   Value `json:"upThreshold,omitzero"`
	DownThreshold Value `json:"downThreshold,omitzero"`
	// Expected is the true rate that the recommended parallelism should have.
	Expected Value `json:"expected,omitzero"`
}

// JobEvaluation is what the window says about the cluster.
type JobEvaluation struct {
	// Backlog says that a source has more lag than backlog-processing.lag-threshold.
	Backlog bool `json:"backlog,omitempty"`
	// GC is the present share of time in garbage collection, Heap the mean share of heap in use.
	GC   Value `json:"gc,omitzero"`
	Heap Value `json:"heap,omitzero"`
	// HeapUsed, ManagedUsed and MetaspaceUsed are means in bytes.
	HeapUsed      Value `json:"heapUsed,omitzero"`
	ManagedUsed   Value `json:"managedUsed,omitzero"`
	MetaspaceUsed Value `json:"metaspaceUsed,omitzero"`
	// SlotsUsed is the present number of slots in use.
	SlotsUsed Value `json:"slotsUsed,omitzero"`
	// Restart is how long a step is assumed to interrupt processing.
	Restart time.Duration `json:"restart"`
}

// outside says that the true rate is not between the thresholds.
func (e Evaluation) outside() bool {
	return e.TrueRate.Float() < e.UpThreshold.Float() || e.TrueRate.Float() > e.DownThreshold.Float()
}

// evaluator evaluates the vertices of a job, each after its inputs.
type evaluator struct {
	o        settings.Options
	t        topology
	w        window
	job      JobEvaluation
	vertices map[string]Evaluation
}

// errNoRate means that a source has no rate of records.
var errNoRate = errors.New("a source has no rate of records")

func evaluate(o settings.Options, t topology, w window, restart time.Duration) (*evaluator, error) {
	e := &evaluator{o: o, t: t, w: w, vertices: map[string]Evaluation{}}
	newest := w[len(w)-1].Job
	e.job = JobEvaluation{
		GC:            round(newest.GC.Float()),
		Heap:          round(w.jobMean(func(s JobSample) Value { return s.HeapRatio })),
		HeapUsed:      round(w.jobMean(func(s JobSample) Value { return s.HeapUsed })),
		ManagedUsed:   round(w.jobMean(func(s JobSample) Value { return s.ManagedUsed })),
		MetaspaceUsed: round(w.jobMean(func(s JobSample) Value { return s.MetaspaceUsed })),
		SlotsUsed:     round(newest.SlotsUsed.Float()),
		Restart:       restart,
	}
	for _, id := range t.order {
		if t.vertices[id].source() && e.backlog(id) {
			e.job.Backlog = true
		}
	}
	for _, id := range t.order {
		v, err := e.vertex(t.vertices[id])
		if err != nil {
			return nil, err
		}
		e.vertices[id] = v
	}
	return e, nil
}

// backlog says that a source would need longer than the threshold for what waits.
func (e *evaluator) backlog(id string) bool {
	return e.lagTime(id) > seconds(e.o.Backlog.Threshold)
}

// lagTime is how many seconds a source needs at its present rate for what waits.
func (e *evaluator) lagTime(id string) float64 { return e.w.last(id).Lag.Or(0) / e.w.rate(id, in) }

func (e *evaluator) vertex(v Vertex) (Evaluation, error) {
	ev := Evaluation{Parallelism: v.Parallelism, MaxParallelism: v.MaxParallelism, Partitions: v.Partitions}
	target, catchUp, err := e.target(v)
	if err != nil {
		return ev, err
	}
	ev.TargetRate, ev.CatchUpRate = round(target), round(catchUp)
	busyTime := e.busyTime(v)
	rate, observed := e.trueRate(v, busyTime)
	ev.TrueRate, ev.Observed = round(rate), observed
	ev.Load = round(busyTime / 1000)
	ev.Lag = e.w.last(v.ID).Lag
	low, high := e.o.Utilization.Min, e.o.Utilization.Max
	if e.job.Backlog {
		// While a backlog is processed full use is fine, and a smaller one would build up lag.
		low, high = 0, 1
	}
	ev.UpThreshold = round(e.capacity(ev, high, false))
	ev.DownThreshold = round(e.capacity(ev, low, true))
	return ev, nil
}

// target is the rate at which records arrive at a vertex, and what a backlog adds to it.
func (e *evaluator) target(v Vertex) (target, catchUp float64, err error) {
	if v.source() {
		target = math.Max(0, e.w.rate(v.ID, in)+e.w.rate(v.ID, lag))
		if math.IsNaN(target) {
			return 0, 0, errNoRate
		}
		if s := seconds(e.o.Backlog.CatchUp); s != 0 {
			catchUp = e.w.last(v.ID).Lag.Or(0) / s
		}
		return target, catchUp, nil
	}
	target, catchUp = e.passedOn(v, e.vertices)
	return target, catchUp, nil
}

// passedOn sums what the inputs of a vertex pass on of their rates.
func (e *evaluator) passedOn(v Vertex, inputs map[string]Evaluation) (target, catchUp float64) {
	for _, input := range v.Inputs {
		ratio := e.outputRatio(input.ID, v)
		target += inputs[input.ID].TargetRate.Float() * ratio
		catchUp += inputs[input.ID].CatchUpRate.Float() * ratio
	}
	return target, catchUp
}

// outputRatio is how many records go over an edge for each record that its origin reads. With
// nothing read it is 0: another number would be far too large.
func (e *evaluator) outputRatio(from string, to Vertex) float64 {
	read := e.w.rate(from, in)
	if read > 0 {
		if sent := e.edgeRate(from, to); sent > 0 {
			return sent / read
		}
	}
	return 0
}

// edgeRate is the rate over an edge, of which Flink reports nothing: what the vertex reads when it
// has one input; less what its other inputs write, when that goes nowhere else; or else what
// the origin writes in all.
func (e *evaluator) edgeRate(from string, to Vertex) float64 {
	others := 0.0
	for _, other := range to.Inputs {
		if other.ID == from {
			continue
		}
		if len(e.t.outputs[other.ID]) != 1 {
			others = math.NaN()
			break
		}
		others += e.w.rate(other.ID, out)
	}
	if math.IsNaN(others) {
		return e.w.rate(from, out)
	}
	return e.w.rate(to.ID, in) - others
}

// busyTime is the mean busy time in milliseconds per second and subtask.
func (e *evaluator) busyTime(v Vertex) float64 {
	if e.o.Window.Busy == settings.AggregateAvg {
		return e.w.rate(v.ID, busy) / float64(v.Parallelism)
	}
	return e.w.mean(v.ID, load, 1) * 1000
}

// trueRate is the rate by busy time, or the observed one where the former is much larger or
// says nothing.
func (e *evaluator) trueRate(v Vertex, busyTime float64) (rate float64, wasObserved bool) {
	arrives := math.NaN()
	if e.o.Window.Busy != settings.AggregateAvg {
		// The gauges of busy time and of records are means over the same time (FLINK-39306).
		arrives = e.w.mean(v.ID, inPerSecond, 1)
	}
	if math.IsNaN(arrives) || math.IsInf(arrives, 0) {
		arrives = e.w.rate(v.ID, in)
	}
	byBusy := math.Inf(1)
	if arrives != 0 {
		byBusy = arrives / (busyTime / 1000)
	}
	seen := e.w.mean(v.ID, observed, e.o.Observed.Min)
	switch {
	case math.IsNaN(seen):
		return byBusy, false
	case math.IsInf(byBusy, 0) || math.IsNaN(byBusy) || byBusy > seen*(1+e.o.Observed.Switch):
		return seen, true
	}
	return byBusy, false
}

// capacity is the true rate that a vertex needs to be busy for the given share of the time and to
// catch up in time, if asked with what a restart leaves behind. It is whole records per second,
// or infinite for a share of 0.
func (e *evaluator) capacity(ev Evaluation, share float64, restart bool) float64 {
	catchUp, target := ev.CatchUpRate.Float(), ev.TargetRate.Float()
	if math.IsNaN(catchUp) || math.IsNaN(target) {
		return math.NaN()
	}
	share = min(1, max(0, share))
	if share == 0 {
		return math.Inf(1)
	}
	left := 0.0
	if s := seconds(e.o.Backlog.CatchUp); restart && s != 0 {
		left = target * seconds(e.job.Restart) / s
	}
	return roundWhole(catchUp + left + target/share)
}
