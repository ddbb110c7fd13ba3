package flinkmesos

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// parseApp reads a Marathon app, also as Marathon answers it ({"app": …}).
func parseApp(data string) (map[string]any, error) {
	decoder := json.NewDecoder(strings.NewReader(data))
	decoder.UseNumber()
	var app map[string]any
	if err := decoder.Decode(&app); err != nil {
		return nil, fmt.Errorf("is not the JSON of one app: %w", err)
	}
	if inner, ok := app["app"].(map[string]any); ok && len(app) == 1 {
		app = inner
	}
	if text(app["id"]) == "" && app["cmd"] == nil && app["args"] == nil {
		return nil, errors.New("is not the JSON of one app: it has neither id nor cmd")
	}
	return app, nil
}

func (m *importer) line(key string, outcome Outcome, field, note string) {
	m.lines = append(m.lines, wire.ImportLine{Source: appFile, Key: key, Outcome: string(outcome), Field: field, Note: note})
}

// begin reads what the options may depend on: the environment and the command.
func (m *importer) begin(app map[string]any) {
	env, _ := app["env"].(map[string]any)
	for name, v := range env {
		if s, ok := v.(string); ok {
			m.inEnv[name] = s
		}
	}
	m.appSize = number(app["mem"]) > 0
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if s, ok := scalarText(env[name]); ok {
			m.variable("env."+name, name, s)
			continue
		}
		m.secret(name, text(object(env[name])["secret"]), object(app["secrets"]))
	}
	if cmd := text(app["cmd"]); cmd != "" {
		m.command("cmd", cmd)
	}
	if args, ok := app["args"].([]any); ok {
		var words []string
		for _, a := range args {
			words = append(words, text(a))
		}
		if len(words) > 0 {
			m.script("args", append([]string{"mesos-appmaster.sh"}, words...))
		}
	}
}

// secret takes over a variable whose value is a secret of DC/OS. The app knows the secret by a name of its own.
func (m *importer) secret(variable, name string, secrets map[string]any) {
	source := text(object(secrets[name])["source"])
	switch {
	case variable == "DCOS_SERVICE_ACCOUNT_CREDENTIAL":
		m.line("env."+variable, Obsolete, "", "it is the service that logs in at DC/OS")
	case source == "":
		m.line("env."+variable, Refused, "", "names no secret of the app: write it into secrets, with its path in the secret store")
	default:
		m.spec.Secrets = append(m.spec.Secrets, spec.TaskSecret{Environment: variable, Reference: &spec.SecretReference{Name: source}})
		m.line("env."+variable, Translated, "secrets", "is for TaskManagers too")
	}
}

// variable takes over a variable of the JobManager's process.
func (m *importer) variable(key, name, value string) {
	m.inEnv[name] = value
	value, known := m.expand(value)
	switch {
	case name == "MESOS_NATIVE_JAVA_LIBRARY" || strings.HasPrefix(name, "LIBPROCESS_") || strings.HasPrefix(name, "GLOG_"):
		m.line(key, Obsolete, "", "libmesos is not used")
	case name == "FLINK_HOME" || name == "FLINK_CONF_DIR" || name == "FLINK_LIB_DIR" || name == "FLINK_BIN_DIR" || name == "FLINK_PLUGINS_DIR" || name == "FLINK_OPT_DIR":
		m.line(key, Obsolete, "", "Flink and its configuration are fetched into the sandbox")
	case !known:
		m.line(key, Refused, "", "has a variable of the shell that the app does not set: write its value into environment")
	case name == "JAVA_HOME" && strings.HasPrefix(value, "/"):
		m.spec.JavaHome = value
		m.line(key, Translated, "javaHome", "Flink 2.x needs Java 11 or newer there")
	case name == "JVM_ARGS" || name == "FLINK_ENV_JAVA_OPTS" || name == "FLINK_ENV_JAVA_OPTS_JM":
		m.add(appFile, "env.java.opts.jobmanager", value)
		m.line(key, Translated, "flinkConfiguration.env.java.opts.jobmanager", "")
	case name == "FLINK_ENV_JAVA_OPTS_TM":
		m.add(appFile, "env.java.opts.taskmanager", value)
		m.line(key, Translated, "flinkConfiguration.env.java.opts.taskmanager", "")
	default:
		if m.spec.Environment == nil {
			m.spec.Environment = map[string]string{}
		}
		m.spec.Environment[name] = value
		m.line(key, Translated, "environment", "is for TaskManagers too")
	}
}

