package autoscale

import (
	"maps"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/settings"
)

// Inputs are what the caller knows beside Flink's metrics. The zero value knows nothing, and then
// no resource limits a step and no memory is recommended.
type Inputs struct {
	// TaskManager is the size of one TaskManager of the cluster.
	TaskManager TaskManagerSize `json:"taskManager,omitzero"`
	// OtherSlots are slots that other jobs use on the same TaskManagers.
	OtherSlots int `json:"otherSlots,omitempty"`
	// Room is the number of TaskManagers that can run now, those that run included.
	// RoomKnown says that it is known.
	Room      int  `json:"room,omitempty"`
	RoomKnown bool `json:"roomKnown,omitempty"`
	// Hold says why no step may be taken now, such as "an agent is drained"; empty when one may.
	Hold string `json:"hold,omitempty"`
	// Memory is how the spec divides the memory of a TaskManager; nil recommends none.
	Memory *MemorySpec `json:"memory,omitempty"`
}

// TaskManagerSize is the size of a TaskManager.
type TaskManagerSize struct {
	CPUs   float64 `json:"cpus,omitempty"`
	Memory int64   `json:"memory,omitempty"` // Bytes of the whole process.
	Slots  int     `json:"slots,omitempty"`  // 0 means 1.
}

// Result is what comes of one collection.
type Result struct {
	At time.Time `json:"at"`
	// Act says to change the job to Parallelism, which names every vertex.
	Act         bool           `json:"act"`
	Parallelism map[string]int `json:"parallelism,omitempty"`
	// Ready says that the window is full, so that there are recommendations.
	Ready bool `json:"ready"`
	// Reasons are about the job as a whole; the last one says what came of it.
	Reasons []Reason `json:"reasons,omitempty"`
	// Vertices are in the order of the job graph. They are empty while nothing can be evaluated.
	Vertices []VertexResult `json:"vertices,omitempty"`
	Job      JobEvaluation  `json:"job,omitzero"`
	// Memory is recommended for TaskManagers; ApplyMemory says to apply it with the step.
	Memory      *MemoryRecommendation `json:"memory,omitempty"`
	ApplyMemory bool                  `json:"applyMemory,omitempty"`
}

// Recommended is the recommended parallelism of every vertex; empty while nothing is recommended.
func (r *Result) Recommended() map[string]int {
	return r.each(func(v VertexResult) int { return v.Recommended })
}

// Planned is the parallelism that quotas and room allow of what is recommended; empty while nothing
// is recommended.
func (r *Result) Planned() map[string]int {
	return r.each(func(v VertexResult) int { return v.Planned })
}

func (r *Result) each(parallelism func(VertexResult) int) map[string]int {
	all := make(map[string]int, len(r.Vertices))
	for _, v := range r.Vertices {
		if p := parallelism(v); p > 0 {
			all[v.ID] = p
		}
	}
	return all
}

func (r *Result) say(reason Reason) { r.Reasons = append(r.Reasons, reason) }

// Step takes in one collection of a running job and decides. It returns the state to remember
// and what comes of it. If the result says to act, the state already has the step in it: the
// caller saves it before it acts.
func Step(o settings.Options, s State, c Collection, in Inputs) (State, Result) {
	r := Result{At: c.At}
	s = s.prepare(o, c)
	t, err := newTopology(c.Vertices)
	if err != nil || len(c.Vertices) == 0 {
		r.say(Reason{Code: BadPlan})
		return s, r
	}
	if vertex, metric := missing(c); metric != "" {
		r.say(Reason{Code: MetricMissing, Vertex: vertex, Metric: metric})
		return s, r
	}
	ready := newReadiness(o, c, s.Samples)
	s.Samples = addSample(o, s.Samples, newSample(o, c, s.Samples))
	switch {
	case c.At.Before(ready.stable):
		r.say(Reason{Code: Stabilizing, Option: settings.Prefix + "stabilization.interval", Until: ready.stable})
	case c.At.Before(ready.full.Add(-spacing(o))): // The oldest sample may be one spacing within.
		r.say(Reason{Code: WindowFilling, Option: settings.Prefix + "metrics.window", Until: ready.full})
	default:
		r.Ready = true
		s.Samples = trim(o, s.Samples, c.At)
	}
	if len(s.Samples) < 2 {
		r.Ready = false
		r.say(Reason{Code: FewSamples, Actual: Of(float64(len(s.Samples))), Limit: Of(2)})
		return s, r
	}
	e, err := evaluate(o, t, window(s.Samples), s.restartTime(o.Restart))
	if err != nil {
		r.Ready = false
		r.say(Reason{Code: NoRate})
		return s, r
	}
	r.Job = e.job
	for _, id := range t.order {
		v := t.vertices[id]
		r.Vertices = append(r.Vertices, VertexResult{ID: id, Name: v.Name, Evaluation: e.vertices[id]})
	}
	if r.Ready {
		s = decide(o, s, e, in, &r)
	}
	if r.ApplyMemory {
		s.Memory = r.Memory
	}
	return s, r
}

