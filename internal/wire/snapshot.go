package wire

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// Snapshot is a savepoint or checkpoint of a job: how it came to be, where it is, and how long it is kept. It is stored
// as it is, and outlives its cluster.
type Snapshot struct {
	// ID is unique in the service, such as demo-x7k2-snap-3.
	ID      string `json:"id"`
	Cluster string `json:"cluster"`
	// Job is Flink's id of the job; empty for an adopted one.
	Job string `json:"job,omitempty"`
	// Kind is savepoint or checkpoint, Format canonical or native for a savepoint, full for a checkpoint.
	Kind   RestoreKind `json:"kind"`
	Format string      `json:"format,omitempty"`
	// Trigger is why it was taken.
	Trigger SnapshotTrigger `json:"trigger"`
	By      Actor           `json:"by,omitzero"`
	// FlinkVersion is that of the cluster, Generation that of its spec, when it was taken.
	FlinkVersion string        `json:"flinkVersion,omitempty"`
	Generation   int64         `json:"generation,omitempty"`
	State        SnapshotState `json:"state"`
	// Path is where a job can be restored from; empty until it is completed.
	Path string `json:"path,omitempty"`
	// Pinned keeps it until it is unpinned; OwnsData says that its files go with the record.
	Pinned   bool `json:"pinned,omitempty"`
	OwnsData bool `json:"ownsData,omitempty"`
	SnapshotProgress
}

// SnapshotProgress is how far a snapshot is.
type SnapshotProgress struct {
	Created   time.Time `json:"created"`
	Completed time.Time `json:"completed,omitzero"`
	// Size is in bytes; 0 while it is not known.
	Size int64 `json:"size,omitempty"`
	// Directory is where it is to be put; empty for Flink's default.
	Directory string `json:"directory,omitempty"`
	// Failures counts the tries that failed, Message says why the last one did, or what it waits for.
	Failures int    `json:"failures,omitempty"`
	Message  string `json:"message,omitempty"`
	// RetryAt is when it is tried again.
	RetryAt time.Time `json:"retryAt,omitzero"`
	// Request is the id under which Flink takes it, JobManager the task that was asked.
	Request    string `json:"request,omitempty"`
	JobManager string `json:"jobManager,omitempty"`
}

// SnapshotTrigger is why a snapshot was taken.
type SnapshotTrigger string

// The triggers of a snapshot, named as in the Flink Kubernetes operator.
const (
	TriggerManual   SnapshotTrigger = "MANUAL"
	TriggerPeriodic SnapshotTrigger = "PERIODIC"
	TriggerUpgrade  SnapshotTrigger = "UPGRADE"
	TriggerSuspend  SnapshotTrigger = "SUSPEND"
	TriggerDelete   SnapshotTrigger = "DELETE"
	TriggerAdopted  SnapshotTrigger = "ADOPTED"
	// TriggerRetained is the last checkpoint of a job that was cancelled for a change.
	TriggerRetained SnapshotTrigger = "RETAINED_CHECKPOINT"
)

// SnapshotState is how far a snapshot is.
type SnapshotState string

// The states of a snapshot.
const (
	SnapshotPending         SnapshotState = "TRIGGER_PENDING"
	SnapshotInProgress      SnapshotState = "IN_PROGRESS"
	SnapshotCompleted       SnapshotState = "COMPLETED"
	SnapshotFailed          SnapshotState = "FAILED"
	SnapshotAbandoned       SnapshotState = "ABANDONED"
	SnapshotPendingDeletion SnapshotState = "PENDING_DELETION"
	SnapshotDeleting        SnapshotState = "DELETING"
	SnapshotFailedDeletion  SnapshotState = "FAILED_DELETION"
)

// Open says that something is still to be done about it.
func (s SnapshotState) Open() bool {
	switch s {
	case SnapshotPending, SnapshotInProgress, SnapshotPendingDeletion, SnapshotDeleting, SnapshotFailedDeletion:
		return true
	case SnapshotCompleted, SnapshotFailed, SnapshotAbandoned:
		return false
	}
	return false
}

// SnapshotRequest asks for a snapshot, or for the adoption of one that exists when Path is set.
type SnapshotRequest struct {
	// Kind is savepoint (also when empty) or checkpoint.
	Kind RestoreKind `json:"kind,omitempty"`
	// Format is canonical (also when empty) or native.
	Format string `json:"format,omitempty"`
	// Directory is where a savepoint goes; empty for the spec's.
	Directory string `json:"directory,omitempty"`
	// Job is Flink's id of the job, for a session.
	Job string `json:"job,omitempty"`
	// Path is that of the one to adopt.
	Path string `json:"path,omitempty"`
}

// Snapshots is the list of snapshots.
type Snapshots struct {
	Snapshots []Snapshot `json:"snapshots"`
}

// Classes of a change of a spec.
const (
	ClassNone    = "none"
	ClassScale   = "scale"
	ClassRestart = "restart"
)

// Plan says what a changed spec would do, without doing it.
type Plan struct {
	// Class is none, scale (the running tasks stay) or restart.
	Class   string       `json:"class"`
	Changes []SpecChange `json:"changes"`
	// Generation is what the change would make of the spec's.
	Generation int64 `json:"generation"`
	// Restore is where the job would start; absent where nothing restarts.
	Restore *NextRestore `json:"restore,omitempty"`
	Notes   []string     `json:"notes,omitempty"`
	// Spec is what the cluster's spec would be, with every default filled in and secrets masked.
	Spec spec.Spec `json:"spec"`
}

// Verification is what the files of a snapshot say.
type Verification struct {
	ID string `json:"id"`
	// Reachable says that the service can see the files, Readable that their metadata is that of a snapshot.
	Reachable bool `json:"reachable"`
	Readable  bool `json:"readable"`
	// MetadataVersion is that of the format, CheckpointID Flink's number.
	MetadataVersion int32 `json:"metadataVersion,omitempty"`
	CheckpointID    int64 `json:"checkpointId,omitempty"`
	// FlinkVersion is that of the cluster when it was taken.
	FlinkVersion string `json:"flinkVersion,omitempty"`
	Message      string `json:"message,omitempty"`
}
