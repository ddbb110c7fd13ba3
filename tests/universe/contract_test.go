package universe_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/config"
	"github.com/flink-on-mesos/flink-service/internal/universe"
)

// exempt are variables of the service that no option of the package sets, with the reason.
var exempt = map[string]string{
	"LISTEN":                  "Marathon chooses the port, and tells it in PORT_API",
	"DATA_DIR":                "the sandbox: what is in it can be made again, and Mesos removes it",
	"API_TOKENS":              "Admin Router logs users in, and takes the header that a token would be in",
	"MARATHON_URL":            "Cosmos installs, updates and removes the app",
	"MARATHON_USER":           "as MARATHON_URL",
	"MARATHON_PASSWORD":       "as MARATHON_URL",
	"HADOOP_CONF_DIR":         "an agent's own directories are no concern of the package: hdfs.config_url brings the files",
	"INHERIT_ENVIRONMENT":     "the environment of the app has nothing but what the package puts there",
	"ZOOKEEPER_SASL_USER":     "the ZooKeeper of DC/OS asks for no login",
	"ZOOKEEPER_SASL_PASSWORD": "as ZOOKEEPER_SASL_USER",
	"STATSD_UDP_HOST":         "the metrics module of DC/OS puts it into the environment of each task",
	"STATSD_UDP_PORT":         "as STATSD_UDP_HOST",
	"METRICS_MAX_SERIES":      "a bound that protects Prometheus, far above what a service of DC/OS has",
	"UNINSTALL":               "Cosmos asks for it with SDK_UNINSTALL",
}

// otherDefaults are options whose default is not that of the service's variable, with the reason.
var otherDefaults = map[string]string{
	"MESOS_MASTER":        "where the masters of a DC/OS cluster are found",
	"STATE_STORE":         "a service that Marathon moves must find its state elsewhere than on one agent",
	"ZOOKEEPER":           "every DC/OS cluster has one",
	"FRAMEWORK_USER":      "tasks run as the user of the service, not as that of the agent",
	"FLINK_DISTRIBUTIONS": "what was fetched into the sandbox",
	"JAVA_ARCHIVE":        "as FLINK_DISTRIBUTIONS: a stock agent has no Java",
	"INITIAL_CLUSTER":     "a new installation shows a cluster that takes jobs",
}

// exported are variables that the command sets, rather than the app's environment.
var exported = []string{"FLINK_DISTRIBUTIONS", "ADVERTISE_HOST", "JAVA_ARCHIVE"}

// TestTemplateAndSchema compares the names of the template with the options, both ways.
func TestTemplateAndSchema(t *testing.T) {
	t.Parallel()
	p := pkg(t)
	used := map[string]bool{}
	for _, m := range tag.FindAllStringSubmatch(p.Template, -1) {
		used[m[2]] = true
	}
	var options []string
	for _, o := range universe.Options(p.Config) {
		options = append(options, o.Path)
		if !used[o.Path] {
			t.Errorf("the template does not use the option %s", o.Path)
		}
	}
	for name := range used {
		if name != "." && !strings.HasPrefix(name, "resource.assets.uris.") && !slices.Contains(options, name) {
			t.Errorf("the template uses %s, which is no option", name)
		}
	}
}

// environment is what the package sets for the service: the app's environment and what its command exports.
func environment(t testing.TB, app map[string]any, started []string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for name, v := range app["env"].(map[string]any) {
		short, ok := strings.CutPrefix(name, config.Prefix)
		if !ok {
			t.Errorf("the app sets %s: with the prefix %s a misspelling stops the start", name, config.Prefix)
		}
		all[short] = fmt.Sprint(v)
	}
	for _, e := range started {
		name, value, _ := strings.Cut(e, "=")
		if short, ok := strings.CutPrefix(name, config.Prefix); ok && slices.Contains(exported, short) {
			all[short] = path.Base(value) // Each start has a sandbox of its own.
		}
	}
	return all
}

// TestDefaultsAgree compares what an installation without options sets with the service's own defaults.
func TestDefaultsAgree(t *testing.T) {
	t.Parallel()
	app := render(t, nil)
	set := environment(t, app, start(t, app))
	for _, v := range config.Variables() {
		value, ok := set[v.Name]
		if !ok {
			continue
		}
		reason := otherDefaults[v.Name]
		switch {
		case value != v.Default && reason == "":
			t.Errorf("%s is %q in the package and %q in the service: make them equal, or give the reason", v.Name, value, v.Default)
		case value == v.Default && reason != "":
			t.Errorf("%s has one default, but is listed as if it had two", v.Name)
		}
	}
}

// reach notes which options change which variables.
type reach map[string][]string

// add compares two environments that differ by one option.
func (r reach) add(option string, before, after map[string]string) {
	for name, value := range after {
		if before[name] != value {
			r[name] = append(r[name], option)
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			r[name] = append(r[name], option)
		}
	}
}

// check compares the variables of the apps with those of the service, both ways: nothing is set that nobody reads, and
// every variable can be reached through an option or is exempt.
func (r reach) check(t *testing.T) {
	t.Helper()
	var known []string
	for _, v := range config.Variables() {
		if v.Fact {
			continue
		}
		known = append(known, v.Name)
		reason := exempt[v.Name]
		switch {
		case reason == "" && len(r[v.Name]) == 0:
			t.Errorf("no option changes %s: add one, or exempt it with a reason", v.Name)
		case reason != "" && len(r[v.Name]) > 0:
			t.Errorf("%s is exempt, but %v changes it", v.Name, r[v.Name])
		}
	}
	for name := range r {
		if !slices.Contains(known, name) {
			t.Errorf("the app sets %s%s, which the service does not read", config.Prefix, name)
		}
	}
	for name := range exempt {
		if !slices.Contains(known, name) {
			t.Errorf("%s is exempt, but no variable of the service", name)
		}
	}
}
