package universe

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
)

// The rules of Marathon 1.11 on names; its RAML types PathId and Name.
var (
	appIDPattern    = regexp.MustCompile(`^/?((\.\.)|(([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])\.)*([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9]))(/((\.\.)|(([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])\.)*([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])))*$`)
	portNamePattern = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	portIndex       = regexp.MustCompile(`^[0-9]+$`)
	// rolePattern is what the default role or that of a group of the first level can be.
	rolePattern = regexp.MustCompile(`^(\*|[A-Za-z0-9_][A-Za-z0-9_.-]*)$`)
	// networkPattern is the name of a network, at most maxNetwork characters; the RAML type NetworkName.
	networkPattern = regexp.MustCompile(`^[a-z0-9]([-a-z0-9_]*[a-z0-9])?$`)
	// literalPattern is what IS compares an attribute with: a text or a number of Mesos.
	literalPattern = regexp.MustCompile(`^[A-Za-z0-9_/.-]+$`)
)

// maxPort is the highest TCP port.
const maxPort = 65535

// maxNetwork is the longest name of a network, in characters.
const maxNetwork = 63

// CheckApp says in which ways a Marathon app breaks Marathon's rules (version 1.11), or those of Admin Router and
// Cosmos on its labels. It covers the parts of an app that our apps use, and refuses the others, so
// that no field passes unchecked. The error joins all problems; nil for none.
func CheckApp(app map[string]any) error {
	c := &checker{app: app}
	c.marathon()
	c.labels()
	return errors.Join(c.problems...)
}

// CheckPlainApp is CheckApp for a Marathon without DC/OS around it.
func CheckPlainApp(app map[string]any) error {
	c := &checker{app: app}
	c.marathon()
	c.texts("labels", app["labels"])
	return errors.Join(c.problems...)
}

// marathon checks all but the labels.
func (c *checker) marathon() {
	c.fields()
	c.process()
	c.network()
	c.health()
	c.volumes()
	c.secrets()
	c.strategies()
	c.placement()
	c.fetch()
}

type checker struct {
	app      map[string]any
	problems []error
}

func (c *checker) when(bad bool, format string, args ...any) {
	if bad {
		c.problems = append(c.problems, fmt.Errorf(format, args...))
	}
}

// fields refuses what Marathon does not know, or what is not checked here.
func (c *checker) fields() {
	known := []string{
		"backoffFactor", "backoffSeconds", "cmd", "constraints", "container", "cpus", "disk", "env", "fetch", "healthChecks", "id",
		"instances", "killSelection", "labels", "maxLaunchDelaySeconds", "mem", "networks", "portDefinitions", "requirePorts", "role",
		"secrets", "taskKillGracePeriodSeconds", "unreachableStrategy", "upgradeStrategy", "user",
	}
	for _, name := range slices.Sorted(maps.Keys(c.app)) {
		c.when(!slices.Contains(known, name), "%s is no field of an app that is checked here", name)
	}
}

