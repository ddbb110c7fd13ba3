package lifecycle

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

const (
	// stopAgain is after how long the stop is asked for again: who performs it may have missed it.
	stopAgain = 5 * time.Second
	// leaveAlone is how long the JobManager of an application whose job was stopped has to end by itself,
	// which removes what its high availability keeps of the job.
	leaveAlone = 30 * time.Second
)

// BeginRollout saves a change and has the jobs stopped.
func BeginRollout(tx *state.Tx, c *state.Cluster, spec spec.Spec, stop state.StopRequest) {
	c.Rollouts++
	c.Rollout = &state.Rollout{Spec: spec, Number: c.Rollouts, Generation: c.Generation + 1, Since: tx.Now, Stop: stop}
	c.RolloutFailure = ""
	what := "upgraded"
	if spec.Suspended {
		what = "suspended"
	}
	tx.RecordEvent(c, "Stopping", "cluster %s is to be %s: its jobs are stopped with a savepoint first", c.Spec.Name, what)
	askStop(tx, c)
}

// askStop has the jobs stopped by the JobManager that there is.
func askStop(tx *state.Tx, c *state.Cluster) {
	jm, ok := tx.ControllingJobManager(c)
	if !ok || jm.State != task.Running || !c.Rollout.Stopped.IsZero() {
		return
	}
	c.StopAsked = tx.Now
	known := make([]string, 0, len(c.Rollout.Savepoints))
	for _, s := range c.Rollout.Savepoints {
		known = append(known, s.Job)
	}
	tx.Send(state.StopJobs{
		Cluster: c.Spec.Name, Nonce: c.Nonce, JobManager: *jm, Number: c.Rollout.Number, Since: c.Rollout.Since, Stop: c.Rollout.Stop,
		Known: known, Single: c.Spec.Kind != spec.Session,
	})
}

// JobsStopped takes what became of the stop.
func JobsStopped(tx *state.Tx, e state.JobsStopped) {
	c := tx.Edit(e.Cluster)
	if c == nil || c.Rollout == nil || c.Rollout.Number != e.Number {
		return
	}
	ch := *c.Rollout
	c.Rollout = &ch
	for _, s := range e.Savepoints {
		if !slices.ContainsFunc(ch.Savepoints, func(old wire.Savepoint) bool { return old.Job == s.Job }) {
			s.Time = tx.Now
			ch.Savepoints = append(slices.Clip(ch.Savepoints), s)
			tx.RecordEvent(c, "Savepoint", "job %s was stopped with savepoint %s", s.Job, s.Path)
		}
	}
	switch {
	case e.Failure != "":
		abortRollout(tx, c, e.Failure)
		return
	case !e.Done:
		tx.SaveCluster(c)
		return
	}
	ch.Stopped = tx.Now
	tx.SaveCluster(c)
	if c.Spec.Kind == spec.Session || len(ch.Savepoints) == 0 || !tx.JobsMayRun(c) {
		applyRollout(tx, c)
	}
}

// abortRollout drops a change: the cluster goes on with the spec that it has.
func abortRollout(tx *state.Tx, c *state.Cluster, why string) {
	ch := c.Rollout
	c.Rollout, c.RolloutFailure = nil, why
	if len(ch.Savepoints) > 0 {
		c.Savepoints = ch.Savepoints
	}
	tx.RecordEvent(c, "ChangeFailed", "the change of cluster %s was given up, its earlier spec stays: %s", c.Spec.Name, why)
	tx.SaveCluster(c)
	if ch.Result != nil {
		finish(tx, c, *ch.Result)
	}
}

// applyRollout puts the new spec into the place of the old one.
func applyRollout(tx *state.Tx, c *state.Cluster) {
	ch := c.Rollout
	c.Rollout = nil
	if len(ch.Savepoints) > 0 || c.Spec.Kind == spec.Session {
		c.Savepoints = ch.Savepoints
	}
	replaceSpec(tx, c, ch.Spec, ch.Generation, true)
	tx.SaveCluster(c)
	Converge(tx, c.Spec.Name)
}

