package decide

import (
	"slices"
	"strings"
	"time"

	iradix "github.com/hashicorp/go-immutable-radix/v2"

	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

const (
	// inverseRefuse is the filter of an answer to an inverse offer: so often Mesos says again that maintenance is planned.
	inverseRefuse = time.Minute
	// leavingFor is how long an agent is left for the last word that it will not be there. What is answered is never taken
	// back by Mesos, it only is not said again.
	leavingFor = 3 * inverseRefuse
	// drainingFor is how long an agent is taken for drained that is not offered again.
	drainingFor = 24 * time.Hour
	// surplusFor is how long Flink may take to take in a worker that it did not ask for.
	surplusFor = 5 * time.Minute
	// moveAgain is after how long a replacement that failed is tried again.
	moveAgain = time.Minute
)

// leaving is an agent that an operator takes away.
type leaving struct {
	// unavailable is when planned maintenance begins; zero when the agent is being drained.
	unavailable time.Time
	draining    bool
	// inverse is the inverse offer that said so; empty when an offer or a status did.
	inverse string
	// told says that the clusters know.
	told  bool
	until time.Time
}

// leaves notes that an agent will not be there.
func (st *step) leaves(agent string, l leaving) {
	old, known := st.leavers.Get([]byte(agent))
	if known {
		l.draining = l.draining || old.draining
		if l.inverse == "" {
			l.inverse = old.inverse
		}
		if l.unavailable.IsZero() {
			l.unavailable = old.unavailable
		}
		l.told = old.told && l.draining == old.draining && l.unavailable.Equal(old.unavailable)
	}
	l.until = st.now.Add(leavingFor)
	if l.draining {
		l.until = st.now.Add(drainingFor)
	}
	st.leavers.Insert([]byte(agent), l)
}

// tellLeaving says once to each cluster which agents it has tasks on will not be there.
func (st *step) tellLeaving() {
	news := false
	it := st.leavers.Root().Iterator()
	for _, l, ok := it.Next(); ok; _, l, ok = it.Next() {
		news = news || !l.told
	}
	if !news {
		return
	}
	type about struct{ cluster, agent string }
	told := make(map[about]bool)
	tasks := st.tasks.Root().Iterator()
	for _, t, ok := tasks.Next(); ok; _, t, ok = tasks.Next() {
		l, leaves := st.leavers.Get([]byte(t.AgentID))
		if !leaves || l.told || t.Goal != task.Launched || told[about{t.Cluster, t.AgentID}] {
			continue
		}
		told[about{t.Cluster, t.AgentID}] = true
		if l.draining {
			st.note(st.edit(t.Cluster), "Draining", "the agent %s is being drained; its TaskManagers are replaced", t.Hostname)
			continue
		}
		st.note(st.edit(t.Cluster), "Maintenance", "maintenance of the agent %s is planned from %s; its TaskManagers are replaced first",
			t.Hostname, l.unavailable.UTC().Format(time.RFC3339))
	}
	it = st.leavers.Root().Iterator()
	for agent, l, ok := it.Next(); ok; agent, l, ok = it.Next() {
		l.told = true
		st.leavers.Insert(agent, l)
	}
}

// heed takes what offers say about planned maintenance. An agent that is offered is not being drained.
func (st *step) heed(groups [][]offer.Offer) {
	for _, g := range groups {
		agent, at := g[0].AgentID, g[0].Unavailable
		switch {
		case !at.IsZero():
			st.leaves(agent, leaving{unavailable: at})
		case st.s.leavers.Len() > 0:
			st.leavers.Delete([]byte(agent))
		}
	}
	st.s.leavers = st.leavers.Commit()
	st.leavers = st.s.leavers.Txn()
}

// inverseOffered takes the announcements of maintenance on agents where we have tasks, and answers them.
// We agree, because what runs there is replaced or survives; but not to the end of a JobManager whose jobs would be
// lost.
func (st *step) inverseOffered(e InverseOffered) {
	var agreed, refused []string
	for _, o := range e.Offers {
		if o.AgentID != "" {
			st.leaves(o.AgentID, leaving{unavailable: o.Unavailable, inverse: o.ID})
		}
		if st.losesJobs(o.AgentID) {
			refused = append(refused, o.ID)
		} else {
			agreed = append(agreed, o.ID)
		}
	}
	if len(agreed) > 0 {
		st.send(AnswerInverse{OfferIDs: agreed, Accept: true, Refuse: inverseRefuse})
	}
	if len(refused) > 0 {
		st.send(AnswerInverse{OfferIDs: refused, Refuse: inverseRefuse})
	}
}

// losesJobs says whether a JobManager without high availability runs on the agent.
func (st *step) losesJobs(agent string) bool {
	it := st.clusters.Root().Iterator()
	for _, c, ok := it.Next(); ok; _, c, ok = it.Next() {
		if c.Spec.HighAvailability() {
			continue
		}
		for _, id := range c.jobManagers {
			if t, ok := st.tasks.Get([]byte(id)); ok && t.AgentID == agent && t.Goal == task.Launched {
				return true
			}
		}
	}
	return false
}

// inverseRescinded takes an announcement back; the next one, or an offer, says it anew if it still holds.
func (st *step) inverseRescinded(e InverseRescinded) {
	it := st.leavers.Root().Iterator()
	for agent, l, ok := it.Next(); ok; agent, l, ok = it.Next() {
		if l.inverse == e.OfferID && !l.draining {
			st.leavers.Delete(agent)
			return
		}
	}
}

// leaver says whether a task's agent will not be there.
func leaver(leavers *iradix.Node[leaving], t *task.Task) bool {
	_, ok := leavers.Get([]byte(t.AgentID))
	return ok
}

// leavingTaskManagers are those of a cluster that have to go, those whose time comes first at the front.
func (st *step) leavingTaskManagers(c *Cluster) []*task.Task {
	root := st.leavers.Root()
	if _, _, any := root.Minimum(); !any {
		return nil
	}
	tasks := slices.DeleteFunc(st.tasksOf(c), func(t *task.Task) bool {
		return t.Kind != spec.TaskManagerTask || t.Goal != task.Launched || !leaver(root, t)
	})
	slices.SortStableFunc(tasks, func(a, b *task.Task) int {
		x, _ := root.Get([]byte(a.AgentID))
		y, _ := root.Get([]byte(b.AgentID))
		return x.unavailable.Compare(y.unavailable)
	})
	return tasks
}

// tickLeaving goes on with the replacement of TaskManagers on agents that will not be there.
func (st *step) tickLeaving() {
	it := st.leavers.Root().Iterator()
	some := false
	for agent, l, ok := it.Next(); ok; agent, l, ok = it.Next() {
		some = true
		if !st.now.Before(l.until) {
			st.leavers.Delete(agent)
		}
	}
	st.tellLeaving()
	cit := st.clusters.Root().Iterator()
	for _, c, ok := cit.Next(); ok; _, c, ok = cit.Next() {
		switch {
		case !c.active() || !some && c.move == nil && !c.surge:
		case c.Spec.Allocation == spec.Static:
			st.converge(c.Spec.Name)
		default:
			st.move(c.Spec.Name)
		}
	}
}

// settled says that every TaskManager of the cluster that is launched runs and is known to Flink.
func (st *step) settled(c *Cluster) bool {
	return c.flink != nil && c.running == c.taskManagers && c.flink.TaskManagers >= c.running
}

// move replaces the TaskManagers of a cluster with dynamic allocation, one after the other. Flink did not ask for the
// replacement: its driver is told of one that is surplus and has Flink take it in, like one from before. Flink would give an
// idle one back after a while, so the other is released as soon as it is registered.
func (st *step) move(name string) {
	c := st.edit(name)
	gone := st.leavingTaskManagers(c)
	if m := c.move; m != nil {
		t, known := st.tasks.Get([]byte(m.to))
		w, waits := c.waiting.Get([]byte(m.to))
		still := slices.ContainsFunc(gone, func(t *task.Task) bool { return t.ID == m.from })
		switch {
		case !still && waits:
			st.dropWaiting(c, w)
			c.move = nil
		case !still:
			c.move = nil
		case !known && !waits, known && t.Goal != task.Launched:
			// Flink did not take it in, or it failed: not again and again at once.
			c.move, c.moveNext = nil, st.now.Add(moveAgain)
		case known && t.Surplus == "" && st.settled(c):
			from, _ := st.tasks.Get([]byte(m.from))
			st.note(c, "Replaced", "TaskManager %s on %s is replaced by %s on %s", m.from, from.Hostname, m.to, t.Hostname)
			st.release(from)
			st.workerEnded(c, m.from, "replaced by "+m.to+", because its agent "+from.Hostname+" is being taken away")
			c.move = nil
		}
		return
	}
	if c.exchange.epoch == "" || st.now.Before(c.moveNext) {
		return
	}
	for _, t := range gone {
		if _, wanted := c.exchange.wanted.Get([]byte(t.ID)); !wanted || t.State != task.Running || t.Worker == nil || t.Surplus != "" {
			continue
		}
		worker := *t.Worker
		worker.ID = c.newID(spec.TaskManagerTask)
		st.wait(c, waiting{
			id: worker.ID, role: spec.TaskManagerTask, worker: &worker, surplus: t.ID,
			need: st.s.need(c, spec.TaskManagerTask, t.Resources), resources: t.Resources,
		})
		c.move = &move{from: t.ID, to: worker.ID}
		return
	}
}

// move is the replacement of a TaskManager that is under way.
type move struct{ from, to string }

// drained says that a task ended because its agent is being drained.
func drained(reason string) bool { return strings.HasSuffix(reason, "_DRAINING") }
