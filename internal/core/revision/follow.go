package revision

import (
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Follow notes what became of the revisions of a cluster that this step has changed.
func Follow(tx *state.Tx, c *state.Cluster) {
	list := tx.State.RevisionsOf(c.Spec.Name)
	if len(list) == 0 {
		return
	}
	newest := list[len(list)-1]
	if newest.Outcome == wire.RevisionPending {
		followPending(tx, c, list, *newest)
		list = tx.State.RevisionsOf(c.Spec.Name)
	}
	current := Current(list, c)
	if current == nil {
		return
	}
	for _, r := range list {
		if r.Number < current.Number && (r.Outcome == wire.RevisionRunning || r.Outcome == wire.RevisionPending) {
			n := *r
			n.Outcome = wire.RevisionSuperseded
			tx.SetRevision(n)
		}
	}
	followCurrent(tx, c, tx.State.RevisionsOf(c.Spec.Name), *current)
}

// followPending looks whether a change has been made, or was given up.
func followPending(tx *state.Tx, c *state.Cluster, list []*state.Revision, r state.Revision) {
	switch {
	case c.Rollout != nil && c.Rollout.Generation == r.Number:
		if r.Stopped.Equal(c.Rollout.Stopped) {
			return
		}
		r.Stopped = c.Rollout.Stopped
	case c.Generation >= r.Number:
		r.Outcome = wire.RevisionRunning
		if r.Stopped.IsZero() && stops(r) {
			r.Stopped = tx.Now
		}
		begin(list, c, &r, tx.Now)
	default:
		r.Outcome, r.Message = wire.RevisionAborted, c.RolloutFailure
	}
	tx.SetRevision(r)
}

// stops says that a revision replaces a job that ran.
func stops(r state.Revision) bool {
	if r.Kind == wire.OperationCreate || r.Kind == wire.OperationResume || r.Kind == wire.OperationSuspend {
		return false
	}
	return r.Class == wire.ClassRestart && !r.Spec.Suspended
}

// followCurrent notes where the job of the present revision began, and how it is.
func followCurrent(tx *state.Tx, c *state.Cluster, list []*state.Revision, r state.Revision) {
	changed := false
	if s := c.Submission; s != nil && s.Lookup == nil && s.Generation >= r.Number && r.Start == nil {
		start := state.ShownRestore(s.Restore)
		r.Start, changed = &start, true
		beginState(list, &r, s.Restore)
		noteEnd(tx, list, r)
	}
	if outcome, message := outcomeOf(c, r); outcome != r.Outcome {
		r.Outcome, r.Message, changed = outcome, message, true
		if outcome == wire.RevisionStable && !r.Stopped.IsZero() && c.State == wire.Stable {
			r.Outage = float64(tx.Now.Sub(r.Stopped).Milliseconds()) / 1000
		}
	}
	if changed {
		tx.SetRevision(r)
	}
}

// noteEnd notes that the job of the revision before left the state where that of r began.
func noteEnd(tx *state.Tx, list []*state.Revision, r state.Revision) {
	if r.Start.Kind == wire.RestoreNone || r.Start.Kind == wire.RestoreInitial {
		return
	}
	for _, before := range slices.Backward(list) {
		if before.Number >= r.Number || !applied(before) && before.Start == nil {
			continue // It never ran.
		}
		n := *before
		n.End = r.Start
		tx.SetRevision(n)
		return
	}
}

// outcomeOf is what became of the present revision of a cluster. One that was stable stays so: what happens later is not
// the change's doing.
func outcomeOf(c *state.Cluster, r state.Revision) (wire.RevisionOutcome, string) {
	idle := len(c.JobManagers) == 0 && c.TaskManagers == 0 && c.Releasing == 0
	switch {
	case r.Outcome == wire.RevisionStable:
	case r.Trial != nil: // It is judged otherwise.
	case c.State == wire.Failed:
		return wire.RevisionFailed, c.Message
	case c.State == wire.Stable, c.State == wire.Suspended && idle && c.Rollout == nil:
		return wire.RevisionStable, ""
	case c.State == wire.Finished && c.Spec.Kind != spec.Session:
		return wire.RevisionStable, "the job ended"
	case r.Outcome == wire.RevisionFailed && c.Active():
		return wire.RevisionRunning, ""
	}
	return r.Outcome, r.Message
}
