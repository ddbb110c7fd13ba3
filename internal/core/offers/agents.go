package offers

import (
	"cmp"
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/offer"
)

// TickAgents bounds how many agents are remembered. Those go first that have not been seen for
// longest; an agent that registers anew has another id.
func TickAgents(tx *state.Tx) {
	const keep = state.MaxAgents - state.MaxAgents/10
	if tx.State.Agents.Len() <= state.MaxAgents {
		return
	}
	all := make([]*state.Agent, 0, tx.State.Agents.Len())
	it := tx.Agents.Root().Iterator()
	for _, a, ok := it.Next(); ok; _, a, ok = it.Next() {
		all = append(all, a)
	}
	slices.SortStableFunc(all, func(a, b *state.Agent) int { return cmp.Or(a.Seen().Compare(b.Seen()), cmp.Compare(a.ID, b.ID)) })
	for _, a := range all[:len(all)-keep] {
		tx.Agents.Delete([]byte(a.ID))
	}
}

func roleOf(o *offer.Offer) string {
	if len(o.Resources) == 0 {
		return ""
	}
	return o.Resources[0].AllocationRole
}

// recordOffers keeps the last offers of an agent to a role, for explanations.
func recordOffers(tx *state.Tx, g []offer.Offer) {
	now := state.OfferSnapshot{Role: roleOf(&g[0]), Offers: g, Seen: tx.Now}
	a := state.Agent{ID: g[0].AgentID, Snapshots: []state.OfferSnapshot{now}}
	if old, ok := tx.Agents.Get([]byte(a.ID)); ok {
		a = *old
		if len(a.Snapshots) < 2 && (len(a.Snapshots) == 0 || a.Snapshots[0].Role == now.Role) {
			a.Snapshots = []state.OfferSnapshot{now}
		} else {
			a.Snapshots = append(slices.DeleteFunc(slices.Clone(a.Snapshots), func(r state.OfferSnapshot) bool { return r.Role == now.Role }), now)
		}
	}
	a.Hostname = g[0].Hostname
	tx.Agents.Insert([]byte(a.ID), &a)
}

// registerAgents tells the groups which agents there are, for rules that spread tasks over all values of a field.
func registerAgents(tx *state.Tx, queues []*queue, groups [][]offer.Offer) {
	for i, q := range queues {
		if q.group == nil || i > 0 && queues[i-1].group == q.group {
			continue
		}
		for _, g := range groups {
			f := facts(&tx.State, offer.NewAgent(g[:1]...))
			q.group.See(&f)
		}
	}
}