func (c *checker) process() {
	id := text(c.app["id"])
	c.when(!appIDPattern.MatchString(id), "id %q is not the path of an app", id)
	c.when(len(text(c.app["cmd"])) < 2, "cmd is missing")
	c.when(text(c.app["user"]) == "", "user is missing")
	role, given := c.app["role"]
	c.when(given && !rolePattern.MatchString(text(role)), "role %v is not one of Marathon's: a group's role has no path", role)
	c.when(float(c.app["cpus"]) < 0.001, "cpus %v is too small", c.app["cpus"])
	c.when(float(c.app["mem"]) < 32, "mem %v is too small", c.app["mem"])
	c.when(float(c.app["disk"]) < 0, "disk %v is negative", c.app["disk"])
	for _, name := range []string{"instances", "taskKillGracePeriodSeconds", "backoffSeconds", "maxLaunchDelaySeconds"} {
		c.when(!natural(c.app[name]), "%s %v is not a whole number from 0 on", name, c.app[name])
	}
	c.when(float(c.app["backoffFactor"]) < 1, "backoffFactor %v is below 1", c.app["backoffFactor"])
	container := sub(c.app, "container")
	docker, _ := container["docker"].(map[string]any)
	c.when(!slices.Contains([]any{"MESOS", "DOCKER"}, container["type"]), "container.type is %v, neither MESOS nor DOCKER", container["type"])
	c.when(container["type"] == "MESOS" && container["docker"] != nil, "container.docker: a container of Mesos without an image has none")
	c.when(container["type"] == "DOCKER" && text(docker["image"]) == "", "container.docker.image is missing")
	c.when(docker["network"] != nil, "container.docker.network contradicts networks")
	for _, name := range slices.Sorted(maps.Keys(docker)) {
		c.when(!slices.Contains([]string{"image", "forcePullImage", "network"}, name), "container.docker.%s is no field that is checked here", name)
	}
}

// network checks networks and ports: definitions of ports are for the host's network, mappings for others.
func (c *checker) network() {
	networks := objects(c.app["networks"])
	c.when(len(networks) != 1, "networks has %d elements, not 1", len(networks))
	definitions, mappings := objects(c.app["portDefinitions"]), objects(sub(c.app, "container")["portMappings"])
	for _, n := range networks {
		mode, name := text(n["mode"]), text(n["name"])
		c.when(!slices.Contains([]string{"host", "container", "container/bridge"}, mode), "networks has the mode %q", mode)
		c.when(mode == "container" && (!networkPattern.MatchString(name) || len(name) > maxNetwork), "%q is not the name of a network", name)
		c.when(mode != "container" && name != "", "a network of mode %s has no name", mode)
		c.when(mode == "host" && len(mappings) > 0, "portMappings are not for the network of the host")
		c.when(mode != "host" && len(definitions) > 0, "portDefinitions are for the network of the host")
	}
	ports := append(definitions, mappings...)
	c.when(len(ports) == 0, "there is no port")
	var names []string
	for _, p := range ports {
		name := text(p["name"])
		c.when(!portNamePattern.MatchString(name), "%q is not the name of a port", name)
		c.when(slices.Contains(names, name), "two ports have the name %s", name)
		names = append(names, name)
		for _, field := range []string{"port", "containerPort", "hostPort", "servicePort"} {
			n, ok := p[field]
			c.when(ok && (!natural(n) || float(n) > maxPort), "%s %v is not a port", field, n)
		}
		c.when(!slices.Contains([]any{"tcp", "udp", "udp,tcp"}, p["protocol"]), "port %s has the protocol %v", name, p["protocol"])
		c.texts("labels of port "+name, p["labels"])
	}
}

func (c *checker) health() {
	checks := objects(c.app["healthChecks"])
	c.when(len(checks) != 1, "there are %d health checks; Marathon takes one that agents do", len(checks))
	ports := len(objects(c.app["portDefinitions"])) + len(objects(sub(c.app, "container")["portMappings"]))
	for _, h := range checks {
		c.when(!slices.Contains([]any{"MESOS_HTTP", "MESOS_HTTPS"}, h["protocol"]), "health check by %v", h["protocol"])
		path := text(h["path"])
		c.when(path == "" || path[0] != '/', "health check of path %q", path)
		c.when(!natural(h["portIndex"]) || int(float(h["portIndex"])) >= ports, "health check of port %v, and there are %d", h["portIndex"], ports)
		for _, name := range []string{"gracePeriodSeconds", "intervalSeconds", "timeoutSeconds", "maxConsecutiveFailures"} {
			c.when(!natural(h[name]), "health check: %s is %v", name, h[name])
		}
		c.when(float(h["timeoutSeconds"]) >= float(h["intervalSeconds"]), "health checks overlap")
	}
}

