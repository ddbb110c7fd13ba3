package mesos

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	mesosgo "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// container builds what a task runs in; nil for a process of the agent.
func container(p task.Template) *mesosgo.ContainerInfo {
	c := p.Container
	files := secretVolumes(p.Secrets)
	if c == nil && len(files) == 0 {
		return nil
	}
	if c == nil { // Mesos' own containerizer mounts the secrets; the task stays a process of the agent.
		c = &spec.Container{Type: spec.MesosContainer}
	}
	info := &mesosgo.ContainerInfo{Volumes: append(volumes(c.Volumes), files...)}
	if p.Hostname != "" {
		info.Hostname = new(p.Hostname)
	}
	if c.Type == spec.DockerContainer {
		info.Type = mesosgo.ContainerInfo_DOCKER.Enum()
		info.Docker = docker(p)
	} else {
		info.Type = mesosgo.ContainerInfo_MESOS.Enum()
		info.Mesos = &mesosgo.ContainerInfo_MesosInfo{Image: image(c)}
		info.LinuxInfo = linux(c)
		info.RlimitInfo = rlimits(c.Rlimits)
	}
	if n := c.Network; n.Name != "" {
		network := mesosgo.NetworkInfo{Name: new(n.Name), Labels: labels(n.Labels)}
		for _, m := range p.Mappings {
			network.PortMappings = append(network.PortMappings, mesosgo.NetworkInfo_PortMapping{
				HostPort: uint32(m.HostPort), ContainerPort: uint32(m.ContainerPort), Protocol: new(m.Protocol),
			})
		}
		info.NetworkInfos = []mesosgo.NetworkInfo{network}
	}
	return info
}

// image is a Docker image for Mesos' own containerizer.
func image(c *spec.Container) *mesosgo.Image {
	if c.Image == "" {
		return nil
	}
	i := &mesosgo.Image{
		Type: mesosgo.Image_DOCKER.Enum(), Cached: new(!c.ForcePull), Docker: &mesosgo.Image_Docker{Name: c.Image},
	}
	if c.PullSecret != "" {
		i.Docker.Config = &mesosgo.Secret{Type: mesosgo.Secret_REFERENCE, Reference: &mesosgo.Secret_Reference{Name: c.PullSecret}}
	}
	return i
}

func linux(c *spec.Container) *mesosgo.LinuxInfo {
	if c.ShmSize == 0 && c.Seccomp == nil {
		return nil
	}
	l := &mesosgo.LinuxInfo{}
	if c.ShmSize > 0 {
		// A size can only be chosen for a /dev/shm of its own.
		l.IPCMode, l.SHMSize = mesosgo.LinuxInfo_PRIVATE.Enum(), new(uint32(c.ShmSize.MiBCeil()))
	}
	if s := c.Seccomp; s != nil {
		l.Seccomp = &mesosgo.SeccompInfo{}
		if s.Unconfined {
			l.Seccomp.Unconfined = new(true)
		} else {
			l.Seccomp.ProfileName = new(s.Profile)
		}
	}
	return l
}

func rlimits(in []spec.Rlimit) *mesosgo.RLimitInfo {
	if len(in) == 0 {
		return nil
	}
	out := &mesosgo.RLimitInfo{}
	for _, l := range in {
		r := mesosgo.RLimitInfo_RLimit{Type: mesosgo.RLimitInfo_RLimit_Type(mesosgo.RLimitInfo_RLimit_Type_value["RLMT_"+strings.ToUpper(l.Type)])}
		if l.Soft != nil && l.Hard != nil {
			r.Soft, r.Hard = new(uint64(*l.Soft)), new(uint64(*l.Hard))
		}
		out.Rlimits = append(out.Rlimits, r)
	}
	return out
}

// docker is for the Docker daemon, which is told by parameters what Mesos has no fields for.
func docker(p task.Template) *mesosgo.ContainerInfo_DockerInfo {
	c := p.Container
	d := &mesosgo.ContainerInfo_DockerInfo{
		Image: c.Image, Privileged: new(c.Privileged), ForcePullImage: new(c.ForcePull), Parameters: parameters(c),
	}
	switch c.Network.Mode {
	case spec.BridgeNetwork:
		d.Network = mesosgo.ContainerInfo_DockerInfo_BRIDGE.Enum()
		for _, m := range p.Mappings {
			d.PortMappings = append(d.PortMappings, mesosgo.ContainerInfo_DockerInfo_PortMapping{
				HostPort: uint32(m.HostPort), ContainerPort: uint32(m.ContainerPort), Protocol: new(m.Protocol),
			})
		}
	case spec.ContainerNetwork:
		d.Network = mesosgo.ContainerInfo_DockerInfo_USER.Enum()
	case spec.HostNetwork:
		d.Network = mesosgo.ContainerInfo_DockerInfo_HOST.Enum()
	}
	return d
}

