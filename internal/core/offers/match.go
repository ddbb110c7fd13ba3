package offers

import (
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/workers"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// queue is the tasks of one cluster that need the same, in order.
type queue struct {
	cluster string
	need    offer.Need
	waiting []*state.PendingTask
	// group counts where the tasks of the cluster and role are; nil when no rule asks. The queues of
	// one cluster and role share it.
	group *constraint.Group
	// placed says that this batch has given some of them a place.
	placed bool
}

// Offered matches a batch of offers with what waits, at once: offers are never held.
func Offered(tx *state.Tx, e state.Offered) {
	groups := gpusLast(byAgent(e.Offers))
	for _, g := range groups {
		recordOffers(tx, g)
	}
	workers.NoteMaintenance(tx, groups)
	queues := pendingQueues(tx)
	registerAgents(tx, queues, groups)
	found := reservedOn(tx, groups)
	var idle, unfit []string
	for i, g := range groups {
		var a *offer.Agent
		destroy, unreserve := []offer.Piece(nil), []offer.Piece(nil)
		if tx.State.Connected && (len(found[g[0].AgentID]) > 0 || offer.Held(g)) {
			a = offer.NewAgent(g...)
			destroy, unreserve = releaseHeld(tx, a, found[a.ID])
		}
		back := len(destroy)+len(unreserve) > 0
		if !back && len(queues) == 0 || !tx.State.Connected {
			idle = append(idle, ids(g)...)
			continue
		}
		if a == nil {
			a = offer.NewAgent(g...)
		}
		// Of a large batch only the last outcomes are kept, so only they are put in words.
		launches, why := fill(tx, a, &queues, len(groups)-i <= state.MaxOutcomes)
		if len(launches) == 0 && !back {
			unfit = append(unfit, a.OfferIDs...)
			outcome(tx, a, nil, why)
			continue
		}
		if back {
			why = append(why, "what was reserved is released")
		}
		recordOffers(tx, []offer.Offer{a.Left()})
		outcome(tx, a, launches, why)
		tx.Send(state.Accept{
			AgentID: a.ID, OfferIDs: a.OfferIDs, Launches: launches, Destroy: destroy, Unreserve: unreserve, Refuse: tx.State.Options.Refuse,
		})
	}
	for _, q := range queues {
		if q.placed && q.group != nil {
			// What was put elsewhere meanwhile may make room on an agent that was passed over.
			tx.State.WantOffers = true
		}
	}
	if len(idle) > 0 {
		tx.Send(state.Decline{OfferIDs: idle, Refuse: tx.State.Options.Refuse, Reason: "idle"})
	}
	if len(unfit) > 0 {
		tx.Send(state.Decline{OfferIDs: unfit, Refuse: tx.State.Options.Refuse, Reason: "unfit"})
	}
}

// byAgent puts together the offers of one agent to one role, in the order of their arrival. One
// ACCEPT may use them all; agents are told apart by id, never by host name.
func byAgent(offers []offer.Offer) [][]offer.Offer {
	type source struct{ agent, role string }
	groups := make([][]offer.Offer, 0, len(offers))
	index := make(map[source]int, len(offers))
	for i := range offers {
		key := source{offers[i].AgentID, roleOf(&offers[i])}
		if at, ok := index[key]; ok {
			groups[at] = append(slices.Clip(groups[at]), offers[i])
			continue
		}
		index[key] = len(groups)
		groups = append(groups, offers[i:i+1:i+1])
	}
	return groups
}

// gpusLast puts the agents that have GPUs behind the others, so that what needs none leaves them to what does.
func gpusLast(groups [][]offer.Offer) [][]offer.Offer {
	has := func(g []offer.Offer) bool {
		return slices.ContainsFunc(g, func(o offer.Offer) bool {
			return slices.ContainsFunc(o.Resources, func(r offer.Resource) bool { return r.Name == "gpus" && r.Scalar > 0 })
		})
	}
	var first, last [][]offer.Offer
	for _, g := range groups {
		if has(g) {
			last = append(last, g)
		} else if len(last) > 0 {
			first = append(first, g)
		}
	}
	if len(last) == 0 || len(first) == 0 {
		return groups // In order already, which is the rule.
	}
	ordered := make([][]offer.Offer, 0, len(groups))
	for _, g := range groups {
		if !has(g) {
			ordered = append(ordered, g)
		}
	}
	return append(ordered, last...)
}

func ids(offers []offer.Offer) []string {
	out := make([]string, len(offers))
	for i := range offers {
		out[i] = offers[i].ID
	}
	return out
}

// pendingQueues collects what may be placed now: JobManagers before TaskManagers of the same cluster,
// clusters in the order of their names.
func pendingQueues(tx *state.Tx) []*queue {
	var queues []*queue
	it := tx.Clusters.Root().Iterator()
	for _, c, ok := it.Next(); ok; _, c, ok = it.Next() {
		if c.Pending.Len() == 0 || c.Paused {
			continue
		}
		for _, role := range []spec.TaskKind{spec.JobManagerTask, spec.TaskManagerTask} {
			if c.BackoffOf(role).Holds(tx.Now) {
				continue
			}
			more := queuesOf(c, role)
			if len(more) > 0 {
				g := taskGroup(&tx.State, tx.Tasks.Root(), c, role)
				for _, q := range more {
					q.group = g
				}
			}
			queues = append(queues, more...)
		}
	}
	return queues
}

// queuesOf groups the waiting tasks of a role by what they need.
func queuesOf(c *state.Cluster, role spec.TaskKind) []*queue {
	var queues []*queue
	it := c.Pending.Root().Iterator()
	for _, w, ok := it.Next(); ok; _, w, ok = it.Next() {
		if w.Role != role {
			continue
		}
		at := slices.IndexFunc(queues, func(q *queue) bool { return q.need == w.Need })
		if at < 0 {
			at = len(queues)
			queues = append(queues, &queue{cluster: c.Spec.Name, need: w.Need})
		}
		queues[at].waiting = append(queues[at].waiting, w)
	}
	return queues
}

// fill places as many waiting tasks on the agent as fit, and drops the queues that it empties.
// With words it says why the others do not fit.
func fill(tx *state.Tx, a *offer.Agent, queues *[]*queue, words bool) ([]state.Launch, []string) {
	var launches []state.Launch
	var reasons []string
	emptied := false
	facts := facts(&tx.State, a)
	for _, q := range *queues {
		for len(q.waiting) > 0 {
			w := q.waiting[0]
			why, no := refuses(tx, a, &facts, q, w, words)
			var p offer.Placement
			var r *state.Reservation
			if !no {
				var lack offer.Reason
				var ok bool
				if p, r, lack, ok = placeTask(tx, a, q, w); !ok {
					no = true
					if words {
						why = lack.String()
					}
				}
			}
			if no {
				if words && len(reasons) < maxReasons {
					reasons = append(reasons, q.cluster+" "+string(w.Role)+": "+why)
				}
				break
			}
			q.waiting = q.waiting[1:]
			q.placed = true
			if q.group != nil {
				q.group.Add(&facts)
			}
			launches = append(launches, launch(tx, a, w, q.cluster, p, r))
		}
		emptied = emptied || len(q.waiting) == 0
	}
	if emptied {
		*queues = slices.DeleteFunc(*queues, func(q *queue) bool { return len(q.waiting) == 0 })
	}
	return launches, reasons
}

// maxReasons bounds the words about one agent.
const maxReasons = 8

// refuses applies the rules that are not about amounts.
func refuses(tx *state.Tx, a *offer.Agent, f *constraint.Facts, q *queue, w *state.PendingTask, words bool) (string, bool) {
	if w.Role == spec.TaskManagerTask {
		jm, ok := tx.NewestJobManager(q.cluster)
		if !ok {
			return "waiting for its JobManager to be placed", true
		}
		if c, ok := tx.Clusters.Get([]byte(q.cluster)); ok && tx.SupersededTasks(c) {
			return "tasks of the previous start of its job have not ended yet", true
		}
		if c, ok := tx.Clusters.Get([]byte(q.cluster)); ok && !state.Reachable(c, jm) {
			return "the address of its JobManager is not known yet", true
		}
	}
	if known, ok := tx.Agents.Get([]byte(a.ID)); ok && tx.Now.Before(known.AvoidUntil) {
		return avoided(known), true
	}
	c, ok := tx.Clusters.Get([]byte(q.cluster))
	if !ok {
		return "the cluster is gone", true
	}
	why, no := misplaced(&tx.State, tx.Tasks.Root(), c, w.Role, q.group, a, f)
	if no && words {
		return why.String(), true
	}
	return "", no
}

// launch turns a waiting task into a launched one.
func launch(tx *state.Tx, a *offer.Agent, w *state.PendingTask, name string, p offer.Placement, r *state.Reservation) state.Launch {
	c := tx.Edit(name)
	t := task.Task{
		ID: w.ID, Pod: w.Pod, Cluster: name, Kind: w.Role,
		Goal: task.Launched, State: task.Staging,
		AgentID: a.ID, Hostname: a.Hostname, Endpoint: a.Endpoint, Region: a.Region, Zone: a.Zone, Attributes: a.Attributes,
		Network: state.OwnNetwork(c, w.Role), Ports: tx.Ports(c, w.Role, p.Ports), Resources: w.Resources, Worker: w.Worker, Surplus: w.Surplus,
		Generation: c.Generation, Launched: tx.Now, Changed: tx.Now, Secure: w.Role == spec.JobManagerTask && c.Spec.SecureREST(),
	}
	l := state.Launch{Spec: c.LaunchSpec(), Nonce: c.Nonce, Pieces: p.Pieces, Reserve: p.Reserve, Create: p.Create}
	if r != nil {
		t.Reservation = r.ID
		tx.AssignReservation(r, w.ID)
	}
	if w.Role == spec.TaskManagerTask {
		jm, _ := tx.NewestJobManager(name)
		t.JobManager = jm.ID
		l.JobManager = jm
	}
	l.Task = t
	tx.DropPending(c, w)
	tx.SetTask(&t)
	tx.SaveCluster(c)
	if w.Role == spec.JobManagerTask {
		// An agent that was too small for the JobManager may be large enough for a TaskManager.
		tx.State.WantOffers = true
		tx.RecordEvent(c, "JobManagerPlaced", "JobManager %s is being started on %s", t.ID, t.Hostname)
	} else {
		workers.Report(tx, c)
	}
	return l
}

// outcome notes what became of the offers of an agent.
func outcome(tx *state.Tx, a *offer.Agent, launches []state.Launch, reasons []string) {
	o := state.Outcome{Time: tx.Now, OfferIDs: a.OfferIDs, AgentID: a.ID, Hostname: a.Hostname, Result: "declined", Reasons: reasons}
	if a.Used() || len(launches) > 0 {
		o.Result = "accepted"
	}
	for i := range launches {
		o.Tasks = append(o.Tasks, launches[i].Task.ID)
	}
	tx.Outcomes = append(tx.Outcomes, o)
}

// hash is FNV-1a, which spreads task ids over the ports of an agent.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}
