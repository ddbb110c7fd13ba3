package flinkmesos

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// box returns the JobManager's container, which is made when something is said of it.
func (m *importer) box() *spec.Container {
	if m.spec.JobManager.Container == nil {
		m.spec.JobManager.Container = &spec.Container{}
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
				m.box().Type = spec.DockerContainer
				m.line(key, Translated, "jobManager.container.type", "")
			case "MESOS":
				m.line(key, Obsolete, "", "mesos is the type of container anyway")
			default:
				m.line(key, Refused, "", "is neither MESOS nor DOCKER")
			}
		case "docker":
			m.docker(object(v))
		case "volumes":
			list, _ := v.([]any)
			for i, e := range list {
				m.volume(fmt.Sprintf("%s[%d]", key, i), object(e))
			}
		case "portMappings":
			m.line(key, Obsolete, "", "the service maps every port of a task by itself")
		default:
			m.line(key, Refused, "", "is not taken over: look whether jobManager.container has it")
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
			m.line(key, Translated, box+"image", "a Flink in it is not used, a Java is: Flink 2.x needs 11 or newer")
		case "forcePullImage":
			m.box().ForcePull = true
			m.line(key, Translated, box+"forcePull", "")
		case "privileged":
			m.box().Privileged = true
			m.line(key, Translated, box+"privileged", "the service must allow it (ALLOW_PRIVILEGED_CONTAINERS)")
		case "parameters":
			list, _ := v.([]any)
			for _, e := range list {
				m.box().Parameters = append(m.box().Parameters, spec.Parameter{Key: text(object(e)["key"]), Value: text(object(e)["value"])})
			}
			m.line(key, Translated, box+"parameters", "")
		case "network":
			m.network(key, strings.ToLower(text(v)), "")
		case "portMappings":
			m.line(key, Obsolete, "", "the service maps every port of a task by itself")
		case "pullConfig":
			m.line(key, Refused, "", "names a secret of the app: write its path in the secret store as "+box+"pullSecret")
		default:
			m.line(key, Refused, "", "is not taken over: look whether jobManager.container has it")
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
		m.line(key, Obsolete, "", "the network of the host is used anyway")
	case "bridge":
		m.box().Network.Mode = spec.BridgeNetwork
		m.line(key, Translated, "jobManager.container.network", "TaskManagers stay on the network of the host, as they were")
	case "container", "user":
		if name == "" {
			m.line(key, Refused, "", "names no network: set jobManager.container.network.name")
			return
		}
		m.box().Network = spec.Network{Mode: spec.ContainerNetwork, Name: name}
		m.line(key, Translated, "jobManager.container.network", "TaskManagers stay on the network of the host, as they were")
	default:
		m.line(key, Refused, "", "is no network that is known here")
	}
}

func (m *importer) volume(key string, v map[string]any) {
	volume := spec.Volume{ContainerPath: text(v["containerPath"]), HostPath: text(v["hostPath"]), Mode: spec.VolumeMode(strings.ToUpper(text(v["mode"])))}
	external := object(v["external"])
	switch {
	case external != nil:
		volume.External = &spec.ExternalVolume{Name: text(external["name"]), Driver: "rexray"}
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
		m.line(key, Refused, "", "is neither a directory of the agent nor an external volume")
		return
	}
	m.box().Volumes = append(m.box().Volumes, volume)
	m.line(key, Translated, "jobManager.container.volumes", "")
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
			m.line(key, Obsolete, "", obsolete()["ports"])
			continue
		}
		m.spec.JobManager.Ports = append(m.spec.JobManager.Ports, spec.Port{Name: "rest", Labels: labels})
		m.line(key, Translated, "jobManager.ports", "the number is of the offer; the labels, such as a VIP, are those of the REST port")
	}
}
