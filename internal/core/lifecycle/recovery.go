package lifecycle

import (
	"slices"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// unnoticed is after how long a loss is taken for one that the jobs did not notice, such as that of a TaskManager that
// stood by.
const unnoticed = 2 * time.Minute

// RecoveryBegins notes that a cluster has lost something that its jobs may need: from now on the time counts until
// they run again. A second loss before is part of the same recovery. The caller has a task that ended by itself.
func RecoveryBegins(tx *state.Tx, c *state.Cluster, cause string) {
	if !c.Active() || c.Rollout != nil {
		return
	}
	if r := c.Recovering; r != nil && (r.Noticed || tx.Now.Sub(r.Began) < unnoticed) {
		return
	}
	r := state.Recovering{Began: tx.Now, Cause: cause, Restarts: -1}
	switch {
	case c.Spec.Kind != spec.Session && c.Job != nil && c.Job.Running:
		r.Restarts = c.Job.Restarts
	case c.Spec.Kind == spec.Session && c.Flink != nil && c.Flink.JobsRunning > 0:
		r.Jobs = c.Flink.JobsRunning
	default:
		return // Nothing ran.
	}
	c.Recovering = &r
}

// recoverySeen takes what was observed of the jobs: how many run, and how often the only one was restarted (-1 where
// that is not known).
func recoverySeen(tx *state.Tx, c *state.Cluster, all bool, restarts int64) {
	if c.Recovering == nil {
		return
	}
	r := *c.Recovering
	c.Recovering = &r
	r.Noticed = r.Noticed || !all || r.Restarts >= 0 && restarts > r.Restarts
	if !all || !r.Noticed {
		return
	}
	c.Recovering = nil
	took := tx.Now.Sub(r.Began)
	done := wire.JobRecovery{Began: r.Began, Seconds: float64(took.Milliseconds()) / 1000, Cause: r.Cause}
	from := max(0, len(c.Recoveries)-state.MaxRecoveries+1)
	c.Recoveries = append(slices.Clone(c.Recoveries[from:]), done)
	tx.SaveCluster(c)
	tx.RecordEvent(c, "Recovered", "the jobs of cluster %s run again after %s: %s", c.Spec.Name, took.Round(100*time.Millisecond), r.Cause)
	tx.Send(state.Recovered{Cluster: c.Spec.Name, Took: took})
}
