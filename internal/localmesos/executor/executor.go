// Package executor is what an agent of the local Mesos runs its tasks with: the interfaces, and an implementation
// without processes whose tasks do what a script says. Package runtime has the one with processes.
package executor

import (
	"io/fs"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// Runtime runs the tasks of an agent.
type Runtime interface {
	// Launch starts a task and returns soon; report is called with each of its states in order.
	Launch(framework mesos.FrameworkInfo, task mesos.TaskInfo, report func(mesos.TaskStatus))
	// Kill ends a task, with the grace of the policy; it does not wait.
	Kill(taskID string, policy *mesos.KillPolicy)
	// Close ends every task and waits.
	Close() error
}

// Files gives access to the sandboxes of a Runtime that has some. Paths are as on a real agent: the
// directory of a container, or /frameworks/ID/executors/ID/runs/latest.
type Files interface {
	// ListFiles lists a directory, or returns fs.ErrNotExist.
	ListFiles(path string) ([]fs.FileInfo, error)
	// ReadFile reads up to length bytes from an offset, and says how large the file is.
	ReadFile(path string, offset, length int64) (data []byte, size int64, err error)
}

// Volumes is what a Runtime also is that keeps the files of persistent volumes.
type Volumes interface {
	// CreateVolume makes an empty volume.
	CreateVolume(volume mesos.Resource) error
	// DestroyVolume removes a volume with its files.
	DestroyVolume(volume mesos.Resource) error
}
