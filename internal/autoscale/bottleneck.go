package autoscale

import (
	"math"
	"slices"
)

// demand is what a vertex has to process, and what of it can reach it. The two differ when a
// vertex that cannot be scaled further holds back the sources that feed it (FLINK-31215): they,
// and all that they feed, need not be scaled for records that never come.
type demand struct {
	full, reduced float64 // Capacity at the target utilization, in records per second.
	by            string  // The vertex that holds back; empty when nothing does.
}

// limit is the share of its records that a vertex can get rid of, and the vertex that limits it.
type limit struct {
	share float64
	by    string
}

// demands computes the demand of every vertex.
func (c *chooser) demands() map[string]demand {
	all := map[string]demand{}
	for _, id := range c.e.t.order {
		full := c.e.capacity(c.e.vertices[id], c.o.Utilization.Target, true)
		all[id] = demand{full: full, reduced: full}
	}
	limits := c.limits(all)
	reach := map[string]limit{} // Of the sources above a vertex the most limited one.
	reduced := map[string]Evaluation{}
	for _, id := range c.e.t.order {
		v, e := c.e.t.vertices[id], c.e.vertices[id]
		if v.source() {
			reach[id] = limits[id]
			e.TargetRate, e.CatchUpRate = Of(e.TargetRate.Float()*limits[id].share), Of(e.CatchUpRate.Float()*limits[id].share)
		} else {
			reach[id] = limit{share: 1}
			for _, input := range v.Inputs {
				if reach[input.ID].share < reach[id].share {
					reach[id] = reach[input.ID]
				}
			}
			target, catchUp := c.e.passedOn(v, reduced)
			e.TargetRate, e.CatchUpRate = Of(target), Of(catchUp)
		}
		reduced[id] = e
		if reach[id].by != "" {
			d := all[id]
			d.reduced, d.by = c.e.capacity(e, c.o.Utilization.Target, true), reach[id].by
			all[id] = d
		}
	}
	return all
}

// limits computes for each vertex the smallest limit of itself and all that it feeds.
func (c *chooser) limits(all map[string]demand) map[string]limit {
	limits := map[string]limit{}
	for _, id := range slices.Backward(c.e.t.order) {
		l := limit{share: 1}
		if most := c.most(c.e.t.vertices[id]); most < all[id].full {
			l = limit{share: most / all[id].full, by: id}
		}
		for _, out := range c.e.t.outputs[id] {
			if limits[out].share < l.share {
				l = limits[out]
			}
		}
		limits[id] = l
	}
	return limits
}

// most is the true rate that a vertex can be given by scaling; infinite when that is not known.
func (c *chooser) most(v Vertex) float64 {
	e := c.e.vertices[v.ID]
	if v.Finished || !e.TrueRate.Finite() || math.IsNaN(pick(c.o.Window.Busy, v.Metrics.Busy)) {
		return math.Inf(1)
	}
	if slices.Contains(c.o.Parallelism.Exclude, v.ID) {
		return e.TrueRate.Float()
	}
	if share, known := c.effect(v, e); known && c.o.Effect.Block && !(share >= c.o.Effect.Threshold) {
		return e.TrueRate.Float()
	}
	highest := min(v.MaxParallelism, max(v.Parallelism, c.o.Parallelism.Max))
	return e.TrueRate.Float() / float64(v.Parallelism) * float64(highest)
}

// want is the factor of a step: the full one, unless the vertex would be scaled up for records
// that are held back elsewhere.
func (d demand) want(id string, r *VertexResult) float64 {
	rate := r.TrueRate.Float()
	full := d.full / rate
	if d.by == "" || d.by == id || full <= 1 {
		return full
	}
	less := max(1, d.reduced/rate)
	if less < full {
		r.say(Reason{Code: Bottleneck, Vertex: d.by, Actual: Of(full), Limit: Of(less)})
	}
	return less
}
