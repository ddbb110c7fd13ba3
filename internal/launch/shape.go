package launch

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// unknownHost stands in a command for the address that a task on a network of its own finds out when it
// starts. The domain is one that never exists (RFC 2606).
const unknownHost = "this-task.invalid"

// findAddress puts the first address of the container that is neither IPv6 nor its own loopback into a
// variable. Mesos' default executor tells it; elsewhere the container's own name leads to it, which the CNI
// isolator and Docker write into its /etc/hosts.
const findAddress = `task_address=${MESOS_CONTAINER_IP:-$(hostname -i 2>/dev/null | tr ' ' '\n' | grep -v -e '^127\.' -e : -e '^$' | head -n 1)}
[ -n "$task_address" ] || { echo "flink: this container cannot find out its own address: set hostname in the spec, or use the network mode host or bridge" >&2; exit 78; }
`

// host is the name or address that a process tells the others as its own.
func host(l state.Launch) string {
	return cmp.Or(task.HostOf(l.Spec, &l.Task), unknownHost)
}

// shape puts a process into its task: the container, the environment, the labels, and what others see of it.
func (p *Planner) shape(l state.Launch, start flink.Launch) task.Template {
	o, e := l.Spec.OptionsOf(l.Task.Kind), l.Spec.ExposureOf(l.Task.Kind)
	plan := task.Template{
		Command: command(l, o, start.Command), Environment: p.environment(l, o, start.Environment), User: l.Spec.User,
		KillGrace: o.KillGracePeriod.Or(p.o.KillGrace), Container: o.Container, Labels: map[string]string{},
	}
	maps.Copy(plan.Labels, o.Labels)
	plan.Labels["flink-cluster"], plan.Labels["flink-role"] = l.Spec.Name, string(l.Task.Kind)
	mode := l.Spec.NetworkOf(l.Task.Kind).Mode
	if c := o.Container; c != nil {
		plan.User = cmp.Or(c.User, plan.User)
		if c.Type == spec.DockerContainer && c.User != "" {
			// The agent need not know the image's users: Docker is told by a parameter.
			plan.User = l.Spec.User
		}
		if mode != spec.HostNetwork {
			plan.Hostname = hostname(e.Hostname, l.Task.ID)
		}
	}
	if mode == spec.BridgeNetwork {
		plan.Mappings = mappings(l, e)
	}
	plan.Discovery = discovery(l, e, mode)
	plan.Check = check(l, e)
	return plan
}

// hostname is the first label of the name that the others know the task by.
func hostname(name, id string) string {
	first, _, _ := strings.Cut(strings.ReplaceAll(name, "_TASK_", id), ".")
	return first
}

// command puts what comes before the start script in front of it.
func command(l state.Launch, o spec.TaskOptions, start string) string {
	var b strings.Builder
	if o.Container != nil && o.Container.Image != "" {
		// An image has a working directory of its own; what was fetched is in the sandbox.
		b.WriteString("cd \"${MESOS_SANDBOX:-.}\" || exit 72\n")
	}
	if host(l) == unknownHost {
		b.WriteString(findAddress)
		start = strings.ReplaceAll(start, "="+unknownHost+" ", "=\"$task_address\" ")
	}
	b.WriteString(sweep(l))
	start = strings.ReplaceAll(start, sandbox, "\"$PWD\"")
	if o.Bootstrap != "" {
		b.WriteString("{ " + o.Bootstrap + "\n} && ")
	}
	b.WriteString(start)
	return b.String()
}

// environment has, from the weakest: what the service hands on of its own, its Java, what Flink's configuration and the
// overlays set, the numbers of the spec's ports, and the spec's own.
func (p *Planner) environment(l state.Launch, o spec.TaskOptions, flinks map[string]string) map[string]string {
	env := p.inherited()
	if p.o.JavaHome != "" && (o.Container == nil || o.Container.Image == "") {
		env["JAVA_HOME"] = p.o.JavaHome
	}
	maps.Copy(env, flinks)
	maps.Copy(env, p.overlayEnvironment(l.Spec))
	if o.JavaHome != "" {
		env["JAVA_HOME"] = o.JavaHome
	}
	for _, port := range extraPorts(l) {
		env["PORT_"+strings.ToUpper(strings.ReplaceAll(port.Name, "-", "_"))] = strconv.Itoa(inside(l, port))
	}
	maps.Copy(env, l.Spec.Environment)
	return env
}

// extraPorts are the ports of the spec that are not Flink's own.
func extraPorts(l state.Launch) []spec.Port {
	own := flink.PortNames(l.Task.Kind, true)
	return slices.DeleteFunc(slices.Clone(l.Spec.ExposureOf(l.Task.Kind).Ports), func(p spec.Port) bool {
		return slices.Contains(own, p.Name)
	})
}

