package launch_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/launch"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

func planner(t *testing.T) *launch.Planner {
	t.Helper()
	p, err := launch.New(launch.Options{
		Distribution: func(spec.Spec) (launch.Distribution, error) {
			return launch.Distribution{Version: "2.3.0", URI: "http://service/flink.tgz"}, nil
		},
		OverlayURI:  func(name string) (string, error) { return "http://service/overlay", nil },
		ArtifactURI: func(u spec.ArtifactURI) (string, error) { return "http://service/" + u.String(), nil },
		Key:         bytes.Repeat([]byte("k"), 32), JavaHome: "/agent/java",
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// taskManager is the launch of a TaskManager from a spec in YAML.
func taskManager(t *testing.T, text string) state.Launch {
	t.Helper()
	s := spec.Spec{Name: "demo"}
	if err := yaml.UnmarshalStrict([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	s = s.Complete(spec.Defaults{User: "nobody"})
	if err := s.Validate(spec.Rules{}); err != nil {
		t.Fatal(err)
	}
	jm := &task.Task{ID: "demo-aaaa-jm-0", Kind: spec.JobManagerTask, Hostname: "other", Ports: map[string]int{"rpc": 31010}}
	if n := s.NetworkOf(spec.JobManagerTask); n.Mode == spec.ContainerNetwork {
		jm.Network, jm.Address = n.Name, "9.0.0.9"
	}
	return state.Launch{
		Spec: s, Nonce: "aaaa", JobManager: jm,
		Task: task.Task{
			ID: "demo-aaaa-tm-1", Cluster: "demo", Kind: spec.TaskManagerTask, Hostname: "agent", Resources: s.TaskManager.Resources,
			Network: s.NetworkOf(spec.TaskManagerTask).Name,
			Ports:   map[string]int{"rpc": 31001, "data": 31002, "metrics": 31003, "prom": 31004},
		},
	}
}

func plan(t *testing.T, text string) task.Template {
	t.Helper()
	p, err := planner(t).Plan(taskManager(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// start runs the command of a plan as Mesos does, with a start script that shows what it was given.
func start(t *testing.T, p task.Template, environ ...string) (out string, err error) {
	t.Helper()
	sandbox := t.TempDir()
	script := "echo \"in $(pwd) A=$A PORT_PROM=$PORT_PROM JAVA_HOME=$JAVA_HOME\"\nfor a; do case $a in *host=*|*address=*|*prom*) echo \"$a\";; esac; done\n"
	if err := os.WriteFile(filepath.Join(sandbox, "start-flink.sh"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", p.Command)
	cmd.Dir = sandbox
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, environ...)
	if p.Container != nil && p.Container.Image != "" {
		cmd.Dir = "/" // The image's own working directory.
		cmd.Env = append(cmd.Env, "MESOS_SANDBOX="+sandbox)
	}
	for k, v := range p.Environment {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	data, err := cmd.CombinedOutput()
	return strings.ReplaceAll(string(data), sandbox, "SANDBOX"), err
}

func TestStart(t *testing.T) {
	t.Parallel()
	const network = "container: {image: 'jre:17', network: {mode: container, name: dcos}}\n"
	tests := []struct {
		name, spec string
		environ    []string
		want       string
		fails      bool
	}{
		{
			name: "plain",
			want: "in SANDBOX A= PORT_PROM= JAVA_HOME=/agent/java\ntaskmanager.host=agent\ntaskmanager.bind-host=0.0.0.0\njobmanager.rpc.address=other\n",
		},
		{
			name: "bootstrap, ports and names",
			spec: "bootstrap: |\n  # A comment at the end of a line does not swallow what follows.\n  A='b c'; export A # here\njavaHome: /j\n" +
				"taskManager: {hostname: _TASK_.x, ports: [{name: prom, option: metrics.reporter.prom.port}]}\njobManager: {hostname: jm.x}",
			want: "in SANDBOX A=b c PORT_PROM=31004 JAVA_HOME=/j\ntaskmanager.host=demo-aaaa-tm-1.x\ntaskmanager.bind-host=0.0.0.0\n" +
				"jobmanager.rpc.address=jm.x\nmetrics.reporter.prom.port=31004\n",
		},
		{name: "bootstrap that fails", spec: "bootstrap: echo no; false", want: "no\n", fails: true},
		{
			name: "image", spec: "container: {image: 'jre:17'}",
			want: "in SANDBOX A= PORT_PROM= JAVA_HOME=\ntaskmanager.host=agent\ntaskmanager.bind-host=0.0.0.0\njobmanager.rpc.address=other\n",
		},
		{
			name: "address from the executor", spec: network, environ: []string{"MESOS_CONTAINER_IP=9.0.1.7"},
			want: "in SANDBOX A= PORT_PROM= JAVA_HOME=\ntaskmanager.host=9.0.1.7\ntaskmanager.bind-host=0.0.0.0\njobmanager.rpc.address=9.0.0.9\n",
		},
		{
			name: "address from the container's name", spec: network,
			want: "in SANDBOX A= PORT_PROM= JAVA_HOME=\ntaskmanager.host=9.0.1.8\ntaskmanager.bind-host=0.0.0.0\njobmanager.rpc.address=9.0.0.9\n",
		},
		{
			name: "address by name", spec: network + "taskManager: {hostname: _TASK_.dcos}",
			want: "in SANDBOX A= PORT_PROM= JAVA_HOME=\ntaskmanager.host=demo-aaaa-tm-1.dcos\ntaskmanager.bind-host=0.0.0.0\njobmanager.rpc.address=9.0.0.9\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := plan(t, tt.spec)
			p.Command = "hostname() { echo 127.0.0.1 fe80::1 9.0.1.8 9.0.1.9; }\n" + p.Command
			out, err := start(t, p, tt.environ...)
			if (err != nil) != tt.fails {
				t.Fatalf("%v\n%s", err, out)
			}
			if diff := cmp.Diff(tt.want, out); diff != "" {
				t.Errorf("what Flink is given (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNoAddressIsAnError(t *testing.T) {
	t.Parallel()
	p := plan(t, "container: {network: {mode: container, name: dcos}}")
	p.Command = "hostname() { echo 127.0.0.1; }\n" + p.Command
	out, err := start(t, p)
	if err == nil || !strings.Contains(out, "cannot find out its own address") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestGPUsAreKnownToFlink(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		spec string
		want map[string]string
	}{
		{"taskManager: {gpus: 2}", map[string]string{"external-resources": "gpu", "external-resource.gpu.amount": "2"}},
		{"{taskManager: {gpus: 2}, flinkConfiguration: {external-resources: fpga, external-resource.gpu.amount: '1'}}", map[string]string{
			"external-resources": "fpga;gpu", "external-resource.gpu.amount": "1",
		}},
		{"jobManager: {gpus: 1}", map[string]string{"external-resources": "", "external-resource.gpu.amount": ""}},
	} {
		config := planner(t).Configuration(taskManager(t, tt.spec).Spec, "aaaa")
		for key, want := range tt.want {
			if config[key] != want {
				t.Errorf("%s: %s is %q, want %q", tt.spec, key, config[key], want)
			}
		}
	}
}

// A Worker of Flink's own carries its split of the memory, and the same shape around it.
func TestWorkersAreShapedToo(t *testing.T) {
	t.Parallel()
	l := taskManager(t, "{container: {image: 'jre:17', user: flink}, labels: {team: a}, killGracePeriod: 1m, taskManager: {healthCheck: {}}}")
	l.Task.Worker = &task.Worker{ID: l.Task.ID, CPUs: 1, Memory: spec.GiB, Slots: 1, JVMArguments: []string{"-Xmx400m"}, DynamicProperties: []string{"-D x=y"}}
	p, err := planner(t).Plan(l)
	if err != nil {
		t.Fatal(err)
	}
	if p.Container.Image != "jre:17" || p.User != "flink" || p.Labels["team"] != "a" || p.KillGrace.Minutes() != 1 || p.Check.Port != 31001 || !strings.Contains(p.Command, "x=y") {
		t.Errorf("Plan() = %+v", p)
	}
}
