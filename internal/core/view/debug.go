package view

import (
	"time"

	iradix "github.com/hashicorp/go-immutable-radix/v2"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Debug describes a state.
func Debug(s *state.State) wire.DebugState {
	d := wire.DebugState{
		Framework: wire.DebugFramework(s.Framework), Master: s.Master, MasterVersion: s.MasterVersion, MasterRegion: s.MasterRegion, Connected: s.Connected,
		Suppressed: s.Suppressed, AskAgain: some(s.ReviveNext),
		Reconciliation: wire.DebugReconciliation{
			Open: keys(s.Reconcile.Open), Attempt: s.Reconcile.Attempt, Next: some(s.Reconcile.Next), Implicit: s.Reconcile.Implicit,
		},
		Clusters: []wire.DebugCluster{}, Tasks: []wire.DebugTask{}, Waiting: []wire.DebugWaiting{}, Agents: []wire.DebugAgent{},
		Reservations: []task.Reservation{}, OrphanedHAData: keys(s.OrphanedHAData),
	}
	each(s.Clusters, func(c *state.Cluster) {
		d.Clusters = append(d.Clusters, debugCluster(c))
		for _, w := range waitingOf(s, c) {
			d.Waiting = append(d.Waiting, wire.DebugWaiting{Cluster: c.Spec.Name, Waiting: w})
		}
	})
	each(s.Tasks, func(t *task.Task) {
		c, ok := s.Clusters.Get([]byte(t.Cluster))
		if !ok {
			return
		}
		_, killing := s.Killing.Get([]byte(t.ID))
		_, unreachable := s.Unreachable.Get([]byte(t.ID))
		d.Tasks = append(d.Tasks, wire.DebugTask{
			Cluster: t.Cluster, Generation: t.Generation, Killing: killing, Unreachable: unreachable, TaskStatus: taskStatus(c, t),
		})
	})
	each(s.Agents, func(a *state.Agent) { d.Agents = append(d.Agents, debugAgent(s, a)) })
	each(s.Reservations, func(r *state.Reservation) { d.Reservations = append(d.Reservations, r.Reservation) })
	return d
}

func debugCluster(c *state.Cluster) wire.DebugCluster {
	d := wire.DebugCluster{
		Name: c.Spec.Name, Nonce: c.Nonce, State: c.State, Generation: c.Generation, Paused: c.Paused, Changing: c.Rollout != nil,
		JobManagers: append([]string{}, c.JobManagers...), TaskManagers: c.TaskManagers, Running: c.Running, Releasing: c.Releasing, Waiting: c.Pending.Len(),
	}
	if x := c.Driver; x.JobManager != "" {
		d.Driver = &wire.DebugDriver{JobManager: x.JobManager, Epoch: x.Epoch, Version: x.Version, Wanted: []string{}}
		if x.Wanted != nil {
			d.Driver.Wanted = keys(x.Wanted)
		}
	}
	for _, role := range []spec.TaskKind{spec.JobManagerTask, spec.TaskManagerTask} {
		if b := c.BackoffOf(role); b.Failures > 0 {
			if d.Backoffs == nil {
				d.Backoffs = map[spec.TaskKind]wire.DebugBackoff{}
			}
			d.Backoffs[role] = wire.DebugBackoff{Failures: b.Failures, Until: b.Until, Reason: b.Reason}
		}
	}
	return d
}

func debugAgent(s *state.State, a *state.Agent) wire.DebugAgent {
	d := wire.DebugAgent{ID: a.ID, Hostname: a.Hostname, Failures: a.Failures, Avoided: some(a.AvoidUntil)}
	if n := len(a.Snapshots); n > 0 {
		d.Offered = some(a.Snapshots[n-1].Seen)
	}
	if l, ok := s.DrainingAgents.Get([]byte(a.ID)); ok {
		d.Draining, d.Unavailable = l.Draining, some(l.Unavailable)
	}
	return d
}

// each calls do for every value of a tree, in the order of the keys.
func each[T any](tree *iradix.Tree[T], do func(T)) {
	it := tree.Root().Iterator()
	for _, v, ok := it.Next(); ok; _, v, ok = it.Next() {
		do(v)
	}
}

// keys lists the keys of a tree.
func keys[T any](tree *iradix.Tree[T]) []string {
	list := []string{}
	it := tree.Root().Iterator()
	for k, _, ok := it.Next(); ok; k, _, ok = it.Next() {
		list = append(list, string(k))
	}
	return list
}

// some is a time that may be missing.
func some(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
