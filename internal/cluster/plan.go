package cluster

import "time"

// Plan is how a task is started: everything about it that is neither its identity nor its
// resources. Package launch makes it; package mesos puts it into a TaskInfo.
type Plan struct {
	// Command is run by /bin/sh -c in the sandbox.
	Command     string
	Environment map[string]string
	URIs        []URI
	// User is the operating system user; empty means the framework's.
	User string
	// KillGrace is the time between SIGTERM and SIGKILL.
	KillGrace time.Duration
	Labels    map[string]string
	// Secrets are handed over by Mesos and are in none of the above.
	Secrets []PlanSecret
	// Container is what the task runs in; nil for a process of the agent.
	Container *Container
	// Hostname is that of the container; empty leaves it to Mesos. It needs a network of its own.
	Hostname string
	// Mappings are the ports that the network bridge maps.
	Mappings []Mapping
	// Discovery is what service discovery is told; nil for nothing.
	Discovery *PlanDiscovery
	// Check is the health check; nil for none.
	Check *Check
}

// PlanSecret is a secret with its value, or the name of one in a store.
type PlanSecret struct {
	// Environment is a variable; File, when that is empty, a path in the sandbox or an absolute one in the image.
	Environment, File string
	// Reference names the secret in a store; nil for Value.
	Reference *SecretReference
	Value     []byte
}

// Mapping leads a port of the agent to one of a container.
type Mapping struct {
	HostPort, ContainerPort int
	// Protocol is tcp or udp.
	Protocol string
}

// PlanDiscovery is what service discovery is told of a task.
type PlanDiscovery struct {
	Name       string
	Visibility Visibility
	Ports      []PlanPort
}

// PlanPort is one port of a task as it is reached from outside.
type PlanPort struct {
	Name string
	// Protocol is tcp or udp.
	Protocol string
	Number   int
	Labels   map[string]string
}

// Check is a health check in full.
type Check struct {
	// Scheme is http or https for a request, empty for a mere connection.
	Scheme, Path                          string
	Port                                  int
	Delay, GracePeriod, Interval, Timeout time.Duration
	ConsecutiveFailures                   int
}
