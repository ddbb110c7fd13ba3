package autoscale_test

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/settings"
)

// operator110 decides by the rules of release 1.10.0 of the operator where they differ from ours,
// on our evaluation of the metrics. What the real one decides must be what it decides; so a
// difference between the real one and us comes from one of its rules and from nothing else.
type operator110 struct {
	o     settings.Options
	in    autoscale.Inputs
	since map[string]time.Time // When a scale-down was wanted first.
	last  map[string]last110
}

// last110 is the last step of a vertex.
type last110 struct {
	at             time.Time
	from, to       int
	rate, expected float64
}

// decision110 is what it decides on one collection.
type decision110 struct {
	act         bool
	recommended map[string]int
	// codes say which of its rules matter.
	codes []string
}

func (d *decision110) code(code string) {
	if !slices.Contains(d.codes, code) {
		d.codes = append(d.codes, code)
	}
}

func (op *operator110) decide(c autoscale.Collection, r autoscale.Result) decision110 {
	d := decision110{recommended: map[string]int{}}
	if !r.Ready || len(r.Vertices) == 0 {
		return d
	}
	for _, v := range r.Vertices {
		d.recommended[v.ID] = v.Parallelism
	}
	if r.Job.GC.Float() > op.o.Memory.GC || r.Job.Heap.Float() > op.o.Memory.Heap {
		return d
	}
	changes := map[string]last110{}
	outside := false
	for _, v := range r.Vertices {
		i := slices.IndexFunc(c.Vertices, func(w autoscale.Vertex) bool { return w.ID == v.ID })
		step, required, ok := op.vertex(c, c.Vertices[i], v, r.Job.Restart, &d)
		if !ok {
			continue
		}
		changes[v.ID] = step
		if required && (v.TrueRate.Float() < v.UpThreshold.Float() || v.TrueRate.Float() > v.DownThreshold.Float()) {
			outside = true
		}
	}
	if !outside {
		return d
	}
	for id, step := range changes {
		d.recommended[id] = step.to
	}
	if _, excluded := op.o.Excluded.At(c.At); !op.o.Act || excluded || op.overQuota(c, changes, r, &d) {
		return d
	}
	d.act = true
	maps.Copy(op.last, changes)
	clear(op.since)
	return d
}

// vertex decides on one vertex. required says that the change is a reason to act by itself.
func (op *operator110) vertex(c autoscale.Collection, w autoscale.Vertex, v autoscale.VertexResult, restart time.Duration, d *decision110) (step last110, required, ok bool) {
	rate, p := v.TrueRate.Float(), w.Parallelism
	if w.Finished || slices.Contains(op.o.Parallelism.Exclude, w.ID) || math.IsNaN(rate) || busyUnknown(op.o, w) {
		return step, false, false
	}
	catchUp, target := v.CatchUpRate.Float(), v.TargetRate.Float()
	left := 0.0
	if s := math.Floor(op.o.Backlog.CatchUp.Seconds()); s != 0 {
		left = target * math.Floor(restart.Seconds()) / s
	}
	capacity := math.Inf(1)
	if u := min(1, max(0, op.o.Utilization.Target)); u > 0 {
		capacity = math.Floor(catchUp + left + target/u + 0.5)
	}
	factor := min(max(capacity/rate, 1-op.o.Limits.DownFactor), 1+op.o.Limits.UpFactor)
	if math.IsNaN(factor) {
		factor = 0
	}
	wanted := op.align(w, factor)
	switch {
	case slices.ContainsFunc(v.Reasons, func(r autoscale.Reason) bool { return r.Code == autoscale.Bottleneck }):
		d.code("bottleneck")
	case wanted != v.Wanted:
		d.code("alignment")
	}
	if wanted == p {
		delete(op.since, w.ID)
		return step, false, false
	}
	step = last110{at: c.At, from: p, to: wanted, rate: rate, expected: autoscale.Round3(rate * factor)}
	if wanted > p {
		delete(op.since, w.ID)
		return step, true, !op.ineffective(c, w, rate, v, d)
	}
	interval := op.o.Limits.DownInterval
	if interval < time.Millisecond {
		return step, true, true
	}
	d.code("scale-down-window")
	first, waits := op.since[w.ID]
	if !waits {
		op.since[w.ID] = c.At
		return step, false, true
	}
	return step, !c.At.Before(first.Add(interval)), true
}

