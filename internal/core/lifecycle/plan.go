package lifecycle

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/redact"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Plan says what a put of a spec would do now, without doing it. The spec is complete and valid.
func Plan(s *state.State, next spec.Spec, now time.Time) wire.Plan {
	p := wire.Plan{Class: wire.ClassRestart, Generation: 1, Changes: []wire.SpecChange{}}
	c, ok := s.Clusters.Get([]byte(next.Name))
	if !ok {
		if next.Kind != spec.Session {
			p.Restore = &wire.NextRestore{Method: string(Start), Restore: shownRestore(initial(next)), Reason: "first start"}
		}
		return p
	}
	before := c.RequestedSpec()
	p.Generation = s.NextGeneration(c)
	p.Changes = append(p.Changes, redact.Changes(before, next)...)
	if p.Class = classOf(c, next); p.Class != wire.ClassRestart {
		return p
	}
	if next.Kind != spec.Session {
		choice := Choose(situation(c, next, s.Snapshots, state.Controlling(s.Tasks.Root(), c), now))
		p.Restore = &wire.NextRestore{Method: string(choice.Method), Restore: shownRestore(choice.Restore), Reason: choice.Reason}
	}
	return p
}

// classOf says what a change of a cluster's spec needs.
func classOf(c *state.Cluster, next spec.Spec) string {
	switch {
	case c.RequestedSpec().Equal(next):
		return wire.ClassNone
	case !restartNeeded(c.Spec, next) && c.Spec.Suspended == next.Suspended, c.Spec.Suspended && next.Suspended:
		return wire.ClassScale
	}
	return wire.ClassRestart
}

// shownRestore is where a job starts as it may be shown.
func shownRestore(r wire.Restore) wire.Restore {
	r = state.ShownRestore(r)
	r.Path = redact.URI(r.Path)
	return r
}
