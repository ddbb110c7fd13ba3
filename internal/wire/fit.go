package wire

import (
	"time"
)

// Fit answers whether more TaskManagers of a cluster would find room now, as far as the last offers of Mesos tell.
type Fit struct {
	Cluster string `json:"cluster"`
	// TaskManagers is how many more were asked for, Fit how many of them would have a place.
	TaskManagers int `json:"taskManagers"`
	Fit          int `json:"fit"`
	// Needs is what one of them takes of an agent, in words.
	Needs string `json:"needs"`
	// Waiting counts the cluster's TaskManagers that have no place already; they come first.
	Waiting int `json:"waiting"`
	// KnownAgents counts the agents of which an offer is remembered; Oldest and Newest are when the first and the last
	// of these offers came, zero when there are none.
	KnownAgents int       `json:"knownAgents"`
	Oldest      time.Time `json:"oldest,omitzero"`
	Newest      time.Time `json:"newest,omitzero"`
	// Agents are those that would take some of the TaskManagers.
	Agents []FitAgent `json:"agents"`
	// Blocked says what keeps the next one from the agents, the reason of most agents first; empty when all fit.
	Blocked []FitBlock `json:"blocked"`
	// Notes are what else has to be known.
	Notes []string `json:"notes,omitempty"`
}

// FitAgent is an agent that would take TaskManagers.
type FitAgent struct {
	AgentID  string `json:"agentId"`
	Hostname string `json:"hostname"`
	Region   string `json:"region,omitempty"`
	Zone     string `json:"zone,omitempty"`
	// TaskManagers is how many it would take.
	TaskManagers int `json:"taskManagers"`
	// Seen is when its offer came.
	Seen time.Time `json:"seen"`
}

// FitBlock is a resource or a rule that keeps TaskManagers from agents.
type FitBlock struct {
	// What is the resource (cpus, mem, disk, gpus, ports), "role", the rule, such as "placement[1]", or what else is
	// against the agents: draining, maintenance, region, failures, unseen.
	What string `json:"what"`
	// Agents counts the agents that it is said of, Hosts names some of them.
	Agents int      `json:"agents"`
	Hosts  []string `json:"hosts"`
	// Message says it in words; with several agents for the one that comes nearest.
	Message string `json:"message"`
}
