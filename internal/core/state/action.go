package state

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Action is something to do about an event. The set is closed: the types of this file.
// The order of a list of actions is a promise.
type Action interface{ action() }

// Record is a change of the stored state: a value to be put under Key, or nil to delete it.
type Record struct {
	Key string
	// Value is a *Framework, a *ClusterRecord, an *OrphanedHAData, a *wire.Operation, a *wire.Snapshot, a *task.Task or a
	// *task.Reservation.
	Value any
}

type (
	// Save makes the records durable before anything after it is done.
	Save struct{ Records []Record }

	// Accept uses the offers of one agent for launches; what they leave is declined by Mesos
	// with the filter.
	Accept struct {
		AgentID  string
		OfferIDs []string
		Launches []Launch
		// Destroy are volumes that are no longer needed, and Unreserve what is no longer to be reserved, without
		// volumes. Both come before the launches.
		Destroy, Unreserve []offer.Piece
		Refuse             time.Duration
	}

	// Decline gives offers back. Refuse is how long the same resources are not to be offered.
	Decline struct {
		OfferIDs []string
		Refuse   time.Duration
		// Reason is for the metrics: idle, unfit or disconnected.
		Reason string
	}

	// AnswerInverse agrees to the maintenance of agents, or does not. Refuse is after how long Mesos is to announce
	// it again.
	AnswerInverse struct {
		OfferIDs []string
		Accept   bool
		Refuse   time.Duration
	}

	// Constrain tells the master which offers are of use; with no roles all are.
	Constrain struct{ Roles []RoleConstraints }

	// Revive asks for offers again, free of the filters of earlier declines.
	Revive struct{}

	// Suppress asks for no more offers.
	Suppress struct{}

	// Kill ends a task.
	Kill struct {
		TaskID  string
		AgentID string
		// Grace is the time between SIGTERM and SIGKILL; 0 leaves it to the task's own policy.
		Grace time.Duration
	}

	// Reconcile asks the master for the state of the tasks; with none it asks for all it knows.
	Reconcile struct{ Tasks []TaskRef }

	// Ack acknowledges a status update.
	Ack struct {
		TaskID  string
		AgentID string
		UUID    []byte
	}

	// Answer completes a request of the API.
	Answer struct {
		Request uint64
		Err     error
	}

	// Watch starts the watching of one of a cluster's JobManagers.
	Watch struct {
		Cluster    string
		JobManager task.Task
		// Jobs says that the jobs are observed with their checkpoints.
		Jobs bool
		// Exchange says that the driver is to be dialled, for the wanted workers and for how the cluster ends.
		Exchange bool
	}

	// Unwatch ends the watching of a JobManager, or of all of the cluster's when JobManager is empty.
	Unwatch struct{ Cluster, JobManager string }

	// CancelJobs has every job of a cluster cancelled that is to be deleted; JobsCancelled is the answer.
	CancelJobs struct {
		Cluster    string
		JobManager task.Task
	}

	// StopJobs has every job of a cluster stopped with a savepoint. It is asked for again until JobsStopped
	// says that it is done: the same change stops a job once.
	StopJobs struct {
		Cluster    string
		Nonce      string
		JobManager task.Task
		// Number is that of the change, Since when it was asked for.
		Number int64
		Since  time.Time
		Stop   StopRequest
		// Known are the ids of the jobs whose savepoint is known already.
		Known []string
		// Single says that the cluster has one job, which a new start can restore.
		Single bool
	}

	// RevokeLeadership has the leadership of a JobManager removed that is dead for certain, so that its
	// successor does not wait until its session in ZooKeeper ends.
	RevokeLeadership struct {
		Spec       spec.Spec
		Nonce      string
		JobManager task.Task
		// Alone says that no other JobManager of the cluster lives.
		Alone bool
	}

	// DeleteHAData has the high-availability data of a deleted cluster removed; Forgotten is the answer.
	DeleteHAData struct {
		Spec  spec.Spec
		Nonce string
		// Submission is that of the record.
		Submission int64
	}

	// FindCheckpoint asks ZooKeeper for the newest checkpoint of a job that has been stopped;
	// CheckpointFound is the answer. Where no path of a checkpoint is known, the graphs of the namespace
	// are removed, so that the next JobManager there runs the new program with the old state.
	FindCheckpoint struct {
		Cluster, Nonce string
		// Submission is the number of the submission that waits for it.
		Submission   int64
		Lookup       Lookup
		RemoveGraphs bool
	}

	// FindLogError looks for the last error in the files of a task that ended by itself; LogErrorFound is the
	// answer, if there is one.
	FindLogError struct {
		Cluster, TaskID string
		// Endpoint is the address of the agent, Sandbox the directory of the task there.
		Endpoint, Sandbox string
	}

	// Probe asks a task whose agent Mesos does not hear whether it lives; Probed is the answer.
	Probe struct {
		Task task.Task
		// Since is when the task became unreachable.
		Since time.Time
		// JobManager is asked for the heartbeats of a TaskManager; nil for a JobManager, and where none runs.
		JobManager *task.Task
		// Heartbeat is the time between two heartbeats (Flink's heartbeat.interval).
		Heartbeat time.Duration
		// Others are running tasks on agents that Mesos hears, to compare with.
		Others []task.Task
	}

	// TakeSnapshot has Flink take a snapshot; SnapshotTaken is the answer. It is asked for again until that comes, under
	// the same id, so that it is taken once.
	TakeSnapshot struct {
		Snapshot   wire.Snapshot
		JobManager task.Task
	}

	// DisposeSnapshot has the files of a snapshot removed; SnapshotDisposed is the answer. JobManager is whom to ask for
	// that; nil where only the file system can be asked.
	DisposeSnapshot struct {
		Snapshot   wire.Snapshot
		JobManager *task.Task
		// Siblings has the other checkpoints of the same job removed as well, where the service sees them: the job has
		// ended, and nothing names them.
		Siblings bool
	}

	// Rescale has Flink give a job another parallelism in place; Rescaled is the answer. It is asked for again until
	// that comes.
	Rescale struct {
		Cluster    string
		JobManager task.Task
		// Number is that of the step, Job Flink's id of the job.
		Number int64
		Job    string
		// Parallelism is by vertex id.
		Parallelism map[string]int
		// Idle is how many TaskManagers are to be without work before the answer, if they come to be in time.
		Idle int
	}

	// ReportWorkers has the driver of a cluster's JobManager told what is so of every worker; Report
	// has the content, so that the newest is sent however many changes came together.
	ReportWorkers struct{ Cluster string }

	// Recovered tells the metrics how long a recovery took.
	Recovered struct {
		Cluster string
		Took    time.Duration
	}

	// Teardown has the master end the framework and every task of it.
	Teardown struct{}

	// Resubscribe makes the adapter subscribe anew without a framework id.
	Resubscribe struct{}

	// OperationChanged says that an operation is new, or how it ended, for the log and for those who wait.
	OperationChanged struct{ Operation wire.Operation }

	// RecordEvent is for the log, and for the record that outlives the process.
	RecordEvent struct {
		Cluster string
		Event   wire.Event
	}
)

