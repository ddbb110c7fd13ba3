package offers

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// maxHosts bounds the hosts that are named for a reason.
const maxHosts = 5

// Fit says whether n more TaskManagers of a cluster would find room in what the agents last offered, on
// which of them, and what keeps the next one from the others. Agents that have offered nothing since a time
// are left out; the zero time takes all. It returns false when there is no such cluster.
func Fit(s *state.State, name string, n int, since, now time.Time) (wire.Fit, bool) {
	c, ok := s.Clusters.Get([]byte(name))
	if !ok {
		return wire.Fit{}, false
	}
	need := s.Need(c, spec.TaskManagerTask, c.Spec.TaskManager.Resources)
	q := question{s: s, c: c, now: now, since: since, blocks: make(map[string]*block)}
	q.answer = wire.Fit{
		Cluster: name, TaskManagers: n, Needs: need.String(), Waiting: c.Pending.Len() - c.PendingJobManagers,
		Agents: []wire.FitAgent{}, Blocked: []wire.FitBlock{},
	}
	q.group = taskGroup(s, s.Tasks.Root(), c, spec.TaskManagerTask)
	if q.group != nil {
		q.group.Retarget(q.group.Target() + n)
	}
	q.collect()
	// Those that wait already come first; they take what is there for their size.
	for _, waits := range queuesOf(c, spec.TaskManagerTask) {
		q.place(waits.need, len(waits.waiting), nil)
	}
	q.answer.Fit = q.place(need, n, func(a *agentRoom) { a.taken++ })
	for _, a := range q.rooms {
		if a.taken > 0 {
			q.answer.Agents = append(q.answer.Agents, wire.FitAgent{
				AgentID: a.known.ID, Hostname: a.known.Hostname, Region: a.facts.Region, Zone: a.facts.Zone,
				TaskManagers: a.taken, Seen: a.known.Seen(),
			})
		}
	}
	if q.answer.Fit < n {
		q.blocked(need)
	}
	q.notes()
	return q.answer, true
}

// question is the working memory of Fit.
type question struct {
	s          *state.State
	c          *state.Cluster
	now, since time.Time
	group      *constraint.Group
	rooms      []*agentRoom
	blocks     map[string]*block
	answer     wire.Fit
}

// agentRoom is an agent with what is left of its offers.
type agentRoom struct {
	known *state.Agent
	// rooms are its offers by role, the newest first.
	rooms []*offer.Agent
	facts constraint.Facts
	taken int
}

type block struct {
	wire.FitBlock
	nearest offer.Reason
}

// collect collects the agents whose offers are remembered.
func (q *question) collect() {
	it := q.s.Agents.Root().Iterator()
	for _, a, ok := it.Next(); ok; _, a, ok = it.Next() {
		if len(a.Snapshots) == 0 {
			continue
		}
		q.answer.KnownAgents++
		p := &agentRoom{known: a}
		for _, r := range slices.Backward(a.Snapshots) {
			if q.answer.Oldest.IsZero() || r.Seen.Before(q.answer.Oldest) {
				q.answer.Oldest = r.Seen
			}
			if r.Seen.After(q.answer.Newest) {
				q.answer.Newest = r.Seen
			}
			if !r.Seen.Before(q.since) {
				p.rooms = append(p.rooms, offer.NewAgent(r.Offers...))
			}
		}
		q.rooms = append(q.rooms, p)
		if len(p.rooms) == 0 {
			continue
		}
		p.facts = facts(q.s, p.rooms[0])
		if q.group != nil {
			q.group.See(&p.facts)
		}
	}
}

// place puts up to n tasks on the agents and returns how many found room; each is told to on.
func (q *question) place(n offer.Need, count int, on func(*agentRoom)) int {
	placed := 0
	for _, p := range q.rooms {
		for placed < count {
			if _, no := q.refuses(p); no || !p.take(n) {
				break
			}
			if q.group != nil {
				q.group.Add(&p.facts)
			}
			if on != nil {
				on(p)
			}
			placed++
		}
	}
	return placed
}

func (p *agentRoom) take(n offer.Need) bool {
	for _, r := range p.rooms {
		if _, _, ok := r.Take(n, 0); ok {
			return true
		}
	}
	return false
}

// refuses applies what is not about amounts.
func (q *question) refuses(p *agentRoom) (offer.Reason, bool) {
	if len(p.rooms) == 0 {
		return offer.Reason{What: "unseen", Detail: "Mesos offers nothing of the agent now"}, true
	}
	if q.now.Before(p.known.AvoidUntil) {
		return offer.Reason{What: "failures", Detail: avoided(p.known)}, true
	}
	return misplaced(q.s, q.s.Tasks.Root(), q.c, spec.TaskManagerTask, q.group, p.rooms[0], &p.facts)
}

// blocked says what keeps one more from each agent.
func (q *question) blocked(n offer.Need) {
	for _, p := range q.rooms {
		why, no := q.refuses(p)
		for i := 0; !no && i < len(p.rooms); i++ {
			// What the newest offer lacks counts, unless that was for another role.
			if lack, lacks := p.rooms[i].Lacks(n); lacks && (why.What == "" || why.What == "role") {
				why = lack
			}
		}
		b := q.blocks[why.What]
		if b == nil {
			b = &block{FitBlock: wire.FitBlock{What: why.What, Hosts: []string{}}, nearest: why}
			q.blocks[why.What] = b
		}
		b.Agents++
		if len(b.Hosts) < maxHosts {
			b.Hosts = append(b.Hosts, p.known.Hostname)
		}
		if why.Offered > b.nearest.Offered {
			b.nearest = why
		}
	}
	for _, b := range q.blocks {
		b.Message = b.nearest.Detail
		if b.Message == "" {
			b.Message = fmt.Sprintf("%s wanted, at most %s left on one of them", b.nearest.Amount(b.nearest.Wanted), b.nearest.Amount(b.nearest.Offered))
		}
		q.answer.Blocked = append(q.answer.Blocked, b.FitBlock)
	}
	slices.SortFunc(q.answer.Blocked, func(a, b wire.FitBlock) int {
		return cmp.Or(cmp.Compare(b.Agents, a.Agents), cmp.Compare(a.What, b.What))
	})
}

// notes adds what the numbers do not say.
func (q *question) notes() {
	note := func(format string, args ...any) {
		q.answer.Notes = append(q.answer.Notes, fmt.Sprintf(format, args...))
	}
	c, sp := q.c, &q.c.Spec
	if q.answer.KnownAgents == 0 {
		note("Mesos has offered nothing yet since the service started: ask with refresh")
	}
	if n := q.answer.Waiting; n > 0 {
		note("%d TaskManagers of the cluster wait for a place already and come first", n)
	}
	if !c.Active() {
		note("the cluster is %s and starts nothing", c.State)
	} else if len(c.JobManagers) == 0 {
		note("the cluster's JobManager is not placed yet; TaskManagers are started after it")
	}
	if c.Paused {
		note("starts of the cluster's tasks are paused")
	}
	if b := c.TaskManagerBackoff; b.Holds(q.now) {
		note("starts of TaskManagers are held back: %s", b.Describe())
	}
	if most := sp.TaskManagers.Max; sp.Allocation == spec.Dynamic && most > 0 && c.TaskManagers+q.answer.Waiting+q.answer.TaskManagers > most {
		note("the spec allows the cluster %d TaskManagers, %d run or wait", most, c.TaskManagers+q.answer.Waiting)
	}
}
