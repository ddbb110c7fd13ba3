package lifecycle

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

const (
	// cancelAgain is after how long the cancellation of jobs is asked for again: who performs it may have missed it.
	cancelAgain = 5 * time.Second
	// cancelPatience is how long jobs may take to end before their cluster is deleted without that.
	cancelPatience = 20 * time.Second
)

// cancelling says whether the deletion of a cluster waits for the end of its jobs, and asks for that. With high availability Flink
// keeps a job's graph and checkpoints in its storage directory, where only Flink can remove them, and does so when the job ends;
// of a JobManager that is killed they stay.
func cancelling(tx *state.Tx, c *state.Cluster) bool {
	if c.State != wire.Deleting || !c.Spec.HighAvailability() || c.Cancelled {
		return false
	}
	jm, ok := tx.ControllingJobManager(c)
	if !ok || jm.State != task.Running {
		return false
	}
	if c.CancelBegun.IsZero() {
		c.CancelBegun = tx.Now
	}
	if tx.Now.Sub(c.CancelBegun) >= cancelPatience {
		tx.RecordEvent(c, "Cancelling", "the jobs of cluster %s did not end in time: what Flink keeps of them in its high-availability.storageDir may stay there", c.Spec.Name)
		c.Cancelled = true
		return false
	}
	if c.CancelAsked.IsZero() || tx.Now.Sub(c.CancelAsked) >= cancelAgain {
		c.CancelAsked = tx.Now
		tx.Send(state.CancelJobs{Cluster: c.Spec.Name, JobManager: *jm})
	}
	return true
}

// JobsCancelled goes on with the deletion of a cluster whose jobs have ended.
func JobsCancelled(tx *state.Tx, e state.JobsCancelled) {
	if c, ok := tx.Clusters.Get([]byte(e.Cluster)); !ok || c.State != wire.Deleting || c.Cancelled {
		return
	}
	c := tx.Edit(e.Cluster)
	if jm, ok := tx.ControllingJobManager(c); ok && jm.ID != e.JobManager {
		return // The one that leads now is asked.
	}
	c.Cancelled = true
	Converge(tx, e.Cluster)
}

// TickCancels asks again, and ends the wait.
func TickCancels(tx *state.Tx) {
	it := tx.State.Busy.Root().Iterator()
	for name, c, ok := it.Next(); ok; name, c, ok = it.Next() {
		if c.State == wire.Deleting && !c.CancelBegun.IsZero() && !c.Cancelled && tx.Now.Sub(c.CancelAsked) >= cancelAgain {
			Converge(tx, string(name))
		}
	}
}
