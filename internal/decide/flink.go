package decide

import (
	"slices"
	"strings"

	iradix "github.com/hashicorp/go-immutable-radix/v2"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// watch has the JobManager observed, and its driver dialled when Flink asks for its own workers. One whose address
// is not known is left alone until it is.
func (st *step) watch(c *Cluster, t *task.Task) {
	if t.Goal == task.Launched && t.Host() != "" {
		st.send(Watch{Cluster: c.Spec.Name, JobManager: *t, Exchange: c.Spec.Allocation == spec.Dynamic})
	}
}

// speaks returns the cluster for which a JobManager speaks that runs and is to stay. Of several, each tells
// the same of Flink, and only the driver of the one that leads has an epoch.
func (st *step) speaks(name, jobManager string) (*Cluster, bool) {
	c, ok := st.clusters.Get([]byte(name))
	if !ok || !slices.Contains(c.jobManagers, jobManager) {
		return nil, false
	}
	if t, ok := st.tasks.Get([]byte(jobManager)); !ok || t.Goal != task.Launched {
		return nil, false
	}
	return st.edit(name), true
}

// retire ends the epoch.
func (x *exchange) retire() {
	const kept = 8
	if x.epoch != "" {
		x.past = append(slices.Clip(x.past), x.epoch)
		x.past = x.past[max(0, len(x.past)-kept):]
	}
	x.jobManager, x.epoch, x.version, x.wanted = "", "", 0, nil
}

// flinkObserved takes what a JobManager's REST API says.
func (st *step) flinkObserved(e FlinkObserved) {
	c, ok := st.speaks(e.Cluster, e.JobManager)
	if !ok {
		return
	}
	first := c.flink == nil
	f := e.Flink
	c.flink, c.doubted = &f, false
	if first {
		st.note(c, "JobManagerReady", "the JobManager %s answers", e.JobManager)
	}
}

// workersWanted takes the set of workers that Flink wants. The set is the whole truth: what is
// missing in it and runs is released, what is new in it waits for an offer.
func (st *step) workersWanted(e WorkersWanted) {
	c, ok := st.speaks(e.Cluster, e.JobManager)
	if !ok || c.Spec.Allocation != spec.Dynamic || slices.Contains(c.exchange.past, e.Epoch) {
		return
	}
	if c.exchange.epoch != e.Epoch {
		c.exchange.retire()
		c.exchange.jobManager, c.exchange.epoch, c.exchange.ended = e.JobManager, e.Epoch, iradix.New[string]()
	}
	if e.Result != nil && c.Result == nil && c.active() {
		r := *e.Result
		r.Ended = st.now
		if c.Change != nil && c.Spec.Kind != spec.Session {
			// Its job was stopped, or ended meanwhile: whoever stops it finds out which.
			if c.Change.Result == nil {
				ch := *c.Change
				ch.Result = &r
				c.Change = &ch
				st.saveCluster(c)
			}
			st.tellFlink(c)
			return
		}
		if c.Spec.Kind == spec.Session {
			// A session that is told to shut down through its own REST API is stopped for good.
			st.note(c, "Shutdown", "the JobManager was shut down through Flink: %s", r.Diagnostics)
		}
		st.finish(c, r)
	}
	if !e.Ready || !c.active() {
		st.tellFlink(c)
		return
	}
	if e.Version < c.exchange.version {
		return
	}
	c.exchange.version = e.Version
	st.wantWorkers(c, e.Workers, e.Started)
	st.tellFlink(c)
}

// wantWorkers closes the gap between the wanted set and what is waiting, launched and ended.
func (st *step) wantWorkers(c *Cluster, workers []task.Worker, started map[string]bool) {
	prefix := c.prefix()
	wanted := iradix.New[*task.Worker]().Txn()
	for i := range workers {
		w := workers[i]
		if !strings.HasPrefix(w.ID, prefix) {
			continue
		}
		wanted.Insert([]byte(w.ID), &w)
		if _, ended := c.exchange.ended.Get([]byte(w.ID)); ended {
			continue
		}
		if t, launched := st.tasks.Get([]byte(w.ID)); launched {
			if t.Surplus != "" { // Flink has taken it in: from now on it is like any other.
				own := *t
				own.Surplus = ""
				st.setTask(&own)
			}
			continue
		}
		if _, waits := c.waiting.Get([]byte(w.ID)); waits {
			continue
		}
		if started[w.ID] {
			continue // The next report does not name it, which Flink takes for its end.
		}
		r := c.Spec.TaskManager.Resources
		r.CPUs, r.Memory = w.CPUs, w.Memory
		if n, ok := w.ExternalResources["gpu"]; ok {
			r.GPUs = n
		}
		st.wait(c, waiting{
			id: w.ID, role: spec.TaskManagerTask, worker: &w,
			need: st.s.need(c, spec.TaskManagerTask, r), resources: r,
		})
	}
	c.exchange.wanted = wanted.Commit()

	isWanted := func(id string) bool {
		_, ok := c.exchange.wanted.Get([]byte(id))
		return ok
	}
	it := c.waiting.Root().Iterator()
	for _, w, ok := it.Next(); ok; _, w, ok = it.Next() {
		if w.role == spec.TaskManagerTask && w.surplus == "" && !isWanted(w.id) {
			st.dropWaiting(c, w)
		}
	}
	for _, t := range st.tasksOf(c) {
		if t.Kind == spec.TaskManagerTask && !isWanted(t.ID) && (t.Surplus == "" || st.now.Sub(t.Launched) > surplusFor) {
			st.release(t)
		}
	}
	ended := c.exchange.ended.Root().Iterator()
	for key, _, ok := ended.Next(); ok; key, _, ok = ended.Next() {
		if !isWanted(string(key)) {
			c.exchange.ended, _, _ = c.exchange.ended.Delete(key)
		}
	}
}

// workerEnded remembers the end of a worker until Flink no longer wants it: the set that Flink
// last sent may still name it, and must not bring it back.
func (st *step) workerEnded(c *Cluster, id, words string) {
	c.exchange.ended, _, _ = c.exchange.ended.Insert([]byte(id), words)
	st.tellFlink(c)
}

// tellFlink has the driver told what is so of each worker; Report has the words.
func (st *step) tellFlink(c *Cluster) {
	if c.Spec.Allocation != spec.Dynamic || c.exchange.epoch == "" {
		return
	}
	for _, a := range st.sends {
		if t, ok := a.(TellFlink); ok && t.Cluster == c.Spec.Name {
			return
		}
	}
	st.send(TellFlink{Cluster: c.Spec.Name})
}

// States of a worker in a report.
const (
	WorkerWaiting    = "waiting"
	WorkerLaunching  = "launching"
	WorkerRunning    = "running"
	WorkerTerminated = "terminated"
)

// Report is what is so of every worker of a cluster, for the driver of the epoch.
func Report(s *State, name string) (epoch string, workers []WorkerReport, finishedSeen bool) {
	c, ok := s.clusters.Get([]byte(name))
	if !ok {
		return "", nil, false
	}
	it := c.exchange.ended.Root().Iterator()
	for id, words, ok := it.Next(); ok; id, words, ok = it.Next() {
		workers = append(workers, WorkerReport{ID: string(id), State: WorkerTerminated, Message: words})
	}
	s.tasks.Root().WalkPrefix([]byte(c.prefix()), func(_ []byte, t *task.Task) bool {
		if t.Kind != spec.TaskManagerTask || t.Goal != task.Launched {
			return false
		}
		r := WorkerReport{ID: t.ID, State: WorkerLaunching, Message: t.Message, Host: t.Host(), Surplus: t.Surplus != ""}
		if t.State == task.Running {
			r.State = WorkerRunning
		}
		workers = append(workers, r)
		return false
	})
	reasons := make(map[string]string)
	wit := c.waiting.Root().Iterator()
	for _, w, ok := wit.Next(); ok; _, w, ok = wit.Next() {
		if w.role != spec.TaskManagerTask || w.surplus != "" {
			continue
		}
		key := w.need.String()
		if _, ok := reasons[key]; !ok {
			reasons[key] = s.explain(c, w.role, w.need)
		}
		workers = append(workers, WorkerReport{ID: w.id, State: WorkerWaiting, Message: reasons[key]})
	}
	return c.exchange.epoch, workers, c.Result != nil || c.Change != nil && c.Change.Result != nil
}