// missing finds a metric without which a vertex cannot be evaluated. Busy time that is not
// reported excludes a vertex alone.
func missing(c Collection) (vertex, metric string) {
	for _, v := range c.Vertices {
		if v.Finished || !v.source() {
			continue
		}
		switch {
		case !v.Metrics.SourceIn.Known():
			return v.ID, prefixSource + "*" + suffixIn
		case !v.Metrics.SourceInPerSecond.Known():
			return v.ID, prefixSource + "*" + suffixInPerSecond
		}
	}
	return "", ""
}

// decide recommends a parallelism for every vertex and says whether to act.
func decide(o settings.Options, s State, e *evaluator, in Inputs, r *Result) State {
	for i := range r.Vertices {
		v := &r.Vertices[i]
		v.Recommended, v.Planned = v.Parallelism, v.Parallelism
	}
	planned := e.t.parallelism()
	defer func() { recommendMemory(o, e, in, planned, r) }()
	if pressed(o.Memory, e.job, r) {
		return s
	}
	changes := choose(o, &s, e, r)
	if changes == nil {
		return s
	}
	wanted := maps.Clone(planned)
	maps.Copy(wanted, changes)
	size := in.TaskManager
	if o.Memory.Tune && in.Memory != nil {
		// What the quota allows depends on how large a TaskManager will be.
		if m, ok := tune(o, e, *in.Memory, wanted, size); ok {
			size.Memory = m.Process
		}
	}
	planned = fit(o, e.t, in, size, wanted, r)
	for i := range r.Vertices {
		v := &r.Vertices[i]
		v.Planned = planned[v.ID]
		if v.Planned == v.Parallelism {
			delete(changes, v.ID)
		}
	}
	switch text, excluded := o.Excluded.At(r.At); {
	case len(changes) == 0: // fit said why.
		return s
	case !o.Act:
		r.say(Reason{Code: RecommendOnly, Option: settings.Prefix + "scaling.enabled"})
		return s
	case excluded:
		r.say(Reason{Code: ExcludedPeriod, Option: settings.Prefix + "excluded.periods", Metric: text})
		return s
	case in.Hold != "":
		r.say(Reason{Code: OnHold, Metric: in.Hold})
		return s
	}
	r.Act, r.Parallelism = true, planned
	r.say(Reason{Code: Scaled})
	return s.step(r, changes)
}

// pressed says that memory is too short for any step.
func pressed(o settings.MemoryOptions, job JobEvaluation, r *Result) bool {
	switch {
	case job.GC.Float() > o.GC:
		r.say(limited(GCPressure, "memory.gc-pressure.threshold", job.GC.Float(), o.GC))
	case job.Heap.Float() > o.Heap:
		r.say(limited(HeapUsage, "memory.heap-usage.threshold", job.Heap.Float(), o.Heap))
	default:
		return false
	}
	return true
}

// choose decides on each vertex and returns the changes; nil when there are none that matter.
// If only vertices within their thresholds would change, none does.
func choose(o settings.Options, s *State, e *evaluator, r *Result) map[string]int {
	c := &chooser{o: o, e: e, now: r.At, state: *s}
	c.need = c.demands()
	changes := map[string]int{}
	outside := false
	for i := range r.Vertices {
		v := &r.Vertices[i]
		chosen, ok := c.choose(e.t.vertices[v.ID], v)
		if !ok {
			continue
		}
		changes[v.ID] = chosen.parallelism
		outside = outside || chosen.outside
		if !chosen.outside {
			band := Reason{Code: WithinBand, Actual: v.TrueRate, Limit: v.UpThreshold}
			if chosen.parallelism < v.Parallelism {
				band.Limit = v.DownThreshold
			}
			v.say(band)
		}
	}
	s.Delays = c.state.Delays
	switch {
	case len(changes) == 0:
		r.say(Reason{Code: AllAtTarget})
		return nil
	case !outside:
		r.say(Reason{Code: AllWithinBand})
		return nil
	}
	for i := range r.Vertices {
		v := &r.Vertices[i]
		if p, ok := changes[v.ID]; ok {
			v.Recommended = p
			code := ScaleUp
			if p < v.Parallelism {
				code = ScaleDown
			}
			v.say(counts(code, v.Parallelism, p))
		}
	}
	return changes
}

// step remembers that the changes are made.
func (s State) step(r *Result, changes map[string]int) State {
	s.Steps = maps.Clone(s.Steps)
	for _, v := range r.Vertices {
		if _, ok := changes[v.ID]; !ok {
			continue
		}
		list := append([]VertexStep(nil), s.Steps[v.ID]...)
		s.Steps[v.ID] = append(list, VertexStep{
			At: r.At, From: v.Parallelism, To: v.Planned, Rate: v.TrueRate, Expected: expected(v),
		})
	}
	s.Restarts = append(append([]Restart(nil), s.Restarts...), Restart{At: r.At})
	s.Delays = nil
	s.Overrides = maps.Clone(r.Parallelism)
	return s
}

// expected is the true rate that the planned parallelism should have.
func expected(v VertexResult) Value {
	if v.Planned == v.Recommended {
		return v.Expected
	}
	return round(v.TrueRate.Float() / float64(v.Parallelism) * float64(v.Planned))
}
