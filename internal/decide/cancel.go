package decide

import (
	"time"

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
func (st *step) cancelling(c *Cluster) bool {
	if c.State != wire.Deleting || !c.Spec.HighAvailability() || c.cancelled {
		return false
	}
	jm, ok := st.speaker(c)
	if !ok || jm.State != task.Running {
		return false
	}
	if c.cancelBegun.IsZero() {
		c.cancelBegun = st.now
	}
	if st.now.Sub(c.cancelBegun) >= cancelPatience {
		st.note(c, "Cancelling", "the jobs of cluster %s did not end in time: what Flink keeps of them in its high-availability.storageDir may stay there", c.Spec.Name)
		c.cancelled = true
		return false
	}
	if c.cancelAsked.IsZero() || st.now.Sub(c.cancelAsked) >= cancelAgain {
		c.cancelAsked = st.now
		st.send(CancelJobs{Cluster: c.Spec.Name, JobManager: *jm})
	}
	return true
}

// jobsCancelled goes on with the deletion of a cluster whose jobs have ended.
func (st *step) jobsCancelled(e JobsCancelled) {
	if c, ok := st.clusters.Get([]byte(e.Cluster)); !ok || c.State != wire.Deleting || c.cancelled {
		return
	}
	c := st.edit(e.Cluster)
	if jm, ok := st.speaker(c); ok && jm.ID != e.JobManager {
		return // The one that leads now is asked.
	}
	c.cancelled = true
	st.converge(e.Cluster)
}

// tickCancels asks again, and ends the wait.
func (st *step) tickCancels() {
	it := st.s.clusters.Root().Iterator()
	for name, c, ok := it.Next(); ok; name, c, ok = it.Next() {
		if c.State == wire.Deleting && !c.cancelBegun.IsZero() && !c.cancelled && st.now.Sub(c.cancelAsked) >= cancelAgain {
			st.converge(string(name))
		}
	}
}
