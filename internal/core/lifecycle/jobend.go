package lifecycle

import (
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// JobEnded decides whether the end of the JobManager is the end of an application or job
// cluster. Flink's entry points exit with 0 when the job succeeded or was cancelled and with
// 1443 (163 as an exit status) when it failed.
func JobEnded(tx *state.Tx, c *state.Cluster, t *task.Task) bool {
	if c.Result == nil {
		switch {
		case t.State == task.Finished:
			finish(tx, c, wire.JobResult{
				Status: "SUCCEEDED", Ended: tx.Now,
				Diagnostics: "the JobManager exited with status 0 before it could be asked how the job ended",
			})
		case strings.Contains(t.Message, "exited with status 163"):
			finish(tx, c, wire.JobResult{
				Status: "FAILED", Ended: tx.Now,
				Diagnostics: "the JobManager reported by its exit status that the job failed; its sandbox has the log",
			})
		default:
			return false
		}
	}
	return true
}

// finish records how the job of an application or job cluster ended.
func finish(tx *state.Tx, c *state.Cluster, r wire.JobResult) {
	if restartFailed(tx, c, r) {
		return
	}
	c.Result = &r
	c.State = wire.Finished
	if r.Status == "FAILED" {
		c.State = wire.Failed
	}
	c.Message = r.Diagnostics
	if c.Rollout != nil {
		ch := *c.Rollout
		ch.Result = nil
		c.Rollout = &ch
		abortRollout(tx, c, "the job ended: "+r.Status)
	}
	tx.SaveCluster(c)
	tx.RecordEvent(c, "JobEnded", "the job ended: %s", r.Status)
	Converge(tx, c.Spec.Name)
}
