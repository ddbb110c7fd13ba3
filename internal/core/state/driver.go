package state

import (
	"slices"

	iradix "github.com/hashicorp/go-immutable-radix/v2"

	"github.com/flink-on-mesos/flink-service/internal/task"
)

// WorkerReport is what is so of one worker.
type WorkerReport struct {
	ID string
	// State is waiting, launching, running or terminated.
	State   string
	Message string
	Host    string
	// Surplus says that Flink did not ask for the worker and is to take it in.
	Surplus bool
}

// Retire ends the epoch.
func (x *DriverSession) Retire() {
	const kept = 8
	if x.Epoch != "" {
		x.Past = append(slices.Clip(x.Past), x.Epoch)
		x.Past = x.Past[max(0, len(x.Past)-kept):]
	}
	x.JobManager, x.Epoch, x.Version, x.Wanted = "", "", 0, nil
}

// DriverSession is the state of the conversation with the driver in the JobManager.
type DriverSession struct {
	// JobManager is the task id of the JobManager that leads: of several only its driver has wants.
	JobManager string
	Epoch      string
	// Past are the last epochs before this one. What comes late from one of them is no news.
	Past    []string
	Version int64
	// Wanted is what the driver last asked for; nil before it did.
	Wanted *iradix.Tree[*task.Worker]
	// Ended holds the words about workers that ended, until the driver no longer wants them.
	Ended *iradix.Tree[string]
}
