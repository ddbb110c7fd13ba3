package lifecycle

import (
	"slices"

	iradix "github.com/hashicorp/go-immutable-radix/v2"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/workers"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// WorkersWanted takes the set of workers that Flink wants. The set is the whole truth: what is
// missing in it and runs is released, what is new in it waits for an offer.
func WorkersWanted(tx *state.Tx, e state.WorkersWanted) {
	c, ok := tx.ClusterOfLiveJobManager(e.Cluster, e.JobManager)
	if !ok || !c.Spec.HasDriver() || slices.Contains(c.Driver.Past, e.Epoch) {
		return
	}
	if c.Driver.Epoch != e.Epoch {
		c.Driver.Retire()
		c.Driver.JobManager, c.Driver.Epoch, c.Driver.Ended = e.JobManager, e.Epoch, iradix.New[string]()
	}
	if e.Result != nil && c.Result == nil && c.Active() {
		r := *e.Result
		r.Ended = tx.Now
		if c.Rollout != nil && c.Spec.Kind != spec.Session {
			// Its job was stopped, or ended meanwhile: whoever stops it finds out which.
			if c.Rollout.Result == nil {
				ch := *c.Rollout
				ch.Result = &r
				c.Rollout = &ch
				tx.SaveCluster(c)
			}
			workers.Report(tx, c)
			return
		}
		if c.Spec.Kind == spec.Session {
			// A session that is told to shut down through its own REST API is stopped for good.
			tx.RecordEvent(c, "Shutdown", "the JobManager was shut down through Flink: %s", r.Diagnostics)
		}
		finish(tx, c, r)
	}
	if !e.Ready || !c.Active() || c.Spec.Allocation == spec.Static {
		workers.Report(tx, c)
		return
	}
	if e.Version < c.Driver.Version {
		return
	}
	c.Driver.Version = e.Version
	workers.Want(tx, c, e.Workers, e.Started)
	workers.Report(tx, c)
}
