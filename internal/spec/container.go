package spec

// ContainerType says which of Mesos' containerizers starts a task.
type ContainerType string

// The types of container.
const (
	// MesosContainer is Mesos' own containerizer, with or without an image.
	MesosContainer ContainerType = "mesos"
	// DockerContainer is the Docker daemon of the agent.
	DockerContainer ContainerType = "docker"
)

// NetworkMode says which network a task is on.
type NetworkMode string

// The modes of network.
const (
	// HostNetwork is the agent's own: the task listens on ports that the agent offered.
	HostNetwork NetworkMode = "host"
	// BridgeNetwork is one of the agent's, which maps offered ports to the container's.
	BridgeNetwork NetworkMode = "bridge"
	// ContainerNetwork is a named network (CNI, overlay) on which each task has its own address.
	ContainerNetwork NetworkMode = "container"
)

// Container is what a task runs in. Without one a task is a process of the agent in a sandbox.
type Container struct {
	// Type is mesos or docker; empty means mesos.
	Type ContainerType `json:"type,omitempty"`
	// Image is a Docker image; required for type docker. It needs a Java; Flink is fetched into the sandbox.
	Image string `json:"image,omitempty"`
	// ForcePull has the image looked for in its registry at every start.
	ForcePull bool `json:"forcePull,omitempty"`
	// PullSecret names a secret of the cluster's secret store that holds a Docker config.json. The
	// service never sees its value.
	PullSecret string `json:"pullSecret,omitempty"`
	// User is the operating system user in the container; empty means that of the cluster.
	User string `json:"user,omitempty"`
	// Privileged gives a docker container all rights on its agent. The service must allow it.
	Privileged bool `json:"privileged,omitempty"`
	// Parameters are options of `docker run`, without the hyphens.
	Parameters []Parameter `json:"parameters,omitempty"`
	// ShmSize is the size of /dev/shm; 0 leaves it to the agent.
	ShmSize Memory   `json:"shmSize,omitempty"`
	Seccomp *Seccomp `json:"seccomp,omitempty"`
	Rlimits []Rlimit `json:"rlimits,omitempty"`
	Volumes Volumes  `json:"volumes,omitempty"`
	Network Network  `json:"network,omitzero"`
}

// Parameter is one option of `docker run`; an option may be there several times.
type Parameter struct {
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
}

// Seccomp chooses the filter of system calls: exactly one of its fields is set.
type Seccomp struct {
	// Unconfined runs the task without a filter.
	Unconfined bool `json:"unconfined,omitempty"`
	// Profile is the name of a profile in the agents' --seccomp_config_dir.
	Profile string `json:"profile,omitempty"`
}

// Rlimit is a limit of the POSIX system call setrlimit; without values there is no limit.
type Rlimit struct {
	// Type is nofile, core, memlock and so on: a name of Mesos without RLMT_, in lower case.
	Type string `json:"type"`
	Soft *int64 `json:"soft,omitempty"`
	Hard *int64 `json:"hard,omitempty"`
}

// Network is the network of a task.
type Network struct {
	// Mode is host, bridge or container; empty means host.
	Mode NetworkMode `json:"mode,omitempty"`
	// Name is that of a CNI or Docker network, for mode container. For mode bridge with type mesos
	// it is the CNI network that maps ports; empty means mesos-bridge.
	Name string `json:"name,omitempty"`
	// Labels are passed to the network's plugin.
	Labels map[string]string `json:"labels,omitempty"`
}

// defaultBridge is the CNI network that maps ports, as DC/OS and Marathon call it.
const defaultBridge = "mesos-bridge"

// complete returns a copy with every open field filled in, and empty lists absent. Nil stays nil.
func (c *Container) complete() *Container {
	if c == nil {
		return nil
	}
	full := *c
	if full.Type == "" {
		full.Type = MesosContainer
	}
	if full.Network.Mode == "" {
		full.Network.Mode = HostNetwork
	}
	if full.Network.Mode == BridgeNetwork && full.Network.Name == "" && full.Type == MesosContainer {
		full.Network.Name = defaultBridge
	}
	full.Network.Labels = noneIfEmpty(full.Network.Labels)
	full.Parameters, full.Rlimits = orNone(full.Parameters), orNone(full.Rlimits)
	full.Volumes = nil
	for _, v := range c.Volumes {
		if v.Mode == "" {
			v.Mode = ReadWrite
		}
		full.Volumes = append(full.Volumes, v)
	}
	return &full
}

// noneIfEmpty makes an empty map an absent one, which is what it becomes when it is stored.
func noneIfEmpty[V any](m map[string]V) map[string]V {
	if len(m) == 0 {
		return nil
	}
	return m
}