// TaskRef names a task and, when it is known, its agent.
type TaskRef struct{ TaskID, AgentID string }

// Launch is everything that is needed to build the Mesos task of Task.
type Launch struct {
	Task task.Task
	Spec spec.Spec
	// Nonce is that of the cluster, which is part of the ids of all its tasks.
	Nonce string
	// JobManager is the JobManager that a TaskManager is to join; nil for a JobManager.
	JobManager *task.Task
	// Pieces are the resources to take of the offers.
	Pieces []offer.Piece
	// Reserve are those of them that are to be reserved first, without volumes, and Create the volumes to be made.
	Reserve, Create []offer.Piece
}

func (Save) action() {}

func (Accept) action() {}

func (Decline) action() {}

func (AnswerInverse) action() {}

func (Constrain) action() {}

func (Revive) action() {}

func (Suppress) action() {}

func (Kill) action() {}

func (Reconcile) action() {}

func (Ack) action() {}

func (Answer) action() {}

func (Watch) action() {}

func (Unwatch) action() {}

func (StopJobs) action() {}

func (CancelJobs) action() {}

func (RevokeLeadership) action() {}

func (DeleteHAData) action() {}

func (FindCheckpoint) action() {}

func (FindLogError) action() {}

func (Probe) action() {}

func (TakeSnapshot) action() {}

func (DisposeSnapshot) action() {}

func (Rescale) action() {}

func (ReportWorkers) action() {}

func (Recovered) action() {}

func (Teardown) action() {}

func (Resubscribe) action() {}

func (OperationChanged) action() {}

func (RecordEvent) action() {}

// RoleConstraints is what the master is to look at before it offers anything to a role: one of the groups must be met,
// which is when all of its conditions are. A role that is not named gets every offer.
type RoleConstraints struct {
	Role   string
	Groups [][]constraint.Condition
}
