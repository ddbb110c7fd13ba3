package localmesos

import (
	"fmt"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/protocol"
)

// registry is what a master knows: its frameworks with their tasks, its agents, and the offers that are out.
type registry struct {
	id         string
	frameworks map[string]*framework
	// removed are the ids of frameworks that will never be taken again.
	removed map[string]bool
	// gone are the agents that an operator marked gone.
	gone map[string]bool
	// completed are the frameworks that ended, the oldest first.
	completed []*framework
	agents    map[string]*agent
	// order lists the ids of agents in the order of their registration.
	order  []string
	offers map[string]*pendingOffer
	counts struct{ framework, agent, offer int }
}

// newRegistry is that of a master that has just been elected for the first time.
func newRegistry() *registry {
	return &registry{
		id: protocol.NewUUID(), frameworks: make(map[string]*framework), removed: make(map[string]bool), gone: make(map[string]bool),
		agents: make(map[string]*agent), offers: make(map[string]*pendingOffer),
	}
}

// agent finds an agent by id, or by its number in the order of their registration.
func (r *registry) agent(name string) (*agent, error) {
	if a := r.agents[name]; a != nil {
		return a, nil
	}
	var n int
	if _, err := fmt.Sscanf(name, "%d", &n); err == nil && n >= 0 && n < len(r.order) && r.agents[r.order[n]] != nil {
		return r.agents[r.order[n]], nil
	}
	return nil, fmt.Errorf("there is no agent %q: give its id, or its number from 0", name)
}

// offersOf lists the pending offers that match, in the order in which they were made.
func (r *registry) offersOf(match func(*pendingOffer) bool) []*pendingOffer {
	var out []*pendingOffer
	for _, o := range r.offers {
		if match(o) {
			out = append(out, o)
		}
	}
	return inOrder(out)
}
