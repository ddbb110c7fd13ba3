package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/config"
)

// app is a Marathon app, with its fields in the order in which people read them.
type app struct {
	ID                         string            `json:"id"`
	Cmd                        string            `json:"cmd"`
	User                       string            `json:"user"`
	CPUs                       json.Number       `json:"cpus"`
	Mem                        int               `json:"mem"`
	Disk                       int               `json:"disk"`
	Instances                  int               `json:"instances"`
	Constraints                [][]string        `json:"constraints"`
	UpgradeStrategy            map[string]any    `json:"upgradeStrategy"`
	UnreachableStrategy        map[string]int    `json:"unreachableStrategy"`
	KillSelection              string            `json:"killSelection"`
	TaskKillGracePeriodSeconds int               `json:"taskKillGracePeriodSeconds"`
	BackoffSeconds             int               `json:"backoffSeconds"`
	BackoffFactor              float64           `json:"backoffFactor"`
	MaxLaunchDelaySeconds      int               `json:"maxLaunchDelaySeconds"`
	Networks                   []map[string]any  `json:"networks"`
	Container                  map[string]any    `json:"container"`
	PortDefinitions            []map[string]any  `json:"portDefinitions"`
	RequirePorts               bool              `json:"requirePorts"`
	HealthChecks               []map[string]any  `json:"healthChecks"`
	Fetch                      []map[string]any  `json:"fetch"`
	Labels                     map[string]string `json:"labels"`
	Env                        map[string]string `json:"env"`
}

// Marathon writes an app for Marathon (1.5 or newer), as JSON. docker has the Docker daemon run it in an image,
// otherwise it is a process of the agent. The error is a fault.Invalid with every variable that is wrong.
func Marathon(environ []string, docker bool) ([]byte, error) {
	in := read(environ)
	a := app{
		ID: in.own["APP_ID"], User: in.own["USER"], CPUs: in.cpus, Mem: in.mem, Disk: in.disk, Instances: in.count,
		Constraints:         in.constraints,
		UpgradeStrategy:     map[string]any{"minimumHealthCapacity": 0, "maximumOverCapacity": 0},
		UnreachableStrategy: map[string]int{"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0},
		KillSelection:       "YOUNGEST_FIRST", TaskKillGracePeriodSeconds: 30,
		BackoffSeconds: 1, BackoffFactor: 1.15, MaxLaunchDelaySeconds: 60,
		Networks:        []map[string]any{{"mode": "host"}},
		Container:       map[string]any{"type": "MESOS"},
		PortDefinitions: []map[string]any{{"port": in.port(), "protocol": "tcp", "name": "api"}},
		RequirePorts:    in.port() != 0,
		HealthChecks: []map[string]any{{
			"protocol": in.checkProtocol(), "path": "/v1/health", "portIndex": 0,
			"gracePeriodSeconds": 300, "intervalSeconds": 15, "timeoutSeconds": 10, "maxConsecutiveFailures": 4,
		}},
		Labels: map[string]string{"MARATHON_SINGLE_INSTANCE_APP": "true"},
		Env:    maps.Clone(in.service),
	}
	if a.Constraints == nil {
		a.Constraints = [][]string{}
	}
	if in.count > 1 {
		// One may be missing during an upgrade, and the standbys are on machines of their own.
		a.UpgradeStrategy["minimumHealthCapacity"] = 0.5
		a.Constraints = append(a.Constraints, []string{"hostname", "UNIQUE"})
		delete(a.Labels, "MARATHON_SINGLE_INSTANCE_APP")
	}
	if docker {
		if in.own["IMAGE"] == "" {
			in.problems.Add(Prefix+"IMAGE", "is missing: name an image with a shell, such as debian:12-slim")
		}
		a.Container = map[string]any{"type": "DOCKER", "docker": map[string]any{"image": in.own["IMAGE"]}, "volumes": in.volumes()}
	}
	if !appIDPattern.MatchString(a.ID) {
		in.problems.Add(Prefix+"APP_ID", "%q is not the id of an app: use lower-case letters, digits and hyphens between slashes", a.ID)
	}
	if !strings.HasPrefix(in.store(), "zk://") {
		in.problems.Add("FLINK_SERVICE_STATE_STORE", "must be zk://…: the sandbox of an app, and the machine, are others after a restart")
	}
	a.Fetch = in.fetch()
	a.Cmd = in.command(docker)
	if err := in.err(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(a); err != nil {
		return nil, fmt.Errorf("encode the app: %w", err)
	}
	return b.Bytes(), nil
}

// checkProtocol is how Mesos asks the service whether it is well.
func (in *input) checkProtocol() string {
	if in.setting("LISTEN_CERTIFICATE_FILE", "") != "" {
		return "MESOS_HTTPS"
	}
	return "MESOS_HTTP"
}

// port is the port of LISTEN, if that is set: the one that Marathon must offer. Otherwise 0, and it offers any.
func (in *input) port() int {
	_, text, err := net.SplitHostPort(in.setting("LISTEN", ":0"))
	if err != nil {
		return 0 // It is a problem already.
	}
	n, _ := strconv.Atoi(text)
	return n
}

// fetch lists what is fetched: a zip is unpacked, and Flink's archives are not, since the service serves them.
func (in *input) fetch() []map[string]any {
	var files []map[string]any
	program := false
	for uri := range strings.SplitSeq(in.own["FETCH"], ",") {
		if uri = strings.TrimSpace(uri); uri == "" {
			continue
		}
		zip := strings.HasSuffix(uri, ".zip")
		program = program || zip
		files = append(files, map[string]any{"uri": uri, "extract": zip, "cache": !zip})
	}
	flink := slices.ContainsFunc(files, func(f map[string]any) bool { return strings.HasSuffix(f["uri"].(string), ".tgz") })
	switch {
	case !program:
		in.problems.Add(Prefix+"FETCH", "names no .zip with the program: make universe builds flink-service-linux-amd64.zip")
	case !flink && in.setting("FLINK_DISTRIBUTIONS", "") == "":
		in.problems.Add(Prefix+"FETCH", "names no Flink archive (.tgz with its .json), and FLINK_SERVICE_FLINK_DISTRIBUTIONS no directory of the agents")
	}
	return files
}

// volumes lead the files of the agents that the variables name into a container.
func (in *input) volumes() []map[string]any {
	volumes := []map[string]any{}
	for _, v := range config.Variables() {
		name := config.Prefix + v.Name
		switch {
		case v.Secret:
			name += "_FILE"
		case v.Name != "MESOS_CA_FILE" && v.Name != "FLINK_DISTRIBUTIONS":
			continue
		}
		for file := range strings.SplitSeq(in.service[name], ",") {
			if file = strings.TrimSpace(file); strings.HasPrefix(file, "/") {
				volumes = append(volumes, map[string]any{"containerPath": file, "hostPath": file, "mode": "RO"})
			}
		}
	}
	return volumes
}

// command starts the program that was fetched.
func (in *input) command(docker bool) string {
	var b strings.Builder
	if docker {
		// An image has a working directory of its own; what was fetched is in the sandbox.
		b.WriteString(`cd "$MESOS_SANDBOX" && `)
	}
	if in.setting("FLINK_DISTRIBUTIONS", "") == "" {
		b.WriteString(`export FLINK_SERVICE_FLINK_DISTRIBUTIONS="$(echo flink-*.tgz | tr ' ' ',')"; `)
	}
	b.WriteString("exec ./flink-service/flink-service")
	return b.String()
}
