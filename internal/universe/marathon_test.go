package universe_test

import (
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/universe"
)

const goodApp = `{
  "id": "/analytics/flink", "cmd": "exec ./service", "user": "nobody", "cpus": 0.5, "mem": 512, "disk": 1024, "instances": 1,
  "upgradeStrategy": {"minimumHealthCapacity": 0, "maximumOverCapacity": 0}, "constraints": [["hostname", "UNIQUE"]],
  "taskKillGracePeriodSeconds": 30, "backoffSeconds": 1, "backoffFactor": 1.15, "maxLaunchDelaySeconds": 60, "killSelection": "YOUNGEST_FIRST",
  "unreachableStrategy": {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0}, "networks": [{"mode": "host"}], "container": {"type": "MESOS"},
  "portDefinitions": [{"port": 0, "protocol": "tcp", "name": "api"}], "requirePorts": false,
  "healthChecks": [{"protocol": "MESOS_HTTP", "path": "/v1/health", "portIndex": 0, "gracePeriodSeconds": 300, "intervalSeconds": 15, "timeoutSeconds": 10, "maxConsecutiveFailures": 3}],
  "fetch": [{"uri": "http://example.com/a.zip", "extract": true}],
  "labels": {"DCOS_SERVICE_NAME": "flink", "DCOS_SERVICE_PORT_INDEX": "0", "DCOS_SERVICE_SCHEME": "http", "DCOS_PACKAGE_FRAMEWORK_NAME": "flink", "MARATHON_SINGLE_INSTANCE_APP": "true"},
  "secrets": {"s": {"source": "a/b"}}, "env": {"A": "x", "B": {"secret": "s"}}
}`

