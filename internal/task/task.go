// Package task owns what Mesos runs: tasks of a cluster, the workers that Flink asks for, reservations,
// and the template from which a task is launched.
package task

import (
	"strconv"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// Goal is what a task should be.
type Goal string

// The goals, in the order in which a task has them.
const (
	Launched Goal = "launched"
	Released Goal = "released"
)

// Task is one Mesos task of a cluster, as stored.
type Task struct {
	// ID is the Mesos task id; for a TaskManager also Flink's resource id.
	ID string `json:"id"`
	// Pod is the lasting name of its place in the cluster, which its successors have too: see PodName.
	Pod     string        `json:"pod,omitempty"`
	Cluster string        `json:"cluster"`
	Kind    spec.TaskKind `json:"role"`
	Goal    Goal          `json:"goal"`
	// State is the last state Mesos reported, STAGING until the first report.
	State    State  `json:"state"`
	AgentID  string `json:"agentId"`
	Hostname string `json:"hostname"`
	// Network names the network on which the task has its own address; empty for the agent's.
	Network string `json:"network,omitempty"`
	// Address is the task's own address on Network, when a status told it.
	Address string `json:"address,omitempty"`
	// Endpoint is the HTTP address of the task's agent.
	Endpoint string `json:"endpoint,omitempty"`
	// Region, Zone and Attributes are the agent's when the task was launched; placement rules of
	// later tasks look at them.
	Region     string            `json:"region,omitempty"`
	Zone       string            `json:"zone,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	// Ports are the host ports by name: rpc, rest, blob, metrics and driver for a
	// JobManager; rpc, data and metrics for a TaskManager.
	Ports map[string]int `json:"ports,omitempty"`
	// Secure says that a JobManager was started to speak TLS on its ports rest and driver.
	Secure    bool           `json:"secure,omitempty"`
	Resources spec.Resources `json:"resources"`
	// Worker is what Flink asked for, with dynamic allocation.
	Worker *Worker `json:"worker,omitempty"`
	// Reservation is the id of the reservation that the task uses; empty for none.
	Reservation string `json:"reservation,omitempty"`
	// Surplus is the task that this one is to replace, until Flink has taken it in without having asked for it.
	Surplus string `json:"surplus,omitempty"`
	// JobManager is the task id of the JobManager that a TaskManager was started for.
	JobManager string `json:"jobManager,omitempty"`
	// Generation is the spec generation that the task was started from.
	Generation int64     `json:"generation"`
	Launched   time.Time `json:"launched"`
	// Changed is when State was last reported different.
	Changed time.Time `json:"changed"`
	// Reason and Message are Mesos' words about the last state.
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// Sandbox is the container's directory on the agent, when the status told it.
	Sandbox string `json:"sandbox,omitempty"`
	// KillAfter is when a released task is killed (again).
	KillAfter time.Time `json:"killAfter,omitzero"`
	// Kills counts the KILL calls sent.
	Kills int `json:"kills,omitempty"`
}

// PodName names a pod, such as demo-taskmanager-3: the number counts the pods of a kind in a cluster from 0 on. A pod has
// one task after the other; Mesos' tasks have its name.
func PodName(cluster string, kind spec.TaskKind, number int) string {
	return cluster + "-" + string(kind) + "-" + strconv.Itoa(number)
}

// Worker is one TaskManager that Flink's ResourceManager asks for, with its process spec.
type Worker struct {
	// ID becomes the Mesos task id and taskmanager.resource-id.
	ID     string      `json:"id"`
	CPUs   float64     `json:"cpus"`
	Memory spec.Memory `json:"memory"`
	Slots  int         `json:"slots"`
	// JVMArguments and DynamicProperties are Flink's own split of Memory.
	JVMArguments      []string       `json:"jvmArguments,omitempty"`
	DynamicProperties []string       `json:"dynamicProperties,omitempty"`
	ExternalResources map[string]int `json:"externalResources,omitempty"`
}

// Host is the name or address by which the service reaches the task; empty while it is not known.
func (t *Task) Host() string {
	if t.Network != "" {
		return t.Address
	}
	return t.Hostname
}

// Live says that the task may be running: it was launched and no terminal state was seen.
func (t *Task) Live() bool {
	return !t.State.Terminal()
}

// HostOf returns the name or address by which the processes of the cluster reach a task. It is empty
// for a task on a network of its own whose address is not known yet.
func HostOf(s spec.Spec, t *Task) string {
	if name := s.ExposureOf(t.Kind).Hostname; name != "" {
		return strings.ReplaceAll(name, "_TASK_", t.ID)
	}
	return t.Host()
}
