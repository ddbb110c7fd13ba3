package wire

import "time"

// Event is one entry of a cluster's history, for people.
type Event struct {
	// ID numbers the events of the service: a later one has a larger number. It is 0 for one that was not recorded.
	ID   int64     `json:"id,omitempty"`
	Time time.Time `json:"time"`
	// Type says what happened, in one word such as Updated or JobException.
	Type    string `json:"type"`
	Message string `json:"message"`
	// Data are the parts of the message for programs, by name; nil for none.
	Data map[string]string `json:"data,omitempty"`
	// Count is how often it came in a row, and First when it first came; 0 and zero when it came once.
	Count int       `json:"count,omitempty"`
	First time.Time `json:"first,omitzero"`
}

// ClusterEvent is an event with the cluster that it is about; empty for one of the service itself.
type ClusterEvent struct {
	Cluster string `json:"cluster"`
	Event
}

// Events are recorded events, and where to go on.
type Events struct {
	Events []ClusterEvent `json:"events"`
	// Cursor is what after= takes to get what comes later.
	Cursor string `json:"cursor"`
}

// Notes are recorded events of one cluster, and where to go on.
type Notes struct {
	Events []Event `json:"events"`
	// Cursor is what after= takes to get what comes later.
	Cursor string `json:"cursor"`
}

// Operations are operations, and where to go on.
type Operations struct {
	Operations []Operation `json:"operations"`
	// Cursor is what after= takes to get what is new or changes later.
	Cursor string `json:"cursor"`
}

// JobException is a failure of a job or of one of its tasks, as Flink's exception history has it.
type JobException struct {
	Time time.Time `json:"time"`
	// Message is the line of the stack trace that tells a person most.
	Message string `json:"message"`
	// Task, TaskManager and Endpoint say where, when it was one task.
	Task        string `json:"task,omitempty"`
	TaskManager string `json:"taskManager,omitempty"`
	Endpoint    string `json:"endpoint,omitempty"`
}

// Actor is who asked for a change.
type Actor struct {
	// Name is the token, by its name in API_TOKENS, or by its scope and its place there such as admin-1; "service" for what the service does
	// by itself; empty when no token is asked for.
	Name string `json:"name,omitempty"`
	// User is the user of the DC/OS token in the request, as the token says; it is not verified.
	User string `json:"user,omitempty"`
	// Address is where the request came from: what a proxy says of it, or the peer.
	Address string `json:"address,omitempty"`
}

// Operation is a change that was asked for, and what became of it.
type Operation struct {
	// ID numbers the operations of the service.
	ID      int64         `json:"id"`
	Cluster string        `json:"cluster"`
	Kind    OperationKind `json:"kind"`
	By      Actor         `json:"by,omitzero"`
	// From and To are the generations of the spec before and after; 0 for none.
	From int64 `json:"from,omitempty"`
	To   int64 `json:"to,omitempty"`
	// Changes are the fields of the spec that differ, secrets masked.
	Changes []SpecChange `json:"changes,omitempty"`
	// Subject is what it is about beside the cluster: a task or a snapshot.
	Subject string `json:"subject,omitempty"`
	// Reason is why, as who asked for it said.
	Reason string         `json:"reason,omitempty"`
	State  OperationState `json:"state"`
	// Message says why it failed or was refused, or by what it was superseded.
	Message string `json:"message,omitempty"`
	// Count is how often the same was refused in a row, the last time at Ended; 0 for once.
	Count   int       `json:"count,omitempty"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	// Version grows with each change of any operation.
	Version int64 `json:"version"`
}

// SpecChange is one field that differs between two specs.
type SpecChange struct {
	// Field is its path, such as job.args[0].
	Field string `json:"field"`
	// From and To are JSON; empty for a field that is not there. Secrets are masked.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// OperationKind is what an operation does.
type OperationKind string

// The kinds of operation.
const (
	OperationCreate      OperationKind = "create"
	OperationUpdate      OperationKind = "update"
	OperationScale       OperationKind = "scale"
	OperationRestart     OperationKind = "restart"
	OperationSuspend     OperationKind = "suspend"
	OperationResume      OperationKind = "resume"
	OperationRevert      OperationKind = "revert"
	OperationRollback    OperationKind = "rollback"
	OperationDelete      OperationKind = "delete"
	OperationRestartTask OperationKind = "restart-task"
	OperationPause       OperationKind = "pause"
	OperationContinue    OperationKind = "continue"
	OperationAutoscale   OperationKind = "autoscale"
	OperationSnapshot    OperationKind = "snapshot"
	OperationAdopt       OperationKind = "adopt-snapshot"
	OperationPin         OperationKind = "pin-snapshot"
	OperationUnpin       OperationKind = "unpin-snapshot"
	OperationDispose     OperationKind = "delete-snapshot"
	OperationTag         OperationKind = "tag-revision"
)

// OperationState is how far an operation is.
type OperationState string

// The states of an operation.
const (
	// OperationRunning: it was taken and has not ended.
	OperationRunning OperationState = "running"
	// OperationSucceeded: what was asked for is so.
	OperationSucceeded OperationState = "succeeded"
	// OperationFailed: it was given up; Message says why.
	OperationFailed OperationState = "failed"
	// OperationSuperseded: a later operation took its place before it ended.
	OperationSuperseded OperationState = "superseded"
	// OperationRefused: it was not begun, and nothing changed; Message says why.
	OperationRefused OperationState = "refused"
)

// OperationStates lists the states of an operation.
func OperationStates() []OperationState {
	return []OperationState{OperationRunning, OperationSucceeded, OperationFailed, OperationSuperseded, OperationRefused}
}