// TestCheckApp breaks a good app in one place after another.
func TestCheckApp(t *testing.T) {
	t.Parallel()
	if err := universe.CheckApp(object(t, goodApp)); err != nil {
		t.Fatalf("CheckApp() = %v", err)
	}
	tests := []struct {
		path, value, want string
	}{
		{"id", `"/Flink"`, "not the path of an app"},
		{"id", `"/flink/"`, "not the path of an app"},
		{"cmd", `""`, "cmd is missing"},
		{"user", `""`, "user is missing"},
		{"cpus", `0`, "cpus"},
		{"cpus", `"1"`, "cpus"},
		{"mem", `1`, "mem"},
		{"disk", `-1`, "disk"},
		{"instances", `1.5`, "instances"},
		{"instances", `2`, "single instance"},
		{"uris", `[]`, "uris is no field"},
		{"container.type", `"RKT"`, "container.type"},
		{"container", `{"type": "DOCKER"}`, "container.docker.image is missing"},
		{"container", `{"type": "DOCKER", "docker": {"image": "i", "network": "HOST"}}`, "contradicts networks"},
		{"container", `{"type": "DOCKER", "docker": {"image": "i", "privileged": true}}`, "privileged is no field"},
		{"container.docker", `{}`, "container.docker"},
		{"container.portMappings", `[{"containerPort": 1, "name": "x", "protocol": "tcp"}]`, "portMappings are not for"},
		{"container.volumes", `{}`, "not a list"},
		{"container.volumes", `[{"secret": "s"}]`, `has the path ""`},
		{"container.volumes", `[{"containerPath": "a", "secret": "s"}, {"containerPath": "a", "secret": "s"}]`, "that of another"},
		{"container.volumes", `[{"containerPath": "a", "secret": "t"}]`, `secret "t", which is not there`},
		{"container.volumes", `[{"containerPath": "a", "secret": "s", "mode": "RO"}]`, "neither a secret nor a file"},
		{"container.volumes", `[{"containerPath": "a", "hostPath": "/a", "mode": "RW"}]`, "neither a secret nor a file"},
		{"container", `{"type": "DOCKER", "docker": {"image": "i"}, "volumes": [{"containerPath": "a", "secret": "s"}]}`, "only containers of Mesos"},
		{"role", `"dev/flink"`, "not one of Marathon's"},
		{"networks", `[]`, "networks has 0"},
		{"networks", `[{"mode": "bridge"}]`, `mode "bridge"`},
		{"networks", `[{"mode": "container"}]`, "not the name of a network"},
		{"networks", `[{"mode": "container", "name": "my.net"}]`, "not the name of a network"},
		{"networks", `[{"mode": "container", "name": "dcos"}]`, "portDefinitions are for"},
		{"networks", `[{"mode": "host", "name": "dcos"}]`, "has no name"},
		{"portDefinitions", `[]`, "there is no port"},
		{"portDefinitions", `[{"port": 0, "protocol": "tcp", "name": "API"}]`, "not the name of a port"},
		{"portDefinitions", `[{"port": 0, "protocol": "tcp", "name": "a"}, {"port": 0, "protocol": "tcp", "name": "a"}]`, "two ports"},
		{"portDefinitions", `[{"port": 70000, "protocol": "tcp", "name": "a"}]`, "not a port"},
		{"portDefinitions", `[{"port": 0, "protocol": "sctp", "name": "a"}]`, "protocol sctp"},
		{"portDefinitions", `[{"port": 0, "protocol": "tcp", "name": "a", "labels": {"VIP_0": 1}}]`, "VIP_0 is a"},
		{"healthChecks", `[]`, "0 health checks"},
		{"healthChecks", `[{"protocol": "HTTP", "path": "x", "portIndex": 1, "gracePeriodSeconds": 300, "intervalSeconds": 5, "timeoutSeconds": 10}]`, "health check of port 1"},
		{"secrets", `{}`, "not there"},
		{"secrets", `{"s": {"source": ""}}`, "has no source"},
		{"secrets", `{"s": {"source": "a"}, "t": {"source": "b"}}`, "secret t is not used"},
		{"env", `{"A": 1}`, "env A"},
		{"labels.X", `1`, "labels: X"},
		{"labels.DCOS_SERVICE_NAME", `""`, "DCOS_SERVICE_NAME is missing"},
		{"labels.DCOS_SERVICE_PORT_INDEX", `"1"`, "DCOS_SERVICE_PORT_INDEX"},
		{"labels.DCOS_SERVICE_PORT_INDEX", `"x"`, "DCOS_SERVICE_PORT_INDEX"},
		{"labels.DCOS_SERVICE_SCHEME", `"ftp"`, "DCOS_SERVICE_SCHEME"},
		{"labels.DCOS_SERVICE_SCHEME", `"https"`, "the health check is by MESOS_HTTP"},
		{"upgradeStrategy.maximumOverCapacity", `1`, "single instance"},
		{"upgradeStrategy.maximumOverCapacity", `2`, "share of 2"},
		{"unreachableStrategy.inactiveAfterSeconds", `5`, "unreachableStrategy"},
		{"killSelection", `"ANY"`, "killSelection"},
		{"constraints", `"[]"`, "not a list"},
		{"constraints", `[["hostname"]]`, "two or three"},
		{"constraints", `[["hostname", "UNIQUE", "x"]]`, "refuses"},
		{"constraints", `[["hostname", "MAX_PER", "x"]]`, "refuses"},
		{"constraints", `[["hostname", "GROUP_BY", "x"]]`, "refuses"},
		{"constraints", `[["hostname", "LIKE", "("]]`, "refuses"},
		{"constraints", `[["hostname", "IS"]]`, "refuses"},
		{"constraints", `[["rack", "IS", "a|b"]]`, "refuses"},
		{"constraints", `[["hostname", "NEAR", "x"]]`, "refuses"},
		{"constraints", `[["", "UNIQUE"]]`, "names no field"},
		{"constraints", `[["hostname", 1]]`, "not a text"},
		{"fetch", `[]`, "nothing is fetched"},
		{"fetch", `[{"extract": true}]`, "no uri"},
		{"fetch", `[{"uri": "x", "extract": "true"}]`, "fetch: extract"},
	}
	for _, tt := range tests {
		app := universe.Set(object(t, goodApp), tt.path, object(t, `{"v": `+tt.value+`}`)["v"])
		if err := universe.CheckApp(app); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s = %s: CheckApp() = %v, want %q", tt.path, tt.value, err, tt.want)
		}
		if err := universe.CheckPlainApp(app); err == nil && !strings.Contains(tt.path, "DCOS") {
			t.Errorf("%s = %s: CheckPlainApp() finds nothing", tt.path, tt.value)
		}
	}
}
