package spec

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	imagePattern    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]*$`)
	networkPattern  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
	secretPattern   = regexp.MustCompile(`^[A-Za-z0-9_-]([A-Za-z0-9_./-]*[A-Za-z0-9_-])?$`)
	parameterKey    = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	profilePattern  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_./-]*$`)
	containerUserID = regexp.MustCompile(`^[0-9]{1,10}(:[0-9]{1,10})?$`)
)

// rlimitTypes are the names of RLimitInfo.RLimit.Type in mesos.proto.
var rlimitTypes = []string{
	"as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack",
}

// takenParameters are options of `docker run` that Mesos' Docker executor gives itself.
var takenParameters = map[string]string{
	"net": "set container.network", "network": "set container.network", "name": "Mesos names the container",
	"p": "name a port in ports", "publish": "name a port in ports", "publish-all": "Mesos would not know of the ports",
	"h": "set hostname", "hostname": "set hostname", "d": "Mesos waits for the container", "detach": "Mesos waits for the container",
	"rm": "Mesos removes the container", "entrypoint": "Mesos runs the command", "c": "set cpus", "cpu-shares": "set cpus",
	"cpus": "set cpus", "cpu-quota": "set cpus", "m": "set memory", "memory": "set memory", "restart": "the service restarts tasks",
	"shm-size": "set container.shmSize", "ulimit": "set container.rlimits", "u": "set container.user", "user": "set container.user",
	"volume-driver": "set container.volumes[].external", "w": "Flink runs in the sandbox", "workdir": "Flink runs in the sandbox",
}

// mightyParameters are options of `docker run` that give a container rights on its agent.
var mightyParameters = []string{
	"privileged", "cap-add", "device", "device-cgroup-rule", "pid", "ipc", "uts", "userns", "security-opt", "cgroup-parent", "cgroupns", "gpus", "runtime",
}

// check holds the checks of a container; field is its place in the spec.
func (c *Container) check(field string, r Rules) []problem {
	if c == nil {
		return nil
	}
	docker := c.Type == DockerContainer
	at := func(name string) string { return field + "." + name }
	checks := []problem{
		{
			!slices.Contains([]ContainerType{MesosContainer, DockerContainer}, c.Type), at("type"),
			quote(string(c.Type)) + " is not a type of container: use mesos or docker",
		},
		{docker && c.Image == "", at("image"), "is missing: a container of type docker is started from an image"},
		{c.Image != "" && (!imagePattern.MatchString(c.Image) || len(c.Image) > 512), at("image"), quote(c.Image) + " is not the name of an image: write registry/name:tag"},
		{c.ForcePull && c.Image == "", at("forcePull"), "has nothing to pull: set image, or remove it"},
		{c.PullSecret != "" && docker, at("pullSecret"), "is for type mesos: with docker, let the task fetch a docker.tar.gz with the credentials (uris)"},
		{c.PullSecret != "" && !docker && c.Image == "", at("pullSecret"), "has nothing to pull: set image, or remove it"},
		{c.PullSecret != "" && !secretPattern.MatchString(c.PullSecret), at("pullSecret"), quote(c.PullSecret) + " is not the name of a secret"},
		{c.User != "" && !userPattern.MatchString(c.User) && !(docker && containerUserID.MatchString(c.User)), at("user"), quote(c.User) + " is not the name of an operating system user"},
		{c.Privileged && !docker, at("privileged"), "is for type docker"},
		{c.Privileged && docker && !r.Privileged, at("privileged"), privilegedMessage},
		{len(c.Parameters) > 0 && !docker, at("parameters"), "are options of docker run: set type to docker, or remove them"},
		{len(c.Parameters) > maxEntries, at("parameters"), fmt.Sprintf("has more than %d elements", maxEntries)},
		{c.ShmSize < 0 || c.ShmSize > MaxMemory || c.ShmSize%MiB != 0, at("shmSize"), fmt.Sprintf("%s is out of range: use whole mebibytes from 1m to %s", c.ShmSize, MaxMemory)},
	}
	for i, p := range c.Parameters {
		checks = append(checks, p.check(fmt.Sprintf("%s[%d]", at("parameters"), i), r)...)
	}
	checks = append(checks, c.checkSeccomp(at("seccomp"))...)
	checks = append(checks, c.checkRlimits(at("rlimits"))...)
	checks = append(checks, c.checkVolumes(at("volumes"))...)
	return append(checks, c.checkNetwork(at("network"))...)
}

const privilegedMessage = "would give the container all rights on its agent, which this service does not allow: remove it, or have an operator set ALLOW_PRIVILEGED_CONTAINERS"

func (p Parameter) check(field string, r Rules) []problem {
	reason, taken := takenParameters[p.Key]
	return []problem{
		{!parameterKey.MatchString(p.Key), field + ".key", quote(p.Key) + " is not an option of docker run: write it without the hyphens in front"},
		{taken, field + ".key", fmt.Sprintf("%s cannot be set: %s", p.Key, reason)},
		{slices.Contains(mightyParameters, p.Key) && !r.Privileged, field + ".key", p.Key + " " + privilegedMessage},
		checkText(field+".value", p.Value),
	}
}

