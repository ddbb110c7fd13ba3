// Package rollback gives a cluster the last stable revision of its spec again when a change that is watched turns out
// badly. What is bad is for package revision to say, and how a job starts for lifecycle to do.
package rollback

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/flink-on-mesos/flink-service/internal/core/lifecycle"
	"github.com/flink-on-mesos/flink-service/internal/core/revision"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/redact"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Tick has the clusters looked at whose last change is on trial: time alone may decide.
func Tick(tx *state.Tx) {
	it := tx.State.Clusters.Root().Iterator()
	for name, c, ok := it.Next(); ok; name, c, ok = it.Next() {
		if revision.OnTrial(&tx.State, c) != nil {
			tx.Edit(string(name))
		}
	}
}

// Judge looks at a cluster that this step has changed and does what is to be done about a change that is on trial. It says
// whether the cluster got another spec.
func Judge(tx *state.Tx, c *state.Cluster) bool {
	r := revision.OnTrial(&tx.State, c)
	if r == nil || c.Rollout != nil || c.State == wire.Deleting || c.State == wire.Suspended || tx.State.Options.Uninstall {
		return false
	}
	n, t := *r, *r.Trial
	n.Trial = &t
	if c.Paused || !tx.State.Connected || c.Submission != nil && c.Submission.Lookup != nil {
		t.Since = tx.Now // Nothing can be started meanwhile.
		tx.KeepRevision(n)
		if c.State != wire.Failed {
			return false
		}
	}
	t, verdict, why := revision.Judge(t, c.Spec.Upgrade, observation(c), tx.Now)
	switch verdict {
	case revision.Undecided:
		tx.KeepRevision(n)
		return false
	case revision.Good:
		good(tx, c, n)
		return false
	case revision.Bad:
	}
	return bad(tx, c, n, redact.Text(why))
}

// observation is what a change of a cluster is judged by.
func observation(c *state.Cluster) revision.Observation {
	o := revision.Observation{
		Ready: c.State == wire.Stable, Ended: c.State == wire.Finished, Restarts: -1, Failures: c.Failures,
		Checkpoint: !c.Spec.Checkpoints(),
	}
	if c.State == wire.Failed {
		o.Failed = cmp.Or(c.Message, "its job failed")
	}
	if j := c.Job; j != nil && c.Spec.Kind != spec.Session {
		o.Restarts = j.Restarts
		o.Checkpoint = o.Checkpoint || j.Checkpoint != nil || j.Savepoint != nil
	}
	return o
}

// good ends the trial of a change that is healthy. The caller has the rest noted (revision.Follow).
func good(tx *state.Tx, c *state.Cluster, r state.Revision) {
	r.Trial = nil
	tx.SetRevision(r)
	if r.Kind == wire.OperationRollback {
		tx.RecordEvent(c, "RolledBack", "cluster %s is healthy again with the spec of revision %d", c.Spec.Name, r.Of)
		return
	}
	tx.RecordEvent(c, "ChangeHealthy", "the change of cluster %s to revision %d is good", c.Spec.Name, r.Number)
}

// bad ends the trial of a change that is not healthy.
func bad(tx *state.Tx, c *state.Cluster, r state.Revision, why string) bool {
	target := revision.Find(tx.State.RevisionsOf(c.Spec.Name), strconv.FormatInt(r.Trial.Target, 10))
	var choice lifecycle.Choice
	hold := ""
	switch {
	case c.Spec.Upgrade.Rollback == spec.RollbackHold:
		hold = "the spec asks to hold"
	case target == nil:
		hold = fmt.Sprintf("revision %d is not kept any more", r.Trial.Target)
	default:
		choice = Choose(Situation{
			Revision: r, Old: c.Spec, Target: target.Spec, Job: c.Job, Over: c.State == wire.Failed, Sessions: jobsOf(c),
		})
		if choice.Method == lifecycle.Refuse {
			hold = choice.Reason
		}
	}
	tx.EndOperation(c, wire.OperationFailed, why)
	if hold != "" {
		t := *r.Trial
		t.Held, r.Trial, r.Outcome, r.Message = why, &t, wire.RevisionFailed, why
		tx.SetRevision(r)
		tx.RecordEvent(c, "ChangeHeld", "the change of cluster %s to revision %d is bad, and is not rolled back, because %s: %s", c.Spec.Name, r.Number, hold, why)
		tx.SaveCluster(c)
		return false
	}
	own := r.Trial.Own
	r.Outcome, r.Message, r.Trial = wire.RevisionRolledBack, why, nil
	tx.SetRevision(r)
	begin(tx, c, r, own, target, choice)
	return true
}

// begin gives the cluster the spec of the target again; own is what the last good program left.
func begin(tx *state.Tx, c *state.Cluster, r state.Revision, own wire.Restore, target *state.Revision, choice lifecycle.Choice) {
	from, next := c.Spec, revision.Again(target.Spec, c.Spec)
	op := wire.Operation{
		Kind: wire.OperationRollback, By: wire.Actor{Name: "service"}, From: c.Generation, To: tx.State.NextGeneration(c), Reason: r.Message,
		Subject: fmt.Sprintf("revision %d", target.Number), Changes: redact.Changes(from, next), State: wire.OperationRunning,
	}
	tx.RecordEvent(c, "Rollback", "the change of cluster %s to revision %d is bad: %s; revision %d takes its place", c.Spec.Name, r.Number, r.Message, target.Number)
	lifecycle.Replace(tx, c, next, choice)
	tx.Record(c, op)
	revision.Record(tx, c, state.PutCluster{Spec: next, By: op.By, Reason: op.Reason, Revert: target.Number}, op, wire.ClassRestart)
	list := tx.State.RevisionsOf(c.Spec.Name)
	n := *list[len(list)-1]
	n.Trial = &state.Trial{Since: tx.Now, Target: target.Number, Own: own, Restarts: -1}
	tx.SetRevision(n)
	tx.SaveCluster(c)
	lifecycle.Converge(tx, c.Spec.Name)
}

// jobsOf counts the jobs that run on a session.
func jobsOf(c *state.Cluster) int {
	if c.Spec.Kind != spec.Session || c.Flink == nil {
		return 0
	}
	return c.Flink.JobsRunning
}
