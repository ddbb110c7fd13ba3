package autoscale

import (
	"math"
	"slices"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/settings"
)

// VertexResult is what is said about one vertex.
type VertexResult struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	Evaluation
	// Wanted is the parallelism after all limits and alignment, before a delay. It is 0 while
	// nothing is recommended.
	Wanted int `json:"wanted,omitempty"`
	// Recommended is what the vertex should have now, 0 while nothing is recommended.
	Recommended int `json:"recommended,omitempty"`
	// Planned is what it gets if the result says to act: less than Recommended where there is
	// no room for all.
	Planned int      `json:"planned,omitempty"`
	Reasons []Reason `json:"reasons,omitempty"`
}

func (r *VertexResult) say(reason Reason) { r.Reasons = append(r.Reasons, reason) }

// chooser decides on the vertices of one job.
type chooser struct {
	o     settings.Options
	e     *evaluator
	now   time.Time
	state State // Its delays are changed.
	need  map[string]demand
}

// choice is what the chooser wants for a vertex.
type choice struct {
	parallelism int
	outside     bool
}

// choose decides on one vertex. ok is false when it is to stay as it is.
func (c *chooser) choose(v Vertex, r *VertexResult) (choice, bool) {
	if v.Finished {
		r.say(Reason{Code: Finished})
		return choice{}, false
	}
	if slices.Contains(c.o.Parallelism.Exclude, v.ID) {
		r.say(Reason{Code: Excluded, Option: settings.Prefix + "vertex.exclude.ids"})
		return choice{}, false
	}
	if math.IsNaN(pick(c.o.Window.Busy, v.Metrics.Busy)) {
		r.say(Reason{Code: NoBusyTime, Metric: MetricBusy})
		return choice{}, false
	}
	need := c.need[v.ID]
	if !r.TrueRate.Known() || math.IsNaN(need.full) {
		r.say(Reason{Code: NoRate})
		return choice{}, false
	}
	c.notice(v, r)
	factor := c.factor(v, r, need.want(v.ID, r))
	wanted := c.parallelism(v, r, factor)
	r.Wanted = wanted
	if wanted == v.Parallelism {
		delete(c.state.Delays, v.ID)
		r.say(Reason{Code: AtTarget})
		return choice{}, false
	}
	r.Expected = round(r.TrueRate.Float() / float64(v.Parallelism) * float64(wanted))
	if wanted < v.Parallelism {
		return c.delay(v, r, choice{wanted, r.outside()})
	}
	delete(c.state.Delays, v.ID)
	if c.ineffective(v, r) {
		return choice{}, false
	}
	return choice{wanted, r.outside()}, true
}

// notice adds what explains the evaluation.
func (c *chooser) notice(v Vertex, r *VertexResult) {
	if r.Observed {
		r.say(Reason{Code: ObservedRate})
	}
	if v.source() && c.e.backlog(v.ID) {
		r.say(limited(Backlog, "backlog-processing.lag-threshold", c.e.lagTime(v.ID), seconds(c.o.Backlog.Threshold)))
	}
	// One busy subtask whose siblings are mostly idle.
	if b := v.Metrics.Busy; v.Parallelism > 1 && b.Max.Finite() && b.Avg.Finite() &&
		b.Max.Float() > 1000*c.o.Utilization.Target && b.Avg.Float() < b.Max.Float()/2 {
		r.say(Reason{Code: Skewed, Metric: MetricBusy, Actual: b.Max, Limit: b.Avg})
	}
}

// factor limits the factor of a step.
func (c *chooser) factor(v Vertex, r *VertexResult, factor float64) float64 {
	if c.o.Scalability.Enabled {
		if a := coefficient(c.o.Scalability, c.state.Steps[v.ID]); a != 1 {
			r.say(Reason{Code: Sublinear, Option: settings.Prefix + "observed-scalability.enabled", Actual: Of(a)})
			factor /= a
		}
	}
	least, most := 1-c.o.Limits.DownFactor, 1+c.o.Limits.UpFactor
	switch {
	case factor < least:
		r.say(limited(StepLimited, "scale-down.max-factor", factor, least))
		return least
	case factor > most:
		r.say(limited(StepLimited, "scale-up.max-factor", factor, most))
		return most
	}
	return factor
}