func (c *Container) checkSeccomp(field string) []problem {
	s := c.Seccomp
	if s == nil {
		return nil
	}
	return []problem{
		{s.Unconfined == (s.Profile != ""), field, "needs exactly one of unconfined and profile"},
		{s.Profile != "" && c.Type == DockerContainer, field + ".profile", "names a profile of Mesos: with docker use unconfined, or leave it to the daemon"},
		{s.Profile != "" && (!profilePattern.MatchString(s.Profile) || !inside(s.Profile)), field + ".profile", quote(s.Profile) + " is not the name of a profile"},
	}
}

func (c *Container) checkRlimits(field string) []problem {
	var checks []problem
	seen := map[string]bool{}
	for i, l := range c.Rlimits {
		at := fmt.Sprintf("%s[%d]", field, i)
		checks = append(checks,
			problem{!slices.Contains(rlimitTypes, l.Type), at + ".type", fmt.Sprintf("%s is not a limit: use one of %s", quote(l.Type), strings.Join(rlimitTypes, ", "))},
			problem{seen[l.Type], at + ".type", l.Type + " is limited twice"},
			problem{(l.Soft == nil) != (l.Hard == nil), at, "needs soft and hard, or neither for no limit"},
			problem{l.Soft != nil && *l.Soft < 0, at + ".soft", "is negative: leave soft and hard out for no limit"},
			problem{l.Hard != nil && *l.Hard < 0, at + ".hard", "is negative: leave soft and hard out for no limit"},
			problem{l.Soft != nil && l.Hard != nil && *l.Soft > *l.Hard, at + ".soft", "is above hard"},
		)
		seen[l.Type] = true
	}
	return checks
}

// checkVolumes holds the checks of what is mounted. Docker's daemon knows one volume driver for each container.
func (c *Container) checkVolumes(field string) []problem {
	checks := []problem{{len(c.Volumes) > maxEntries, field, fmt.Sprintf("has more than %d elements", maxEntries)}}
	places := map[string]bool{}
	driver := ""
	for i, v := range c.Volumes {
		at := fmt.Sprintf("%s[%d]", field, i)
		place := path.Clean(v.ContainerPath)
		checks = append(checks,
			problem{v.ContainerPath == "", at + ".containerPath", "is missing"},
			problem{v.ContainerPath != "" && !mountable(v.ContainerPath), at + ".containerPath", quote(v.ContainerPath) + " is not a path to mount at: use a normal path, absolute or in the sandbox, without colons"},
			problem{places[place], at + ".containerPath", quote(v.ContainerPath) + " is mounted twice"},
			problem{v.Mode != ReadWrite && v.Mode != ReadOnly, at + ".mode", quote(string(v.Mode)) + " is not a mode: use RW or RO"},
			problem{(v.HostPath == "") == (v.External == nil), at, "needs exactly one of hostPath and external"},
			problem{v.HostPath != "" && !mountable(v.HostPath), at + ".hostPath", quote(v.HostPath) + " is not a path on an agent: use a normal path, absolute or in the sandbox, without colons"},
		)
		places[place] = true
		if e := v.External; e != nil {
			checks = append(checks,
				problem{!networkPattern.MatchString(e.Driver), at + ".external.driver", quote(e.Driver) + " is not the name of a volume driver"},
				problem{e.Name == "" || len(e.Name) > 1024 || hasControl(e.Name) || strings.ContainsAny(e.Name, ":/"), at + ".external.name", quote(e.Name) + " is not the name of a volume"},
				problem{c.Type == DockerContainer && driver != "" && e.Driver != driver, at + ".external.driver", "a docker container has one volume driver for all its volumes, and another is " + quote(driver)},
			)
			checks = append(checks, checkTexts(at+".external.options", e.Options, checkLabel)...)
			driver = e.Driver
		}
	}
	return checks
}

// mountable says whether a path can be mounted, from or to: colons separate paths for Docker.
func mountable(name string) bool {
	relative := strings.TrimPrefix(name, "/")
	return relative != "" && inside(strings.TrimSuffix(relative, "/")) && !strings.Contains(name, ":") && len(name) <= 4096
}

func (c *Container) checkNetwork(field string) []problem {
	n := c.Network
	known := slices.Contains([]NetworkMode{HostNetwork, BridgeNetwork, ContainerNetwork}, n.Mode)
	checks := []problem{
		{!known, field + ".mode", quote(string(n.Mode)) + " is not a mode of network: use host, bridge or container"},
		{n.Mode == ContainerNetwork && n.Name == "", field + ".name", "is missing: which network shall the tasks join?"},
		{n.Mode == HostNetwork && n.Name != "", field + ".name", "is for mode container: on the host's network there is nothing to name"},
		{n.Mode == BridgeNetwork && c.Type == DockerContainer && n.Name != "", field + ".name", "is for mode container: Docker has one bridge"},
		{n.Name != "" && !networkPattern.MatchString(n.Name), field + ".name", quote(n.Name) + " is not the name of a network"},
		{n.Mode != ContainerNetwork && !(n.Mode == BridgeNetwork && c.Type == MesosContainer) && len(n.Labels) > 0, field + ".labels", "are for a named network"},
	}
	return append(checks, checkTexts(field+".labels", n.Labels, checkLabel)...)
}

func checkLabel(field, name string) problem {
	return problem{name == "" || len(name) > 1000 || hasControl(name), field, "is not a name: use 1 to 1000 characters without control characters"}
}

// sortedKeys are the names of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
