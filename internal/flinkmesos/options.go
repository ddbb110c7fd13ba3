package flinkmesos

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// Line says what became of one option that was set.
type Line struct {
	Key     string
	Outcome Outcome
	// Note is a sentence about it, which begins with the key.
	Note string
}

// field is where a flinkConfiguration is in a spec.
const field = "flinkConfiguration."

// Adopt takes over the options of flink-mesos in a spec's flinkConfiguration, which may come from a flink-conf.yaml of
// old. Translated and obsolete ones are removed there. It returns a copy and a line for each option; the error is a
// fault.Invalid with every option that is refused, cannot be read, or contradicts a field of the spec.
func Adopt(sp spec.Spec) (spec.Spec, []Line, error) {
	if !slices.ContainsFunc(slices.Collect(maps.Keys(sp.FlinkConfiguration)), IsOption) {
		return sp, nil, nil
	}
	r := &reader{spec: sp, config: maps.Clone(sp.FlinkConfiguration)}
	r.spec.TaskManager.Labels = maps.Clone(sp.TaskManager.Labels)
	r.spec.TaskManager.Ports = slices.Clone(sp.TaskManager.Ports)
	r.spec.URIs = slices.Clone(sp.URIs)
	var lines []Line
	known := map[string]bool{}
	for _, o := range Options() {
		known[o.Key] = true
		value, set := r.config[o.Key]
		if !set {
			continue
		}
		note := o.Key + " " + o.Note
		if o.Outcome == Translated {
			note += " (" + o.Field + ")"
		}
		lines = append(lines, Line{Key: o.Key, Outcome: o.Outcome, Note: note})
		r.key = o.Key
		switch {
		case o.read != nil:
			if value = strings.TrimSpace(value); value != "" {
				o.read(r, value)
			}
		case o.Outcome == Refused:
			r.fail("%s", o.Note)
		}
		if o.Outcome != Kept {
			delete(r.config, o.Key)
		}
	}
	r.container()
	for _, key := range slices.Sorted(maps.Keys(sp.FlinkConfiguration)) {
		if IsOption(key) && !known[key] {
			r.key = key
			r.fail("is not an option of flink-mesos: look whether it is spelt right, or remove it")
		}
	}
	if err := r.problems.Err("the options of flink-mesos cannot all be taken over"); err != nil {
		return spec.Spec{}, lines, err
	}
	r.spec.FlinkConfiguration = r.config
	if len(r.config) == 0 {
		r.spec.FlinkConfiguration = nil
	}
	return r.spec, lines, nil
}

// IsOption says whether an option may be one of flink-mesos. The driver of this service has options of its own.
func IsOption(key string) bool {
	return strings.HasPrefix(key, "mesos.") && !strings.HasPrefix(key, "mesos.driver.") && !strings.HasPrefix(key, "mesos.worker.") ||
		strings.HasSuffix(key, ".zookeeper.path.mesos-workers")
}

// reader takes over options, one after the other.
type reader struct {
	spec     spec.Spec
	config   map[string]string
	key      string
	problems fault.List
	// box is what the options say of the container, nil for nothing.
	box *spec.Container
	// boxKey is the first of them.
	boxKey string
}

func (r *reader) fail(format string, args ...any) { r.problems.Add(field+r.key, format, args...) }

// put sets a field unless it has another value already.
func put[T comparable](r *reader, name string, to *T, value T) {
	var open T
	if *to != open && *to != value {
		r.fail("%v contradicts %s, which is %v: remove one of them", value, name, *to)
		return
	}
	*to = value
}

func (r *reader) number(value string) (float64, bool) {
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) || n < 0 {
		r.fail("%q is not a number of 0 or more", shorten(value))
		return 0, false
	}
	return n, n > 0
}

func (r *reader) whole(value string) (int, bool) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		r.fail("%q is not a whole number of 0 or more", shorten(value))
		return 0, false
	}
	return n, n > 0
}

func (r *reader) role(v string) { put(r, "role", &r.spec.Role, v) }

func (r *reader) user(v string) { put(r, "user", &r.spec.User, v) }

func (r *reader) bootstrap(v string) {
	put(r, "taskManager.bootstrap", &r.spec.TaskManager.Bootstrap, v)
}

func (r *reader) hostname(v string) { put(r, "taskManager.hostname", &r.spec.TaskManager.Hostname, v) }

func (r *reader) networkResource(v string) {
	if strings.Trim(r.config["mesos.resourcemanager.tasks.network.bandwidth"], "0. ") != "" {
		put(r, "taskManager.networkResource", &r.spec.TaskManager.NetworkResource, v)
	}
}

func (r *reader) attributes(v string) {
	if _, err := constraint.HostAttributes(v); err != nil {
		if e, ok := errors.AsType[*constraint.Error](err); ok {
			for _, p := range e.Problems {
				r.problems.Add(field+p.Field, "%s", p.Message)
			}
			return
		}
		r.fail("%v", err)
	}
}

// taskManagerCommand accepts the start script that flink-mesos had.
func (r *reader) taskManagerCommand(v string) {
	if v != "$FLINK_HOME/bin/mesos-taskmanager.sh" {
		r.fail("cannot be set: the service starts Flink by its own script; use taskManager.bootstrap for what comes before it")
	}
}

// cpus gives way to the option that Flink has had since.
func (r *reader) cpus(v string) {
	if n, some := r.number(v); some && r.config["taskmanager.cpu.cores"] == "" {
		put(r, "taskManager.cpus", &r.spec.TaskManager.CPUs, n)
	}
}

