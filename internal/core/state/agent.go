package state

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/offer"
)

// DrainingAgent is an agent that an operator takes away.
type DrainingAgent struct {
	// Unavailable is when planned maintenance begins; zero when the agent is being drained.
	Unavailable time.Time
	Draining    bool
	// Inverse is the inverse offer that said so; empty when an offer or a status did.
	Inverse string
	// Announced says that the clusters know.
	Announced bool
	Until     time.Time
}

// Seen is when an offer of the agent last came, or a start failed there.
func (a *Agent) Seen() time.Time {
	t := a.Counted
	if n := len(a.Snapshots); n > 0 && a.Snapshots[n-1].Seen.After(t) {
		t = a.Snapshots[n-1].Seen
	}
	return t
}

// Draining says whether an operator is emptying the agent.
func (s *State) Draining(agent string) bool {
	if s.DrainingAgents.Len() == 0 {
		return false
	}
	l, ok := s.DrainingAgents.Get([]byte(agent))
	return ok && l.Draining
}

// Agent is what is remembered of an agent: its last offers, and starts that failed there.
type Agent struct {
	ID, Hostname string
	// Snapshots are the last offers to each role, the newest last; for explanations and what-if questions.
	Snapshots []OfferSnapshot
	// Failures counts starts that failed one after the other, as of counted; half of them are forgotten every agentHalfLife.
	Failures   int
	Counted    time.Time
	AvoidUntil time.Time
	// AvoidReason says why it is avoided, when it is not for failed starts.
	AvoidReason string
}

// OfferSnapshot is what an agent last offered to a role, less what was taken of it.
type OfferSnapshot struct {
	Role   string
	Offers []offer.Offer
	Seen   time.Time
}

// OfferProbe is a request for a look at what Mesos offers now.
type OfferProbe struct {
	Request uint64
	Until   time.Time
}
