package driver

import (
	"errors"
	"fmt"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// State is what is so of a worker, in the words of the exchange.
type State string

// The states of a worker in a report.
const (
	// Waiting: no offer has fitted yet; the message says which resource or rule is missing.
	Waiting State = "waiting"
	// Launching: the launch was sent to Mesos. Flink's registration clock starts here.
	Launching State = "launching"
	// Running: Mesos says that the process runs.
	Running State = "running"
	// Terminated: it will never run (again); the message is the diagnostics.
	Terminated State = "terminated"
)

// Wanted is what a JobManager's driver serves: every worker that Flink wants now.
type Wanted struct {
	// Epoch is the random id of the driver: another one means another leadership of Flink.
	Epoch string `json:"epoch"`
	// Version grows by one with each change of what stands below, within an epoch.
	Version int64 `json:"version"`
	// Ready is false until the driver has taken the first report of its epoch. Until then
	// nothing may be launched or killed because of Workers.
	Ready   bool     `json:"ready"`
	Workers []Worker `json:"workers"`
	// Finished is nil while the cluster goes on.
	Finished *Finished `json:"finished"`
}

// Worker is one wanted TaskManager.
type Worker struct {
	// ID is the Mesos task id and taskmanager.resource-id.
	ID string `json:"id"`
	// CPUs, MemoryBytes (of the whole process) and Slots are 0 for a recovered worker.
	CPUs        float64 `json:"cpus"`
	MemoryBytes int64   `json:"memoryBytes"`
	Slots       int     `json:"slots"`
	// JVMArguments are -Xmx and its kin; DynamicProperties are key=value, without -D.
	JVMArguments      []string       `json:"jvmArguments"`
	DynamicProperties []string       `json:"dynamicProperties"`
	ExternalResources map[string]int `json:"externalResources"`
	RequestedAt       time.Time      `json:"requestedAt"`
	// Recovered says that the worker was running before this epoch, as the service itself
	// reported: its size is not known here, and it must not be launched from this.
	Recovered bool `json:"recovered"`
	// Launched says that the service has reported the worker launched or running in this epoch. A
	// service that has no such task any more must not launch it again but report without it.
	Launched bool `json:"launched"`
}

// Spec is the worker in the words of package cluster.
func (w Worker) Spec() task.Worker {
	return task.Worker{
		ID:                w.ID,
		CPUs:              w.CPUs,
		Memory:            spec.Memory(w.MemoryBytes),
		Slots:             w.Slots,
		JVMArguments:      w.JVMArguments,
		DynamicProperties: w.DynamicProperties,
		ExternalResources: w.ExternalResources,
	}
}

// Finished is how the cluster ended.
type Finished struct {
	// Status is Flink's ApplicationStatus: SUCCEEDED, FAILED, CANCELED or UNKNOWN.
	Status      string `json:"status"`
	Diagnostics string `json:"diagnostics"`
}

// Report is the whole truth of the service about a cluster's workers.
type Report struct {
	// Epoch is the epoch for which the report was made.
	Epoch string `json:"epoch"`
	// Sequence orders the reports of an epoch; an Exchange sets it.
	Sequence int64          `json:"sequence"`
	Workers  []WorkerStatus `json:"workers"`
	// FinishedSeen says that Finished was read and kept, so that the JobManager may go.
	FinishedSeen bool `json:"finishedSeen"`
}

// WorkerStatus is what is so of one worker.
type WorkerStatus struct {
	ID      string `json:"id"`
	State   State  `json:"state"`
	Message string `json:"message,omitempty"`
	Host    string `json:"host,omitempty"`
	// Surplus says that Flink did not ask for the worker and is to take it in: it is to replace one whose agent is
	// being taken away. A driver takes in one that is launching or running, which becomes wanted.
	Surplus bool `json:"surplus,omitempty"`
}

// Answer is what a taken report is answered.
type Answer struct {
	Epoch   string `json:"epoch"`
	Version int64  `json:"version"`
	// Sequence is the highest one taken in this epoch. Above that of the report it means that
	// the report was ignored as old.
	Sequence int64 `json:"sequence"`
}

// ErrUnauthorized says that the driver does not know the token.
var ErrUnauthorized = errors.New("the driver does not accept the token")

// ErrClosing says that the JobManager is going down.
var ErrClosing = errors.New("the JobManager is going down")

// StaleEpochError says that a report was made for another epoch than the driver's.
type StaleEpochError struct {
	// Current is the driver's epoch.
	Current string
}

func (e *StaleEpochError) Error() string {
	return "the report is of another epoch than the driver's " + e.Current
}

// StatusError is any other answer that is not success.
type StatusError struct {
	// Status is the HTTP status code.
	Status int
	// Message is the driver's own, may be empty.
	Message string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("the driver answered %d: %s", e.Status, e.Message)
}
