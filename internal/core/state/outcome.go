package state

import (
	"time"
)

// Outcome is what became of the offers of one agent.
type Outcome struct {
	Time     time.Time `json:"time"`
	OfferIDs []string  `json:"offerIds"`
	AgentID  string    `json:"agentId"`
	Hostname string    `json:"hostname"`
	// Result is accepted or declined.
	Result string `json:"result"`
	// Tasks are the ids of the tasks that were placed.
	Tasks   []string `json:"tasks,omitempty"`
	Reasons []string `json:"reasons,omitempty"`
}

// Sizes of what is kept for people, and to answer what would fit.
const (
	MaxOutcomes = 100
	maxEvents   = 100
	MaxFailures = 5
	MaxAgents   = 10000
)
