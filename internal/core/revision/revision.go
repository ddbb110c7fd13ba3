// Package revision keeps the specs that clusters had: who changed them, why, and what became of each. It follows what
// the lifecycle does and decides nothing about it.
package revision

import (
	"slices"
	"strconv"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Bounds of what is kept of a cluster.
const (
	// Kept is how many revisions are kept, besides the last stable one and those with a tag.
	Kept = 10
	// MaxTags is how many revisions may have a tag.
	MaxTags = 20
)

// Restore makes up the revisions of a cluster whose record has none, which is one of an earlier release. They are saved
// with their next change. Of a revision on trial the time begins anew: while the service was away nobody looked.
func Restore(tx *state.Tx, c *state.Cluster) {
	if list := tx.State.RevisionsOf(c.Spec.Name); len(list) > 0 {
		for _, r := range list {
			if r.Trial != nil {
				n, t := *r, *r.Trial
				t.Since, t.Healthy, n.Trial = tx.Now, time.Time{}, &t
				tx.KeepRevision(n)
			}
		}
		return
	}
	first := state.Revision{Spec: c.Spec, Revision: wire.Revision{
		Cluster: c.Spec.Name, Number: c.Generation, Created: c.Created, Kind: wire.OperationCreate, Outcome: wire.RevisionRunning,
		Message: "recorded by a later release of the service",
	}}
	tx.KeepRevision(first)
	if c.Rollout == nil || c.Rollout.Delete {
		return
	}
	tx.KeepRevision(state.Revision{Spec: c.Rollout.Spec, Revision: wire.Revision{
		Cluster: c.Spec.Name, Number: c.Rollout.Generation, Created: c.Rollout.Since, Kind: wire.OperationUpdate, Outcome: wire.RevisionPending,
	}})
}

// Record adds the revision that a change of a cluster made, which was taken or begun in this step; op says what the
// change was, class what it needs.
func Record(tx *state.Tx, c *state.Cluster, e state.PutCluster, op wire.Operation, class string) {
	number := c.RequestedGeneration()
	list := tx.State.RevisionsOf(c.Spec.Name)
	if before := Current(list, c); before != nil {
		tx.SetRevision(*before) // One that was made up is not saved yet.
	}
	for _, r := range list {
		if r.Outcome == wire.RevisionPending {
			n := *r
			n.Outcome, n.Message = wire.RevisionSuperseded, "revision "+strconv.FormatInt(number, 10)+" took its place"
			tx.SetRevision(n)
		}
	}
	tx.SetRevision(state.Revision{Spec: e.Spec, Revision: wire.Revision{
		Cluster: c.Spec.Name, Number: number, Created: tx.Now, By: e.By, Reason: e.Reason, Kind: op.Kind, Class: class,
		Changes: op.Changes, Outcome: wire.RevisionPending, Of: e.Revert,
	}})
	prune(tx, c)
}

// Current is the revision that a cluster has now, or nil for none; pending ones are not.
func Current(list []*state.Revision, c *state.Cluster) *state.Revision {
	for _, r := range slices.Backward(list) {
		if r.Number <= c.Generation && applied(r) {
			return r
		}
	}
	return nil
}

// applied says that a revision is the spec that runs, or ran when nothing took its place.
func applied(r *state.Revision) bool {
	switch r.Outcome {
	case wire.RevisionRunning, wire.RevisionStable, wire.RevisionFailed:
		return true
	case wire.RevisionPending, wire.RevisionAborted, wire.RevisionSuperseded, wire.RevisionRolledBack:
	}
	return false
}

// LastStable is the newest revision that ran and was stable, or nil for none.
func LastStable(list []*state.Revision) *state.Revision {
	for _, r := range slices.Backward(list) {
		if r.Outcome == wire.RevisionStable && !r.Spec.Suspended {
			return r
		}
	}
	return nil
}

// prune forgets the oldest revisions of a cluster beyond what is kept.
func prune(tx *state.Tx, c *state.Cluster) {
	list := tx.State.RevisionsOf(c.Spec.Name)
	current, stable := Current(list, c), LastStable(list)
	for _, r := range list[:max(0, len(list)-Kept)] {
		if r != current && r != stable && r.Tag == "" {
			tx.DropRevision(r)
		}
	}
}

// Needs says which revision of a cluster needs a snapshot; empty for none. Those with a tag do, since their job can be
// started again from what it left.
func Needs(tx *state.Tx, c *state.Cluster, n *wire.Snapshot) string {
	for _, r := range tx.State.RevisionsOf(c.Spec.Name) {
		if applied(r) && r.Trial != nil && n.Path != "" && r.Trial.Own.Path == n.Path {
			return "cluster " + c.Spec.Name + " may be rolled back to it"
		}
		if r.Tag != "" && r.End != nil && n.Path != "" && r.End.Path == n.Path {
			return "revision " + strconv.FormatInt(r.Number, 10) + " of cluster " + c.Spec.Name + " ended with it and has the tag " + r.Tag
		}
	}
	return ""
}

// Forget forgets the revisions of a cluster that is gone.
func Forget(tx *state.Tx, c *state.Cluster) {
	for _, r := range tx.State.RevisionsOf(c.Spec.Name) {
		tx.DropRevision(r)
	}
}

// Again is the spec of an earlier revision as a change of the present one: it stays suspended or not, and watched or not, and
// what asks for a restart, or for the start from a state, is not asked for again.
func Again(earlier, present spec.Spec) spec.Spec {
	s := earlier
	s.Suspended, s.RestartNonce, s.Upgrade = present.Suspended, present.RestartNonce, present.Upgrade
	if s.Job != nil && present.Job != nil {
		job := *s.Job
		job.InitialSavepointPath, job.SavepointRedeployNonce = present.Job.InitialSavepointPath, present.Job.SavepointRedeployNonce
		s.Job = &job
	}
	return s
}
