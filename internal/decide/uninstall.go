package decide

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

const (
	// teardownAgain is after how long a TEARDOWN is sent again that had no effect.
	teardownAgain = 10 * time.Second
	// saveAgain is after how long savepoints are asked for again that failed.
	saveAgain = 30 * time.Second
)

// uninstall brings the end of everything nearer: every cluster is deleted, and when none and no task is left, the
// framework is torn down. It looks at what is so, not at how it came to be, so that it goes on where an earlier
// process was stopped.
func (st *step) uninstall() {
	it := st.s.clusters.Root().Iterator()
	for name, c, ok := it.Next(); ok; name, c, ok = it.Next() {
		if c.State != wire.Deleting && !st.saving(st.edit(string(name))) {
			st.markDeleted(st.edit(string(name)))
			st.converge(string(name))
		}
	}
	_, _, clusters := st.clusters.Root().Minimum()
	_, _, tasks := st.tasks.Root().Minimum()
	if clusters || tasks || st.s.Framework.ID == "" || !st.s.Connected || st.now.Before(st.s.teardown) {
		return
	}
	if st.owed() {
		if st.s.giveUp.IsZero() {
			st.s.giveUp = st.now.Add(giveUpAfter)
		}
		if st.now.Before(st.s.giveUp) {
			return
		}
		st.abandon()
	}
	st.s.teardown = st.now.Add(teardownAgain)
	st.send(Teardown{})
}

// saving says whether the deletion of a cluster waits for savepoints of its jobs, and has them taken: the cluster is suspended
// first, as on request. It is tried again until that succeeds.
func (st *step) saving(c *Cluster) bool {
	if st.s.Options.UninstallSavepoints == "" || !c.active() {
		return false
	}
	if c.Change != nil {
		return true // Also one of another kind: its jobs are being stopped.
	}
	if !st.jobsMayRun(c) {
		return false
	}
	if !c.stopAsked.IsZero() && st.now.Sub(c.stopAsked) < saveAgain {
		return true
	}
	spec := c.Spec
	spec.Suspended = true
	st.beginChange(c, spec, StopRequest{Directory: st.s.Options.UninstallSavepoints})
	st.saveCluster(c)
	return true
}

// markDeleted saves that a cluster is to end. The caller converges it.
func (st *step) markDeleted(c *Cluster) {
	if c.State == wire.Deleting {
		return
	}
	c.State, c.Message, c.Change = wire.Deleting, "", nil
	st.note(c, "Deleting", "cluster %s is being deleted", c.Spec.Name)
	st.saveCluster(c)
	st.send(Unwatch{Cluster: c.Spec.Name})
}

// tornDown takes the end of the framework: its id will never be used again.
func (st *step) tornDown() {
	st.s.Connected = false
	st.s.Framework = Framework{}
	st.save(FrameworkKey, nil)
	it := st.s.tasks.Root().Iterator()
	for _, t, ok := it.Next(); ok; _, t, ok = it.Next() {
		st.removeTask(t.ID) // The master has killed what was left.
	}
	st.abandon()
	cit := st.s.clusters.Root().Iterator()
	for name, _, ok := cit.Next(); ok; name, _, ok = cit.Next() {
		st.markDeleted(st.edit(string(name)))
		st.converge(string(name))
	}
}

// errUninstalling refuses what would have to be removed again.
func errUninstalling() error {
	return fault.New(fault.Conflict, "the service is being uninstalled; nothing new is taken")
}

// Uninstall is how far the removal of the service has come.
type Uninstall struct {
	// Asked says that the service is to be removed.
	Asked bool
	// Clusters and Tasks are those that are left.
	Clusters, Tasks int
	// Reservations are those that are not given back yet.
	Reservations int
	// Registered says that Mesos knows the framework.
	Registered bool
	// Untried says that no removal was tried yet of what clusters left in ZooKeeper that were deleted before.
	Untried bool
}

// Done says that nothing of the service is left with Mesos, or in the state of the core.
func (u Uninstall) Done() bool {
	return u.Asked && u.Clusters == 0 && u.Tasks == 0 && u.Reservations == 0 && !u.Registered && !u.Untried
}

// Uninstalling says how far the removal of the service has come.
func Uninstalling(s *State) Uninstall {
	return Uninstall{
		Asked: s.Options.Uninstall, Clusters: s.clusters.Len(), Tasks: s.tasks.Len(), Reservations: s.reservations.Len(),
		Registered: s.Framework.ID != "", Untried: s.leftovers.Len() > 0 && s.forgetNext.IsZero(),
	}
}
