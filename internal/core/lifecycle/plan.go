package lifecycle

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/redact"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Classes of a change.
const (
	ClassNone    = "none"
	ClassScale   = "scale"
	ClassRestart = "restart"
)

// Plan says what a put of a spec would do now, without doing it. The spec is complete and valid.
func Plan(s *state.State, next spec.Spec, now time.Time) wire.Plan {
	p := wire.Plan{Class: ClassRestart, Generation: 1, Changes: []wire.SpecChange{}}
	c, ok := s.Clusters.Get([]byte(next.Name))
	if !ok {
		if next.Kind != spec.Session {
			p.Restore = &wire.NextRestore{Method: string(Start), Restore: shownRestore(initial(next)), Reason: "first start"}
		}
		return p
	}
	before := c.RequestedSpec()
	p.Generation = c.Generation + 1
	if c.Rollout != nil {
		p.Generation = c.Rollout.Generation + 1
	}
	p.Changes = append(p.Changes, redact.Changes(before, next)...)
	switch {
	case before.Equal(next):
		p.Class = ClassNone
		return p
	case !restartNeeded(c.Spec, next) && c.Spec.Suspended == next.Suspended, c.Spec.Suspended && next.Suspended:
		p.Class = ClassScale
		return p
	}
	if next.Kind != spec.Session {
		choice := Choose(situation(c, next, s.Snapshots, state.Controlling(s.Tasks.Root(), c), now))
		p.Restore = &wire.NextRestore{Method: string(choice.Method), Restore: shownRestore(choice.Restore), Reason: choice.Reason}
	}
	return p
}

// shownRestore is where a job starts as it may be shown.
func shownRestore(r wire.Restore) wire.Restore {
	r = state.ShownRestore(r)
	r.Path = redact.URI(r.Path)
	return r
}
