package decide

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// A change that keeps the state of the jobs has three steps. First it is saved as the cluster's Change, beside the spec
// that still runs; then the jobs are stopped, each under an id that follows from what was saved, so that asking twice
// stops once; and when the last savepoint is known, the new spec takes the place of the old one. Whoever goes on after a
// restart finds in the record which step comes next.

// Change is a change of the spec that waits until the jobs have been stopped with savepoints.
type Change struct {
	// Spec is to take the place of the present one.
	Spec spec.Spec `json:"spec"`
	// Number tells the changes of the cluster apart, also those that were given up.
	Number     int64            `json:"number"`
	Generation int64            `json:"generation"`
	Since      time.Time        `json:"since"`
	Stop       StopRequest      `json:"stop"`
	Savepoints []wire.Savepoint `json:"savepoints,omitempty"`
	// Stopped is when no job ran any more; zero before.
	Stopped time.Time `json:"stopped,omitzero"`
	// Result is how the application said to have ended meanwhile.
	Result *wire.JobResult `json:"result,omitempty"`
}

// StopRequest says how jobs are to be stopped with a savepoint.
type StopRequest struct {
	// Directory is where savepoints go; empty for the one of Flink's configuration.
	Directory string `json:"directory,omitempty"`
	// Drain ends the sources as if their input did, so that windows and timers fire.
	Drain bool `json:"drain,omitempty"`
}

const (
	// stopAgain is after how long the stop is asked for again: who performs it may have missed it.
	stopAgain = 5 * time.Second
	// leaveAlone is how long the JobManager of an application whose job was stopped has to end by itself,
	// which removes what its high availability keeps of the job.
	leaveAlone = 30 * time.Second
)

// pending is the spec that was asked for last: that of the change under way, or the one that runs.
func (c *Cluster) pending() spec.Spec {
	if c.Change != nil {
		return c.Change.Spec
	}
	return c.Spec
}

// jobsMayRun says whether there is a JobManager whose jobs have a state to lose.
func (st *step) jobsMayRun(c *Cluster) bool {
	_, ok := st.speaker(c)
	return ok
}

// speaker returns the JobManager to ask for the stop of jobs: the newest that runs and is to stay.
func (st *step) speaker(c *Cluster) (*task.Task, bool) {
	for _, id := range slices.Backward(c.jobManagers) {
		t, ok := st.tasks.Get([]byte(id))
		if ok && t.Goal == task.Launched && (t.State == task.Running || t.State == task.Unreachable) {
			return t, true
		}
	}
	return nil, false
}

// beginChange saves a change and has the jobs stopped.
func (st *step) beginChange(c *Cluster, spec spec.Spec, stop StopRequest) {
	c.Changes++
	c.Change = &Change{Spec: spec, Number: c.Changes, Generation: c.Generation + 1, Since: st.now, Stop: stop}
	c.ChangeFailure = ""
	what := "upgraded"
	if spec.Suspended {
		what = "suspended"
	}
	st.note(c, "Stopping", "cluster %s is to be %s: its jobs are stopped with a savepoint first", c.Spec.Name, what)
	st.askStop(c)
}

// askStop has the jobs stopped by the JobManager that there is.
func (st *step) askStop(c *Cluster) {
	jm, ok := st.speaker(c)
	if !ok || jm.State != task.Running || !c.Change.Stopped.IsZero() {
		return
	}
	c.stopAsked = st.now
	known := make([]string, 0, len(c.Change.Savepoints))
	for _, s := range c.Change.Savepoints {
		known = append(known, s.Job)
	}
	st.send(StopJobs{
		Cluster: c.Spec.Name, Nonce: c.Nonce, JobManager: *jm, Number: c.Change.Number, Since: c.Change.Since, Stop: c.Change.Stop,
		Known: known, Single: c.Spec.Kind != spec.Session,
	})
}

// jobsStopped takes what became of the stop.
func (st *step) jobsStopped(e JobsStopped) {
	c := st.edit(e.Cluster)
	if c == nil || c.Change == nil || c.Change.Number != e.Number {
		return
	}
	ch := *c.Change
	c.Change = &ch
	for _, s := range e.Savepoints {
		if !slices.ContainsFunc(ch.Savepoints, func(old wire.Savepoint) bool { return old.Job == s.Job }) {
			s.Time = st.now
			ch.Savepoints = append(slices.Clip(ch.Savepoints), s)
			st.note(c, "Savepoint", "job %s was stopped with savepoint %s", s.Job, s.Path)
		}
	}
	switch {
	case e.Failure != "":
		st.giveUp(c, e.Failure)
		return
	case !e.Done:
		st.saveCluster(c)
		return
	}
	ch.Stopped = st.now
	st.saveCluster(c)
	if c.Spec.Kind == spec.Session || len(ch.Savepoints) == 0 || !st.jobsMayRun(c) {
		st.applyChange(c)
	}
}

// giveUp drops a change: the cluster goes on with the spec that it has.
func (st *step) giveUp(c *Cluster, why string) {
	ch := c.Change
	c.Change, c.ChangeFailure = nil, why
	if len(ch.Savepoints) > 0 {
		c.Savepoints = ch.Savepoints
	}
	st.note(c, "ChangeFailed", "the change of cluster %s was given up, its earlier spec stays: %s", c.Spec.Name, why)
	st.saveCluster(c)
	if ch.Result != nil {
		st.finish(c, *ch.Result)
	}
}