func busyUnknown(o settings.Options, w autoscale.Vertex) bool {
	switch o.Window.Busy {
	case settings.AggregateAvg:
		return !w.Metrics.Busy.Avg.Known()
	case settings.AggregateMin:
		return !w.Metrics.Busy.Min.Known()
	default:
		return !w.Metrics.Busy.Max.Known()
	}
}

// align searches a divisor upwards, though not from below half of all beyond it; failing that the
// smallest parallelism with which no subtask has more.
func (op *operator110) align(w autoscale.Vertex, factor float64) int {
	p := w.Parallelism
	lower, upper := min(p, op.o.Parallelism.Min), max(p, op.o.Parallelism.Max)
	bound := min(w.MaxParallelism, upper)
	wanted := min(max(lower, int(min(math.Ceil(factor*float64(p)), math.MaxInt32))), bound)
	hashed := slices.ContainsFunc(w.Inputs, func(in autoscale.Input) bool { return strings.EqualFold(in.Ship, "HASH") })
	if w.Partitions <= 0 && !hashed {
		return wanted
	}
	n := w.Partitions
	if n <= 0 {
		n = w.MaxParallelism
	}
	end := n
	if wanted <= n/2 {
		end = n / 2
	}
	for q := wanted; q <= min(end, bound); q++ {
		if n%q == 0 {
			return q
		}
	}
	q := wanted
	for ; q > 0; q-- {
		if n/q > n/wanted {
			if n%q != 0 {
				q++
			}
			break
		}
	}
	return max(q, lower)
}

func (op *operator110) ineffective(c autoscale.Collection, w autoscale.Vertex, rate float64, v autoscale.VertexResult, d *decision110) bool {
	last, ok := op.last[w.ID]
	if !ok || last.at.Before(c.At.Add(-op.o.History.Age)) || last.to != w.Parallelism || last.to < last.from {
		return false
	}
	is := !((rate-last.rate)/(last.expected-last.rate) >= op.o.Effect.Threshold)
	ours := slices.ContainsFunc(v.Reasons, func(r autoscale.Reason) bool { return r.Code == autoscale.Ineffective })
	if is != ours {
		d.code("expected-rate")
	}
	return is && op.o.Effect.Block
}

// overQuota counts only the vertices that change, and whole TaskManagers rounded down.
func (op *operator110) overQuota(c autoscale.Collection, changes map[string]last110, r autoscale.Result, d *decision110) bool {
	if op.o.Quota.CPUs == 0 && op.o.Quota.Memory == 0 {
		return false
	}
	for _, reason := range r.Reasons {
		if reason.Code == autoscale.QuotaCPUs || reason.Code == autoscale.QuotaMemory {
			d.code("quota")
		}
	}
	now, then := map[string]int{}, map[string]int{}
	for _, w := range c.Vertices {
		if step, ok := changes[w.ID]; ok {
			now[w.SlotSharingGroup] = max(now[w.SlotSharingGroup], step.from)
			then[w.SlotSharingGroup] = max(then[w.SlotSharingGroup], step.to)
		}
	}
	size := op.in.TaskManager
	before, after := sum(now)/max(1, size.Slots), sum(then)/max(1, size.Slots)
	if after <= before {
		return false
	}
	over := op.o.Quota.CPUs > 0 && size.CPUs*float64(after) > op.o.Quota.CPUs ||
		op.o.Quota.Memory > 0 && size.Memory*int64(after) > int64(op.o.Quota.Memory)
	if over {
		d.code("quota")
	}
	return over
}

func sum(m map[string]int) int {
	n := 0
	for _, v := range m {
		n += v
	}
	return n
}
