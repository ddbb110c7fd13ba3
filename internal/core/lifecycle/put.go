package lifecycle

import (
	"fmt"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/flinkconf"
	"github.com/flink-on-mesos/flink-service/internal/core/revision"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Request takes what people ask of clusters and tasks.
func Request(tx *state.Tx, e state.Event) {
	switch e := e.(type) {
	case state.PutCluster:
		Put(tx, e)
	case state.DeleteCluster:
		Delete(tx, e)
	case state.RestartTask:
		RestartTask(tx, e)
	case state.PauseLaunches:
		PauseLaunches(tx, e)
	default:
		panic(fmt.Sprintf("lifecycle: event %T is no request", e))
	}
}

// Put takes a new or changed spec.
func Put(tx *state.Tx, e state.PutCluster) {
	c := tx.Edit(e.Spec.Name)
	if err := refusal(tx, c, e); err != nil {
		tx.Answer(e.Request, err)
		return
	}
	if c != nil && c.RequestedSpec().Equal(e.Spec) && (c.Rollout == nil || !e.Now) {
		tx.Answer(e.Request, nil) // It has that spec, or gets it.
		return
	}
	op, class := operationOf(tx, c, e), ""
	if c != nil {
		class = classOf(c, e.Spec)
	}
	switch {
	case c == nil:
		c = create(tx, e)
	case c.Rollout != nil && !e.Now:
		changeAgain(tx, c, e)
	case c.Spec.Kind != spec.Session:
		if err := changeJob(tx, c, e); err != nil {
			tx.Answer(e.Request, err)
			return
		}
	case e.Stop != nil && tx.JobsMayRun(c) && c.Active() && (restartNeeded(c.Spec, e.Spec) || e.Spec.Suspended):
		BeginRollout(tx, c, e.Spec, *e.Stop, "")
	default:
		changeSession(tx, c, e)
	}
	c.Health = nil // Whoever changes the spec may have cured the job.
	tx.Record(c, op)
	revision.Record(tx, c, e, op, class)
	for _, n := range e.Notes {
		tx.RecordEvent(c, "Spec", "%s", n)
	}
	tx.SaveCluster(c)
	Converge(tx, c.Spec.Name)
	tx.Answer(e.Request, nil)
}

// refusal is why a spec cannot be taken; nil when it can.
func refusal(tx *state.Tx, c *state.Cluster, e state.PutCluster) error {
	switch {
	case tx.State.Options.Uninstall:
		return errUninstalling()
	case c == nil && e.UpdateOnly:
		return fault.New(fault.NotFound, "there is no cluster %q; create it first", e.Spec.Name)
	case c != nil && e.CreateOnly:
		return fault.New(fault.Conflict, "a cluster %q exists already; update it, delete it first, or choose another name", e.Spec.Name)
	case c != nil && c.State == wire.Deleting:
		return fault.New(fault.Conflict, "the cluster %q is being deleted; try again when it is gone", e.Spec.Name)
	case c != nil && e.Spec.Suspended && (c.State == wire.Finished || c.State == wire.Failed):
		return fault.New(fault.Conflict, "the job of cluster %q is over; there is nothing to suspend", e.Spec.Name)
	case c != nil && c.Spec.Kind != e.Spec.Kind:
		return &fault.Error{Code: fault.Invalid, Message: "the spec cannot replace the present one", Details: []fault.Detail{
			{Field: "kind", Message: fmt.Sprintf("a cluster stays what it is (%s); create another cluster", c.Spec.Kind)},
		}}
	}
	if details := tx.State.Unsupported(e.Spec); len(details) > 0 {
		return &fault.Error{Code: fault.Invalid, Message: "the Mesos master cannot do what the spec asks for", Details: details}
	}
	return unexpected(tx, c, e)
}

// unexpected says that a cluster is not at the generation that who changes it expects, or that the spec was rolled back;
// nil for neither.
func unexpected(tx *state.Tx, c *state.Cluster, e state.PutCluster) error {
	switch {
	case c == nil && e.Match == 0:
		return nil
	case c == nil:
		return fault.New(fault.Precondition, "there is no cluster %q, and If-Match expects one: nothing was changed", e.Spec.Name)
	case e.Match <= 0 || c.RequestedGeneration() == e.Match:
		if r := revision.RolledBack(&tx.State, c, e.Spec); r != nil {
			return fault.New(fault.Conflict, "this spec was rolled back as revision %d: %s; change it, or change its restartNonce to try the same again", r.Number, r.Message)
		}
		return nil
	}
	return fault.New(fault.Precondition, "cluster %q is at generation %d, and %d was expected: somebody has changed it meanwhile, and nothing was changed now; look at it and make the change again",
		e.Spec.Name, c.RequestedGeneration(), e.Match)
}

// create makes a new cluster.
func create(tx *state.Tx, e state.PutCluster) *state.Cluster {
	r := state.ClusterRecord{Spec: e.Spec, Generation: 1, Created: tx.Now, Nonce: e.Nonce, State: wire.Created, Paused: tx.State.Framework.Paused}
	if e.Spec.Suspended {
		r.State = wire.Suspended
	}
	c := tx.Adopt(state.NewCluster(r))
	if e.Spec.Kind != spec.Session {
		restore := initial(e.Spec)
		restore.Reason = "first start"
		c.Submit(restore, nil)
	}
	tx.RecordEvent(c, "Created", "cluster %s was created", e.Spec.Name)
	if c.Paused {
		tx.RecordEvent(c, "Paused", "task launches are paused, as those of all clusters are")
	}
	return c
}

// changeAgain replaces the spec of a change whose jobs are being stopped already.
func changeAgain(tx *state.Tx, c *state.Cluster, e state.PutCluster) {
	ch := *c.Rollout
	ch.Spec = e.Spec
	ch.Generation = tx.State.NextGeneration(c)
	if redeployed(c.Spec, e.Spec) {
		ch.Waiting = "the state that the spec names is used"
	}
	c.Rollout = &ch
	tx.RecordEvent(c, "Updated", "cluster %s was changed again while its jobs are being stopped", e.Spec.Name)
}

// changeSession gives a session cluster a new spec without waiting for its jobs.
func changeSession(tx *state.Tx, c *state.Cluster, e state.PutCluster) {
	generation := tx.State.NextGeneration(c)
	if c.Rollout != nil {
		tx.RecordEvent(c, "Updated", "the jobs of cluster %s are not waited for any more", e.Spec.Name)
		c.Savepoints, c.Rollout = c.Rollout.Savepoints, nil
	} else if e.Spec.Kind == spec.Session && e.Spec.Suspended && !c.Spec.Suspended {
		c.Savepoints = nil // Those of an earlier suspension say nothing of the jobs that run now.
	}
	replaceSpec(tx, c, e.Spec, generation)
}

// restartNeeded says whether a change of the spec reaches processes that run already: all but
// the number of TaskManagers, whom the service trusts, and what only says how the next change is made, does.
func restartNeeded(old, spec spec.Spec) bool {
	old.TaskManagers.Count, old.Security.REST, old.Suspended = spec.TaskManagers.Count, spec.Security.REST, spec.Suspended
	old.StrictOptions, old.Metrics.Unlisted, old.Upgrade = spec.StrictOptions, spec.Metrics.Unlisted, spec.Upgrade
	old.FlinkConfiguration, spec.FlinkConfiguration = flinkconf.Without(old.FlinkConfiguration), flinkconf.Without(spec.FlinkConfiguration)
	warm := old.Recovery.WarmTaskManagers
	asked := len(old.WarmOptions()) + len(spec.WarmOptions())
	if old.Recovery = spec.Recovery; asked > 0 {
		old.Recovery.WarmTaskManagers = warm // It is an option of Flink's.
	}
	if old.Job != nil && spec.Job != nil {
		job := *old.Job
		job.UpgradeMode, job.Snapshots = spec.Job.UpgradeMode, spec.Job.Snapshots
		old.Job = &job
	}
	return !old.Equal(spec)
}
