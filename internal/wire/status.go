// Package wire owns what goes over HTTP: the answers of the API, shared by the service and its clients.
package wire

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// State is where a cluster is in its life, in the words of the Flink Kubernetes operator.
type State string

// The states of a cluster.
const (
	// Created: accepted and saved, nothing runs yet.
	Created State = "CREATED"
	// Upgrading: a change of its spec is being made: it waits for its jobs to be stopped, or for the JobManager of
	// the new program to be placed.
	Upgrading State = "UPGRADING"
	// Deployed: its tasks are being started, or some of them are missing.
	Deployed State = "DEPLOYED"
	// Stable: the JobManager answers and every wanted TaskManager is registered.
	Stable State = "STABLE"
	// Suspended: stopped on request, its spec kept.
	Suspended State = "SUSPENDED"
	// Finished: an application or job cluster whose job is over; see JobStatus for how.
	Finished State = "FINISHED"
	// Failed: it cannot go on without a change; Message says why.
	Failed State = "FAILED"
	// Deleting: its tasks are being stopped; it disappears when they are gone.
	Deleting State = "DELETING"
)

// Phase is a step of a cluster's way up, in the order of Phases.
type Phase string

// The phases of start-up.
const (
	// PhaseOffer waits for Mesos to offer what the JobManager needs.
	PhaseOffer Phase = "offer"
	// PhaseFetch waits for the agent to fetch Flink and to start the JobManager's process.
	PhaseFetch Phase = "fetch"
	// PhaseJobManager waits for the JobManager's REST API to answer.
	PhaseJobManager Phase = "jobmanager"
	// PhaseTaskManagers waits for the TaskManager processes to run.
	PhaseTaskManagers Phase = "taskmanagers"
	// PhaseSlots waits for the TaskManagers to register their slots.
	PhaseSlots Phase = "slots"
	// PhaseJob waits for the job of an application or job cluster to run with all of its subtasks.
	PhaseJob Phase = "job"
	// PhaseReady is the end: the cluster can be used.
	PhaseReady Phase = "ready"
)

// Phases lists the phases in order.
func Phases() []Phase {
	return []Phase{PhaseOffer, PhaseFetch, PhaseJobManager, PhaseTaskManagers, PhaseSlots, PhaseJob, PhaseReady}
}

// PhaseTime says when a phase began.
type PhaseTime struct {
	Phase Phase     `json:"phase"`
	Since time.Time `json:"since"`
}

// Flink is what the JobManager's REST API last said.
type Flink struct {
	Version        string `json:"version,omitempty"`
	TaskManagers   int    `json:"taskManagers"`
	SlotsTotal     int    `json:"slotsTotal"`
	SlotsAvailable int    `json:"slotsAvailable"`
	JobsRunning    int    `json:"jobsRunning"`
	JobsFinished   int    `json:"jobsFinished"`
	JobsCancelled  int    `json:"jobsCancelled"`
	JobsFailed     int    `json:"jobsFailed"`
	// SlotWait is the first job that waits for slots; zero when none does.
	SlotWait SlotWait  `json:"slotWait,omitzero"`
	Observed time.Time `json:"observed"`
}

// SlotWait is a job that has fewer slots than it needs.
type SlotWait struct {
	// Job is Flink's id of the job, State its JobStatus.
	Job   string `json:"job"`
	Name  string `json:"name,omitempty"`
	State string `json:"state"`
	// Slots are those that the job needs; 0 while that is not known.
	Slots int `json:"slots,omitempty"`
	// AllSlots are those that all unfinished jobs of the cluster need together; 0 while that is not known.
	AllSlots int `json:"allSlots,omitempty"`
	// Jobs counts the jobs that wait, this one included.
	Jobs int `json:"jobs"`
	// Failed says that Flink has failed the job for it once or more (NoResourceAvailableException).
	Failed bool `json:"failed,omitempty"`
}

// JobResult is how the job of an application or job cluster ended.
type JobResult struct {
	// Status is Flink's ApplicationStatus: SUCCEEDED, FAILED, CANCELED or UNKNOWN.
	Status      string    `json:"status"`
	Diagnostics string    `json:"diagnostics,omitempty"`
	Ended       time.Time `json:"ended"`
}

// Waiting is a task that is wanted and not placed yet.
type Waiting struct {
	ID string `json:"id"`
	// Pod is the lasting name of its place in the cluster.
	Pod   string        `json:"pod"`
	Kind  spec.TaskKind `json:"role"`
	Since time.Time     `json:"since"`
	// Reason says which resource or rule is missing on how many agents.
	Reason string `json:"reason,omitempty"`
	// NotBefore is set while starts are held back after failures.
	NotBefore time.Time `json:"notBefore,omitzero"`
}

