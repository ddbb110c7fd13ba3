package lifecycle

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/overrides"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/redact"
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

// BeginRollout saves a change and has the jobs stopped. An empty waiting has that done at once; otherwise it
// says what is waited for first.
func BeginRollout(tx *state.Tx, c *state.Cluster, next spec.Spec, stop state.StopRequest, waiting string) {
	c.Rollouts++
	c.Rollout = &state.Rollout{Spec: next, Number: c.Rollouts, Generation: tx.State.NextGeneration(c), Since: tx.Now, Stop: stop, Waiting: waiting}
	c.RolloutFailure = ""
	what := "upgraded"
	if next.Suspended {
		what = "suspended"
	}
	switch {
	case waiting != "":
		tx.RecordEvent(c, "Waiting", "cluster %s will be %s later: %s", c.Spec.Name, what, waiting)
	case stop.Cancel:
		tx.RecordEvent(c, "Stopping", "cluster %s will be %s: its job is cancelled, and its last checkpoint is kept", c.Spec.Name, what)
	default:
		tx.RecordEvent(c, "Stopping", "cluster %s will be %s: its jobs are stopped with a savepoint first", c.Spec.Name, what)
	}
	askStop(tx, c)
}

// askStop has the jobs stopped by the JobManager that there is.
func askStop(tx *state.Tx, c *state.Cluster) {
	jm, ok := tx.ControllingJobManager(c)
	if !ok || jm.State != task.Running || !c.Rollout.Stopped.IsZero() || c.Rollout.Waiting != "" {
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
		s.Time = tx.Now
		at := slices.IndexFunc(ch.Savepoints, func(old wire.Savepoint) bool { return old.Job == s.Job })
		switch {
		case at < 0:
			ch.Savepoints = append(slices.Clip(ch.Savepoints), s)
		case ch.Stop.Cancel && ch.Savepoints[at].Path != s.Path:
			ch.Savepoints = slices.Clone(ch.Savepoints)
			ch.Savepoints[at] = s // A newer checkpoint was completed before the job ended.
			continue
		default:
			continue
		}
		if ch.Stop.Cancel {
			tx.RecordEvent(c, "Cancelled", "job %s is cancelled; its last checkpoint is %s", s.Job, s.Path)
		} else {
			tx.RecordEvent(c, "Savepoint", "job %s was stopped with savepoint %s", s.Job, s.Path)
		}
	}
	switch {
	case e.Failure != "" && c.Submission != nil && c.Job != nil && c.Job.State != "RUNNING" && !c.Job.Terminal() && !ch.Stop.Cancel:
		chooseAgain(tx, c) // The job broke while it was to be stopped.
		return
	case e.Failure != "":
		abortRollout(tx, c, e.Failure)
		return
	case !e.Done:
		tx.SaveCluster(c)
		return
	}
	ch.Stopped = tx.Now
	recordStopped(tx, c, &ch)
	tx.SaveCluster(c)
	if c.Spec.Kind == spec.Session || ch.Stop.Cancel || len(ch.Savepoints) == 0 || !tx.JobsMayRun(c) {
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
	tx.RecordEvent(c, "ChangeFailed", "the change of cluster %s was aborted; the previous spec is kept: %s", c.Spec.Name, why)
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
	if ch.Delete {
		markDeleted(tx, c, ch.By)
		Converge(tx, c.Spec.Name)
		return
	}
	if c.Spec.Kind == spec.Session {
		replaceSpec(tx, c, ch.Spec, ch.Generation)
	} else {
		resubmit(tx, c, ch.Spec, ch.Generation, stoppedAt(c, ch), nil)
	}
	tx.SaveCluster(c)
	Converge(tx, c.Spec.Name)
}

// stoppedAt is where a job that was stopped for a rollout continues.
func stoppedAt(c *state.Cluster, ch *state.Rollout) wire.Restore {
	kind := wire.RestoreSavepoint
	if ch.Stop.Cancel {
		kind = wire.RestoreCheckpoint
	}
	if len(ch.Savepoints) > 0 && ch.Savepoints[0].Path != "" {
		return wire.Restore{Kind: kind, Path: ch.Savepoints[0].Path, Time: ch.Savepoints[0].Time, Reason: "the job was stopped here for the change"}
	}
	r := c.NewestState()
	r.Reason = "the job had taken no newer state when it was stopped"
	return r
}

// changeJob makes a change of an application or job cluster, whose job keeps its state as the upgrade mode
// says. What cannot be done is refused before anything is stopped.
func changeJob(tx *state.Tx, c *state.Cluster, e state.PutCluster) error {
	generation := tx.State.NextGeneration(c)
	if c.Rollout != nil {
		tx.RecordEvent(c, "Updated", "the change of cluster %s no longer waits for its jobs to be stopped", e.Spec.Name)
		if stopped := c.Rollout; len(stopped.Savepoints) > 0 {
			c.Rollout, c.Savepoints = nil, stopped.Savepoints
			resubmit(tx, c, e.Spec, generation, stoppedAt(c, stopped), nil)
			return nil
		}
		c.Rollout = nil
	}
	suspended := c.Spec.Suspended && e.Spec.Suspended
	restarts := restartNeeded(c.Spec, e.Spec) || c.Spec.Suspended != e.Spec.Suspended
	if !restarts || suspended && !redeployed(c.Spec, e.Spec) {
		replaceSpec(tx, c, e.Spec, generation)
		return nil
	}
	if s := c.Submission; s != nil && s.Lookup != nil && !redeployed(c.Spec, e.Spec) && e.Spec.Mode() != spec.Stateless {
		replaceSpec(tx, c, e.Spec, generation) // It has not started, and will restore what the lookup finds.
		return nil
	}
	s := situationOf(tx, c, e.Spec)
	if e.Spec.Suspended {
		s.Mode = suspendMode(e)
	}
	choice := Choose(s)
	stop := state.StopRequest{Cancel: choice.Method == CancelJob}
	if e.Stop != nil {
		stop.Directory, stop.Drain = e.Stop.Directory, e.Stop.Drain
	}
	if choice.Method == Refuse {
		return fault.New(fault.Conflict, "cluster %q cannot be changed: %s", c.Spec.Name, choice.Reason)
	}
	carryOut(tx, c, e.Spec, generation, choice, stop)
	return nil
}

// carryOut begins a change by a method that was chosen and is not to refuse it.
func carryOut(tx *state.Tx, c *state.Cluster, next spec.Spec, generation int64, choice Choice, stop state.StopRequest) {
	switch choice.Method {
	case StopWithSavepoint, CancelJob:
		BeginRollout(tx, c, next, stop, "")
	case WaitForJob:
		BeginRollout(tx, c, next, stop, choice.Reason)
	case KillAndLookUp, Start:
		startFrom(tx, c, next, generation, choice)
	case Refuse: // The caller has refused it.
	}
}

// RestartJob has the job of an application or job cluster started anew from the spec that it has, with its state as an
// upgrade keeps it. It says why that cannot be done; empty when it is.
func RestartJob(tx *state.Tx, c *state.Cluster) (problem string) {
	choice := Choose(situationOf(tx, c, c.Spec))
	if choice.Method == Refuse {
		return choice.Reason
	}
	carryOut(tx, c, c.Spec, c.Generation+1, choice, state.StopRequest{Cancel: choice.Method == CancelJob})
	return ""
}

// startFrom makes a change that has no job to stop with care.
func startFrom(tx *state.Tx, c *state.Cluster, next spec.Spec, generation int64, choice Choice) {
	restore, l := choice.Restore, (*state.Lookup)(nil)
	if choice.Method == KillAndLookUp {
		l = lookup(c, restore)
	} else {
		restore.Reason = choice.Reason
	}
	resubmit(tx, c, next, generation, restore, l)
}

// Replace gives a cluster another spec at once, and has the job of an application or job cluster start as choice says, whose
// method is Start or KillAndLookUp.
func Replace(tx *state.Tx, c *state.Cluster, next spec.Spec, choice Choice) {
	c.Health = nil
	if c.Spec.Kind == spec.Session {
		replaceSpec(tx, c, next, tx.State.NextGeneration(c))
	} else {
		startFrom(tx, c, next, tx.State.NextGeneration(c), choice)
	}
	tx.SaveCluster(c)
}

// suspendMode is how the job of a cluster is stopped that is to be suspended: with a savepoint unless the
// request says without, and then as an upgrade would.
func suspendMode(e state.PutCluster) spec.UpgradeMode {
	if e.Stop != nil {
		return spec.Savepoint
	}
	if e.Spec.Mode() == spec.Stateless {
		return spec.Stateless
	}
	return spec.LastState
}

// lookup asks for the newest checkpoint of the submission that runs now.
func lookup(c *state.Cluster, known wire.Restore) *state.Lookup {
	l := &state.Lookup{Spec: c.LaunchSpec(), Known: known}
	if c.Submission != nil {
		l.Identity, l.JobID = c.Submission.Identity, c.JobID(c.Submission.Identity)
	}
	if c.Job != nil {
		l.Ran, l.JobID, l.Checkpoint, l.Savepoint = true, c.Job.ID, c.Job.Checkpoint, c.Job.Savepoint
	}
	return l
}

// resubmit has the program of a cluster started anew from a new spec, and what runs ended.
func resubmit(tx *state.Tx, c *state.Cluster, next spec.Spec, generation int64, restore wire.Restore, l *state.Lookup) {
	if c.Spec.HighAvailability() {
		old := state.OldNamespace{Spec: namespaceSpec(c.LaunchSpec())}
		if c.Submission != nil {
			old.Submission = c.Submission.Number
		}
		if c.Submission == nil || c.Submission.Lookup == nil {
			c.OldNamespaces = append(slices.Clip(c.OldNamespaces), old)
		}
	}
	if l == nil && c.Job != nil { // Else it is known once the newest checkpoint is looked up.
		recordRestored(tx, c, c.Job.ID, c.Generation, restore)
	}
	c.Generation = generation
	c.Submit(restore, l)
	replaceSpec(tx, c, next, generation)
}

// namespaceSpec is what of a spec says where its high-availability data is.
func namespaceSpec(s spec.Spec) spec.Spec {
	return spec.Spec{Name: s.Name, Kind: s.Kind, FlinkVersion: s.FlinkVersion, FlinkConfiguration: s.FlinkConfiguration}
}

// replaceSpec gives the cluster a new spec and has what runs follow it.
func replaceSpec(tx *state.Tx, c *state.Cluster, sp spec.Spec, generation int64) {
	old, name := c.Spec, c.Spec.Name
	overrides.Keep(c, sp)
	c.Spec, c.Generation, c.RolloutFailure = sp, generation, ""
	c.SavepointDue, c.CheckpointDue = time.Time{}, time.Time{}
	c.Compile()
	anew := func() {
		c.Message, c.Result, c.ReplacedGeneration = "", nil, generation
		c.Recovering, c.Progress, c.SubtaskFailures, c.SubtaskFault = nil, state.Progress{}, nil, ""
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
		c.State = wire.Upgrading
		tx.RecordEvent(c, "Resumed", "cluster %s is started again%s", name, restoredFrom(c))
		anew()
	case restartNeeded(old, sp), sp.Kind != spec.Session && c.Submission != nil && c.Submission.Generation == generation:
		c.State = wire.Upgrading
		if restartNeeded(old, sp) {
			tx.RecordEvent(c, "Updated", "cluster %s was changed; its tasks are replaced%s", name, restoredFrom(c))
		}
		anew()
	default:
		tx.RecordEvent(c, "Updated", "cluster %s was changed; its running tasks stay", name)
	}
}

// restoredFrom says where the jobs of a cluster that starts have their state from.
func restoredFrom(c *state.Cluster) string {
	switch {
	case c.Spec.Kind != spec.Session:
		return ", " + describeRestore(c)
	case len(c.Savepoints) == 0:
		return ""
	default:
		return fmt.Sprintf("; its jobs were stopped with %s and are to be run again from there", savepoints(len(c.Savepoints)))
	}
}

// describeRestore says where the job of the present submission has its state from.
func describeRestore(c *state.Cluster) string {
	if s := c.Submission; s != nil && s.Lookup != nil {
		return "its job from the newest checkpoint"
	}
	r := c.NewestState()
	text := "its job without state"
	switch r.Kind {
	case wire.RestoreSavepoint, wire.RestoreCheckpoint:
		text = "its job from " + string(r.Kind) + " " + redact.URI(r.Path)
	case wire.RestoreInitial:
		text = "its job from " + redact.URI(r.Path)
	case wire.RestoreHighAvailability:
		text = "its job from its last checkpoint in ZooKeeper"
	case wire.RestoreNone:
	}
	if r.Reason != "" {
		text += ": " + r.Reason
	}
	return text
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
	switch {
	case c.Rollout == nil || !c.Active() || tx.JobsMayRun(c):
	case c.Spec.Kind == spec.Session || c.Submission == nil || len(c.Rollout.Savepoints) > 0:
		applyRollout(tx, c)
	default:
		chooseAgain(tx, c)
	}
}

// StopOutcomeUnknown looks at the end of an application's JobManager while its job is being stopped, and says whether that ended
// the change. One that ended by itself has ended with its job; where the savepoint is, only it could have told.
func StopOutcomeUnknown(tx *state.Tx, c *state.Cluster, t *task.Task) (over bool) {
	if c.Rollout == nil || c.Spec.Kind == spec.Session || t.Goal != task.Launched {
		return false
	}
	if len(c.Rollout.Savepoints) > 0 || c.Rollout.Stop.Cancel && c.Rollout.Result != nil {
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
	it := tx.State.Busy.Root().Iterator()
	for key, c, ok := it.Next(); ok; key, c, ok = it.Next() {
		switch {
		case c.Rollout == nil || !c.Active():
		case c.Rollout.Waiting != "":
			chooseAgain(tx, tx.Edit(string(key)))
		case c.Rollout.Stopped.IsZero():
			if tx.Now.Sub(c.StopAsked) >= stopAgain {
				askStop(tx, tx.Edit(string(key)))
			}
		case tx.Now.Sub(c.Rollout.Stopped) >= leaveAlone:
			applyRollout(tx, tx.Edit(string(key)))
		}
	}
}

// chooseAgain looks whether a rollout that waits for its job can go on.
func chooseAgain(tx *state.Tx, c *state.Cluster) {
	ch := *c.Rollout
	if ch.Delete {
		abortRollout(tx, c, "the job does not run, so that no savepoint can be taken: delete the cluster without one")
		return
	}
	choice := Choose(situationOf(tx, c, ch.Spec))
	switch choice.Method {
	case WaitForJob:
		return
	case Refuse:
		abortRollout(tx, c, choice.Reason)
		return
	case StopWithSavepoint, CancelJob:
		ch.Waiting, ch.Stop.Cancel = "", choice.Method == CancelJob
		c.Rollout = &ch
		askStop(tx, c)
	case KillAndLookUp, Start:
		c.Rollout = nil
		startFrom(tx, c, ch.Spec, ch.Generation, choice)
	}
	tx.SaveCluster(c)
	Converge(tx, c.Spec.Name)
}
