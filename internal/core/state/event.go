package state

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Event is something that happened. The set is closed: the types of this file.
type Event interface{ event() }

type (
	// Subscribed says that the master accepted our subscription.
	Subscribed struct {
		FrameworkID string
		// Master is the address of the leading master, for people.
		Master string
		// Region is the master's fault domain's; empty when it has none.
		Region string
		// Version is the release of the master; empty when it does not say.
		Version string
	}

	// Disconnected says that the stream to the master ended.
	Disconnected struct{ Reason string }

	// FrameworkRemoved says that the master will never take this framework id again
	// ("Framework has been removed", or its failover timeout has passed).
	FrameworkRemoved struct{ Message string }

	// TornDown says that the master has taken our TEARDOWN.
	TornDown struct{}

	// Offered brings resources.
	Offered struct{ Offers []offer.Offer }

	// Rescinded takes an offer back.
	Rescinded struct{ OfferID string }

	// InverseOffered announces maintenance of agents where we have tasks or offers.
	InverseOffered struct{ Offers []InverseOffer }

	// InverseRescinded takes an announcement back that was not answered.
	InverseRescinded struct{ OfferID string }

	// Updated is a status update of a task. UUID is empty for one made by reconciliation,
	// which takes no acknowledgement.
	Updated struct {
		TaskID  string
		AgentID string
		State   task.State
		Source  string
		Reason  string
		Message string
		UUID    []byte
		Sandbox string
		// Address is the first one of the container's network, when the status told it.
		Address string
	}

	// AgentLost says that an agent is gone.
	AgentLost struct{ AgentID string }

	// CallFailed says that a call to the master was not taken; reconciliation closes the gap.
	CallFailed struct {
		Call  string
		Error string
		// TaskIDs are the tasks that the call was about.
		TaskIDs []string
		// AgentID is the agent whose offers the call was about.
		AgentID string `json:",omitempty"`
	}

	// PutCluster asks for a cluster, new or changed. Spec is complete and valid.
	PutCluster struct {
		Request uint64
		Spec    spec.Spec
		// Nonce makes the ids of this cluster's tasks unlike those of an earlier cluster of
		// the same name: 4 lower-case letters or digits.
		Nonce string
		// CreateOnly refuses a name that exists; UpdateOnly one that does not.
		CreateOnly, UpdateOnly bool
		// Stop has running jobs stopped with savepoints before anything that ends them; nil does not.
		Stop *StopRequest
		// Now does not wait any more for jobs that are being stopped for an earlier change.
		Now bool
		// Notes are remarks about the spec for the cluster's history.
		Notes []string
		// Match is the generation that the cluster is expected to have; 0 for whatever it has, -1 for any, but it is to exist.
		Match int64 `json:",omitempty"`
		// Reason is why, as who asks says; empty for none. Revert is the revision that Spec is taken from; 0 for none.
		Reason string `json:",omitempty"`
		Revert int64  `json:",omitempty"`
		// By is who asked for it.
		By wire.Actor `json:",omitzero"`
	}

	// DeleteCluster asks for the end of a cluster.
	DeleteCluster struct {
		Request uint64
		Name    string
		// Stop has running jobs stopped with savepoints before; nil does not.
		Stop *StopRequest `json:",omitempty"`
		By   wire.Actor   `json:",omitzero"`
	}

	// TagRevision names a revision of a cluster, which keeps it; an empty tag takes the name away.
	TagRevision struct {
		Request uint64
		Cluster string
		Number  int64
		Tag     string
		By      wire.Actor `json:",omitzero"`
	}

	// RestartTask asks for the replacement of a task.
	RestartTask struct {
		Request uint64
		Cluster string
		TaskID  string
		// Replace gives up what is reserved for the task on its agent, with the volumes there.
		Replace bool
		By      wire.Actor `json:",omitzero"`
	}

	// PauseLaunches pauses the task launches of a cluster, or of all clusters and those created later, or resumes them.
	PauseLaunches struct {
		Request uint64
		// Cluster is empty for every cluster that there is or will be.
		Cluster string
		Paused  bool
		By      wire.Actor `json:",omitzero"`
	}

	// RequestRefused says that a request for a change was refused before or by the core, so that it is kept
	// with the operations. Nothing else follows from it.
	RequestRefused struct {
		Request uint64
		// Operation has the cluster's name, the kind, the subject, who asked and the message; it is bounded and free of
		// secrets.
		Operation wire.Operation
	}

	// ProbeOffers asks for a look at what Mesos offers now, though nothing may wait. It is answered when
	// there was time for the offers to come.
	ProbeOffers struct{ Request uint64 }

	// JobsCancelled says that no job runs on a JobManager any more, or that the JobManager does not answer.
	JobsCancelled struct {
		Cluster    string
		JobManager string
	}

	// JobsStopped says how far the jobs of a cluster are stopped for a change.
	JobsStopped struct {
		Cluster string
		// Number is that of the change.
		Number int64
		// Savepoints are those of the jobs that were stopped.
		Savepoints []wire.Savepoint
		// Done says that no job runs any more, Failure why one goes on.
		Done    bool
		Failure string
	}

	// HADataDeleted says that high-availability data is removed, or that there was none.
	HADataDeleted struct {
		Name, Nonce string
		Submission  int64 `json:",omitempty"`
	}

	// JobsObserved is what a JobManager's REST API says of the jobs of an application or job cluster.
	JobsObserved struct {
		Cluster string
		// JobManager is the task id of the JobManager that was asked.
		JobManager string
		Jobs       []wire.Job
	}

	// JobFailed has what Flink's exception history says of the job of an application or job cluster, the oldest
	// first. What was told before may be among it.
	JobFailed struct {
		Cluster string
		// JobManager is the task id of the JobManager that was asked.
		JobManager string
		// Job is Flink's id of the job.
		Job        string
		Exceptions []wire.JobException
	}

	// CreateSnapshot asks for a snapshot of a cluster's job, or has one adopted.
	CreateSnapshot struct {
		Request  uint64
		Cluster  string
		Snapshot wire.SnapshotRequest
		By       wire.Actor `json:",omitzero"`
	}

	// ChangeSnapshot pins a snapshot, unpins it, or deletes it.
	ChangeSnapshot struct {
		Request uint64
		ID      string
		Change  SnapshotChange
		By      wire.Actor `json:",omitzero"`
	}

	// SnapshotTaken says what became of a snapshot that Flink was asked for.
	SnapshotTaken struct {
		ID string
		// FlinkRequest is the id under which it was asked for.
		FlinkRequest string
		// Path is where it is, Size its bytes as far as that is known; Failure why there is none.
		Path    string
		Size    int64
		Failure string
	}

	// SnapshotDisposed says what became of the removal of a snapshot's files.
	SnapshotDisposed struct {
		ID string
		// Failure says why they are still there; Waits that nothing that can be asked now reaches them.
		Failure string
		Waits   bool
	}

	// Autoscaled is what the autoscaler says about the job of a cluster.
	Autoscaled struct {
		Request uint64
		Cluster string
		// Events are for the history of the cluster; they have no time.
		Events []wire.Event
		// Step changes the parallelism of a job; nil for none.
		Step *wire.ScalingRequest
	}

	// Rescaled says what became of Rescale.
	Rescaled struct {
		Cluster string
		// Number is that of the step.
		Number int64
		// Failure says why Flink refuses it; empty when the job runs with the parallelism.
		Failure string
		// Idle are TaskManagers none of whose slots is used.
		Idle []string
	}

	// CheckpointFound answers FindCheckpoint.
	CheckpointFound struct {
		Cluster string
		// Submission is the number of the submission that waits for it.
		Submission int64
		// Newest is the id of the newest checkpoint that ZooKeeper knows; 0 for none.
		Newest int64
		// JobKnown says that ZooKeeper knows the job, with checkpoints or without.
		JobKnown bool
		// Error says why ZooKeeper could not be asked; empty for an answer.
		Error string
	}

	// LogErrorFound answers FindLogError.
	LogErrorFound struct{ Cluster, TaskID, Error string }
	// Probed answers Probe.
	Probed struct {
		TaskID string
		// Since is Probe.Since: an answer about an earlier time in which the agent was away is no news.
		Since time.Time
		// Alive says that the task took a connection, or that Flink has a recent heartbeat of it; By says which.
		Alive bool
		By    string `json:",omitempty"`
		// Compared counts the other places that were asked, Reached says that one of them answered. A task that
		// does not answer while nothing else does tells more of the network of the service than of the task.
		Compared int  `json:",omitempty"`
		Reached  bool `json:",omitempty"`
	}

	// FlinkObserved is what a JobManager's REST API says of its cluster.
	FlinkObserved struct {
		Cluster string
		// JobManager is the task id of the JobManager that was asked.
		JobManager string
		Flink      wire.Flink
	}

	// WorkersWanted is the set of workers that a JobManager's driver wants.
	WorkersWanted struct {
		Cluster string
		// JobManager is the task id of the JobManager that was asked.
		JobManager string
		Epoch      string
		Version    int64
		// Ready is false until the driver has taken the first report of its epoch.
		Ready   bool
		Workers []task.Worker
		// Started names those of Workers that Flink was told were launched, or that it found
		// running. One that is not known here any more has ended: it is never launched again.
		Started map[string]bool
		// Result is set when Flink has deregistered its application.
		Result *wire.JobResult
	}

	// Ticked says that time passed; deadlines in the State are looked at.
	Ticked struct {
		// Jitter is a random number in [0,1) that spreads delays decided in this step.
		Jitter float64
	}
)