// parallelism applies a factor, the limits and the alignment.
func (c *chooser) parallelism(v Vertex, r *VertexResult, factor float64) int {
	p := v.Parallelism
	raw := toInt(math.Ceil(factor * float64(p)))
	lower, upper := min(p, c.o.Parallelism.Min), max(p, c.o.Parallelism.Max)
	highest := min(v.MaxParallelism, upper)
	wanted := min(max(lower, raw), highest)
	switch {
	case wanted == raw:
	case raw < wanted:
		r.say(limited(ParallelismLimited, "vertex.min-parallelism", float64(raw), float64(wanted)))
	case v.MaxParallelism < upper:
		r.say(counts(ParallelismLimited, raw, wanted))
	default:
		r.say(limited(ParallelismLimited, "vertex.max-parallelism", float64(raw), float64(wanted)))
	}
	if wanted == p || v.Partitions <= 0 && !v.hashed() {
		return wanted
	}
	n := v.Partitions
	if n <= 0 {
		n = v.MaxParallelism
	}
	aligned := align(c.o.Parallelism.Align, wanted, p, n, highest)
	if aligned != wanted {
		reason := counts(Aligned, wanted, aligned)
		reason.Of, reason.Option = Of(float64(n)), settings.Prefix+"scaling.parallelism-alignment.mode"
		r.say(reason)
	}
	return aligned
}

// delay holds a scale-down back for the interval, and takes then the largest recommendation that
// was made within it.
func (c *chooser) delay(v Vertex, r *VertexResult, now choice) (choice, bool) {
	interval := c.o.Limits.DownInterval
	if interval < time.Millisecond {
		return now, true
	}
	d, waits := c.state.Delays[v.ID]
	if !waits {
		d.Since = c.now
	}
	d = d.record(Recommendation{At: c.now, Parallelism: now.parallelism, Outside: now.outside})
	start := c.now.Add(-interval)
	d = d.since(start)
	if c.state.Delays == nil {
		c.state.Delays = map[string]Delay{}
	}
	c.state.Delays[v.ID] = d
	if start.Before(d.Since) {
		r.say(Reason{
			Code: Delayed, Option: settings.Prefix + "scale-down.interval", Until: d.Since.Add(interval),
			Actual: Of(float64(now.parallelism)), Limit: Of(float64(d.Largest[0].Parallelism)),
		})
		return choice{}, false
	}
	largest := d.Largest[0]
	if largest.Parallelism != now.parallelism {
		reason := counts(WindowLargest, now.parallelism, largest.Parallelism)
		reason.Option = settings.Prefix + "scale-down.interval"
		r.say(reason)
	}
	return choice{largest.Parallelism, largest.Outside}, true
}

// ineffective says that a step up must not be taken because the last one had too little effect.
func (c *chooser) ineffective(v Vertex, r *VertexResult) bool {
	share, known := c.effect(v, r.Evaluation)
	if !known || share >= c.o.Effect.Threshold {
		return false
	}
	reason := Reason{Code: Ineffective, Actual: Of(share), Limit: Of(c.o.Effect.Threshold)}
	if c.o.Effect.Block {
		reason.Option = settings.Prefix + "scaling.effectiveness.detection.enabled"
	}
	r.say(reason)
	return c.o.Effect.Block
}

// effect is the share of the expected increase that the last step of a vertex had, if that was a
// step up to the present parallelism.
func (c *chooser) effect(v Vertex, e Evaluation) (share float64, known bool) {
	steps := c.state.Steps[v.ID]
	if len(steps) == 0 {
		return 0, false
	}
	last := steps[len(steps)-1]
	if last.To != v.Parallelism || last.To <= last.From {
		return 0, false
	}
	return (e.TrueRate.Float() - last.Rate.Float()) / (last.Expected.Float() - last.Rate.Float()), true
}

// coefficient is the share of linear scaling that the steps of a vertex had, fitted by least
// squares to rate = coefficient × base × parallelism. The base is the rate per subtask of the
// newest step with the smallest parallelism. It is rounded up to two decimals.
func coefficient(o settings.ScalabilityOptions, steps []VertexStep) float64 {
	if len(steps) == 0 || len(steps) < o.Min {
		return 1
	}
	smallest := steps[len(steps)-1]
	sum, squares := 0.0, 0.0
	for _, s := range slices.Backward(steps) {
		if s.From < smallest.From {
			smallest = s
		}
	}
	for _, s := range steps {
		if !s.Rate.Known() {
			return 1
		}
		sum += float64(s.From) * s.Rate.Float()
		squares += float64(s.From) * float64(s.From)
	}
	if squares == 0 {
		return 1
	}
	fitted := sum / (squares * (smallest.Rate.Float() / float64(smallest.From)))
	if math.IsNaN(fitted) {
		return 1
	}
	fitted = max(o.Floor, min(1, fitted))
	return ceil2(fitted)
}