func parameters(c *spec.Container) []mesosgo.Parameter {
	var out []mesosgo.Parameter
	add := func(key, value string) { out = append(out, mesosgo.Parameter{Key: key, Value: value}) }
	if c.User != "" {
		add("user", c.User)
	}
	if c.ShmSize > 0 {
		add("shm-size", strconv.FormatInt(c.ShmSize.MiBCeil(), 10)+"m")
	}
	if c.Seccomp != nil && c.Seccomp.Unconfined {
		add("security-opt", "seccomp=unconfined")
	}
	for _, l := range c.Rlimits {
		soft, hard := "-1", "-1"
		if l.Soft != nil && l.Hard != nil {
			soft, hard = strconv.FormatInt(*l.Soft, 10), strconv.FormatInt(*l.Hard, 10)
		}
		add("ulimit", l.Type+"="+soft+":"+hard)
	}
	for _, p := range c.Parameters {
		add(p.Key, p.Value)
	}
	return out
}

func volumes(in spec.Volumes) []mesosgo.Volume {
	var out []mesosgo.Volume
	for _, v := range in {
		m := mesosgo.Volume{ContainerPath: v.ContainerPath, Mode: mesosgo.RW.Enum()}
		if v.Mode == spec.ReadOnly {
			m.Mode = mesosgo.RO.Enum()
		}
		if e := v.External; e != nil {
			m.Source = &mesosgo.Volume_Source{
				Type:         mesosgo.Volume_Source_DOCKER_VOLUME,
				DockerVolume: &mesosgo.Volume_Source_DockerVolume{Driver: new(e.Driver), Name: e.Name, DriverOptions: driverOptions(e.Options)},
			}
		} else {
			m.HostPath = new(v.HostPath)
		}
		out = append(out, m)
	}
	return out
}

func driverOptions(in map[string]string) *mesosgo.Parameters {
	if len(in) == 0 {
		return nil
	}
	out := &mesosgo.Parameters{}
	for _, key := range slices.Sorted(maps.Keys(in)) {
		out.Parameter = append(out.Parameter, mesosgo.Parameter{Key: key, Value: in[key]})
	}
	return out
}

// discoveryInfo is what service discovery is told of a task.
func discoveryInfo(d *task.Discovery) *mesosgo.DiscoveryInfo {
	if d == nil {
		return nil
	}
	visibility := mesosgo.CLUSTER
	switch d.Visibility {
	case spec.VisibleToFramework:
		visibility = mesosgo.FRAMEWORK
	case spec.VisibleToAll:
		visibility = mesosgo.EXTERNAL
	case spec.VisibleToCluster:
	}
	info := &mesosgo.DiscoveryInfo{Visibility: visibility, Name: new(d.Name), Ports: &mesosgo.Ports{}}
	for _, p := range d.Ports {
		info.Ports.Ports = append(info.Ports.Ports, mesosgo.Port{
			Number: uint32(p.Number), Name: new(p.Name), Protocol: new(p.Protocol), Labels: labels(p.Labels),
		})
	}
	return info
}

// healthCheck has the agent's executor look whether a task works.
func healthCheck(c *task.Check) *mesosgo.HealthCheck {
	if c == nil {
		return nil
	}
	h := &mesosgo.HealthCheck{
		DelaySeconds: new(c.Delay.Seconds()), GracePeriodSeconds: new(c.GracePeriod.Seconds()), IntervalSeconds: new(c.Interval.Seconds()),
		TimeoutSeconds: new(c.Timeout.Seconds()), ConsecutiveFailures: new(uint32(c.ConsecutiveFailures)),
	}
	if c.Scheme == "" {
		h.Type, h.TCP = mesosgo.HealthCheck_TCP, &mesosgo.HealthCheck_TCPCheckInfo{Port: uint32(c.Port)}
		return h
	}
	h.Type = mesosgo.HealthCheck_HTTP
	h.HTTP = &mesosgo.HealthCheck_HTTPCheckInfo{Scheme: new(c.Scheme), Port: uint32(c.Port), Path: new(c.Path)}
	return h
}