// InverseOffer asks to have an agent free from a time on.
type InverseOffer struct {
	ID, AgentID string
	Unavailable time.Time
}

func (Subscribed) event() {}

func (Disconnected) event() {}

func (FrameworkRemoved) event() {}

func (TornDown) event() {}

func (Offered) event() {}

func (Rescinded) event() {}

func (InverseOffered) event() {}

func (InverseRescinded) event() {}

func (Updated) event() {}

func (AgentLost) event() {}

func (CallFailed) event() {}

func (PutCluster) event() {}

func (DeleteCluster) event() {}

func (TagRevision) event() {}

func (RestartTask) event() {}

func (PauseLaunches) event() {}

func (RequestRefused) event() {}

func (ProbeOffers) event() {}

func (JobsStopped) event() {}

func (JobsCancelled) event() {}

func (HADataDeleted) event() {}

func (JobsObserved) event() {}

func (JobFailed) event() {}

func (CreateSnapshot) event() {}

func (ChangeSnapshot) event() {}

func (SnapshotTaken) event() {}

func (SnapshotDisposed) event() {}

func (CheckpointFound) event() {}

func (Autoscaled) event() {}

func (Rescaled) event() {}

func (LogErrorFound) event() {}

func (Probed) event() {}

func (FlinkObserved) event() {}

func (WorkersWanted) event() {}

func (Ticked) event() {}
