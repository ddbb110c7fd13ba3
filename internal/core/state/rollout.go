package state

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// A change that keeps the state of the jobs has three steps. First it is saved as the cluster's Change, beside the spec
// that still runs; then the jobs are stopped, each under an id that follows from what was saved, so that asking twice
// stops once; and when the last savepoint is known, the new spec takes the place of the old one. Whoever goes on after a
// restart finds in the record which step comes next.

// Rollout is a change of the spec that waits until the jobs have been stopped with savepoints.
type Rollout struct {
	// Spec is to take the place of the present one.
	Spec spec.Spec `json:"spec"`
	// Number tells the changes of the cluster apart, also those that were given up.
	Number     int64            `json:"number"`
	Generation int64            `json:"generation"`
	Since      time.Time        `json:"since"`
	Stop       StopRequest      `json:"stop"`
	Savepoints []wire.Savepoint `json:"savepoints,omitempty"`
	// Stopped is when no job ran any more; zero before.
	Stopped time.Time `json:"stopped,omitzero"`
	// Waiting says why the state of the job cannot be chosen yet; empty once it is.
	Waiting string `json:"waiting,omitempty"`
	// Delete has the cluster deleted once its jobs are stopped.
	Delete bool `json:"delete,omitempty"`
	// By is who asked for the deletion.
	By wire.Actor `json:"by,omitzero"`
	// Result is how the application said to have ended meanwhile.
	Result *wire.JobResult `json:"result,omitempty"`
}

// StopRequest says how jobs are to be stopped with a savepoint.
type StopRequest struct {
	// Directory is where savepoints go; empty for the one of Flink's configuration.
	Directory string `json:"directory,omitempty"`
	// Drain ends the sources as if their input did, so that windows and timers fire.
	Drain bool `json:"drain,omitempty"`
	// Cancel has the jobs cancelled, and their last checkpoints told, instead.
	Cancel bool `json:"cancel,omitempty"`
}