// applyChange puts the new spec into the place of the old one.
func (st *step) applyChange(c *Cluster) {
	ch := c.Change
	c.Change = nil
	if len(ch.Savepoints) > 0 || c.Spec.Kind == spec.Session {
		c.Savepoints = ch.Savepoints
	}
	st.replaceSpec(c, ch.Spec, ch.Generation, true)
	st.saveCluster(c)
	st.converge(c.Spec.Name)
}

// replaceSpec gives the cluster a new spec and has what runs follow it. Stopped says that its jobs were stopped for it.
func (st *step) replaceSpec(c *Cluster, sp spec.Spec, generation int64, stopped bool) {
	old, name := c.Spec, c.Spec.Name
	c.Spec, c.Generation, c.ChangeFailure = sp, generation, ""
	c.compile()
	if !stopped && sp.Kind != spec.Session {
		st.forgetSavepoint(c, old)
	}
	anew := func() {
		c.Message, c.Result = "", nil
		c.jobManagerBrake, c.taskManagerBrake = brake{}, brake{}
		st.dropAllWaiting(c, spec.JobManagerTask)
		st.dropAllWaiting(c, spec.TaskManagerTask)
		st.releaseAll(c)
	}
	switch {
	case sp.Suspended && old.Suspended:
		st.note(c, "Updated", "cluster %s was changed; it stays suspended", name)
	case sp.Suspended:
		c.State, c.flink = wire.Suspended, nil
		st.note(c, "Suspended", "cluster %s is suspended: its spec is kept, and %s", name, savepoints(len(c.Savepoints)))
		anew()
	case old.Suspended:
		c.State = wire.Created
		st.note(c, "Resumed", "cluster %s is started again%s", name, c.from())
		anew()
	case restartNeeded(old, sp), stopped && sp.Kind != spec.Session:
		c.State = wire.Created
		st.note(c, "Updated", "cluster %s was changed; its tasks are replaced%s", name, c.from())
		anew()
	default:
		st.note(c, "Updated", "cluster %s was changed; its running tasks stay", name)
	}
}

// forgetSavepoint drops the savepoint of the last change when the job is to start without it: another one was named, or
// the job that ran is started anew without its state.
func (st *step) forgetSavepoint(c *Cluster, old spec.Spec) {
	if len(c.Savepoints) == 0 {
		return
	}
	named := old.Job != nil && c.Spec.Job != nil && old.Job.InitialSavepointPath != c.Spec.Job.InitialSavepointPath
	stateless := !old.Suspended && !c.Spec.Suspended && !c.Spec.UpgradesFromSavepoint() && !c.Spec.HighAvailability() && restartNeeded(old, c.Spec)
	if named || stateless || c.State == wire.Finished {
		st.note(c, "Spec", "the savepoint %s of an earlier change is not used any more", c.Savepoints[0].Path)
		c.Savepoints = nil
	}
}

// from says where the jobs of a cluster that starts have their state from.
func (c *Cluster) from() string {
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

// started is the spec from which tasks are launched: the job starts from where it was stopped.
func (c *Cluster) started() spec.Spec {
	s := c.Spec
	if s.Kind != spec.Session && s.Job != nil && len(c.Savepoints) > 0 {
		job := *s.Job
		job.InitialSavepointPath = c.Savepoints[0].Path
		s.Job = &job
	}
	return s
}

// settle applies a change that has nothing to wait for any more.
func (st *step) settle(c *Cluster) {
	if c.Change != nil && c.active() && !st.jobsMayRun(c) {
		st.applyChange(c)
	}
}

// lostStop looks at the end of an application's JobManager while its job is being stopped, and says whether that ended
// the change. One that ended by itself has ended with its job; where the savepoint is, only it could have told.
func (st *step) lostStop(c *Cluster, t *task.Task) (over bool) {
	if c.Change == nil || c.Spec.Kind == spec.Session || t.Goal != task.Launched {
		return false
	}
	if len(c.Change.Savepoints) > 0 {
		st.applyChange(c)
		return true
	}
	if c.Change.Result == nil && t.State != task.Finished {
		return false // It was lost before the job was stopped.
	}
	dir := cmp.Or(c.Change.Stop.Directory, c.Spec.SavepointDirectory(), "Flink's directory of savepoints")
	ch := *c.Change
	ch.Result = nil
	c.Change = &ch
	st.giveUp(c, fmt.Sprintf("the job ended before it was known where its savepoint is: if one was taken, it is below %s; put the spec with job.initialSavepointPath to start from it", dir))
	st.finish(c, wire.JobResult{Status: "UNKNOWN", Diagnostics: c.ChangeFailure, Ended: st.now})
	c.State = wire.Failed
	st.saveCluster(c)
	return true
}

// tickChanges asks again for stops that were not heard of, and ends the wait for JobManagers that do not leave.
func (st *step) tickChanges() {
	it := st.s.clusters.Root().Iterator()
	for key, c, ok := it.Next(); ok; key, c, ok = it.Next() {
		switch {
		case c.Change == nil || !c.active():
		case c.Change.Stopped.IsZero():
			if st.now.Sub(c.stopAsked) >= stopAgain {
				st.askStop(st.edit(string(key)))
			}
		case st.now.Sub(c.Change.Stopped) >= leaveAlone:
			st.applyChange(st.edit(string(key)))
		}
	}
}
