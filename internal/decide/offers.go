package decide

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// queue is the tasks of one cluster that need the same, in order.
type queue struct {
	cluster string
	need    offer.Need
	waiting []*waiting
	// group counts where the tasks of the cluster and role are; nil when no rule asks. The queues of
	// one cluster and role share it.
	group *constraint.Group
	// placed says that this batch has given some of them a place.
	placed bool
}

// offered matches a batch of offers with what waits, at once: offers are never held.
func (st *step) offered(e Offered) {
	groups := gpusLast(group(e.Offers))
	for _, g := range groups {
		st.remember(g)
	}
	st.heed(groups)
	queues := st.queues()
	st.see(queues, groups)
	found := st.reservedOn(groups)
	var idle, unfit []string
	for i, g := range groups {
		var a *offer.Agent
		destroy, unreserve := []offer.Piece(nil), []offer.Piece(nil)
		if st.s.Connected && (len(found[g[0].AgentID]) > 0 || offer.Held(g)) {
			a = offer.NewAgent(g...)
			destroy, unreserve = st.giveBack(a, found[a.ID])
		}
		back := len(destroy)+len(unreserve) > 0
		if !back && len(queues) == 0 || !st.s.Connected {
			idle = append(idle, ids(g)...)
			continue
		}
		if a == nil {
			a = offer.NewAgent(g...)
		}
		// Of a large batch only the last outcomes are kept, so only they are put in words.
		launches, why := st.fill(a, &queues, len(groups)-i <= maxOutcomes)
		if len(launches) == 0 && !back {
			unfit = append(unfit, a.OfferIDs...)
			st.outcome(a, nil, why)
			continue
		}
		if back {
			why = append(why, "what was reserved is given back")
		}
		st.remember([]offer.Offer{a.Left()})
		st.outcome(a, launches, why)
		st.send(Accept{
			AgentID: a.ID, OfferIDs: a.OfferIDs, Launches: launches, Destroy: destroy, Unreserve: unreserve, Refuse: st.s.Options.Refuse,
		})
	}
	for _, q := range queues {
		if q.placed && q.group != nil {
			// What was put elsewhere meanwhile may make room on an agent that was passed over.
			st.s.wantOffers = true
		}
	}
	if len(idle) > 0 {
		st.send(Decline{OfferIDs: idle, Refuse: st.s.Options.Refuse, Reason: "idle"})
	}
	if len(unfit) > 0 {
		st.send(Decline{OfferIDs: unfit, Refuse: st.s.Options.Refuse, Reason: "unfit"})
	}
}