// inside is the number of a port where the process listens on it.
func inside(l state.Launch, p spec.Port) int {
	return cmp.Or(p.ContainerPort, l.Task.Ports[p.Name])
}

// portArguments set the Flink options that get the number of a port.
func portArguments(l state.Launch) []string {
	var args []string
	for _, p := range extraPorts(l) {
		if p.Option != "" {
			args = append(args, "-D", p.Option+"="+strconv.Itoa(inside(l, p)))
		}
	}
	return args
}

// mappings lead every port of the task to the container. Flink's own have the same number on both sides,
// because Flink tells others the number that it listens on.
func mappings(l state.Launch, e spec.Exposure) []task.Mapping {
	var all []task.Mapping
	for _, name := range slices.Sorted(maps.Keys(l.Task.Ports)) {
		m := task.Mapping{HostPort: l.Task.Ports[name], ContainerPort: l.Task.Ports[name], Protocol: "tcp"}
		if i := slices.IndexFunc(e.Ports, func(p spec.Port) bool { return p.Name == name }); i >= 0 {
			m.ContainerPort = inside(l, e.Ports[i])
			m.Protocol = cmp.Or(e.Ports[i].Protocol, "tcp")
		}
		all = append(all, m)
	}
	return all
}

// discovery is what Mesos-DNS and DC/OS know of the task: its ports by name, with the labels that make a
// virtual address of one.
func discovery(l state.Launch, e spec.Exposure, mode spec.NetworkMode) *task.Discovery {
	d := &task.Discovery{Name: l.Spec.Name + "-" + string(l.Task.Kind), Visibility: spec.VisibleToCluster}
	if e.Discovery != nil {
		d.Name, d.Visibility = cmp.Or(e.Discovery.Name, d.Name), cmp.Or(e.Discovery.Visibility, d.Visibility)
	}
	for _, name := range slices.Sorted(maps.Keys(l.Task.Ports)) {
		port := task.Port{Name: name, Protocol: "tcp", Number: l.Task.Ports[name], Labels: map[string]string{}}
		if i := slices.IndexFunc(e.Ports, func(p spec.Port) bool { return p.Name == name }); i >= 0 {
			port.Protocol = cmp.Or(e.Ports[i].Protocol, "tcp")
			maps.Copy(port.Labels, e.Ports[i].Labels)
		}
		if len(port.Labels) > 0 && mode == spec.ContainerNetwork {
			// So that DC/OS leads a virtual address to the container and not to the agent.
			port.Labels["network-scope"] = "container"
		}
		d.Ports = append(d.Ports, port)
	}
	return d
}

// check is the health check in full. The JobManager's REST API answers /overview only when a dispatcher leads, so with
// high availability an election that takes long would end every JobManager: then a connection is the default. A
// TaskManager has nothing but its RPC port.
func check(l state.Launch, e spec.Exposure) *task.Check {
	h := e.HealthCheck
	if h == nil {
		return nil
	}
	c := &task.Check{
		Port: l.Task.Ports[flink.PortRPC], Delay: h.Delay.Or(15 * time.Second), GracePeriod: h.GracePeriod.Or(5 * time.Minute),
		Interval: h.Interval.Or(time.Minute), Timeout: h.Timeout.Or(20 * time.Second), ConsecutiveFailures: cmp.Or(h.ConsecutiveFailures, 3),
	}
	if l.Task.Kind != spec.JobManagerTask {
		return c
	}
	c.Port = l.Task.Ports[flink.PortREST]
	if !h.HTTP(l.Spec) {
		return c
	}
	c.Scheme, c.Path = "http", "/overview"
	if l.Spec.SecureREST() {
		c.Scheme = "https"
	}
	return c
}

// externalResources is Flink's list of resources beside cpus and memory.
const externalResources = "external-resources"

// gpuConfiguration has Flink know the GPUs of its TaskManagers (external resource framework). The plugin is part of
// Flink's distribution, and its script asks nvidia-smi, which shows a task its own GPUs only.
func gpuConfiguration(s spec.Spec) map[string]string {
	if s.TaskManager.GPUs == 0 {
		return nil
	}
	names := strings.FieldsFunc(s.FlinkConfiguration[externalResources], func(r rune) bool { return r == ';' || r == ',' || r == ' ' })
	if !slices.Contains(names, "gpu") {
		names = append(names, "gpu")
	}
	return map[string]string{
		externalResources:                            strings.Join(names, ";"),
		"external-resource.gpu.amount":               strconv.Itoa(s.TaskManager.GPUs),
		"external-resource.gpu.driver-factory.class": "org.apache.flink.externalresource.gpu.GPUDriverFactory",
	}
}
