package state

import (
	"fmt"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// OrphanedHAData is the record of a deleted cluster whose high-availability data is still to be removed. It is there from
// the moment in which the cluster goes, so that a process that ends in between leaves nothing behind in ZooKeeper.
type OrphanedHAData struct {
	Spec    spec.Spec `json:"spec"`
	Nonce   string    `json:"nonce"`
	Deleted time.Time `json:"deleted"`
	// Submission tells the namespaces of one cluster apart; 0 for the only one.
	Submission int64 `json:"submission,omitempty"`
}

// OrphanedHADataPrefix begins the keys of leftovers.
const OrphanedHADataPrefix = "leftover/"

// Key is what the record is found by.
func (l *OrphanedHAData) Key() string { return OrphanedKey(l.Spec.Name, l.Nonce, l.Submission) }

// OrphanedKey is the key of the data of a submission of a cluster.
func OrphanedKey(name, nonce string, submission int64) string {
	if submission == 0 {
		return name + "-" + nonce
	}
	return fmt.Sprintf("%s-%s-s%d", name, nonce, submission)
}

// Framework is the record of the service itself: its registration with Mesos, and what was asked of it as a whole.
type Framework struct {
	ID string `json:"id"`
	// Previous are the ids that the master removed, the newest last.
	Previous []string `json:"previous,omitempty"`
	// Paused says that no task is to be launched for a cluster that is created, until that is taken back.
	Paused bool `json:"paused,omitempty"`
}

// ClusterRecord is what is stored of a cluster.
type ClusterRecord struct {
	Spec       spec.Spec `json:"spec"`
	Generation int64     `json:"generation"`
	// ReplacedGeneration is the last generation that replaced the tasks: those of an earlier one are to go.
	ReplacedGeneration int64     `json:"replacedGeneration,omitempty"`
	Created            time.Time `json:"created"`
	// Nonce is part of the ids of all its tasks, which makes them unlike those of an
	// earlier cluster of the same name.
	Nonce string `json:"nonce"`
	// NextTask numbers the tasks.
	NextTask int64           `json:"nextTask"`
	State    wire.State      `json:"state"`
	Message  string          `json:"message,omitempty"`
	Result   *wire.JobResult `json:"result,omitempty"`
	Restarts int             `json:"restarts"`
	// Failures are the last tasks that ended without being asked to, the newest last.
	Failures []wire.Failure `json:"failures,omitempty"`
	// Rollout is a change that waits for jobs to be stopped; nil for none.
	Rollout *Rollout `json:"change,omitempty"`
	// Rollouts numbers those changes; ChangeFailure is why the last one was given up.
	Rollouts       int64  `json:"changes,omitempty"`
	RolloutFailure string `json:"changeFailure,omitempty"`
	// Savepoints are those with which the jobs were last stopped for a change.
	Savepoints []wire.Savepoint `json:"savepoints,omitempty"`
	// Submission is the start of the program that runs, or is to run; nil for a session and for records of
	// releases that had none.
	Submission *Submission `json:"submission,omitempty"`
	// Job is what was last observed of the job of the submission.
	Job *wire.Job `json:"job,omitempty"`
	// Recoveries are the last recoveries of its jobs, Health what the health check did.
	Recoveries []wire.JobRecovery `json:"recoveries,omitempty"`
	Health     *wire.Health       `json:"health,omitempty"`
	// OldNamespaces are those of earlier submissions that are still in ZooKeeper.
	OldNamespaces []OldNamespace `json:"oldNamespaces,omitempty"`
	// Snapshots numbers its snapshots.
	Snapshots int64 `json:"snapshots,omitempty"`
	// Operation is the number of the operation that runs for it; 0 for none.
	Operation int64 `json:"operation,omitempty"`
	// SeenExceptions are the newest exceptions of its jobs that were told.
	SeenExceptions []SeenExceptions `json:"seenExceptions,omitempty"`
	// Scaling is what the autoscaler has set; nil for nothing.
	Scaling *wire.Scaling `json:"scaling,omitempty"`
	// Paused says that no task of it is to be started until that is taken back.
	Paused bool `json:"paused,omitempty"`
	// LostPods are the pods that are being replaced after a failure or on request, the oldest first.
	LostPods []LostPod `json:"lostPods,omitempty"`
}

// Stored is what a store holds, decoded.
type Stored struct {
	Framework Framework
	Clusters  []ClusterRecord
	Tasks     []task.Task
	// Reservations are what is reserved on agents.
	Reservations []task.Reservation `json:",omitempty"`
	Leftovers    []OrphanedHAData
	// Snapshots are those that are known.
	Snapshots []wire.Snapshot `json:",omitempty"`
	// Operations are those that are kept.
	Operations []wire.Operation `json:",omitempty"`
	// Revisions are those that are kept.
	Revisions []Revision `json:",omitempty"`
}

// Save puts a record on the list of this step; a later value for a key replaces the earlier.
func (tx *Tx) Save(key string, value any) {
	if i, ok := tx.saved[key]; ok {
		tx.saves[i].Value = value
		return
	}
	if tx.saved == nil {
		tx.saved = make(map[string]int)
	}
	tx.saved[key] = len(tx.saves)
	tx.saves = append(tx.saves, Record{Key: key, Value: value})
}

// Keys of records.
const (
	FrameworkKey  = "framework"
	ClusterPrefix = "cluster/"
	TaskPrefix    = "task/"
	// ReservationPrefix is followed by the id of the reservation.
	ReservationPrefix = "reservation/"
	// SnapshotPrefix is followed by the id of the snapshot.
	SnapshotPrefix = "snapshot/"
)

// SaveFramework saves the registration with Mesos.
func (tx *Tx) SaveFramework() {
	f := tx.State.Framework
	tx.Save(FrameworkKey, &f)
}

// SaveCluster saves the record of a cluster.
func (tx *Tx) SaveCluster(c *Cluster) {
	r := c.ClusterRecord
	tx.Save(ClusterPrefix+c.Spec.Name, &r)
}
