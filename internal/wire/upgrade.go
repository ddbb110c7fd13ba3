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
