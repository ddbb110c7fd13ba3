package spec

import (
	"cmp"
	"maps"
	"time"
)

// TaskOptions shape the tasks of a cluster. Those of the spec are for every task; those of a role are
// stronger: its labels and secrets are added, everything else replaces what the spec says.
type TaskOptions struct {
	Container *Container `json:"container,omitempty"`
	// Labels are put on the Mesos tasks, beside the service's own.
	Labels map[string]string `json:"labels,omitempty"`
	// Secrets are handed to the tasks by Mesos; those of a role are added, and replace those for the same place.
	Secrets []TaskSecret `json:"secrets,omitempty"`
	// Bootstrap is a shell command that is run in the sandbox before Flink; what it exports Flink
	// sees, and when it fails the task fails.
	Bootstrap string `json:"bootstrap,omitempty"`
	// JavaHome is an absolute path on the agents or in the image; empty means the service's default
	// for tasks without an image, and that of the image otherwise.
	JavaHome string `json:"javaHome,omitempty"`
	// KillGracePeriod is the time between SIGTERM and SIGKILL, 1s to 1h; empty means the service's.
	KillGracePeriod Duration `json:"killGracePeriod,omitempty"`
}

// Exposure says how the tasks of a role are found and looked after.
type Exposure struct {
	// Hostname is the name by which other processes reach the task instead of the agent's host name
	// or the container's address; _TASK_ in it stands for the task's id.
	Hostname string `json:"hostname,omitempty"`
	// Ports are ports beside Flink's own; one with the name of one of Flink's adds labels to it.
	Ports       []Port       `json:"ports,omitempty"`
	Discovery   *Discovery   `json:"discovery,omitempty"`
	HealthCheck *HealthCheck `json:"healthCheck,omitempty"`
}

// Port is a port of a task.
type Port struct {
	// Name is in Mesos' DiscoveryInfo, and PORT_<NAME> is the variable that tells the task the number.
	Name string `json:"name"`
	// Option is the Flink option that gets the number of the port.
	Option string `json:"option,omitempty"`
	// ContainerPort is the number in the container, for the networks bridge and container.
	ContainerPort int `json:"containerPort,omitempty"`
	// Protocol is tcp or udp; empty means tcp.
	Protocol string `json:"protocol,omitempty"`
	// Labels are the port's in DiscoveryInfo; VIP_0 and so on make DC/OS balance a virtual address.
	Labels map[string]string `json:"labels,omitempty"`
}

// Visibility says who is meant to find a task; Mesos passes it on and enforces nothing.
type Visibility string

// The visibilities of Mesos.
const (
	VisibleToFramework Visibility = "framework"
	VisibleToCluster   Visibility = "cluster"
	VisibleToAll       Visibility = "external"
)

// Discovery is what service discovery (Mesos-DNS, DC/OS) knows of a task.
type Discovery struct {
	// Name is the name of the DNS records; empty means <cluster>-<role>.
	Name string `json:"name,omitempty"`
	// Visibility is framework, cluster or external; empty means cluster.
	Visibility Visibility `json:"visibility,omitempty"`
}

// HealthCheck has Mesos look whether a task works, and end one that does not. Flink and the service
// look by themselves, and a check that is too strict ends a JobManager with all its jobs, so there is
// none unless it is asked for.
type HealthCheck struct {
	// Type is http (the JobManager's REST API) or tcp (its REST port, the TaskManager's RPC port); empty means http for a
	// JobManager without high availability whose REST API asks for no certificate, and tcp otherwise.
	Type string `json:"type,omitempty"`
	// Delay is before the first check; 15s when empty.
	Delay Duration `json:"delay,omitempty"`
	// GracePeriod is from the start during which failures do not count; 300s when empty.
	GracePeriod Duration `json:"gracePeriod,omitempty"`
	// Interval is between checks, and Timeout for one of them; 60s and 20s when empty.
	Interval Duration `json:"interval,omitempty"`
	Timeout  Duration `json:"timeout,omitempty"`
	// ConsecutiveFailures end the task; 3 when 0.
	ConsecutiveFailures int `json:"consecutiveFailures,omitempty"`
}

// The types of health check.
const (
	CheckHTTP = "http"
	CheckTCP  = "tcp"
)

// HTTP says whether a JobManager's check is a request.
func (h *HealthCheck) HTTP(s Spec) bool {
	return h.Type == CheckHTTP || h.Type == "" && !s.HighAvailability() && !(s.SecureREST() && s.RESTAuthenticated())
}

// Duration is a time with a unit, as Go writes it: 500ms, 30s, 5m.
type Duration string

// Or returns the time, or another when it is empty or cannot be read.
func (d Duration) Or(other time.Duration) time.Duration {
	if v, err := time.ParseDuration(string(d)); err == nil {
		return v
	}
	return other
}

// OptionsOf returns the options of a role's tasks, with those of the spec where the role has none.
func (s Spec) OptionsOf(role TaskKind) TaskOptions {
	o := s.TaskManager.TaskOptions
	if role == JobManagerTask {
		o = s.JobManager.TaskOptions
	}
	if o.Container == nil {
		o.Container = s.Container
	}
	if len(s.Labels) > 0 {
		all := maps.Clone(s.Labels)
		maps.Copy(all, o.Labels)
		o.Labels = all
	}
	o.Secrets = mergeSecrets(s.Secrets, o.Secrets)
	o.Bootstrap = cmp.Or(o.Bootstrap, s.Bootstrap)
	o.JavaHome = cmp.Or(o.JavaHome, s.JavaHome)
	o.KillGracePeriod = cmp.Or(o.KillGracePeriod, s.KillGracePeriod)
	return o
}

// ExposureOf returns how the tasks of a role are found.
func (s Spec) ExposureOf(role TaskKind) Exposure {
	return s.withReporter(s.ownExposure(role), role)
}

// ownExposure is what the spec itself says of it.
func (s Spec) ownExposure(role TaskKind) Exposure {
	if role == JobManagerTask {
		return s.JobManager.Exposure
	}
	return s.TaskManager.Exposure
}

// NetworkOf returns the network of a role's tasks.
func (s Spec) NetworkOf(role TaskKind) Network {
	c := s.TaskManager.Container
	if role == JobManagerTask {
		c = s.JobManager.Container
	}
	if c == nil {
		c = s.Container
	}
	if c == nil || c.Network.Mode == "" {
		return Network{Mode: HostNetwork}
	}
	return c.Network
}

// ContainerPorts are the ports that a task listens on when its address is its own: those of
// Flink's documentation, and those of the spec.
func (s Spec) ContainerPorts(role TaskKind) map[string]int {
	ports := map[string]int{"rpc": 6122, "data": 6121, "metrics": 6125}
	if role == JobManagerTask {
		ports = map[string]int{"rest": 8081, "rpc": 6123, "blob": 6124, "metrics": 6125, "driver": 6126}
	}
	for _, p := range s.ExposureOf(role).Ports {
		if _, own := ports[p.Name]; !own {
			ports[p.Name] = p.ContainerPort
		}
	}
	return ports
}

// complete fills in what is open, and makes empty lists absent ones.
func (o TaskOptions) complete() TaskOptions {
	o.Container = o.Container.complete()
	o.Labels, o.Secrets = noneIfEmpty(o.Labels), orNone(o.Secrets)
	return o
}

func (e Exposure) complete() Exposure {
	var ports []Port
	for _, p := range e.Ports {
		p.Protocol = cmp.Or(p.Protocol, "tcp")
		p.Labels = noneIfEmpty(p.Labels)
		ports = append(ports, p)
	}
	e.Ports = ports
	return e
}
