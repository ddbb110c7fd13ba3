package workers

import (
	"slices"
	"strings"
	"time"

	iradix "github.com/hashicorp/go-immutable-radix/v2"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

const (
	// inverseRefuse is the filter of an answer to an inverse offer: so often Mesos says again that maintenance is planned.
	inverseRefuse = time.Minute
	// maintenanceFor is how long an agent is left for the last word that it will not be there. What is answered is never taken
	// back by Mesos, it only is not said again.
	maintenanceFor = 3 * inverseRefuse
	// drainingFor is how long an agent is taken for drained that is not offered again.
	drainingFor = 24 * time.Hour
	// surplusFor is how long Flink may take to take in a worker that it did not ask for.
	surplusFor = 5 * time.Minute
	// replaceAgain is after how long a replacement that failed is tried again.
	replaceAgain = time.Minute
)

// MarkDraining notes that an agent will not be there.
func MarkDraining(tx *state.Tx, agent string, l state.DrainingAgent) {
	old, known := tx.DrainingAgents.Get([]byte(agent))
	if known {
		l.Draining = l.Draining || old.Draining
		if l.Inverse == "" {
			l.Inverse = old.Inverse
		}
		if l.Unavailable.IsZero() {
			l.Unavailable = old.Unavailable
		}
		l.Announced = old.Announced && l.Draining == old.Draining && l.Unavailable.Equal(old.Unavailable)
	}
	l.Until = tx.Now.Add(maintenanceFor)
	if l.Draining {
		l.Until = tx.Now.Add(drainingFor)
	}
	tx.DrainingAgents.Insert([]byte(agent), l)
}

// announceDraining says once to each cluster which agents it has tasks on will not be there.
func announceDraining(tx *state.Tx) {
	news := false
	it := tx.DrainingAgents.Root().Iterator()
	for _, l, ok := it.Next(); ok; _, l, ok = it.Next() {
		news = news || !l.Announced
	}
	if !news {
		return
	}
	type about struct{ cluster, agent string }
	told := make(map[about]bool)
	tasks := tx.Tasks.Root().Iterator()
	for _, t, ok := tasks.Next(); ok; _, t, ok = tasks.Next() {
		l, leaves := tx.DrainingAgents.Get([]byte(t.AgentID))
		if !leaves || l.Announced || t.Goal != task.Launched || told[about{t.Cluster, t.AgentID}] {
			continue
		}
		told[about{t.Cluster, t.AgentID}] = true
		if l.Draining {
			tx.RecordEvent(tx.Edit(t.Cluster), "Draining", "the agent %s is being drained; its TaskManagers are replaced", t.Hostname)
			continue
		}
		tx.RecordEvent(tx.Edit(t.Cluster), "Maintenance", "maintenance of the agent %s is planned from %s; its TaskManagers are replaced first",
			t.Hostname, l.Unavailable.UTC().Format(time.RFC3339))
	}
	it = tx.DrainingAgents.Root().Iterator()
	for agent, l, ok := it.Next(); ok; agent, l, ok = it.Next() {
		l.Announced = true
		tx.DrainingAgents.Insert(agent, l)
	}
}

// NoteMaintenance takes what offers say about planned maintenance. An agent that is offered is not being drained.
func NoteMaintenance(tx *state.Tx, groups [][]offer.Offer) {
	for _, g := range groups {
		agent, at := g[0].AgentID, g[0].Unavailable
		switch {
		case !at.IsZero():
			MarkDraining(tx, agent, state.DrainingAgent{Unavailable: at})
		case tx.State.DrainingAgents.Len() > 0:
			tx.DrainingAgents.Delete([]byte(agent))
		}
	}
	tx.State.DrainingAgents = tx.DrainingAgents.Commit()
	tx.DrainingAgents = tx.State.DrainingAgents.Txn()
}

// InverseOffered takes the announcements of maintenance on agents where we have tasks, and answers them.
// We agree, because what runs there is replaced or survives; but not to the end of a JobManager whose jobs would be
// lost.
func InverseOffered(tx *state.Tx, e state.InverseOffered) {
	var agreed, refused []string
	for _, o := range e.Offers {
		if o.AgentID != "" {
			MarkDraining(tx, o.AgentID, state.DrainingAgent{Unavailable: o.Unavailable, Inverse: o.ID})
		}
		if losesJobs(tx, o.AgentID) {
			refused = append(refused, o.ID)
		} else {
			agreed = append(agreed, o.ID)
		}
	}
	if len(agreed) > 0 {
		tx.Send(state.AnswerInverse{OfferIDs: agreed, Accept: true, Refuse: inverseRefuse})
	}
	if len(refused) > 0 {
		tx.Send(state.AnswerInverse{OfferIDs: refused, Refuse: inverseRefuse})
	}
}

// losesJobs says whether a JobManager without high availability runs on the agent.
func losesJobs(tx *state.Tx, agent string) bool {
	it := tx.Clusters.Root().Iterator()
	for _, c, ok := it.Next(); ok; _, c, ok = it.Next() {
		if c.Spec.HighAvailability() {
			continue
		}
		for _, id := range c.JobManagers {
			if t, ok := tx.Tasks.Get([]byte(id)); ok && t.AgentID == agent && t.Goal == task.Launched {
				return true
			}
		}
	}
	return false
}

// InverseRescinded takes an announcement back; the next one, or an offer, says it anew if it still holds.
func InverseRescinded(tx *state.Tx, e state.InverseRescinded) {
	it := tx.DrainingAgents.Root().Iterator()
	for agent, l, ok := it.Next(); ok; agent, l, ok = it.Next() {
		if l.Inverse == e.OfferID && !l.Draining {
			tx.DrainingAgents.Delete(agent)
			return
		}
	}
}

// IsDraining says whether a task's agent will not be there.
func IsDraining(leavers *iradix.Node[state.DrainingAgent], t *task.Task) bool {
	_, ok := leavers.Get([]byte(t.AgentID))
	return ok
}

// drainingTaskManagers are those of a cluster that have to go, those whose time comes first at the front.
func drainingTaskManagers(tx *state.Tx, c *state.Cluster) []*task.Task {
	root := tx.DrainingAgents.Root()
	if _, _, any := root.Minimum(); !any {
		return nil
	}
	tasks := slices.DeleteFunc(tx.TasksOf(c), func(t *task.Task) bool {
		return t.Kind != spec.TaskManagerTask || t.Goal != task.Launched || !IsDraining(root, t)
	})
	slices.SortStableFunc(tasks, func(a, b *task.Task) int {
		x, _ := root.Get([]byte(a.AgentID))
		y, _ := root.Get([]byte(b.AgentID))
		return x.Unavailable.Compare(y.Unavailable)
	})
	return tasks
}

// TickDraining continues the replacement of TaskManagers on draining agents, and returns the clusters with static
// allocation that have to be looked at for it.
func TickDraining(tx *state.Tx) (look []string) {
	it := tx.DrainingAgents.Root().Iterator()
	some := false
	for agent, l, ok := it.Next(); ok; agent, l, ok = it.Next() {
		some = true
		if !tx.Now.Before(l.Until) {
			tx.DrainingAgents.Delete(agent)
		}
	}
	announceDraining(tx)
	cit := tx.State.Busy.Root().Iterator()
	if some {
		cit = tx.Clusters.Root().Iterator()
	}
	for _, c, ok := cit.Next(); ok; _, c, ok = cit.Next() {
		switch {
		case !c.Active() || !some && c.Replacement == nil && !c.AllowSurge:
		case c.Spec.Allocation == spec.Static:
			look = append(look, c.Spec.Name)
		default:
			replaceDraining(tx, c.Spec.Name)
		}
	}
	return look
}

// allTaskManagersRegistered says that every TaskManager of the cluster that is launched runs and is known to Flink.
func allTaskManagersRegistered(c *state.Cluster) bool {
	return c.Flink != nil && c.Running == c.TaskManagers && c.Flink.TaskManagers >= c.Running
}

// replaceDraining replaces the TaskManagers of a cluster with dynamic allocation, one after the other. Flink did not ask for the
// replacement: its driver is told of one that is surplus and has Flink take it in, like one from before. Flink would give an
// idle one back after a while, so the other is released as soon as it is registered.
func replaceDraining(tx *state.Tx, name string) {
	c := tx.Edit(name)
	gone := drainingTaskManagers(tx, c)
	if m := c.Replacement; m != nil {
		t, known := tx.Tasks.Get([]byte(m.To))
		w, waits := c.Pending.Get([]byte(m.To))
		still := slices.ContainsFunc(gone, func(t *task.Task) bool { return t.ID == m.From })
		switch {
		case !still && waits:
			tx.DropPending(c, w)
			c.Replacement = nil
		case !still:
			c.Replacement = nil
		case !known && !waits, known && t.Goal != task.Launched:
			// Flink did not take it in, or it failed: not again and again at once.
			c.Replacement, c.ReplacementNext = nil, tx.Now.Add(replaceAgain)
		case known && t.Surplus == "" && allTaskManagersRegistered(c):
			from, _ := tx.Tasks.Get([]byte(m.From))
			tx.RecordEvent(c, "Replaced", "TaskManager %s on %s is replaced by %s on %s", m.From, from.Hostname, m.To, t.Hostname)
			tx.Release(from)
			Ended(tx, c, m.From, "replaced by "+m.To+", because its agent "+from.Hostname+" is being taken away")
			c.Replacement = nil
		}
		return
	}
	if c.Driver.Wanted == nil || tx.Now.Before(c.ReplacementNext) { // A new driver has asked for nothing yet.
		return
	}
	for _, t := range gone {
		if _, wanted := c.Driver.Wanted.Get([]byte(t.ID)); !wanted || t.State != task.Running || t.Worker == nil || t.Surplus != "" {
			continue
		}
		worker := *t.Worker
		worker.ID = c.NewID(spec.TaskManagerTask)
		tx.AddPending(c, state.PendingTask{
			ID: worker.ID, Role: spec.TaskManagerTask, Worker: &worker, Surplus: t.ID,
			Need: tx.State.Need(c, spec.TaskManagerTask, t.Resources), Resources: t.Resources,
		})
		c.Replacement = &state.Replacement{From: t.ID, To: worker.ID}
		return
	}
}

// Drained says that a task ended because its agent is being drained.
func Drained(reason string) bool { return strings.HasSuffix(reason, "_DRAINING") }
