package wire

import "time"

// Job is what was last observed of a job of Flink. It is saved with the cluster, so that its state can
// be found again when neither the JobManager nor ZooKeeper can tell.
type Job struct {
	// ID is Flink's id of the job: 32 hexadecimal digits.
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	// State is Flink's JobStatus, such as RUNNING, RESTARTING or FAILED.
	State string `json:"state"`
	// Failure is why a job failed: the innermost cause, on one line. Empty for any other state.
	Failure string `json:"failure,omitempty"`
	// Running says that the job is RUNNING and all of its subtasks run or have finished.
	Running bool      `json:"running"`
	Started time.Time `json:"started,omitzero"`
	// Restarts is Flink's numRestarts; -1 while it is not known.
	Restarts int64 `json:"restarts"`
	// Checkpoint is the last completed one; nil for none.
	Checkpoint *Checkpoint `json:"checkpoint,omitempty"`
	// Pending is when the checkpoint was triggered that is under way; zero for none.
	Pending time.Time `json:"pending,omitzero"`
	// Savepoint is the last completed one; nil for none.
	Savepoint *Checkpoint `json:"savepoint,omitempty"`
}

// Terminal says that the job has ended for good.
func (j *Job) Terminal() bool {
	switch j.State {
	case "FINISHED", "FAILED", "CANCELED":
		return true
	}
	return false
}

// Checkpoint is a completed checkpoint or savepoint of a job.
type Checkpoint struct {
	ID int64 `json:"id"`
	// Path is where a job can be restored from; empty for a checkpoint that is not stored outside of
	// the JobManager.
	Path string `json:"path,omitempty"`
	// Time is when it was triggered, Completed when it was acknowledged by all subtasks.
	Time      time.Time `json:"time"`
	Completed time.Time `json:"completed,omitzero"`
	// Size is in bytes.
	Size int64 `json:"size"`
}

// Restore says where the state of a job comes from.
type Restore struct {
	// Kind is savepoint, checkpoint, initial (job.initialSavepointPath), high-availability (what Flink
	// finds in ZooKeeper) or none.
	Kind RestoreKind `json:"kind"`
	Path string      `json:"path,omitempty"`
	// Reason says why this and nothing else was chosen.
	Reason string `json:"reason,omitempty"`
	// Time is when the state was taken, as far as that is known.
	Time time.Time `json:"time,omitzero"`
}

// RestoreKind is a source of a job's state.
type RestoreKind string

// The sources of a job's state.
const (
	RestoreNone             RestoreKind = "none"
	RestoreInitial          RestoreKind = "initial"
	RestoreSavepoint        RestoreKind = "savepoint"
	RestoreCheckpoint       RestoreKind = "checkpoint"
	RestoreHighAvailability RestoreKind = "high-availability"
)

// NextRestore says what the next change that restarts a job would do about its state.
type NextRestore struct {
	// Method is start, stop-with-savepoint, cancel, kill-and-look-up, wait or refuse.
	Method string `json:"method"`
	// Restore is where the job would start; for methods that take newer state first it is what remains
	// when that finds nothing.
	Restore Restore `json:"restore"`
	Reason  string  `json:"reason"`
}
