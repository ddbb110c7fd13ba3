package task

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// Template is how a task is started: everything about it that is neither its identity nor its
// resources. Package launch makes it; package mesos puts it into a TaskInfo.
type Template struct {
	// Command is run by /bin/sh -c in the sandbox.
	Command     string
	Environment map[string]string
	URIs        []spec.URI
	// User is the operating system user; empty means the framework's.
	User string
	// KillGrace is the time between SIGTERM and SIGKILL.
	KillGrace time.Duration
	Labels    map[string]string
	// Secrets are handed over by Mesos and are in none of the above.
	Secrets []Secret
	// Container is what the task runs in; nil for a process of the agent.
	Container *spec.Container
	// Hostname is that of the container; empty leaves it to Mesos. It needs a network of its own.
	Hostname string
	// Mappings are the ports that the network bridge maps.
	Mappings []Mapping
	// Discovery is what service discovery is told; nil for nothing.
	Discovery *Discovery
	// Check is the health check; nil for none.
	Check *Check
}

// Secret is a secret with its value, or the name of one in a store.
type Secret struct {
	// Environment is a variable; File, when that is empty, a path in the sandbox or an absolute one in the image.
	Environment, File string
	// Reference names the secret in a store; nil for Value.
	Reference *spec.SecretReference
	Value     []byte
}

// Mapping leads a port of the agent to one of a container.
type Mapping struct {
	HostPort, ContainerPort int
	// Protocol is tcp or udp.
	Protocol string
}

// Discovery is what service discovery is told of a task.
type Discovery struct {
	Name       string
	Visibility spec.Visibility
	Ports      []Port
}

// Port is one port of a task as it is reached from outside.
type Port struct {
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
