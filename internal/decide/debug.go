package decide

import (
	"time"

	iradix "github.com/hashicorp/go-immutable-radix/v2"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// DebugOf describes a state.
func DebugOf(s *State) wire.DebugState {
	d := wire.DebugState{
		Framework: wire.DebugFramework(s.Framework), Master: s.Master, MasterVersion: s.MasterVersion, MasterRegion: s.MasterRegion, Connected: s.Connected,
		Suppressed: s.Suppressed, AskAgain: some(s.reviveNext),
		Reconciliation: wire.DebugReconciliation{
			Open: keys(s.reconcile.open), Attempt: s.reconcile.attempt, Next: some(s.reconcile.next), Implicit: s.reconcile.implicit,
		},
		Clusters: []wire.DebugCluster{}, Tasks: []wire.DebugTask{}, Waiting: []wire.DebugWaiting{}, Agents: []wire.DebugAgent{},
		Reservations: []task.Reservation{}, Leftovers: keys(s.leftovers),
	}
	each(s.clusters, func(c *Cluster) {
		d.Clusters = append(d.Clusters, debugCluster(c))
		for _, w := range s.waitingOf(c) {
			d.Waiting = append(d.Waiting, wire.DebugWaiting{Cluster: c.Spec.Name, Waiting: w})
		}
	})
	each(s.tasks, func(t *task.Task) {
		c, ok := s.clusters.Get([]byte(t.Cluster))
		if !ok {
			return
		}
		_, killing := s.killing.Get([]byte(t.ID))
		_, unreachable := s.unreachable.Get([]byte(t.ID))
		d.Tasks = append(d.Tasks, wire.DebugTask{
			Cluster: t.Cluster, Generation: t.Generation, Killing: killing, Unreachable: unreachable, TaskStatus: taskStatus(c, t),
		})
	})
	each(s.agents, func(a *Agent) { d.Agents = append(d.Agents, s.debugAgent(a)) })
	each(s.reservations, func(r *reservation) { d.Reservations = append(d.Reservations, r.Reservation) })
	return d
}

func debugCluster(c *Cluster) wire.DebugCluster {
	d := wire.DebugCluster{
		Name: c.Spec.Name, Nonce: c.Nonce, State: c.State, Generation: c.Generation, Paused: c.Paused, Changing: c.Change != nil,
		JobManagers: append([]string{}, c.jobManagers...), TaskManagers: c.taskManagers, Running: c.running, Releasing: c.releasing, Waiting: c.waiting.Len(),
	}
	if x := c.exchange; x.jobManager != "" {
		d.Driver = &wire.DebugDriver{JobManager: x.jobManager, Epoch: x.epoch, Version: x.version, Wanted: []string{}}
		if x.wanted != nil {
			d.Driver.Wanted = keys(x.wanted)
		}
	}
	for _, role := range []spec.TaskKind{spec.JobManagerTask, spec.TaskManagerTask} {
		if b := c.brakeOf(role); b.failures > 0 {
			if d.Backoffs == nil {
				d.Backoffs = map[spec.TaskKind]wire.DebugBackoff{}
			}
			d.Backoffs[role] = wire.DebugBackoff{Failures: b.failures, Until: b.until, Reason: b.reason}
		}
	}
	return d
}

func (s *State) debugAgent(a *Agent) wire.DebugAgent {
	d := wire.DebugAgent{ID: a.ID, Hostname: a.Hostname, Failures: a.failures, Avoided: some(a.avoid)}
	if n := len(a.rooms); n > 0 {
		d.Offered = some(a.rooms[n-1].seen)
	}
	if l, ok := s.leavers.Get([]byte(a.ID)); ok {
		d.Draining, d.Unavailable = l.draining, some(l.unavailable)
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