// replaceSpec gives the cluster a new spec and has what runs follow it. Stopped says that its jobs were stopped for it.
func replaceSpec(tx *state.Tx, c *state.Cluster, sp spec.Spec, generation int64, stopped bool) {
	old, name := c.Spec, c.Spec.Name
	c.Spec, c.Generation, c.RolloutFailure = sp, generation, ""
	c.Compile()
	if !stopped && sp.Kind != spec.Session {
		forgetSavepoint(tx, c, old)
	}
	anew := func() {
		c.Message, c.Result = "", nil
		c.JobManagerBackoff, c.TaskManagerBackoff = state.Backoff{}, state.Backoff{}
		tx.DropAllPending(c, spec.JobManagerTask)
		tx.DropAllPending(c, spec.TaskManagerTask)
		tx.ReleaseAll(c)
	}
	switch {
	case sp.Suspended && old.Suspended:
		tx.RecordEvent(c, "Updated", "cluster %s was changed; it stays suspended", name)
	case sp.Suspended:
		c.State, c.Flink = wire.Suspended, nil
		tx.RecordEvent(c, "Suspended", "cluster %s is suspended: its spec is kept, and %s", name, savepoints(len(c.Savepoints)))
		anew()
	case old.Suspended:
		c.State = wire.Created
		tx.RecordEvent(c, "Resumed", "cluster %s is started again%s", name, restoredFrom(c))
		anew()
	case restartNeeded(old, sp), stopped && sp.Kind != spec.Session:
		c.State = wire.Created
		tx.RecordEvent(c, "Updated", "cluster %s was changed; its tasks are replaced%s", name, restoredFrom(c))
		anew()
	default:
		tx.RecordEvent(c, "Updated", "cluster %s was changed; its running tasks stay", name)
	}
}

// forgetSavepoint drops the savepoint of the last change when the job is to start without it: another one was named, or
// the job that ran is started anew without its state.
func forgetSavepoint(tx *state.Tx, c *state.Cluster, old spec.Spec) {
	if len(c.Savepoints) == 0 {
		return
	}
	named := old.Job != nil && c.Spec.Job != nil && old.Job.InitialSavepointPath != c.Spec.Job.InitialSavepointPath
	stateless := !old.Suspended && !c.Spec.Suspended && !c.Spec.UpgradesFromSavepoint() && !c.Spec.HighAvailability() && restartNeeded(old, c.Spec)
	if named || stateless || c.State == wire.Finished {
		tx.RecordEvent(c, "Spec", "the savepoint %s of an earlier change is not used any more", c.Savepoints[0].Path)
		c.Savepoints = nil
	}
}

// restoredFrom says where the jobs of a cluster that starts have their state from.
func restoredFrom(c *state.Cluster) string {
	switch {
	case len(c.Savepoints) == 0:
		return ""
	case c.Spec.Kind == spec.Session:
		return fmt.Sprintf("; its jobs were stopped with %s and are to be run again from there", savepoints(len(c.Savepoints)))
	}
	return ", its job from savepoint " + c.Savepoints[0].Path
}

// savepoints counts savepoints in words.
func savepoints(n int) string {
	switch n {
	case 0:
		return "no savepoint"
	case 1:
		return "1 savepoint"
	}
	return fmt.Sprintf("%d savepoints", n)
}

// applyRolloutIfIdle applies a change that has nothing to wait for any more.
func applyRolloutIfIdle(tx *state.Tx, c *state.Cluster) {
	if c.Rollout != nil && c.Active() && !tx.JobsMayRun(c) {
		applyRollout(tx, c)
	}
}

// StopOutcomeUnknown looks at the end of an application's JobManager while its job is being stopped, and says whether that ended
// the change. One that ended by itself has ended with its job; where the savepoint is, only it could have told.
func StopOutcomeUnknown(tx *state.Tx, c *state.Cluster, t *task.Task) (over bool) {
	if c.Rollout == nil || c.Spec.Kind == spec.Session || t.Goal != task.Launched {
		return false
	}
	if len(c.Rollout.Savepoints) > 0 {
		applyRollout(tx, c)
		return true
	}
	if c.Rollout.Result == nil && t.State != task.Finished {
		return false // It was lost before the job was stopped.
	}
	dir := cmp.Or(c.Rollout.Stop.Directory, c.Spec.SavepointDirectory(), "Flink's directory of savepoints")
	ch := *c.Rollout
	ch.Result = nil
	c.Rollout = &ch
	abortRollout(tx, c, fmt.Sprintf("the job ended before it was known where its savepoint is: if one was taken, it is below %s; put the spec with job.initialSavepointPath to start from it", dir))
	finish(tx, c, wire.JobResult{Status: "UNKNOWN", Diagnostics: c.RolloutFailure, Ended: tx.Now})
	c.State = wire.Failed
	tx.SaveCluster(c)
	return true
}

// TickRollouts asks again for stops that were not heard of, and ends the wait for JobManagers that do not leave.
func TickRollouts(tx *state.Tx) {
	it := tx.State.Clusters.Root().Iterator()
	for key, c, ok := it.Next(); ok; key, c, ok = it.Next() {
		switch {
		case c.Rollout == nil || !c.Active():
		case c.Rollout.Stopped.IsZero():
			if tx.Now.Sub(c.StopAsked) >= stopAgain {
				askStop(tx, tx.Edit(string(key)))
			}
		case tx.Now.Sub(c.Rollout.Stopped) >= leaveAlone:
			applyRollout(tx, tx.Edit(string(key)))
		}
	}
}