// setByService says whether an option's value does not matter, because only the service can set it or nothing has its
// meaning any more.
func setByService(key string) bool {
	_, over := gone()[key]
	return over || flink.CheckConfiguration(map[string]string{key: "0"}) != nil || slices.ContainsFunc(Options(), func(o Option) bool {
		return o.Key == key && o.Outcome == Obsolete
	})
}

// obsolete are fields of an app that have no counterpart, with the reason.
func obsolete() map[string]string {
	const (
		marathons = "is about the Marathon app; that of the service has its own"
		ports     = "the service takes every port from offers"
		answer    = "is of Marathon's answer"
	)
	reasons := map[string]string{
		"healthChecks": "the service looks after JobManagers itself; jobManager.healthCheck turns a check by Mesos on",
		"ports":        ports, "requirePorts": ports, "portDefinitions": ports,
		"storeUrls": "Marathon itself no longer has it",
	}
	for _, name := range []string{
		"backoffSeconds", "backoffFactor", "maxLaunchDelaySeconds", "upgradeStrategy", "killSelection", "unreachableStrategy",
		"dependencies", "readinessChecks", "residency", "executor", "taskStats", "check", "tty", "executorResources",
	} {
		reasons[name] = marathons
	}
	for _, name := range []string{
		"version", "versionInfo", "deployments", "tasks", "tasksHealthy", "tasksRunning", "tasksStaged", "tasksUnhealthy",
		"lastTaskFailure", "readinessCheckResults",
	} {
		reasons[name] = answer
	}
	return reasons
}

// finish takes over the rest of the app, after the options, which are stronger.
func (m *importer) finish(app map[string]any) {
	jm := &m.spec.JobManager
	reasons := obsolete()
	for _, name := range slices.Sorted(maps.Keys(app)) {
		v := app[name]
		if empty(v) {
			continue
		}
		switch name {
		case "env", "cmd", "args":
		case "id":
			m.line(name, Translated, "name", "its last part")
		case "cpus":
			m.line(name, Translated, "jobManager.cpus", "")
			jm.CPUs = number(v)
		case "gpus":
			m.line(name, Translated, "jobManager.gpus", "")
			jm.GPUs = int(number(v))
		case "mem":
			if jm.Memory != 0 {
				m.line(name, Obsolete, "", fmt.Sprintf("the JobManager gets what its options say (jobManager.memory: %s)", jm.Memory))
				continue
			}
			jm.Memory = mebibytes(v)
			m.line(name, Translated, "jobManager.memory", "")
		case "disk":
			jm.Disk = mebibytes(v)
			m.line(name, Translated, "jobManager.disk", "")
		case "user":
			if m.spec.User == "" {
				m.spec.User = text(v)
			}
			m.takenAs(name, "user", text(v), m.spec.User)
		case "acceptedResourceRoles":
			m.roles(v)
		case "role":
			if m.spec.Role == "" {
				m.spec.Role = text(v)
			}
			m.takenAs(name, "role", text(v), m.spec.Role)
		case "instances":
			m.instances(int(number(v)))
		case "taskKillGracePeriodSeconds":
			jm.KillGracePeriod = spec.Duration((time.Duration(number(v)) * time.Second).String())
			m.line(name, Translated, "jobManager.killGracePeriod", "")
		case "constraints":
			m.constraints(v)
		case "labels":
			m.labels(v)
		case "uris", "fetch":
			m.fetch(name, v)
		case "container":
			m.container(object(v))
		case "networks":
			m.networks(v)
		case "portDefinitions":
			m.ports(v)
		case "secrets":
			m.line(name, Obsolete, "", "each is named where it is used, by its path in the secret store")
		case "ipAddress":
			m.line(name, Refused, "", "write the network as jobManager.container.network and taskManager.container.network")
		default:
			if reason, ok := reasons[name]; ok {
				m.line(name, Obsolete, "", reason)
				continue
			}
			m.line(name, Refused, "", "is no field of an app that is known here")
		}
	}
}

// takenAs notes a field of which a cluster has one, and the options may have said another.
func (m *importer) takenAs(name, field, value, taken string) {
	if value == taken {
		m.line(name, Translated, field, "is for TaskManagers too")
		return
	}
	m.line(name, Obsolete, "", "a cluster has one "+field+", and the options say another")
}

func (m *importer) roles(v any) {
	var named []string
	for _, r := range texts(v) {
		if r != "*" {
			named = append(named, r)
		}
	}
	if len(named) == 1 {
		if m.spec.Role == "" {
			m.spec.Role = named[0]
		}
		m.takenAs("acceptedResourceRoles", "role", named[0], m.spec.Role)
		return
	}
	if len(named) == 0 {
		m.line("acceptedResourceRoles", Obsolete, "", "unreserved resources are used anyway, after reserved ones")
		return
	}
	m.line("acceptedResourceRoles", Refused, "", "a cluster has one role, and several are named: set role")
}