// volumes checks that each is a secret in a file, or a file of the agent that is only read, and has a path of its own.
func (c *checker) volumes() {
	container := sub(c.app, "container")
	_, ok := container["volumes"].([]any)
	c.when(container["volumes"] != nil && !ok, "container.volumes is a %T, not a list", container["volumes"])
	var paths []string
	for _, v := range objects(container["volumes"]) {
		path := text(v["containerPath"])
		c.when(path == "" || slices.Contains(paths, path), "a volume has the path %q, which is empty or that of another", path)
		paths = append(paths, path)
		secret := text(v["secret"]) != "" && len(v) == 2
		file := text(v["hostPath"]) != "" && v["mode"] == "RO" && len(v) == 3
		c.when(!secret && !file, "volume %s is neither a secret nor a file of the agent that is only read", path)
		c.when(secret && container["type"] != "MESOS", "volume %s: only containers of Mesos take secrets as files", path)
	}
}

// secrets checks that variables are texts or references to secrets, and that each secret is there and is used.
func (c *checker) secrets() {
	secrets := sub(c.app, "secrets")
	used := map[string]bool{}
	for name, v := range sub(c.app, "env") {
		switch v := v.(type) {
		case string:
		case map[string]any:
			secret := text(v["secret"])
			c.when(len(v) != 1 || secrets[secret] == nil, "env %s refers to the secret %q, which is not there", name, secret)
			used[secret] = true
		default:
			c.when(true, "env %s is a %T, not a text", name, v)
		}
	}
	for _, v := range objects(sub(c.app, "container")["volumes"]) {
		if name := text(v["secret"]); name != "" {
			c.when(secrets[name] == nil, "volume %v refers to the secret %q, which is not there", v["containerPath"], name)
			used[name] = true
		}
	}
	for name, v := range secrets {
		s, _ := v.(map[string]any)
		c.when(text(s["source"]) == "" || len(s) != 1, "secret %s has no source", name)
		c.when(!used[name], "secret %s is not used", name)
	}
}

func (c *checker) labels() {
	c.texts("labels", c.app["labels"])
	labels := sub(c.app, "labels")
	ports := len(objects(c.app["portDefinitions"])) + len(objects(sub(c.app, "container")["portMappings"]))
	for _, name := range []string{"DCOS_SERVICE_NAME", "DCOS_SERVICE_SCHEME", "DCOS_SERVICE_PORT_INDEX", "DCOS_PACKAGE_FRAMEWORK_NAME"} {
		c.when(text(labels[name]) == "", "label %s is missing", name)
	}
	index := text(labels["DCOS_SERVICE_PORT_INDEX"])
	n, err := strconv.Atoi(index)
	c.when(!portIndex.MatchString(index) || err != nil || n >= ports, "label DCOS_SERVICE_PORT_INDEX is %q, and there are %d ports", index, ports)
	c.when(!slices.Contains([]any{"http", "https"}, labels["DCOS_SERVICE_SCHEME"]), "label DCOS_SERVICE_SCHEME is %v", labels["DCOS_SERVICE_SCHEME"])
	for _, h := range objects(c.app["healthChecks"]) {
		c.when((h["protocol"] == "MESOS_HTTPS") != (labels["DCOS_SERVICE_SCHEME"] == "https"),
			"label DCOS_SERVICE_SCHEME is %v, and the health check is by %v", labels["DCOS_SERVICE_SCHEME"], h["protocol"])
	}
}

