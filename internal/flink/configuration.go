package flink

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// The options that stand for fields of a spec.
const (
	jobManagerSize  = "jobmanager.memory.process.size"
	taskManagerSize = "taskmanager.memory.process.size"
	taskSlots       = "taskmanager.numberOfTaskSlots"
	cpuCores        = "taskmanager.cpu.cores"
)

// portReason is why ports are not the user's to choose.
const portReason = "the service takes every port from a Mesos offer; a port of your own could be taken on the agent"

// hostReason is why addresses are not the user's to choose.
const hostReason = "the service sets it from the agent that the task is placed on"

// owned are the options that only the service can know, with the reason.
func owned() map[string]string {
	return map[string]string{
		"jobmanager.rpc.address":              hostReason,
		"jobmanager.bind-host":                hostReason,
		"rest.address":                        hostReason,
		"rest.bind-address":                   hostReason,
		"web.address":                         hostReason,
		"jobmanager.web.address":              hostReason,
		"taskmanager.host":                    hostReason,
		"taskmanager.hostname":                hostReason,
		"taskmanager.bind-host":               hostReason,
		"jobmanager.rpc.port":                 portReason,
		"jobmanager.rpc.bind-port":            portReason,
		"high-availability.jobmanager.port":   portReason,
		"rest.port":                           portReason,
		"rest.bind-port":                      portReason,
		"web.port":                            portReason,
		"jobmanager.web.port":                 portReason,
		"blob.server.port":                    portReason,
		"metrics.internal.query-service.port": portReason,
		"taskmanager.rpc.port":                portReason,
		"taskmanager.rpc.bind-port":           portReason,
		"taskmanager.data.port":               portReason,
		"taskmanager.data.bind-port":          portReason,
		"jmx.server.port":                     "JMX would open a port that Mesos does not know of",
		"queryable-state.enable":              "queryable state would open ports that Mesos does not know of",
		"taskmanager.resource-id":             "it is the id of the Mesos task, by which the service and Flink mean the same worker",
		"jobmanager.resource-id":              "it is the id of the Mesos task",
		"mesos.driver.port":                   portReason,
		"mesos.driver.bind-host":              hostReason,
		"mesos.driver.token-file":             "the service makes a token for each cluster",
		"mesos.worker.id-prefix":              "the service names the workers of each cluster",
		"rest.url-prefix":                     "the service's proxy finds the REST API at the root",
		"env.log.dir":                         "logs are in the task's sandbox",
		"env.pid.dir":                         "Mesos knows the process; there is no pid file",
	}
}

// Defaults are the settings that the service makes where the user makes none.
func Defaults(user map[string]string) map[string]string {
	d := map[string]string{
		// A TaskManager that is up before its JobManager, or outlives one, tries again after this.
		// Flink's 10 s are most of the start-up of a cluster whose processes start together.
		"cluster.registration.error-delay": "1s",
	}
	if highlyAvailable(user) {
		// ZooKeeper keeps the leadership of a dead JobManager for this long. Flink's 60 s make a
		// failover take 43 s; 10 s bring it below 15 s and still outlast a long pause of the JVM.
		d["high-availability.zookeeper.client.session-timeout"] = "10s"
		// A new leader waits so long at most for the workers that it is told of, before it counts what is missing. Flink
		// does not wait: a worker that was being started when the JobManager died was asked for twice.
		d["resourcemanager.previous-worker.recovery.timeout"] = "10s"
	}
	for k := range d {
		if _, ok := user[k]; ok {
			delete(d, k)
		}
	}
	return d
}

// highlyAvailable says whether a configuration asks for a high-availability service.
func highlyAvailable(config map[string]string) bool {
	for _, k := range []string{"high-availability.type", "high-availability", "high-availability.mode"} {
		if v, ok := config[k]; ok {
			v = strings.ToLower(strings.TrimSpace(v))
			return v != "" && v != "none"
		}
	}
	return false
}

