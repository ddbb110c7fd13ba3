// Package scaling carries out what the autoscaler decides about the jobs of clusters: in place, by
// telling Flink's adaptive scheduler the parallelism, or by a restart that keeps the job's state as an
// upgrade does.
//
//	request ──► save ──► task-managers ──► requirements ──► done
//	                     (static, more)     │     (static, fewer: idle TaskManagers are released)
//	                                        └──► restart, where Flink cannot rescale
//
// A step is saved before anything is done about it, and every stage is asked for again until it is
// answered: a process that ends in between goes on where the record says.
package scaling

import (
	"fmt"
	"maps"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/flinkconf"
	"github.com/flink-on-mesos/flink-service/internal/core/lifecycle"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

const (
	// again is after how long Flink is asked again: who asks it may have missed it.
	again = 5 * time.Second
	// patience bounds a step: TaskManagers that do not come, or a job that does not rescale, end it.
	patience = 15 * time.Minute
)

// Take takes an event about the parallelism of jobs.
func Take(tx *state.Tx, e state.Event) {
	switch e := e.(type) {
	case state.Autoscaled:
		Autoscaled(tx, e)
	case state.Rescaled:
		Rescaled(tx, e)
	default:
		panic(fmt.Sprintf("scaling: event %T is not about the parallelism of jobs", e))
	}
}

// Autoscaled takes what the autoscaler says about a cluster.
func Autoscaled(tx *state.Tx, e state.Autoscaled) {
	old, ok := tx.Clusters.Get([]byte(e.Cluster))
	if !ok {
		tx.Answer(e.Request, fault.New(fault.NotFound, "there is no cluster %q", e.Cluster))
		return
	}
	if e.Step != nil {
		if why := refusal(tx, old, *e.Step); why != "" {
			tx.Answer(e.Request, fault.New(fault.Conflict, "job %s is not scaled now: %s", e.Step.Job, why))
			return
		}
	}
	c := tx.Edit(e.Cluster)
	for _, one := range e.Events {
		tx.RecordData(c, one.Type, one.Data, "%s", one.Message)
	}
	if e.Step != nil {
		begin(tx, c, *e.Step)
	}
	tx.Answer(e.Request, nil)
}

// slot is the key of a job in Scaling.Taken.
func slot(c *state.Cluster, job string) string {
	if c.Spec.Kind == spec.Session {
		return job
	}
	return ""
}

// refusal says why a step cannot be taken now; empty when it can, or was taken already.
func refusal(tx *state.Tx, c *state.Cluster, r wire.ScalingRequest) string {
	jm, ok := tx.ControllingJobManager(c)
	switch {
	case taken(c, r):
		return ""
	case tx.State.Options.Uninstall:
		return "the service is being uninstalled"
	case !c.Active() || !ok || jm.State != task.Running:
		return fmt.Sprintf("the cluster is %s and no JobManager runs", c.State)
	case c.Paused:
		return "task launches are paused"
	case c.Rollout != nil || c.Operation != 0:
		return "a change of the cluster is in progress"
	case c.Scaling.Busy():
		return "another step is in progress"
	case !runs(c, r.Job):
		return "the job does not run"
	}
	return ""
}

// taken says that a step was taken before.
func taken(c *state.Cluster, r wire.ScalingRequest) bool {
	return c.Scaling != nil && !r.At.After(c.Scaling.Taken[slot(c, r.Job)])
}

// runs says that a job of a cluster runs.
func runs(c *state.Cluster, job string) bool {
	if c.Spec.Kind == spec.Session {
		return c.SessionJobs[job] == "RUNNING"
	}
	return c.Job != nil && c.Job.ID == job && c.Job.Running
}

// begin takes a step.
func begin(tx *state.Tx, c *state.Cluster, r wire.ScalingRequest) {
	if taken(c, r) {
		return
	}
	s := wire.Scaling{Taken: map[string]time.Time{}}
	if c.Scaling != nil {
		s = *c.Scaling
		s.Taken = maps.Clone(s.Taken)
	}
	if s.Taken == nil {
		s.Taken = map[string]time.Time{}
	}
	for job := range s.Taken { // Of a session's jobs those that are gone are forgotten.
		if _, known := c.SessionJobs[job]; !known && job != "" {
			delete(s.Taken, job)
		}
	}
	s.Number++
	s.Taken[slot(c, r.Job)] = r.At
	s.Step = &wire.ScalingStep{ScalingRequest: r, Stage: wire.ScalingRequirements, Since: tx.Now}
	fixed := c.Spec.Allocation == spec.Static && c.Spec.Kind != spec.Session
	if fixed && r.TaskManagers > c.TaskManagers {
		s.Step.Stage, s.TaskManagers = wire.ScalingTaskManagers, r.TaskManagers
	}
	if c.Spec.Kind != spec.Session {
		s.Overrides = maps.Clone(s.Overrides)
		if s.Overrides == nil {
			s.Overrides = map[string]int{}
		}
		maps.Copy(s.Overrides, r.Parallelism)
	}
	c.Scaling = &s
	if !flinkconf.Adaptive(c.Spec.FlinkConfiguration) {
		restart(tx, c, "")
		return
	}
	tx.Record(c, wire.Operation{
		Kind: wire.OperationAutoscale, By: actor(), From: c.Generation, To: c.Generation, Changes: r.Changes, Subject: r.Job, State: wire.OperationRunning,
	})
	tx.SaveCluster(c)
	lifecycle.Converge(tx, c.Spec.Name)
	advance(tx, c)
}

func actor() wire.Actor { return wire.Actor{Name: "autoscaler"} }

// advance does what is due about the step of a cluster.
func advance(tx *state.Tx, c *state.Cluster) {
	step := c.Scaling.Step
	switch {
	case !c.Active() || c.Rollout != nil || c.Spec.Kind != spec.Session && (c.Job == nil || c.Job.ID != step.Job):
		end(tx, c, wire.OperationSuperseded, "the job was replaced")
		return
	case tx.Now.Sub(step.Since) > patience && step.Stage == wire.ScalingTaskManagers:
		s := *c.Scaling
		s.TaskManagers = 0
		c.Scaling = &s
		end(tx, c, wire.OperationFailed, fmt.Sprintf("the TaskManagers did not register within %s", patience))
		lifecycle.Converge(tx, c.Spec.Name)
		return
	case tx.Now.Sub(step.Since) > patience:
		end(tx, c, wire.OperationFailed, fmt.Sprintf("the job was not rescaled within %s; Flink rescales it as soon as it has the slots", patience))
		return
	}
	if step.Stage == wire.ScalingTaskManagers {
		if c.Flink == nil || c.Running < step.TaskManagers || c.Flink.TaskManagers < step.TaskManagers {
			return
		}
		s, next := *c.Scaling, *step
		next.Stage = wire.ScalingRequirements
		s.Step = &next
		c.Scaling = &s
		c.RescaleAsked = time.Time{}
		tx.SaveCluster(c)
	}
	jm, ok := tx.ControllingJobManager(c)
	if !ok || jm.State != task.Running || tx.Now.Sub(c.RescaleAsked) < again {
		return
	}
	c.RescaleAsked = tx.Now
	a := state.Rescale{Cluster: c.Spec.Name, JobManager: *jm, Number: c.Scaling.Number, Job: step.Job, Parallelism: step.Parallelism}
	if c.Spec.Allocation == spec.Static && c.Spec.Kind != spec.Session {
		a.Idle = max(0, c.TaskManagers-step.TaskManagers-c.Spec.Recovery.WarmTaskManagers)
	}
	tx.Send(a)
}

// Rescaled takes what became of a step.
func Rescaled(tx *state.Tx, e state.Rescaled) {
	c := tx.Edit(e.Cluster)
	if c == nil || !c.Scaling.Busy() || c.Scaling.Number != e.Number || c.Scaling.Step.Stage != wire.ScalingRequirements {
		return
	}
	step := c.Scaling.Step
	switch {
	case e.Failure == "":
		if c.Spec.Allocation == spec.Static && c.Spec.Kind != spec.Session {
			s := *c.Scaling
			// One that has work is never released: what is idle later goes with the next step.
			s.TaskManagers = max(1, step.TaskManagers, c.TaskManagers-len(e.Idle))
			c.Scaling, c.IdleTaskManagers = &s, e.Idle
		}
		end(tx, c, wire.OperationSucceeded, "")
		lifecycle.Converge(tx, c.Spec.Name)
	case c.Spec.Kind == spec.Session:
		end(tx, c, wire.OperationFailed, "Flink cannot rescale the job: "+e.Failure)
	default:
		tx.RecordEvent(c, "RescaleFailed", "job %s cannot be rescaled in place, and is restarted: %s", step.Job, e.Failure)
		tx.EndOperation(c, wire.OperationFailed, "Flink cannot rescale the job in place: "+e.Failure)
		restart(tx, c, e.Failure)
	}
}

// restart has the job of an application started anew with the parallelism of the step.
func restart(tx *state.Tx, c *state.Cluster, why string) {
	s := *c.Scaling
	step := *s.Step
	s.Step = nil
	if c.Spec.Allocation == spec.Static {
		s.TaskManagers = max(1, step.TaskManagers)
	}
	c.Scaling = &s
	if problem := lifecycle.RestartJob(tx, c); problem != "" {
		tx.RecordEvent(c, "RescaleFailed", "job %s is not restarted now, and gets its other parallelism at its next start: %s", step.Job, problem)
		tx.SaveCluster(c)
		return
	}
	to := c.Generation
	if c.Rollout != nil {
		to = c.Rollout.Generation
	}
	tx.Record(c, wire.Operation{
		Kind: wire.OperationAutoscale, By: actor(), From: to - 1, To: to, Changes: step.Changes, Subject: step.Job, State: wire.OperationRunning, Message: why,
	})
	tx.SaveCluster(c)
	lifecycle.Converge(tx, c.Spec.Name)
}

// end ends the step of a cluster.
func end(tx *state.Tx, c *state.Cluster, how wire.OperationState, message string) {
	s := *c.Scaling
	job := s.Step.Job
	s.Step = nil
	c.Scaling = &s
	if how == wire.OperationFailed {
		tx.RecordEvent(c, "RescaleFailed", "job %s: %s", job, message)
	}
	if o, ok := tx.State.Operations.Get(c.Operation); ok && o.Kind == wire.OperationAutoscale {
		tx.EndOperation(c, how, message)
	}
	tx.SaveCluster(c)
}

// Tick goes on with the steps under way.
func Tick(tx *state.Tx) {
	it := tx.State.Busy.Root().Iterator()
	for name, c, ok := it.Next(); ok; name, c, ok = it.Next() {
		if c.Scaling.Busy() {
			advance(tx, tx.Edit(string(name)))
		}
	}
}