func (m *importer) instances(n int) {
	switch {
	case n <= 1:
		m.line("instances", Obsolete, "", "a cluster has one JobManager unless jobManager.replicas says more")
	case m.spec.HighAvailability():
		m.spec.JobManager.Replicas = n
		m.line("instances", Translated, "jobManager.replicas", "")
	default:
		m.line("instances", Refused, "", "several JobManagers need high availability (high-availability.type: zookeeper)")
	}
}

func (m *importer) constraints(v any) {
	list, _ := v.([]any)
	for i, c := range list {
		rule := texts(c)
		key := fmt.Sprintf("constraints[%d]", i)
		if _, err := constraint.Compile([][]string{rule}); err != nil {
			m.line(key, Refused, "", "is not a rule of Marathon's")
			continue
		}
		m.spec.JobManager.Constraints = append(m.spec.JobManager.Constraints, rule)
		m.line(key, Translated, "jobManager.constraints", "")
	}
}

func (m *importer) labels(v any) {
	for _, name := range slices.Sorted(maps.Keys(object(v))) {
		if strings.HasPrefix(name, "DCOS_") || strings.HasPrefix(name, "MARATHON_") || strings.HasPrefix(name, "HAPROXY_") {
			m.line("labels."+name, Obsolete, "", "is about the app of the service")
			continue
		}
		if m.spec.JobManager.Labels == nil {
			m.spec.JobManager.Labels = map[string]string{}
		}
		m.spec.JobManager.Labels[name] = text(object(v)[name])
		m.line("labels."+name, Translated, "jobManager.labels", "")
	}
}

// archives are the endings that Mesos' fetcher extracts.
func archives() []string {
	return []string{".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz", ".zip", ".gz"}
}

// fetch takes over files, except for the Flink of old.
func (m *importer) fetch(name string, v any) {
	list, _ := v.([]any)
	for i, f := range list {
		file := object(f)
		uri := text(f)
		u := spec.URI{Value: uri, Extract: slices.ContainsFunc(archives(), func(end string) bool { return strings.HasSuffix(uri, end) })}
		if file != nil {
			uri = text(file["uri"])
			u = spec.URI{Value: uri, Extract: file["extract"] != false, Executable: file["executable"] == true, Cache: file["cache"] == true, OutputFile: text(file["destPath"])}
		}
		if !slices.ContainsFunc(archives(), func(end string) bool { return strings.HasSuffix(uri, end) }) {
			u.Extract = false
		}
		key := fmt.Sprintf("%s[%d]", name, i)
		base := strings.ToLower(uri[strings.LastIndexByte(uri, '/')+1:])
		switch {
		case strings.HasPrefix(base, "flink-") && u.Extract:
			m.line(key, Obsolete, "", "is a Flink of its own: the service brings one (FLINK_DISTRIBUTIONS)")
		case base == flatFile || base == nestedFile:
			m.line(key, Obsolete, "", "the service writes the configuration into each sandbox")
		case strings.HasPrefix(base, "libmesos"):
			m.line(key, Obsolete, "", "libmesos is not used")
		case base == "job.graph":
			m.line(key, Refused, "", "today's Flink cannot read the job graph of the old one")
		default:
			if !slices.ContainsFunc(m.spec.URIs, func(have spec.URI) bool { return have.Value == u.Value }) {
				m.spec.URIs = append(m.spec.URIs, u)
			}
			m.line(key, Translated, "uris", "is fetched for TaskManagers too")
		}
	}
}

func mebibytes(v any) spec.Memory { return spec.Memory(math.Ceil(number(v))) * spec.MiB }

// text is a text, and empty for anything else.
func text(v any) string {
	s, _ := v.(string)
	return s
}

func texts(v any) []string {
	list, _ := v.([]any)
	var all []string
	for _, e := range list {
		all = append(all, text(e))
	}
	return all
}

func object(v any) map[string]any {
	o, _ := v.(map[string]any)
	return o
}

// number is a number, and 0 for anything else or a negative one.
func number(v any) float64 {
	n, _ := v.(json.Number)
	f, err := strconv.ParseFloat(n.String(), 64)
	if err != nil || f < 0 || f > 1<<40 {
		return 0
	}
	return f
}

// scalarText is the text of a variable, which Marathon also takes as a number or a truth value.
func scalarText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// empty says whether a field says nothing: Marathon's answers have every field.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	case json.Number:
		return v == "0"
	}
	return false
}
