package autoscale

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/settings"
)

// Record is one collection as it was, with what the caller knew beside it.
type Record struct {
	Collection Collection `json:"collection"`
	Inputs     Inputs     `json:"inputs,omitzero"`
}

// Difference is a decision that is another one with other options.
type Difference struct {
	At time.Time `json:"at"`
	// Vertex is the vertex it is about; empty when only whether to act differs.
	Vertex string `json:"vertex,omitempty"`
	// Now is the present parallelism. Before and After are what is recommended with the first and
	// with the other options; 0 while nothing is.
	Now    int `json:"now,omitempty"`
	Before int `json:"before,omitempty"`
	After  int `json:"after,omitempty"`
	// ActBefore and ActAfter say whether the step is taken.
	ActBefore bool `json:"actBefore,omitempty"`
	ActAfter  bool `json:"actAfter,omitempty"`
	// ReasonsBefore and ReasonsAfter are those of the vertex, or else of the job.
	ReasonsBefore []Reason `json:"reasonsBefore,omitempty"`
	ReasonsAfter  []Reason `json:"reasonsAfter,omitempty"`
}

// Replay decides a recorded history with two sets of options and lists every decision that
// differs. Both begin without a state, and both see the job as it was recorded: what would have
// come of a step that was not taken is not known.
func Replay(history []Record, before, after settings.Options) []Difference {
	var list []Difference
	var a, b State
	for _, record := range history {
		var left, right Result
		a, left = Step(before, a, record.Collection, record.Inputs)
		b, right = Step(after, b, record.Collection, record.Inputs)
		list = append(list, compare(record.Collection, left, right)...)
	}
	return list
}

func compare(c Collection, left, right Result) []Difference {
	var list []Difference
	l, r := byVertex(left), byVertex(right)
	for _, v := range c.Vertices {
		a, b := l[v.ID], r[v.ID]
		if a.Recommended != b.Recommended {
			list = append(list, Difference{
				At: c.At, Vertex: v.ID, Now: v.Parallelism, Before: a.Recommended, After: b.Recommended,
				ActBefore: left.Act, ActAfter: right.Act, ReasonsBefore: a.Reasons, ReasonsAfter: b.Reasons,
			})
		}
	}
	if len(list) == 0 && left.Act != right.Act {
		list = append(list, Difference{
			At: c.At, ActBefore: left.Act, ActAfter: right.Act,
			ReasonsBefore: left.Reasons, ReasonsAfter: right.Reasons,
		})
	}
	return list
}

func byVertex(r Result) map[string]VertexResult {
	all := make(map[string]VertexResult, len(r.Vertices))
	for _, v := range r.Vertices {
		all[v.ID] = v
	}
	return all
}
