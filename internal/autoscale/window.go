package autoscale

import (
	"math"
	"time"
)

// window is a series of samples to take rates and means from.
type window []Sample

// metric picks one number out of the sample of a vertex.
type metric func(VertexSample) Value

func load(s VertexSample) Value        { return s.Load }
func busy(s VertexSample) Value        { return s.Busy }
func in(s VertexSample) Value          { return s.In }
func out(s VertexSample) Value         { return s.Out }
func inPerSecond(s VertexSample) Value { return s.InPerSecond }
func lag(s VertexSample) Value         { return s.Lag }
func observed(s VertexSample) Value    { return s.Observed }

// rate is the increase of an accumulated metric per second from the first known sample to the
// last; NaN with less than two.
func (w window) rate(vertex string, m metric) float64 {
	var first, last float64
	var firstAt, lastAt time.Time
	n := 0
	for _, s := range w {
		v := m(s.Vertices[vertex])
		if !v.Known() {
			continue
		}
		if n == 0 {
			first, firstAt = v.Float(), s.At
		} else {
			last, lastAt = v.Float(), s.At
		}
		n++
	}
	if n < 2 {
		return math.NaN()
	}
	return 1000 * (last - first) / float64(lastAt.Sub(firstAt).Milliseconds())
}

// mean is the mean of the finite samples of a vertex. It is NaN where there are less than least,
// and infinite where all that are known are.
func (w window) mean(vertex string, m metric, least int) float64 {
	return w.average(least, func(s Sample) Value { return m(s.Vertices[vertex]) })
}

// jobMean is the mean of a metric of the job.
func (w window) jobMean(m func(JobSample) Value) float64 {
	return w.average(1, func(s Sample) Value { return m(s.Job) })
}

func (w window) average(least int, m func(Sample) Value) float64 {
	sum, n, infinite := 0.0, 0, false
	for _, s := range w {
		switch v := m(s); {
		case !v.Known():
		case !v.Finite():
			infinite = true
		default:
			sum += v.Float()
			n++
		}
	}
	switch {
	case n == 0 && infinite:
		return math.Inf(1)
	case n == 0 || n < least:
		return math.NaN()
	}
	return sum / float64(n)
}

// last is the newest sample of a vertex.
func (w window) last(vertex string) VertexSample { return w[len(w)-1].Vertices[vertex] }

// seconds cuts a duration to whole seconds, as the operator's formulas do.
func seconds(d time.Duration) float64 { return math.Floor(d.Seconds()) }