// strategies checks how instances are replaced: of a single-instance app there may never be two.
func (c *checker) strategies() {
	up := sub(c.app, "upgradeStrategy")
	least, over := float(up["minimumHealthCapacity"]), float(up["maximumOverCapacity"])
	for _, share := range []float64{least, over} {
		c.when(share < 0 || share > 1, "upgradeStrategy has a share of %v", share)
	}
	single := sub(c.app, "labels")["MARATHON_SINGLE_INSTANCE_APP"] == "true"
	c.when(single && (float(c.app["instances"]) > 1 || least != 0 || over != 0),
		"an app of a single instance has %v instances and the upgrade strategy %v/%v, not 0/0", c.app["instances"], least, over)
	c.when(!single && least == 1 && over == 0, "an upgrade would wait forever: no instance may be missing, and none added")
	gone := sub(c.app, "unreachableStrategy")
	c.when(float(gone["inactiveAfterSeconds"]) > float(gone["expungeAfterSeconds"]), "unreachableStrategy expunges before it is inactive")
	c.when(!slices.Contains([]any{"YOUNGEST_FIRST", "OLDEST_FIRST"}, c.app["killSelection"]), "killSelection is %v", c.app["killSelection"])
}

func (c *checker) placement() {
	all, ok := c.app["constraints"].([]any)
	c.when(!ok, "constraints is a %T, not a list", c.app["constraints"])
	for _, v := range all {
		rule, ok := v.([]any)
		c.when(!ok || len(rule) < 2 || len(rule) > 3, "constraint %v has not two or three elements", v)
		for _, e := range rule {
			_, ok := e.(string)
			c.when(!ok, "constraint %v has an element that is not a text", v)
		}
		if !ok || len(rule) < 2 {
			continue
		}
		value := ""
		if len(rule) == 3 {
			value = text(rule[2])
		}
		c.when(text(rule[0]) == "", "constraint %v names no field", v)
		c.when(badValue(rule, value), "constraint %v has an operator or a value that Marathon refuses", v)
	}
}

// badValue says whether a constraint's operator is unknown or its value is not for it.
func badValue(rule []any, value string) bool {
	given := len(rule) == 3
	switch text(rule[1]) {
	case "UNIQUE":
		return given
	case "CLUSTER":
		return false
	case "IS":
		field := slices.Contains([]string{"hostname", "@hostname", "@region", "@zone"}, text(rule[0]))
		return value == "" || !field && !literalPattern.MatchString(value)
	case "MAX_PER":
		_, err := strconv.Atoi(value)
		return err != nil
	case "GROUP_BY":
		_, err := strconv.Atoi(value)
		return given && value != "" && err != nil
	case "LIKE", "UNLIKE":
		_, err := regexp.Compile(value)
		return value == "" || err != nil
	default:
		return true
	}
}

func (c *checker) fetch() {
	files := objects(c.app["fetch"])
	c.when(len(files) == 0, "nothing is fetched")
	for _, f := range files {
		c.when(text(f["uri"]) == "", "a file to fetch has no uri")
		for name, v := range f {
			_, flag := v.(bool)
			c.when(name != "uri" && name != "destPath" && !flag, "fetch: %s is %v", name, v)
		}
	}
}

// texts checks that an object, if there is one, holds texts only.
func (c *checker) texts(what string, v any) {
	if v == nil {
		return
	}
	object, ok := v.(map[string]any)
	c.when(!ok, "%s is a %T, not an object", what, v)
	for name, v := range object {
		_, ok := v.(string)
		c.when(!ok, "%s: %s is a %T, not a text", what, name, v)
	}
}

// sub returns an object within an object; an empty one when there is none.
func sub(parent map[string]any, name string) map[string]any {
	o, _ := parent[name].(map[string]any)
	return o
}

// objects returns a list's objects.
func objects(v any) []map[string]any {
	list, _ := v.([]any)
	var all []map[string]any
	for _, e := range list {
		o, _ := e.(map[string]any)
		all = append(all, o)
	}
	return all
}

// float is a number; -1 when it is none, which no rule accepts.
func float(v any) float64 {
	n, ok := v.(json.Number)
	if !ok {
		return -1
	}
	f, err := n.Float64()
	if err != nil {
		return -1
	}
	return f
}

func natural(v any) bool {
	n, ok := v.(json.Number)
	if !ok {
		return false
	}
	i, err := n.Int64()
	return err == nil && i >= 0
}
