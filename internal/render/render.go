// Package render writes what keeps the service alive where there is no DC/OS package: a Marathon app, or a systemd
// unit. All values come from an environment: variables of the service, which begin with FLINK_SERVICE_ and are handed on
// as they are, and a few of its own, which begin with RENDER_. It never writes a secret: those are handed on as files.
package render

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/config"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// Prefix begins the names of the variables that are about the rendering itself.
const Prefix = "RENDER_"

// Variable is one of those.
type Variable struct {
	Name, Default, Doc string
}

// Variables lists them.
func Variables() []Variable {
	return []Variable{
		{"APP_ID", "/flink", "The id of the Marathon app."},
		{"FETCH", "", "What Marathon has fetched, separated by commas: the zip with the program, and each Flink archive with its .json file. Required for an app."},
		{"IMAGE", "", "The image of the container, any with a shell. Required with --docker."},
		{"USER", "nobody", "The operating system user that the service runs as."},
		{"CPUS", "0.5", "Its share of processors, in an app."},
		{"MEM", "512", "Its memory in MiB."},
		{"DISK", "4096", "Its disk in MiB, in an app: Flink's archives, and uploaded files."},
		{"INSTANCES", "1", "1, or 2 for a standby that takes over, in an app."},
		{"CONSTRAINTS", "[]", "Where Marathon may start it, as a JSON list of rules."},
		{"PROGRAM", "/opt/flink-service/flink-service", "The program on the machine, for a unit."},
	}
}

// input is an environment, checked.
type input struct {
	// own has the values of Variables; service those of the service, by their full names.
	own, service     map[string]string
	cpus             json.Number
	mem, disk, count int
	constraints      [][]string
	problems         fault.List
}

// read checks an environment in the form of os.Environ. Only prefixed variables are looked at: others, such as
// JAVA_HOME, are about this machine.
func read(environ []string) *input {
	in := &input{own: map[string]string{}, service: map[string]string{}}
	for _, v := range Variables() {
		in.own[v.Name] = v.Default
	}
	var forService []string
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		if strings.TrimSpace(value) == "" {
			continue
		}
		if strings.HasPrefix(name, config.Prefix) {
			in.service[name] = value
			forService = append(forService, e)
		}
		if own, ok := strings.CutPrefix(name, Prefix); ok {
			if _, known := in.own[own]; !known {
				in.problems.Add(name, "is not a variable of this command: there are %s", names())
				continue
			}
			in.own[own] = strings.TrimSpace(value)
		}
	}
	if err := config.CheckElsewhere(forService); err != nil {
		in.take(err)
	}
	for _, v := range config.Variables() {
		if name := config.Prefix + v.Name; v.Secret && in.service[name] != "" {
			in.problems.Add(name, "is a secret, which has no place in what is rendered: put it into a file of the machine and set %s_FILE", name)
		}
	}
	in.sizes()
	return in
}

func names() string {
	var all []string
	for _, v := range Variables() {
		all = append(all, Prefix+v.Name)
	}
	return strings.Join(all, ", ")
}

func (in *input) take(err error) {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		in.problems.Add("environment", "%v", err)
		return
	}
	for _, d := range f.Details {
		name := d.Field
		if !strings.HasPrefix(name, config.Prefix) {
			name = config.Prefix + name
		}
		in.problems.Add(name, "%s", d.Message)
	}
}

var (
	userPattern  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}$`)
	appIDPattern = regexp.MustCompile(`^/?([a-z0-9]([a-z0-9-]*[a-z0-9])?)([./][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
)

func (in *input) sizes() {
	if f, err := strconv.ParseFloat(in.own["CPUS"], 64); err != nil || !(f >= 0.01 && f <= 1024) {
		in.problems.Add(Prefix+"CPUS", "%q is not a number from 0.01 to 1024", in.own["CPUS"])
	} else {
		in.cpus = json.Number(strconv.FormatFloat(f, 'f', -1, 64))
	}
	for _, n := range []struct {
		name      string
		to        *int
		low, high int
	}{{"MEM", &in.mem, 64, 1 << 20}, {"DISK", &in.disk, 0, 1 << 30}, {"INSTANCES", &in.count, 1, 2}} {
		v, err := strconv.Atoi(in.own[n.name])
		if err != nil || v < n.low || v > n.high {
			in.problems.Add(Prefix+n.name, "%q is not a whole number from %d to %d", in.own[n.name], n.low, n.high)
		}
		*n.to = v
	}
	if !userPattern.MatchString(in.own["USER"]) {
		in.problems.Add(Prefix+"USER", "%q is not the name of an operating system user", in.own["USER"])
	}
	if err := json.Unmarshal([]byte(in.own["CONSTRAINTS"]), &in.constraints); err != nil {
		in.problems.Add(Prefix+"CONSTRAINTS", `is not a list of rules such as [["rack","CLUSTER","r1"]]`)
	}
	for _, name := range slices.Sorted(maps.Keys(in.service)) {
		if strings.ContainsFunc(in.service[name], func(c rune) bool { return c < ' ' && c != '\n' && c != '\t' }) {
			in.problems.Add(name, "contains a control character")
		}
	}
}

// err names every problem.
func (in *input) err() error {
	return in.problems.Err("the environment is not one that can be rendered")
}

// store is the value of STATE_STORE.
func (in *input) store() string { return in.service[config.Prefix+"STATE_STORE"] }

// setting is the value of a variable of the service, or else a default.
func (in *input) setting(name, otherwise string) string {
	if v := in.service[config.Prefix+name]; v != "" {
		return v
	}
	return otherwise
}

func quoteUnit(s string) string {
	r := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "\n", `\n`, "\t", `\t`)
	return fmt.Sprintf(`"%s"`, r.Replace(s))
}
