package wire

import (
	"time"
)

// Savepoint is where a job was stopped.
type Savepoint struct {
	// Job and Name are Flink's id of the job and its name.
	Job  string `json:"job"`
	Name string `json:"name,omitempty"`
	Path string `json:"path"`
	// Time is when it was learnt of.
	Time time.Time `json:"time"`
}

// Change is a change of the spec that waits for jobs to be stopped with savepoints.
type Change struct {
	// Generation is that of the spec that is to come.
	Generation int64 `json:"generation"`
	// Suspend says that the cluster is to be suspended; otherwise it starts again with the new spec.
	Suspend bool      `json:"suspend"`
	Since   time.Time `json:"since"`
	// Savepoints are those of the jobs that have been stopped.
	Savepoints []Savepoint `json:"savepoints"`
	// Stopped says that no job runs any more: the JobManager of an application is about to end.
	Stopped bool `json:"stopped"`
}

// Rollback is how a change fares that is watched.
type Rollback struct {
	// State is WATCHING, ROLLING_BACK, ROLLED_BACK or HELD.
	State RollbackState `json:"state"`
	// Revision is the one that was asked for, To the one that takes its place, or would.
	Revision int64 `json:"revision"`
	To       int64 `json:"to"`
	// Reason says why it is bad; empty while it is watched.
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since"`
	// Changes are the fields in which the spec that runs differs from the one that was asked for; empty unless it was
	// rolled back.
	Changes []SpecChange `json:"changes,omitempty"`
}

// RollbackState is how far a watched change is.
type RollbackState string

// The states of a watched change.
const (
	// RollbackWatching: it is not known yet whether it is good.
	RollbackWatching RollbackState = "WATCHING"
	// RollbackRolling: it was bad, and the last stable revision is being started.
	RollbackRolling RollbackState = "ROLLING_BACK"
	// RollbackDone: the last stable revision runs and is healthy.
	RollbackDone RollbackState = "ROLLED_BACK"
	// RollbackHeld: it was bad, and nothing more is done by itself.
	RollbackHeld RollbackState = "HELD"
)
