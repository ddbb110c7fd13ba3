package offers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// avoided says that an agent is left out for a while.
func avoided(a *state.Agent) string {
	return fmt.Sprintf("%s; avoided until %s", cmp.Or(a.AvoidReason, "starts failed on this agent"), a.AvoidUntil.UTC().Format("15:04:05Z"))
}

// unfit says why a need has no place in what an agent last offered to any role.
func unfit(s *state.State, c *state.Cluster, role spec.TaskKind, n offer.Need, g *constraint.Group, a *state.Agent) (why offer.Reason, no bool) {
	for _, r := range slices.Backward(a.Snapshots) {
		agent := offer.NewAgent(r.Offers...)
		lack, lacks := agent.Lacks(n)
		if !lacks {
			f := facts(s, agent)
			lack, lacks = misplaced(s, s.Tasks.Root(), c, role, g, agent, &f)
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
func Explain(s *state.State, c *state.Cluster, role spec.TaskKind, n offer.Need) string {
	type lack struct {
		agents int
		most   offer.Milli
		reason offer.Reason
	}
	var order []string
	lacks := make(map[string]*lack)
	agents := 0
	g := taskGroup(s, s.Tasks.Root(), c, role)
	it := s.Agents.Root().Iterator()
	for _, a, ok := it.Next(); ok; _, a, ok = it.Next() {
		if len(a.Snapshots) == 0 {
			continue
		}
		agents++
		r, no := unfit(s, c, role, n, g, a)
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
		return "no offer of Mesos yet for " + n.String() + condition(s, c, role)
	}
	if len(order) == 0 {
		return "waiting for the next offer of Mesos for " + n.String() + condition(s, c, role)
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
			what, l.reason.Amount(l.reason.Wanted), l.reason.Amount(l.most), l.agents, agents))
	}
	return strings.Join(parts, "; ")
}
