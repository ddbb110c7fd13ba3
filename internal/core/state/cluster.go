package state

import (
	"fmt"
	"time"

	iradix "github.com/hashicorp/go-immutable-radix/v2"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// RequestedSpec is the spec that was asked for last: that of the change under way, or the one that runs.
func (c *Cluster) RequestedSpec() spec.Spec {
	if c.Rollout != nil {
		return c.Rollout.Spec
	}
	return c.Spec
}

// Active says that the cluster is meant to run.
func (c *Cluster) Active() bool {
	switch c.State {
	case wire.Created, wire.Upgrading, wire.Deployed, wire.Stable:
		return true
	case wire.Suspended, wire.Finished, wire.Failed, wire.Deleting:
		return false
	}
	return false
}

// Replacement is the replacement of a TaskManager that is under way.
type Replacement struct{ From, To string }

// Cluster is one cluster with what is known of it and not stored.
type Cluster struct {
	ClusterRecord
	// Pending holds the tasks that have no place yet, by id.
	Pending *iradix.Tree[*PendingTask]
	// PendingJobManagers is how many of them are JobManagers.
	PendingJobManagers int
	// JobManagers are the ids of the JobManagers that were launched and have not ended, oldest first.
	JobManagers []string
	// TaskManagers counts the launched TaskManagers that have not ended and are not released.
	TaskManagers int
	// Releasing counts the tasks of any role with goal released that have not ended.
	Releasing int
	// Running counts the TaskManagers in state RUNNING with goal launched.
	Running int
	Driver  DriverSession
	Flink   *wire.Flink
	// NeedsObservation says that flink was corrected here: the next observation counts, also when nothing changed.
	NeedsObservation bool
	Phases           []wire.PhaseTime
	Events           []wire.Event
	// SessionJobs are the states of a session's jobs by their ids, as they were last observed; nil for never.
	SessionJobs map[string]string
	// JobSince is when the state of the job was last observed to change.
	JobSince time.Time
	// Recovering is the recovery under way; nil for none. Progress is what the health of the job is judged by.
	Recovering *Recovering
	Progress   Progress
	// SubtaskFailures are the last failures of subtasks, the newest last.
	SubtaskFailures []SubtaskFailure
	// SubtaskFault is the failure for which an agent was avoided last.
	SubtaskFault string
	// LookupAsked is when the newest checkpoint was last asked for.
	LookupAsked time.Time
	// StopAsked is when the stop of the jobs was last asked for.
	StopAsked time.Time
	// SavepointDue and CheckpointDue are when the next periodic ones are due; zero for not known.
	SavepointDue, CheckpointDue time.Time
	// CancelBegun and cancelAsked are when their cancellation was first and last asked for; cancelled says that none runs any more.
	CancelBegun, CancelAsked time.Time
	Cancelled                bool
	// JobManagerBackoff and taskManagerBrake slow the starts of a role after failures in a row.
	JobManagerBackoff, TaskManagerBackoff Backoff
	// jobManagerRules and taskManagerRules are the spec's constraints, read once.
	jobManagerRules, taskManagerRules constraint.Rules
	RulesProblem                      error
	// JobManagerConditions and taskManagerConditions are what a master can apply of them.
	JobManagerConditions, TaskManagerConditions []constraint.Condition
	// Replacement is the replacement of a TaskManager on an agent that will not be there; nil for none.
	Replacement *Replacement
	// ReplacementNext is before when no other replacement is begun.
	ReplacementNext time.Time
	// jobManagerPods and taskManagerPods are the numbers of the pods that have a task that is to stay, or waits for a place.
	jobManagerPods, taskManagerPods podNumbers
	// RescaleAsked is when Flink was last asked to rescale a job, IdleTaskManagers are those without work after that.
	RescaleAsked     time.Time
	IdleTaskManagers []string
	// AllowSurge says that there may be more TaskManagers than the spec's number, for that reason.
	AllowSurge bool
}

// NewCluster returns a cluster of which nothing is known but its record.
func NewCluster(r ClusterRecord) *Cluster {
	c := &Cluster{
		ClusterRecord: r,
		Pending:       iradix.New[*PendingTask](),
		Driver:        DriverSession{Ended: iradix.New[string]()},
	}
	c.Compile()
	return c
}

// Prefix is what the ids of all tasks of the cluster begin with.
func (c *Cluster) Prefix() string { return c.Spec.Name + "-" + c.Nonce + "-" }

// NewID numbers a task of a role.
func (c *Cluster) NewID(role spec.TaskKind) string {
	c.NextTask++
	short := "tm"
	if role == spec.JobManagerTask {
		short = "jm"
	}
	return fmt.Sprintf("%s%s-%d", c.Prefix(), short, c.NextTask)
}

// Busy says that time alone, or an offer, may change what the cluster needs: something waits for a place, or is
// under way and is asked for again.
func (c *Cluster) Busy() bool {
	return c.Pending.Len() > 0 || c.Rollout != nil || c.State == wire.Deleting || c.Replacement != nil || c.AllowSurge ||
		c.Submission != nil && c.Submission.Lookup != nil || c.Spec.ScheduledSnapshots() || c.Scaling.Busy()
}
