// Package registry is what a master knows of frameworks, agents, tasks and offers, and what it refuses of them in its
// own words. It takes no locks: the master does.
package registry

import (
	"fmt"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/protocol"
)

// State is what a master knows: its frameworks with their tasks, its agents, and the offers that are out.
type State struct {
	ID         string
	Frameworks map[string]*Framework
	// Removed are the ids of frameworks that will never be taken again.
	Removed map[string]bool
	// Gone are the agents that an operator marked gone.
	Gone map[string]bool
	// Completed are the frameworks that ended, the oldest first.
	Completed []*Framework
	Agents    map[string]*Agent
	// Order lists the ids of agents in the order of their registration.
	Order  []string
	Offers map[string]*Offer
	Counts struct{ Framework, Agent, Offer int }
}

// New is that of a master that has just been elected for the first time.
func New() *State {
	return &State{
		ID: protocol.NewUUID(), Frameworks: make(map[string]*Framework), Removed: make(map[string]bool), Gone: make(map[string]bool),
		Agents: make(map[string]*Agent), Offers: make(map[string]*Offer),
	}
}

// Agent finds an agent by id, or by its number in the order of their registration.
func (r *State) Agent(name string) (*Agent, error) {
	if a := r.Agents[name]; a != nil {
		return a, nil
	}
	var n int
	if _, err := fmt.Sscanf(name, "%d", &n); err == nil && n >= 0 && n < len(r.Order) && r.Agents[r.Order[n]] != nil {
		return r.Agents[r.Order[n]], nil
	}
	return nil, fmt.Errorf("there is no agent %q: give its id, or its number from 0", name)
}

// OffersOf lists the pending offers that match, in the order in which they were made.
func (r *State) OffersOf(match func(*Offer) bool) []*Offer {
	var out []*Offer
	for _, o := range r.Offers {
		if match(o) {
			out = append(out, o)
		}
	}
	return inOrder(out)
}
