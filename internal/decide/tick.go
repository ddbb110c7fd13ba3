package decide

import (
	"time"

	iradix "github.com/hashicorp/go-immutable-radix/v2"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// Delays between KILL calls of one task: doubled from the first to the most.
const (
	killFirst = 5 * time.Second
	killMost  = time.Minute
)

// Delays between rounds of explicit reconciliation, in which only those tasks are asked for
// that have not answered: doubled from the first to the most, and spread by up to a fifth.
const (
	reconcileFirst = 4 * time.Second
	reconcileMost  = 30 * time.Second
	// reconcileSoon is after how long a new subscription asks for every task of the framework: one that is
	// not known here, because its update was lost, would else live on until the next regular time.
	reconcileSoon = 10 * time.Second
)

// subscribed starts explicit reconciliation of every task.
func (st *step) subscribed(e Subscribed) {
	st.s.Connected, st.s.Master, st.s.MasterRegion = true, e.Master, e.Region
	st.s.MasterVersion = e.Version
	st.s.constrained, st.s.unconfirmed, st.s.unconstrained = nil, false, false
	st.doubtReservations("", st.now.Add(quietAfterStart))
	// A new subscription gets offers for all our roles until we suppress them again. Filters of earlier declines may
	// still hold, which only REVIVE ends.
	st.s.Suppressed, st.s.wantOffers = false, true
	if st.s.Framework.ID != e.FrameworkID {
		st.s.Framework.ID = e.FrameworkID
		st.saveFramework()
	}
	open := iradix.New[struct{}]().Txn()
	it := st.tasks.Root().Iterator()
	for id, _, ok := it.Next(); ok; id, _, ok = it.Next() {
		open.Insert(id, struct{}{})
	}
	st.open = open
	st.s.reconcile.attempt = 0
	st.reconcileRound(0)
	if soon := st.now.Add(reconcileSoon); soon.Before(st.s.reconcile.implicit) {
		st.s.reconcile.implicit = soon
	}
	// A KILL that was under way when the last subscription ended may never have arrived.
	st.killAnew()
	cit := st.clusters.Root().Iterator()
	for _, c, ok := cit.Next(); ok; _, c, ok = cit.Next() {
		for _, id := range c.jobManagers {
			if jm, ok := st.tasks.Get([]byte(id)); ok && jm.State == task.Running {
				st.watch(c, jm)
			}
		}
	}
}

// reconcileRound asks for the tasks that have not answered.
func (st *step) reconcileRound(jitter float64) {
	var refs []TaskRef
	it := st.open.Root().Iterator()
	for id, _, ok := it.Next(); ok; id, _, ok = it.Next() {
		if t, known := st.tasks.Get(id); known {
			refs = append(refs, TaskRef{TaskID: t.ID, AgentID: t.AgentID})
		}
	}
	if len(refs) == 0 {
		st.open = iradix.New[struct{}]().Txn()
		return
	}
	wait := min(reconcileMost, reconcileFirst<<min(st.s.reconcile.attempt, 10))
	wait += time.Duration(float64(wait) * jitter / 5)
	st.s.reconcile.attempt++
	st.s.reconcile.next = st.now.Add(wait)
	st.send(Reconcile{Tasks: refs})
}

// agentLost has the tasks of the agent asked for: their own updates come as well, and one of
// the two may be lost.
func (st *step) agentLost(e AgentLost) {
	if e.AgentID == "" {
		return
	}
	if a, ok := st.agents.Get([]byte(e.AgentID)); ok {
		gone := *a // It has no room; its failures are kept, should it come back.
		gone.rooms = nil
		st.agents.Insert([]byte(gone.ID), &gone)
	}
	st.lose(e.AgentID)
	st.leavers.Delete([]byte(e.AgentID))
	it := st.tasks.Root().Iterator()
	found := false
	for id, t, ok := it.Next(); ok; id, t, ok = it.Next() {
		if t.AgentID == e.AgentID {
			st.open.Insert(id, struct{}{})
			found = true
		}
	}
	if found {
		st.s.reconcile.attempt = 0
		st.s.reconcile.next = st.now.Add(reconcileFirst)
	}
}

// callFailed has the tasks of a call that the master did not take asked for.
func (st *step) callFailed(e CallFailed) {
	found := false
	for _, id := range e.TaskIDs {
		if _, ok := st.tasks.Get([]byte(id)); ok {
			st.open.Insert([]byte(id), struct{}{})
			found = true
		}
	}
	if found {
		st.s.reconcile.attempt = 0
		st.s.reconcile.next = st.now.Add(time.Second)
	}
	if e.AgentID != "" {
		st.doubtReservations(e.AgentID, st.now.Add(quietAfterGiven))
	}
	if e.Call == "UPDATE_FRAMEWORK" {
		st.constrainFailed()
	}
	if e.Call == "REVIVE" || e.Call == "SUPPRESS" {
		// What the master believes is not known: say it again with the next change or tick.
		st.s.Suppressed = e.Call == "REVIVE"
		st.s.wantOffers = e.Call == "REVIVE"
	}
}

// frameworkRemoved starts anew: the master has ended all tasks of the old framework id.
func (st *step) frameworkRemoved(e FrameworkRemoved) {
	if st.s.Options.Uninstall {
		st.tornDown()
		return
	}
	st.s.Connected = false
	if id := st.s.Framework.ID; id != "" {
		st.s.Framework.Previous = append(append([]string(nil), st.s.Framework.Previous...), id)
		if n := len(st.s.Framework.Previous); n > 10 {
			st.s.Framework.Previous = st.s.Framework.Previous[n-10:]
		}
	}
	st.s.Framework.ID = ""
	st.saveFramework()
	it := st.s.clusters.Root().Iterator()
	for _, old, ok := it.Next(); ok; _, old, ok = it.Next() {
		c := st.edit(old.Spec.Name)
		for _, t := range st.tasksOf(c) {
			st.removeTask(t.ID)
		}
		c.flink = nil
		st.forgetJobManager(c, "")
		st.dropAllWaiting(c, spec.TaskManagerTask)
		st.note(c, "FrameworkRemoved", "Mesos removed the framework (%s); the cluster is rebuilt under a new framework id", e.Message)
		st.converge(c.Spec.Name)
	}
	st.send(Resubscribe{})
}

// ticked looks at the deadlines.
func (st *step) ticked(e Ticked) {
	if st.s.Options.Uninstall {
		st.uninstall()
	}
	st.tickLeftovers()
	st.tickKills()
	st.tickUnreachable()
	st.tickLeaving()
	st.tickLooks()
	st.tickAgents()
	st.tickReservations()
	st.tickChanges()
	st.tickCancels()
	if st.s.Connected {
		if _, _, open := st.open.Root().Minimum(); open && !st.now.Before(st.s.reconcile.next) {
			st.reconcileRound(e.Jitter)
		}
		if !st.s.Options.Uninstall && !st.now.Before(st.s.reconcile.implicit) {
			st.s.reconcile.implicit = st.now.Add(st.s.Options.ReconcileInterval)
			st.send(Reconcile{})
		}
	}
}

func (st *step) tickKills() {
	if !st.s.Connected {
		return
	}
	it := st.s.killing.Root().Iterator()
	for id, _, ok := it.Next(); ok; id, _, ok = it.Next() {
		if t, ok := st.task(string(id)); ok && !st.now.Before(t.KillAfter) {
			st.kill(t)
		}
	}
}

// killAnew repeats the KILL of all released tasks after a new subscription. How often one was sent before says
// nothing about whether the task heeds it, so the delays begin anew.
func (st *step) killAnew() {
	it := st.s.killing.Root().Iterator()
	for id, _, ok := it.Next(); ok; id, _, ok = it.Next() {
		if t, ok := st.task(string(id)); ok {
			t.Kills = 0
			st.kill(t)
		}
	}
}

// tickUnreachable replaces the tasks whose agent has been silent for too long. The old one is
// forgotten: should it come back it is an orphan and is killed on sight, so that two are never
// in service.
func (st *step) tickUnreachable() {
	it := st.s.unreachable.Root().Iterator()
	for id, _, ok := it.Next(); ok; id, _, ok = it.Next() {
		t, ok := st.task(string(id))
		if !ok || st.now.Sub(t.Changed) < st.s.Options.UnreachableTimeout {
			continue
		}
		st.send(Kill{TaskID: t.ID, AgentID: t.AgentID})
		st.ended(st.edit(t.Cluster), t, t.State)
	}
}
