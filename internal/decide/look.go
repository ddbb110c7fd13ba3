package decide

import (
	"cmp"
	"slices"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// lookFor is how long a look waits for offers: a master makes them once a second by default, and
// REVIVE may have to wait for as long.
const lookFor = 3 * time.Second

// look asks for offers that only shall be seen. They come at once or not at all: what is not offered then
// is used, held by others, or on an agent that is being drained.
func (st *step) look(e Look) {
	if !st.s.Connected {
		st.answer(e.Request, fault.New(fault.Unavailable, "there is no connection to the Mesos master: ask without refresh for what was offered before"))
		return
	}
	st.s.looks = append(slices.Clip(st.s.looks), look{request: e.Request, until: st.now.Add(lookFor)})
	st.s.wantOffers = true
}

// tickLooks answers those who have waited long enough.
func (st *step) tickLooks() {
	for len(st.s.looks) > 0 && !st.now.Before(st.s.looks[0].until) {
		st.answer(st.s.looks[0].request, nil)
		st.s.looks = st.s.looks[1:]
	}
}

// tickAgents bounds how many agents are remembered. Those go first that have not been seen for
// longest; an agent that registers anew has another id.
func (st *step) tickAgents() {
	const keep = maxAgents - maxAgents/10
	if st.s.agents.Len() <= maxAgents {
		return
	}
	all := make([]*Agent, 0, st.s.agents.Len())
	it := st.agents.Root().Iterator()
	for _, a, ok := it.Next(); ok; _, a, ok = it.Next() {
		all = append(all, a)
	}
	slices.SortStableFunc(all, func(a, b *Agent) int { return cmp.Or(a.seen().Compare(b.seen()), cmp.Compare(a.ID, b.ID)) })
	for _, a := range all[:len(all)-keep] {
		st.agents.Delete([]byte(a.ID))
	}
}

// seen is when an offer of the agent last came, or a start failed there.
func (a *Agent) seen() time.Time {
	t := a.counted
	if n := len(a.rooms); n > 0 && a.rooms[n-1].seen.After(t) {
		t = a.rooms[n-1].seen
	}
	return t
}
