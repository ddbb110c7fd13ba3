package migrate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/cluster"
	"github.com/flink-on-mesos/flink-service/internal/legacy"
)

// box returns the JobManager's container, which is made when something is said of it.
func (m *importer) box() *cluster.Container {
	if m.spec.JobManager.Container == nil {
		m.spec.JobManager.Container = &cluster.Container{}
	}
	return m.spec.JobManager.Container
}

// container takes over the app's container for JobManagers; that of TaskManagers is said by options.
func (m *importer) container(c map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(c)) {
		key, v := "container."+name, c[name]
		if empty(v) {
			continue
		}
		switch name {
		case "type":
			switch strings.ToUpper(text(v)) {
			case "DOCKER":
				m.box().Type = cluster.DockerContainer
				m.line(key, legacy.Translated, "jobManager.container.type", "")
			case "MESOS":
				m.line(key, legacy.Obsolete, "", "mesos is the type of container anyway")
			default:
				m.line(key, legacy.Refused, "", "is neither MESOS nor DOCKER")
			}
		case "docker":
			m.docker(object(v))
		case "volumes":
			list, _ := v.([]any)
			for i, e := range list {
				m.volume(fmt.Sprintf("%s[%d]", key, i), object(e))
			}
		case "portMappings":
			m.line(key, legacy.Obsolete, "", "the service maps every port of a task by itself")
		default:
			m.line(key, legacy.Refused, "", "is not taken over: look whether jobManager.container has it")
		}
	}
}

func (m *importer) docker(d map[string]any) {
	const box = "jobManager.container."
	for _, name := range slices.Sorted(maps.Keys(d)) {
		key, v := "container.docker."+name, d[name]
		if empty(v) || v == false {
			continue
		}
		switch name {
		case "image":
			m.box().Image = text(v)
			m.line(key, legacy.Translated, box+"image", "a Flink in it is not used, a Java is: Flink 2.x needs 11 or newer")
		case "forcePullImage":
			m.box().ForcePull = true
			m.line(key, legacy.Translated, box+"forcePull", "")
		case "privileged":
			m.box().Privileged = true
			m.line(key, legacy.Translated, box+"privileged", "the service must allow it (ALLOW_PRIVILEGED_CONTAINERS)")
		case "parameters":
			list, _ := v.([]any)
			for _, e := range list {
				m.box().Parameters = append(m.box().Parameters, cluster.Parameter{Key: text(object(e)["key"]), Value: text(object(e)["value"])})
			}
			m.line(key, legacy.Translated, box+"parameters", "")
		case "network":
			m.network(key, strings.ToLower(text(v)), "")
		case "portMappings":
			m.line(key, legacy.Obsolete, "", "the service maps every port of a task by itself")
		case "pullConfig":
			m.line(key, legacy.Refused, "", "names a secret of the app: write its path in the secret store as "+box+"pullSecret")
		default:
			m.line(key, legacy.Refused, "", "is not taken over: look whether jobManager.container has it")
		}
	}
}

// networks takes over the network of an app in the form that Marathon has had since 1.5.
func (m *importer) networks(v any) {
	list, _ := v.([]any)
	for i, e := range list {
		n := object(e)
		m.network(fmt.Sprintf("networks[%d]", i), strings.TrimPrefix(text(n["mode"]), "container/"), text(n["name"]))
	}
}

func (m *importer) network(key, mode, name string) {
	switch mode {
	case "host", "":
		m.line(key, legacy.Obsolete, "", "the network of the host is used anyway")
	case "bridge":
		m.box().Network.Mode = cluster.BridgeNetwork
		m.line(key, legacy.Translated, "jobManager.container.network", "TaskManagers stay on the network of the host, as they were")
	case "container", "user":
		if name == "" {
			m.line(key, legacy.Refused, "", "names no network: set jobManager.container.network.name")
			return
		}
		m.box().Network = cluster.Network{Mode: cluster.ContainerNetwork, Name: name}
		m.line(key, legacy.Translated, "jobManager.container.network", "TaskManagers stay on the network of the host, as they were")
	default:
		m.line(key, legacy.Refused, "", "is no network that is known here")
	}
}

func (m *importer) volume(key string, v map[string]any) {
	volume := cluster.Volume{ContainerPath: text(v["containerPath"]), HostPath: text(v["hostPath"]), Mode: cluster.VolumeMode(strings.ToUpper(text(v["mode"])))}
	external := object(v["external"])
	switch {
	case external != nil:
		volume.External = &cluster.ExternalVolume{Name: text(external["name"]), Driver: "rexray"}
		for name, o := range object(external["options"]) {
			if name == "dvdi/driver" {
				volume.External.Driver = text(o)
				continue
			}
			if volume.External.Options == nil {
				volume.External.Options = map[string]string{}
			}
			volume.External.Options[strings.TrimPrefix(name, "dvdi/")] = text(o)
		}
	case volume.HostPath == "":
		m.line(key, legacy.Refused, "", "is neither a directory of the agent nor an external volume")
		return
	}
	m.box().Volumes = append(m.box().Volumes, volume)
	m.line(key, legacy.Translated, "jobManager.container.volumes", "")
}

// ports takes over the labels of the first port, which was that of Flink's web UI.
func (m *importer) ports(v any) {
	list, _ := v.([]any)
	for i, e := range list {
		key := fmt.Sprintf("portDefinitions[%d]", i)
		labels := map[string]string{}
		for name, l := range object(object(e)["labels"]) {
			labels[name] = text(l)
		}
		if i > 0 || len(labels) == 0 {
			m.line(key, legacy.Obsolete, "", obsolete()["ports"])
			continue
		}
		m.spec.JobManager.Ports = append(m.spec.JobManager.Ports, cluster.Port{Name: "rest", Labels: labels})
		m.line(key, legacy.Translated, "jobManager.ports", "the number is of the offer; the labels, such as a VIP, are those of the REST port")
	}
}
