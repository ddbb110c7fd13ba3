package decide

import (
	"fmt"
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// putCluster takes a new or changed spec.
func (st *step) putCluster(e PutCluster) {
	c := st.edit(e.Spec.Name)
	switch {
	case st.s.Options.Uninstall:
		st.answer(e.Request, errUninstalling())
		return
	case c == nil && e.UpdateOnly:
		st.answer(e.Request, fault.New(fault.NotFound, "there is no cluster %q; create it first", e.Spec.Name))
		return
	case c != nil && e.CreateOnly:
		st.answer(e.Request, fault.New(fault.Conflict, "a cluster %q exists already; update it, delete it first, or choose another name", e.Spec.Name))
		return
	case c != nil && c.State == wire.Deleting:
		st.answer(e.Request, fault.New(fault.Conflict, "the cluster %q is being deleted; try again when it is gone", e.Spec.Name))
		return
	case c != nil && e.Spec.Suspended && (c.State == wire.Finished || c.State == wire.Failed):
		st.answer(e.Request, fault.New(fault.Conflict, "the job of cluster %q is over; there is nothing to suspend", e.Spec.Name))
		return
	case c != nil && c.Spec.Kind != e.Spec.Kind:
		st.answer(e.Request, &fault.Error{Code: fault.Invalid, Message: "the spec cannot replace the present one", Details: []fault.Detail{
			{Field: "kind", Message: fmt.Sprintf("a cluster stays what it is (%s); create another cluster", c.Spec.Kind)},
		}})
		return
	}
	if details := st.s.unsupported(e.Spec); len(details) > 0 {
		st.answer(e.Request, &fault.Error{Code: fault.Invalid, Message: "the Mesos master cannot do what the spec asks for", Details: details})
		return
	}
	switch {
	case c == nil:
		r := ClusterRecord{Spec: e.Spec, Generation: 1, Created: st.now, Nonce: e.Nonce, State: wire.Created}
		if e.Spec.Suspended {
			r.State = wire.Suspended
		}
		c = st.adopt(newCluster(r))
		st.note(c, "Created", "cluster %s was created", e.Spec.Name)
	case c.Change != nil && !e.Now:
		// The jobs are being stopped already; what comes then is said anew.
		ch := *c.Change
		ch.Spec = e.Spec
		ch.Generation++
		c.Change = &ch
		st.note(c, "Updated", "cluster %s was changed again while its jobs are being stopped", e.Spec.Name)
	case e.Stop != nil && st.jobsMayRun(c) && c.active() && (restartNeeded(c.Spec, e.Spec) || e.Spec.Suspended):
		st.beginChange(c, e.Spec, *e.Stop)
	default:
		generation, stopped := c.Generation+1, false
		if c.Change != nil {
			generation = c.Change.Generation + 1
			st.note(c, "Updated", "the jobs of cluster %s are not waited for any more", e.Spec.Name)
			if c.Savepoints = c.Change.Savepoints; len(c.Savepoints) > 0 {
				stopped = true
			}
			c.Change = nil
		} else if e.Spec.Kind == spec.Session && e.Spec.Suspended && !c.Spec.Suspended {
			c.Savepoints = nil // Those of an earlier suspension say nothing of the jobs that run now.
		}
		st.replaceSpec(c, e.Spec, generation, stopped)
	}
	for _, n := range e.Notes {
		st.note(c, "Spec", "%s", n)
	}
	st.saveCluster(c)
	st.converge(c.Spec.Name)
	st.answer(e.Request, nil)
}

// restartNeeded says whether a change of the spec reaches processes that run already: all but
// the number of TaskManagers, whom the service trusts, and what only says how the next change is made, does.
func restartNeeded(old, spec spec.Spec) bool {
	old.TaskManagers.Count, old.Security.REST, old.Suspended = spec.TaskManagers.Count, spec.Security.REST, spec.Suspended
	if old.Job != nil && spec.Job != nil {
		job := *old.Job
		job.UpgradeMode = spec.Job.UpgradeMode
		old.Job = &job
	}
	return !old.Equal(spec)
}

func (st *step) deleteCluster(e DeleteCluster) {
	c := st.edit(e.Name)
	if c == nil {
		st.answer(e.Request, fault.New(fault.NotFound, "there is no cluster %q", e.Name))
		return
	}
	st.markDeleted(c)
	st.converge(e.Name)
	st.answer(e.Request, nil)
}

func (st *step) restartTask(e RestartTask) {
	t, ok := st.task(e.TaskID)
	if !ok || t.Cluster != e.Cluster {
		st.answer(e.Request, fault.New(fault.NotFound, "cluster %q has no task %q", e.Cluster, e.TaskID))
		return
	}
	st.note(st.edit(e.Cluster), "Restarting", "task %s is replaced on request", t.ID)
	if r, ok := st.reservations.Get([]byte(t.Reservation)); ok && e.Replace && t.Reservation != "" {
		st.releaseReservation(r)
	}
	st.release(t)
	st.converge(e.Cluster)
	st.answer(e.Request, nil)
}

// active says that the cluster is meant to run.
func (c *Cluster) active() bool {
	switch c.State {
	case wire.Created, wire.Deployed, wire.Stable:
		return true
	case wire.Suspended, wire.Finished, wire.Failed, wire.Deleting:
		return false
	}
	return false
}

// converge looks at what a cluster should have against what it has, and closes the gap:
// tasks that are missing wait for an offer, tasks that are too many are released.
func (st *step) converge(name string) {
	c := st.edit(name)
	if c == nil {
		return
	}
	st.settle(c)
	defer st.tidy(c.prefix())
	if !c.active() {
		st.dropAllWaiting(c, spec.JobManagerTask)
		st.dropAllWaiting(c, spec.TaskManagerTask)
		if st.cancelling(c) {
			return
		}
		if c.Result == nil || len(c.jobManagers) == 0 {
			st.releaseAll(c)
		} else {
			// The JobManager of an ended job leaves by itself, after it has said how the job ended.
			st.releaseRole(c, spec.TaskManagerTask)
		}
		if c.State == wire.Deleting && len(c.jobManagers) == 0 && c.taskManagers == 0 && c.releasing == 0 {
			st.removeCluster(c)
		}
		return
	}
	want := max(1, c.Spec.JobManager.Replicas)
	for have := len(c.jobManagers) + c.waitingJobManagers; have < want; have++ {
		st.wait(c, waiting{
			id: c.newID(spec.JobManagerTask), role: spec.JobManagerTask,
			need: st.s.need(c, spec.JobManagerTask, c.Spec.JobManager.Resources), resources: c.Spec.JobManager.Resources,
		})
	}
	if c.Spec.Allocation == spec.Static {
		st.convergeStatic(c)
	}
}

// convergeStatic keeps the fixed number of TaskManagers.
func (st *step) convergeStatic(c *Cluster) {
	gone := st.leavingTaskManagers(c)
	c.surge = len(gone) > 0
	have := c.taskManagers - len(gone) + c.waiting.Len() - c.waitingJobManagers
	for ; have < c.Spec.TaskManagers.Count; have++ {
		st.wait(c, waiting{
			id: c.newID(spec.TaskManagerTask), role: spec.TaskManagerTask,
			need: st.s.need(c, spec.TaskManagerTask, c.Spec.TaskManager.Resources), resources: c.Spec.TaskManager.Resources,
		})
	}
	if have == c.Spec.TaskManagers.Count {
		st.releaseLeaving(c, gone)
		return
	}
	excess := have - c.Spec.TaskManagers.Count
	var unplaced []*waiting
	it := c.waiting.Root().Iterator()
	for _, w, ok := it.Next(); ok; _, w, ok = it.Next() {
		if w.role == spec.TaskManagerTask {
			unplaced = append(unplaced, w)
		}
	}
	for ; excess > 0 && len(unplaced) > 0; excess-- {
		st.dropWaiting(c, unplaced[len(unplaced)-1])
		unplaced = unplaced[:len(unplaced)-1]
	}
	tasks := slices.DeleteFunc(st.tasksOf(c), func(t *task.Task) bool {
		return t.Kind != spec.TaskManagerTask || t.Goal != task.Launched || slices.Contains(gone, t)
	})
	slices.SortStableFunc(tasks, func(a, b *task.Task) int { return b.Launched.Compare(a.Launched) })
	for _, t := range tasks[:min(excess, len(tasks))] {
		st.release(t)
	}
	st.releaseLeaving(c, gone)
}

// releaseLeaving releases those TaskManagers on agents that will not be there whose replacements are registered:
// together, because each time Flink's job starts anew.
func (st *step) releaseLeaving(c *Cluster, gone []*task.Task) {
	spare := len(gone) - c.Spec.TaskManagers.Count // More are not wanted in any case.
	if len(gone) > 0 && st.settled(c) {
		spare = min(c.taskManagers-c.Spec.TaskManagers.Count, len(gone))
	}
	for _, t := range gone[:max(0, spare)] {
		st.note(c, "Replaced", "TaskManager %s on %s is replaced", t.ID, t.Hostname)
		st.release(t)
	}
}

// need turns the resources of a role into what an agent must offer.
func (s *State) need(c *Cluster, role spec.TaskKind, r spec.Resources) offer.Need {
	n := offer.Need{
		CPUs:      offer.ToMilli(r.CPUs),
		Mem:       offer.Milli(r.Memory.MiBCeil() * 1000),
		Disk:      offer.Milli(r.Disk.MiBCeil() * 1000),
		GPUs:      offer.Milli(r.GPUs) * 1000,
		Other:     offer.ToMilli(r.NetworkBandwidth),
		OtherName: r.NetworkResource,
		Ports:     len(s.hostPorts(c, role)),
		Role:      c.Spec.Role,
		Reserve:   role == spec.JobManagerTask && c.Spec.JobManager.Reserve,
		Revocable: role == spec.TaskManagerTask && c.Spec.TaskManager.Revocable,
	}
	for i, v := range r.PersistentVolumes[:min(len(r.PersistentVolumes), len(n.Volumes))] {
		n.Volumes[i] = offer.Volume{Path: v.ContainerPath, Size: offer.Milli(v.Size.MiBCeil() * 1000), Source: sources[v.Type]}
	}
	return n
}

// sources are what agents call the types of disk.
var sources = map[spec.DiskType]string{spec.PathDisk: offer.PathSource, spec.MountDisk: offer.MountSource}

// wait puts a task on the list of those that need a place.
func (st *step) wait(c *Cluster, w waiting) {
	w.since = st.now
	c.waiting, _, _ = c.waiting.Insert([]byte(w.id), &w)
	if w.role == spec.JobManagerTask {
		c.waitingJobManagers++
	}
	st.s.wantOffers = true
}

func (st *step) dropWaiting(c *Cluster, w *waiting) {
	var had bool
	c.waiting, _, had = c.waiting.Delete([]byte(w.id))
	if had && w.role == spec.JobManagerTask {
		c.waitingJobManagers--
	}
}

func (st *step) dropAllWaiting(c *Cluster, role spec.TaskKind) {
	it := c.waiting.Root().Iterator()
	for _, w, ok := it.Next(); ok; _, w, ok = it.Next() {
		if w.role == role {
			st.dropWaiting(c, w)
		}
	}
}

func (st *step) releaseAll(c *Cluster) {
	st.releaseRole(c, spec.TaskManagerTask)
	st.releaseRole(c, spec.JobManagerTask)
}

func (st *step) releaseRole(c *Cluster, role spec.TaskKind) {
	if c.taskManagers == 0 && len(c.jobManagers) == 0 {
		return
	}
	for _, t := range st.tasksOf(c) {
		if t.Kind == role {
			st.release(t)
		}
	}
}

// removeCluster forgets a cluster that has no task left.
func (st *step) removeCluster(c *Cluster) {
	name := c.Spec.Name
	st.clusters.Delete([]byte(name))
	st.edited[name] = nil
	st.save(ClusterPrefix+name, nil)
	st.send(Tell{Cluster: name, Note: wire.Note{Time: st.now, Type: "Deleted", Message: "cluster " + name + " is gone"}})
	if c.Spec.HighAvailability() {
		st.leave(c)
	}
}

// phase notes on which step of its way up the cluster is, and its state.
func (st *step) phase(c *Cluster) {
	if !c.active() {
		return // What is over, or going, is on no way up.
	}
	p := st.phaseOf(c)
	if n := len(c.phases); n == 0 || c.phases[n-1].Phase != p {
		at := slices.IndexFunc(c.phases, func(t wire.PhaseTime) bool { return t.Phase == p })
		if at >= 0 {
			// It fell back: what came after is to be measured again.
			c.phases = slices.Clone(c.phases[:at])
		}
		c.phases = append(slices.Clip(c.phases), wire.PhaseTime{Phase: p, Since: st.now})
	}
	state := wire.Deployed
	switch p {
	case wire.PhaseOffer:
		state = wire.Created
	case wire.PhaseReady:
		state = wire.Stable
	case wire.PhaseFetch, wire.PhaseJobManager, wire.PhaseTaskManagers, wire.PhaseSlots:
	}
	c.State = state
}

func (st *step) phaseOf(c *Cluster) wire.Phase {
	jm, ok := st.leader(c.Spec.Name)
	switch {
	case !ok:
		return wire.PhaseOffer
	case jm.State == task.Staging:
		return wire.PhaseFetch
	case c.flink == nil:
		return wire.PhaseJobManager
	}
	wanted := c.taskManagers + c.waiting.Len() - c.waitingJobManagers
	switch {
	case c.running < wanted:
		return wire.PhaseTaskManagers
	case c.flink.TaskManagers < wanted:
		return wire.PhaseSlots
	}
	return wire.PhaseReady
}