// memory gives way to the options that Flink has had since.
func (r *reader) memory(v string) {
	for _, key := range []string{"taskmanager.memory.process.size", "taskmanager.memory.flink.size", "taskmanager.memory.task.heap.size"} {
		if r.config[key] != "" {
			return
		}
	}
	r.mebibytes(v, "taskManager.memory", &r.spec.TaskManager.Memory)
}

func (r *reader) disk(v string) { r.mebibytes(v, "taskManager.disk", &r.spec.TaskManager.Disk) }

func (r *reader) mebibytes(v, name string, to *spec.Memory) {
	n, some := r.number(v)
	if n > float64(spec.MaxMemory/spec.MiB) {
		r.fail("%s is more than %s: it is in MiB", v, spec.MaxMemory)
		return
	}
	if some {
		put(r, name, to, spec.Memory(math.Ceil(n))*spec.MiB)
	}
}

func (r *reader) gpus(v string) {
	if n, some := r.whole(v); some {
		put(r, "taskManager.gpus", &r.spec.TaskManager.GPUs, n)
	}
}

// bandwidth was an amount of a resource that was called network by default.
func (r *reader) bandwidth(v string) {
	n, some := r.number(v)
	if !some {
		return
	}
	put(r, "taskManager.networkBandwidth", &r.spec.TaskManager.NetworkBandwidth, n)
	if r.spec.TaskManager.NetworkResource == "" {
		r.spec.TaskManager.NetworkResource = "network"
	}
}

func (r *reader) initialTasks(v string) {
	n, some := r.whole(v)
	switch {
	case !some:
	case r.spec.Allocation == spec.Static:
		put(r, "taskManagers.count", &r.spec.TaskManagers.Count, n)
	default:
		put(r, "taskManagers.min", &r.spec.TaskManagers.Min, n)
	}
}

func (r *reader) labels(v string) {
	for entry := range strings.SplitSeq(v, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(entry), ":")
		if !ok || key == "" {
			r.fail("%q is not a label: write name:value", shorten(entry))
			continue
		}
		if r.spec.TaskManager.Labels == nil {
			r.spec.TaskManager.Labels = map[string]string{}
		}
		if had, ok := r.spec.TaskManager.Labels[key]; ok && had != value {
			r.fail("%q contradicts taskManager.labels, where it is %q: remove one of them", shorten(entry), shorten(had))
		}
		r.spec.TaskManager.Labels[key] = value
	}
}

func (r *reader) uris(v string) {
	for uri := range strings.SplitSeq(v, ",") {
		if uri = strings.TrimSpace(uri); uri != "" && !slices.ContainsFunc(r.spec.URIs, func(u spec.URI) bool { return u.Value == uri }) {
			r.spec.URIs = append(r.spec.URIs, spec.URI{Value: uri, Extract: true})
		}
	}
}

// ports asks for a port for each option. Those of Flink itself have always one.
func (r *reader) ports(v string) {
	own := []string{"taskmanager.rpc.port", "taskmanager.data.port", "metrics.internal.query-service.port"}
	for option := range strings.SplitSeq(v, ",") {
		option = strings.TrimSpace(option)
		if option == "" || slices.Contains(own, option) ||
			slices.ContainsFunc(r.spec.TaskManager.Ports, func(p spec.Port) bool { return p.Option == option }) {
			continue
		}
		r.spec.TaskManager.Ports = append(r.spec.TaskManager.Ports, spec.Port{Name: portName(option), Option: option})
	}
}

// portName makes a name for a port of an option's.
func portName(option string) string {
	name := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			return c
		}
		return '-'
	}, strings.ToLower(option))
	name = name[max(0, len(name)-63):] // The end tells ports apart.
	return strings.Trim(name, "-")
}

func (r *reader) inBox() *spec.Container {
	if r.box == nil {
		r.box, r.boxKey = &spec.Container{}, r.key
	}
	return r.box
}

func (r *reader) containerType(v string) {
	switch t := spec.ContainerType(v); t {
	case spec.DockerContainer:
		r.inBox().Type = t
	case spec.MesosContainer: // It was the default, and a task needs no container for it.
	default:
		r.fail("%q is not a type of container: use mesos or docker", shorten(v))
	}
}

func (r *reader) image(v string) { r.inBox().Image = v }

func (r *reader) volumes(v string) {
	volumes, err := spec.ParseVolumes(v)
	if err != nil {
		r.fail("%v", err)
		return
	}
	r.inBox().Volumes = volumes
}

func (r *reader) parameters(v string) {
	if r.box == nil || r.box.Type != spec.DockerContainer {
		return // They had no effect in Mesos' own containerizer.
	}
	for entry := range strings.SplitSeq(v, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(entry), "=")
		if !ok || key == "" {
			r.fail("%q is not a parameter: write name=value", shorten(entry))
			continue
		}
		r.inBox().Parameters = append(r.inBox().Parameters, spec.Parameter{Key: key, Value: value})
	}
}

func (r *reader) forcePull(v string) {
	pull, err := strconv.ParseBool(strings.ToLower(v))
	if err != nil {
		r.fail("%q is neither true nor false", shorten(v))
		return
	}
	if pull && r.box != nil && r.box.Image != "" {
		r.box.ForcePull = true
	}
}

// container puts what the options say of the container into the spec.
func (r *reader) container() {
	if r.box == nil {
		return
	}
	if r.spec.TaskManager.Container != nil {
		r.key = r.boxKey
		r.fail("contradicts taskManager.container: remove one of them")
		return
	}
	r.spec.TaskManager.Container = r.box
}

func shorten(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}