// Status is what is so now.
type Status struct {
	State   State  `json:"state"`
	Message string `json:"message,omitempty"`
	// Generation is the newest generation of the spec; ObservedGeneration the one that runs.
	Generation         int64       `json:"generation"`
	ObservedGeneration int64       `json:"observedGeneration"`
	Created            time.Time   `json:"created"`
	Phase              Phase       `json:"phase,omitempty"`
	Phases             []PhaseTime `json:"phases,omitempty"`
	Flink              *Flink      `json:"flink,omitempty"`
	Result             *JobResult  `json:"result,omitempty"`
	// Restarts counts JobManagers that were replaced without being asked to.
	Restarts int `json:"restarts"`
	// Failures are the last tasks that ended without being asked to, the newest last.
	Failures []Failure `json:"failures,omitempty"`
	// Change is a change that waits for jobs to be stopped; nil for none.
	Change *Change `json:"change,omitempty"`
	// ChangeFailure is why the last such change was given up.
	ChangeFailure string `json:"changeFailure,omitempty"`
	// Savepoints are those with which the jobs were last stopped for a change. An application starts from its.
	Savepoints []Savepoint `json:"savepoints,omitempty"`
	// Job is what was last observed of the job of an application or job cluster.
	Job *Job `json:"job,omitempty"`
	// Restore is where its job started from, NextRestore what the next restart would do.
	Restore     *Restore     `json:"restore,omitempty"`
	NextRestore *NextRestore `json:"nextRestore,omitempty"`
	// Recoveries are the last recoveries of the jobs, the newest last.
	Recoveries []JobRecovery `json:"recoveries,omitempty"`
	// Health is what the health check has done to the job; nil for nothing.
	Health *Health `json:"health,omitempty"`
	// Rollback is how the last change fares when it is watched; nil when it is known to be good, or was not watched.
	Rollback *Rollback `json:"rollback,omitempty"`
	// Paused says that no task is started until the plan is resumed.
	Paused bool `json:"paused,omitempty"`
	// Recovering are the pods that are being replaced after a failure or on request, the oldest first.
	Recovering []Recovering `json:"recovering,omitempty"`
}

// Recovering is a pod whose task has ended, or is ending, and whose next task is not ready yet.
type Recovering struct {
	Pod   string    `json:"pod"`
	Since time.Time `json:"since"`
}

// TaskStatus is a task as the API shows it.
type TaskStatus struct {
	ID string `json:"id"`
	// Pod is the lasting name of its place in the cluster, which its successors have too.
	Pod      string        `json:"pod"`
	Kind     spec.TaskKind `json:"role"`
	Goal     task.Goal     `json:"goal"`
	State    task.State    `json:"state"`
	AgentID  string        `json:"agentId"`
	Hostname string        `json:"hostname"`
	// Reservation is the id of the reservation that it uses.
	Reservation string `json:"reservation,omitempty"`
	// Address is the task's own address, for one on a network of its own.
	Address  string         `json:"address,omitempty"`
	Ports    map[string]int `json:"ports,omitempty"`
	CPUs     float64        `json:"cpus"`
	Memory   spec.Memory    `json:"memory"`
	Slots    int            `json:"slots,omitempty"`
	Launched time.Time      `json:"launched"`
	Changed  time.Time      `json:"changed"`
	Reason   string         `json:"reason,omitempty"`
	Message  string         `json:"message,omitempty"`
	Sandbox  string         `json:"sandbox,omitempty"`
}

// Failure is how a task ended that was to run on.
type Failure struct {
	TaskID string        `json:"taskId"`
	Kind   spec.TaskKind `json:"role"`
	// AgentID, Hostname and Endpoint say where it ran, Sandbox what is left of it there.
	AgentID  string `json:"agentId"`
	Hostname string `json:"hostname"`
	Endpoint string `json:"endpoint,omitempty"`
	Sandbox  string `json:"sandbox,omitempty"`
	// LogError is the last error in what the task wrote, on one line and without secrets; empty when it was not found.
	LogError string `json:"logError,omitempty"`
	// State, Reason and Message are Mesos' words.
	State    task.State `json:"state"`
	Reason   string     `json:"reason,omitempty"`
	Message  string     `json:"message,omitempty"`
	Launched time.Time  `json:"launched"`
	Ended    time.Time  `json:"ended"`
}

// Description is a cluster as the API answers it.
type Description struct {
	Name    string       `json:"name"`
	Kind    spec.Kind    `json:"kind"`
	Spec    spec.Spec    `json:"spec"`
	Status  Status       `json:"status"`
	Tasks   []TaskStatus `json:"tasks"`
	Waiting []Waiting    `json:"waiting"`
	// Reservations are what is reserved for its tasks.
	Reservations []task.Reservation `json:"reservations,omitempty"`
	Events       []Event            `json:"events"`
}

// Summary is a row of the list of clusters.
type Summary struct {
	Name         string    `json:"name"`
	Kind         spec.Kind `json:"kind"`
	State        State     `json:"state"`
	Phase        Phase     `json:"phase,omitempty"`
	FlinkVersion string    `json:"flinkVersion"`
	TaskManagers int       `json:"taskManagers"`
	Wanted       int       `json:"wantedTaskManagers"`
	SlotsTotal   int       `json:"slotsTotal"`
	SlotsFree    int       `json:"slotsAvailable"`
	JobsRunning  int       `json:"jobsRunning"`
	Created      time.Time `json:"created"`
	// Waiting is why a task is not placed yet, or else why a job has no slots; empty when nothing waits.
	Waiting string `json:"waiting,omitempty"`
	// Paused says that no task is started until the plan is resumed.
	Paused bool `json:"paused,omitempty"`
}
