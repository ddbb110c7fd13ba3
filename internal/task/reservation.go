package task

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// Reservation is what is reserved on an agent for the tasks of a role: one task after the other uses it. Its labels
// on the agent name it, so that no other task takes it and what is left of it is given back.
type Reservation struct {
	// ID is that of the first task that used it.
	ID      string        `json:"id"`
	Cluster string        `json:"cluster"`
	Kind    spec.TaskKind `json:"role"`
	// AgentID and Hostname are the agent's.
	AgentID  string `json:"agentId"`
	Hostname string `json:"hostname"`
	// Framework is the id under which it was reserved, which its labels say.
	Framework string `json:"framework"`
	// MesosRole is the role that it is reserved for.
	MesosRole string `json:"mesosRole"`
	// Goal is released once it is to be given back.
	Goal Goal `json:"goal"`
	// Made says that Mesos has made it: a task was started on it.
	Made bool `json:"made"`
	// Task is the task that uses it, or used it last.
	Task string `json:"task"`
	// Resources are what is reserved: the zero value of what is not. Of the constraints there are none.
	Resources spec.Resources `json:"resources"`
	Created   time.Time      `json:"created"`
	// Released is when it was found to be of no use any more.
	Released time.Time `json:"released,omitzero"`
}
