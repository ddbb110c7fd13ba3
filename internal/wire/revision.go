package wire

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// Revision is one state of a cluster's spec: who asked for it, how it differs from the one before, and what became of it.
type Revision struct {
	Cluster string `json:"cluster"`
	// Number is the generation of the spec. Numbers grow, and may have gaps.
	Number  int64     `json:"revision"`
	Created time.Time `json:"created"`
	By      Actor     `json:"by,omitzero"`
	// Reason is why, as who asked for it said.
	Reason string `json:"reason,omitempty"`
	// Kind is create, update, scale, restart, suspend, resume, revert or rollback, Class what the change needed (Plan.Class).
	Kind  OperationKind `json:"kind"`
	Class string        `json:"class,omitempty"`
	// Changes are the fields that differ from the revision before, secrets masked.
	Changes []SpecChange    `json:"changes,omitempty"`
	Outcome RevisionOutcome `json:"outcome"`
	// Message says why the outcome is what it is.
	Message string `json:"message,omitempty"`
	// Start is where its job began, End where the job of the next revision did: what this one left. Absent for none.
	Start *Restore `json:"start,omitempty"`
	End   *Restore `json:"end,omitempty"`
	// Tag is a name that keeps the revision; empty for none.
	Tag string `json:"tag,omitempty"`
	// Of is the revision whose spec this one repeats; 0 for none.
	Of int64 `json:"of,omitempty"`
	// Outage is how long no job ran because of the change, in seconds; 0 for none, or when it is not known.
	Outage float64 `json:"outageSeconds,omitempty"`
}

// RevisionOutcome is what became of a revision.
type RevisionOutcome string

// The outcomes of a revision.
const (
	// RevisionPending: the change waits for jobs to be stopped.
	RevisionPending RevisionOutcome = "PENDING"
	// RevisionRunning: it is the cluster's spec, and has not become stable yet.
	RevisionRunning RevisionOutcome = "RUNNING"
	// RevisionStable: the cluster became stable with it, or was suspended, or its job finished.
	RevisionStable RevisionOutcome = "STABLE"
	// RevisionFailed: the cluster failed with it.
	RevisionFailed RevisionOutcome = "FAILED"
	// RevisionAborted: the change was not made, and the spec before was kept.
	RevisionAborted RevisionOutcome = "ABORTED"
	// RevisionSuperseded: a later change took its place before it became stable.
	RevisionSuperseded RevisionOutcome = "SUPERSEDED"
	// RevisionRolledBack: it was bad, and an earlier one took its place again.
	RevisionRolledBack RevisionOutcome = "ROLLED_BACK"
)

// RevisionOutcomes lists the outcomes of a revision.
func RevisionOutcomes() []RevisionOutcome {
	return []RevisionOutcome{RevisionPending, RevisionRunning, RevisionStable, RevisionFailed, RevisionAborted, RevisionSuperseded, RevisionRolledBack}
}

// Revisions are those of a cluster that are kept, the newest first.
type Revisions struct {
	Revisions []Revision `json:"revisions"`
}

// RevisionSpec is a revision with its spec, secrets masked.
type RevisionSpec struct {
	Revision
	Spec spec.Spec `json:"spec"`
}

// RevisionDiff says how two revisions differ.
type RevisionDiff struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
	// Before and After are their specs, secrets masked.
	Before spec.Spec `json:"before"`
	After  spec.Spec `json:"after"`
	// Changes are the fields that differ; at most 50.
	Changes []SpecChange `json:"changes"`
}

// RevertRequest asks for the spec of an earlier revision again.
type RevertRequest struct {
	// Revision is its number or its tag.
	Revision string `json:"revision"`
	// State is where the job starts: latest (also when empty), which is what any change of the spec would choose, or own,
	// the snapshot with which that revision ended.
	State string `json:"state,omitempty"`
}

// The states from which a reverted job starts.
const (
	RevertLatest = "latest"
	RevertOwn    = "own"
)

// TagRequest names a revision; an empty tag takes the name away.
type TagRequest struct {
	Tag string `json:"tag"`
}
