package lifecycle

import (
	"github.com/flink-on-mesos/flink-service/internal/core/revision"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/redact"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// exceptionLimit is how many exceptions of one look become events (events.exceptions.limit of the Flink Kubernetes
// operator).
const exceptionLimit = 10

// JobFailed records the exceptions of a job that were not told yet, the newest of them, each once.
func JobFailed(tx *state.Tx, e state.JobFailed) {
	c, ok := tx.ClusterOfLiveJobManager(e.Cluster, e.JobManager)
	if !ok {
		return
	}
	var fresh []wire.JobException
	for _, x := range e.Exceptions {
		x.Message = redact.Text(x.Message)
		if c.NoteException(e.Job, x) {
			revision.Fault(tx, c, x.Message)
			fresh = append(fresh, x)
		}
	}
	if len(fresh) == 0 {
		return
	}
	for _, x := range fresh[max(0, len(fresh)-exceptionLimit):] {
		data := map[string]string{"job": e.Job}
		where := "job " + e.Job
		for key, value := range map[string]string{"task": x.Task, "taskManager": x.TaskManager, "endpoint": x.Endpoint} {
			if value != "" {
				data[key] = value
			}
		}
		if x.Task != "" {
			where = "task " + x.Task
		}
		if x.TaskManager != "" {
			where += " on " + x.TaskManager
		}
		tx.RecordData(c, "JobException", data, "%s failed: %s", where, x.Message)
	}
	tx.SaveCluster(c)
	for _, x := range fresh {
		subtaskFailed(tx, c, x)
	}
}
