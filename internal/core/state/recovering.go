package state

import "time"

// MaxRecoveries bounds the recoveries that are kept of a cluster.
const MaxRecoveries = 10

// Recovering is a recovery under way: the jobs of the cluster have lost something.
type Recovering struct {
	Began time.Time
	Cause string
	// Jobs is how many jobs of a session ran before.
	Jobs int
	// Restarts is how often the job of an application had been restarted before; -1 when that is not known.
	Restarts int64
	// Noticed says that Flink was seen without one of the jobs since.
	Noticed bool
}

// Progress is what the health of a job is judged by, as of the last observation.
type Progress struct {
	// Job is the id of the job.
	Job string
	// Restarts is how often it had been restarted at RestartsAt, where the present window of time begins.
	Restarts   int64
	RestartsAt time.Time
	// Checkpoint is the id of its newest checkpoint or savepoint, Completed when that was first seen.
	Checkpoint int64
	Completed  time.Time
	// Reported says that the present trouble is in the events already.
	Reported bool
}

// SubtaskFailure is a failure of a subtask that told its TaskManager.
type SubtaskFailure struct {
	Agent string
	Time  time.Time
}