// group puts together the offers of one agent to one role, in the order of their arrival. One
// ACCEPT may use them all; agents are told apart by id, never by host name.
func group(offers []offer.Offer) [][]offer.Offer {
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

func roleOf(o *offer.Offer) string {
	if len(o.Resources) == 0 {
		return ""
	}
	return o.Resources[0].AllocationRole
}

func ids(offers []offer.Offer) []string {
	out := make([]string, len(offers))
	for i := range offers {
		out[i] = offers[i].ID
	}
	return out
}

// remember keeps the last offers of an agent to a role, for explanations.
func (st *step) remember(g []offer.Offer) {
	now := room{role: roleOf(&g[0]), offers: g, seen: st.now}
	a := Agent{ID: g[0].AgentID, rooms: []room{now}}
	if old, ok := st.agents.Get([]byte(a.ID)); ok {
		a = *old
		if len(a.rooms) < 2 && (len(a.rooms) == 0 || a.rooms[0].role == now.role) {
			a.rooms = []room{now}
		} else {
			a.rooms = append(slices.DeleteFunc(slices.Clone(a.rooms), func(r room) bool { return r.role == now.role }), now)
		}
	}
	a.Hostname = g[0].Hostname
	st.agents.Insert([]byte(a.ID), &a)
}

// queues collects what may be placed now: JobManagers before TaskManagers of the same cluster,
// clusters in the order of their names.
func (st *step) queues() []*queue {
	var queues []*queue
	it := st.clusters.Root().Iterator()
	for _, c, ok := it.Next(); ok; _, c, ok = it.Next() {
		if c.waiting.Len() == 0 || c.Paused {
			continue
		}
		for _, role := range []spec.TaskKind{spec.JobManagerTask, spec.TaskManagerTask} {
			if c.brakeOf(role).holds(st.now) {
				continue
			}
			more := c.queues(role)
			if len(more) > 0 {
				g := st.s.group(st.tasks.Root(), c, role)
				for _, q := range more {
					q.group = g
				}
			}
			queues = append(queues, more...)
		}
	}
	return queues
}

// queues groups the waiting tasks of a role by what they need.
func (c *Cluster) queues(role spec.TaskKind) []*queue {
	var queues []*queue
	it := c.waiting.Root().Iterator()
	for _, w, ok := it.Next(); ok; _, w, ok = it.Next() {
		if w.role != role {
			continue
		}
		at := slices.IndexFunc(queues, func(q *queue) bool { return q.need == w.need })
		if at < 0 {
			at = len(queues)
			queues = append(queues, &queue{cluster: c.Spec.Name, need: w.need})
		}
		queues[at].waiting = append(queues[at].waiting, w)
	}
	return queues
}

// fill places as many waiting tasks on the agent as fit, and drops the queues that it empties.
// With words it says why the others do not fit.
func (st *step) fill(a *offer.Agent, queues *[]*queue, words bool) ([]Launch, []string) {
	var launches []Launch
	var reasons []string
	emptied := false
	facts := st.s.facts(a)
	for _, q := range *queues {
		for len(q.waiting) > 0 {
			w := q.waiting[0]
			why, no := st.refuses(a, &facts, q, w, words)
			var p offer.Placement
			var r *reservation
			if !no {
				var lack offer.Reason
				var ok bool
				if p, r, lack, ok = st.take(a, q, w); !ok {
					no = true
					if words {
						why = lack.String()
					}
				}
			}
			if no {
				if words && len(reasons) < maxReasons {
					reasons = append(reasons, q.cluster+" "+string(w.role)+": "+why)
				}
				break
			}
			q.waiting = q.waiting[1:]
			q.placed = true
			if q.group != nil {
				q.group.Add(&facts)
			}
			launches = append(launches, st.launch(a, w, q.cluster, p, r))
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

// see tells the groups which agents there are, for rules that spread tasks over all values of a field.
func (st *step) see(queues []*queue, groups [][]offer.Offer) {
	for i, q := range queues {
		if q.group == nil || i > 0 && queues[i-1].group == q.group {
			continue
		}
		for _, g := range groups {
			f := st.s.facts(offer.NewAgent(g[:1]...))
			q.group.See(&f)
		}
	}
}

// refuses applies the rules that are not about amounts.
func (st *step) refuses(a *offer.Agent, f *constraint.Facts, q *queue, w *waiting, words bool) (string, bool) {
	if w.role == spec.TaskManagerTask {
		jm, ok := st.leader(q.cluster)
		if !ok {
			return "its JobManager has no place yet", true
		}
		if c, ok := st.clusters.Get([]byte(q.cluster)); ok && !reachable(c, jm) {
			return "the address of its JobManager is not known yet", true
		}
	}
	if known, ok := st.agents.Get([]byte(a.ID)); ok && st.now.Before(known.avoid) {
		return avoided(known), true
	}
	c, ok := st.clusters.Get([]byte(q.cluster))
	if !ok {
		return "the cluster is gone", true
	}
	why, no := st.s.misplaced(st.tasks.Root(), c, w.role, q.group, a, f)
	if no && words {
		return why.String(), true
	}
	return "", no
}

// leader returns the JobManager that new TaskManagers are started for.
func (st *step) leader(name string) (*task.Task, bool) {
	c, ok := st.clusters.Get([]byte(name))
	if !ok {
		return nil, false
	}
	for _, id := range slices.Backward(c.jobManagers) {
		if t, ok := st.tasks.Get([]byte(id)); ok && t.Goal == task.Launched {
			return t, true
		}
	}
	return nil, false
}

// launch turns a waiting task into a launched one.
func (st *step) launch(a *offer.Agent, w *waiting, name string, p offer.Placement, r *reservation) Launch {
	c := st.edit(name)
	t := task.Task{
		ID: w.id, Cluster: name, Kind: w.role,
		Goal: task.Launched, State: task.Staging,
		AgentID: a.ID, Hostname: a.Hostname, Endpoint: a.Endpoint, Region: a.Region, Zone: a.Zone, Attributes: a.Attributes,
		Network: ownNetwork(c, w.role), Ports: st.ports(c, w.role, p.Ports), Resources: w.resources, Worker: w.worker, Surplus: w.surplus,
		Generation: c.Generation, Launched: st.now, Changed: st.now, Secure: w.role == spec.JobManagerTask && c.Spec.SecureREST(),
	}
	l := Launch{Spec: c.started(), Nonce: c.Nonce, Pieces: p.Pieces, Reserve: p.Reserve, Create: p.Create}
	if r != nil {
		t.Reservation = r.ID
		st.use(r, w.id)
	}
	if w.role == spec.TaskManagerTask {
		jm, _ := st.leader(name)
		t.JobManager = jm.ID
		l.JobManager = jm
	}
	l.Task = t
	st.dropWaiting(c, w)
	st.setTask(&t)
	st.saveCluster(c)
	if w.role == spec.JobManagerTask {
		// An agent that was too small for the JobManager may be large enough for a TaskManager.
		st.s.wantOffers = true
		st.note(c, "JobManagerPlaced", "JobManager %s is being started on %s", t.ID, t.Hostname)
	} else {
		st.tellFlink(c)
	}
	return l
}

// outcome notes what became of the offers of an agent.
func (st *step) outcome(a *offer.Agent, launches []Launch, reasons []string) {
	o := Outcome{Time: st.now, OfferIDs: a.OfferIDs, AgentID: a.ID, Hostname: a.Hostname, Result: "declined", Reasons: reasons}
	if a.Used() || len(launches) > 0 {
		o.Result = "accepted"
	}
	for i := range launches {
		o.Tasks = append(o.Tasks, launches[i].Task.ID)
	}
	st.outcomes = append(st.outcomes, o)
}

// hash is FNV-1a, which spreads task ids over the ports of an agent.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// unfit says why a need has no place in what an agent last offered to any role.
func (s *State) unfit(c *Cluster, role spec.TaskKind, n offer.Need, g *constraint.Group, a *Agent) (why offer.Reason, no bool) {
	for _, r := range slices.Backward(a.rooms) {
		agent := offer.NewAgent(r.offers...)
		lack, lacks := agent.Lacks(n)
		if !lacks {
			f := s.facts(agent)
			lack, lacks = s.misplaced(s.tasks.Root(), c, role, g, agent, &f)
		}
		if !lacks {
			return offer.Reason{}, false
		}
		if why.What == "" || why.What == "role" {
			why = lack
		}
	}
	return why, true
}

// Explain says, over the agents whose offers are remembered, why a need has no place, in
// words such as "no agent has been offered" or "cpus: 8 wanted, on none of 3 agents (most 4)".
func (s *State) explain(c *Cluster, role spec.TaskKind, n offer.Need) string {
	type lack struct {
		agents int
		most   offer.Milli
		reason offer.Reason
	}
	var order []string
	lacks := make(map[string]*lack)
	agents := 0
	g := s.group(s.tasks.Root(), c, role)
	it := s.agents.Root().Iterator()
	for _, a, ok := it.Next(); ok; _, a, ok = it.Next() {
		if len(a.rooms) == 0 {
			continue
		}
		agents++
		r, no := s.unfit(c, role, n, g, a)
		if !no {
			continue
		}
		l := lacks[r.What]
		if l == nil {
			l = &lack{reason: r}
			lacks[r.What] = l
			order = append(order, r.What)
		}
		l.agents++
		l.most = max(l.most, r.Offered)
	}
	if agents == 0 {
		return "no offer of Mesos yet for " + n.String() + s.condition(c, role)
	}
	if len(order) == 0 {
		return "waiting for the next offer of Mesos for " + n.String() + s.condition(c, role)
	}
	parts := make([]string, 0, len(order))
	for _, what := range order {
		l := lacks[what]
		if l.reason.Detail != "" {
			parts = append(parts, fmt.Sprintf("%s on %d of %d agents", l.reason, l.agents, agents))
			continue
		}
		l.reason.Offered = l.most
		parts = append(parts, fmt.Sprintf("%s: %s wanted, at most %s offered on %d of %d agents",
			what, l.reason.Wanted, l.most, l.agents, agents))
	}
	return strings.Join(parts, "; ")
}