// CheckConfiguration says which options of a user's flinkConfiguration cannot be honoured
// and why. The error is of type Problems, in the order of the keys.
func CheckConfiguration(config map[string]string) error {
	var problems Problems
	reasons := owned()
	add := func(key, message string) { problems = append(problems, Problem{key, message}) }
	for _, key := range slices.Sorted(maps.Keys(config)) {
		value := config[key]
		switch {
		case key == "" || strings.TrimSpace(key) != key || len(key) > 1000 || strings.ContainsFunc(key, unicode.IsControl) || !utf8.ValidString(key):
			add(key, "is not the name of a Flink option")
			continue
		case !utf8.ValidString(value):
			add(key, "has a value that is not valid UTF-8")
			continue
		}
		reason, ok := reasons[key]
		if !ok || key == "queryable-state.enable" && strings.EqualFold(strings.TrimSpace(value), "false") {
			continue
		}
		add(key, "cannot be set: "+reason+"; remove it")
	}
	for _, key := range []string{"env.java.opts.all", "env.java.opts", "env.java.opts.jobmanager", "env.java.opts.taskmanager"} {
		if _, err := splitOptions(config[key]); err != nil {
			add(key, err.Error())
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// Adopt takes over what a flinkConfiguration says about sizes into the fields of the spec that
// mean the same (process sizes, slots, cpus), and removes it there, so that one place
// rules. A field and an option that contradict each other are a problem. When only parts of
// a process's memory are set, their sum becomes its size. It returns a copy; the error is of
// type Problems and includes those of CheckConfiguration.
func Adopt(sp spec.Spec) (spec.Spec, error) {
	config := maps.Clone(sp.FlinkConfiguration)
	if config == nil {
		config = map[string]string{}
	}
	var problems Problems
	add := func(err error) {
		if p, ok := errors.AsType[Problems](err); ok {
			problems = append(problems, p...)
		}
	}
	add(CheckConfiguration(config))
	size := func(key, field string, to *spec.Memory) {
		v, ok := config[key]
		if !ok {
			return
		}
		m, err := parseMemory(v)
		switch {
		case err != nil:
			add(problem(key, "%v", err))
		case *to != 0 && *to != m:
			add(problem(key, "%s contradicts %s, which is %s: remove one of them", v, field, *to))
		default:
			*to = m
		}
		delete(config, key)
	}
	size(jobManagerSize, "jobManager.memory", &sp.JobManager.Memory)
	size(taskManagerSize, "taskManager.memory", &sp.TaskManager.Memory)
	r := &reader{config: config}
	if v, ok := config[taskSlots]; ok {
		n := r.slots()
		if sp.TaskManager.Slots != 0 && sp.TaskManager.Slots != n && r.err == nil {
			r.fail(taskSlots, "%s contradicts taskManager.slots, which is %d: remove one of them", v, sp.TaskManager.Slots)
		}
		sp.TaskManager.Slots = n
		delete(config, taskSlots)
	}
	if _, ok := config[cpuCores]; ok && sp.TaskManager.CPUs == 0 {
		sp.TaskManager.CPUs = r.cpus(1)
		delete(config, cpuCores)
	}
	add(r.err)
	add(addUp(&sp, r))
	if len(problems) > 0 {
		return spec.Spec{}, problems
	}
	sp.FlinkConfiguration = config
	if len(config) == 0 {
		sp.FlinkConfiguration = nil
	}
	return sp, nil
}

// addUp works out the memory of a task from its parts, where the spec does not say it.
func addUp(sp *spec.Spec, r *reader) error {
	var problems Problems
	add := func(err error) {
		if p, ok := errors.AsType[Problems](err); ok {
			problems = append(problems, p...)
		}
	}
	if _, _, ok := r.find("jobmanager.memory.flink.size", "jobmanager.memory.heap.size"); ok && sp.JobManager.Memory == 0 {
		m, err := SplitJobManager(r.config)
		add(err)
		sp.JobManager.Memory = m.Total()
	}
	_, _, flinkSize := r.find("taskmanager.memory.flink.size")
	_, _, heap := r.find("taskmanager.memory.task.heap.size")
	_, _, managed := r.find("taskmanager.memory.managed.size", "taskmanager.memory.size")
	if sp.TaskManager.Memory == 0 && (flinkSize || heap && managed) {
		m, err := SplitTaskManager(r.config)
		add(err)
		sp.TaskManager.Memory = m.Total()
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// Configuration is what conf/config.yaml says for every process of a cluster: the service's
// defaults, the user's settings, and the sizes of the spec, from which Flink's ResourceManager
// works out the workers to ask for. extra wins over all of them.
func Configuration(spec spec.Spec, extra map[string]string) map[string]string {
	config := Defaults(spec.FlinkConfiguration)
	maps.Copy(config, spec.FlinkConfiguration)
	if spec.JobManager.Memory > 0 {
		config[jobManagerSize] = spec.JobManager.Memory.String()
	}
	if spec.TaskManager.Memory > 0 {
		config[taskManagerSize] = spec.TaskManager.Memory.String()
	}
	if spec.TaskManager.Slots > 0 {
		config[taskSlots] = strconv.Itoa(spec.TaskManager.Slots)
	}
	if _, ok := config[cpuCores]; !ok && spec.TaskManager.CPUs > 0 {
		config[cpuCores] = javaDouble(spec.TaskManager.CPUs)
	}
	maps.Copy(config, extra)
	return config
}
