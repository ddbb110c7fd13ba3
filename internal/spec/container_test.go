package spec_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// TestValidateTasks has what a Mesos master, an agent or Docker would refuse, with the fields that are named.
func TestValidateTasks(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		// spec is YAML without a name.
		spec string
		want []string
	}{
		{"reservations", "role: flink\njobManager: {reserve: true}\ntaskManager: {persistentVolumes: [{containerPath: state, size: 1g}, {containerPath: b, size: 1m, type: mount}]}", nil},
		{"reservations for *", "role: '*'\njobManager: {reserve: true}\ntaskManager: {persistentVolumes: [{containerPath: state, size: 1g}]}", []string{"jobManager.reserve", "taskManager.persistentVolumes"}},
		{
			"persistent volumes", "role: flink\ntaskManager: {persistentVolumes: [{containerPath: /a, size: 1g}, {containerPath: a/b, size: 1g}, {containerPath: conf, size: 1g}, {containerPath: x, size: 1k, type: ssd}]}",
			[]string{"taskManager.persistentVolumes[0].containerPath", "taskManager.persistentVolumes[1].containerPath", "taskManager.persistentVolumes[2].containerPath", "taskManager.persistentVolumes[3].size", "taskManager.persistentVolumes[3].type"},
		},
		{
			"too many persistent volumes", "role: flink\ntaskManager: {persistentVolumes: [{containerPath: a, size: 1g}, {containerPath: a, size: 1g}, {containerPath: c, size: 1g}, {containerPath: d, size: 1g}, {containerPath: e, size: 1g}]}",
			[]string{"taskManager.persistentVolumes", "taskManager.persistentVolumes[1].containerPath"},
		},
		{
			"a persistent volume where the container has one", "role: flink\ncontainer: {volumes: [{containerPath: state, hostPath: /a}]}\njobManager: {persistentVolumes: [{containerPath: state, size: 1g}]}",
			[]string{"jobManager.persistentVolumes[0].containerPath"},
		},
		{"limits", `taskManager: {cpus: 1, memory: 2g, resourceLimits: {cpus: unlimited, memory: 2g}, revocable: true}`, nil},
		{"limits below", `taskManager: {cpus: 1, memory: 2g, resourceLimits: {cpus: 0.5, memory: 1g}}`, []string{"taskManager.resourceLimits.cpus", "taskManager.resourceLimits.memory"}},
		{"limits of nothing", `jobManager: {resourceLimits: {}}`, []string{"jobManager.resourceLimits"}},
		{"nothing", ``, nil},
		{"empty container", `container: {}`, nil},
		{"unknown type", `container: {type: rkt}`, []string{"container.type"}},
		{"docker without an image", `taskManager: {container: {type: docker}}`, []string{"taskManager.container.image"}},
		{"image with a blank", `container: {image: "a b"}`, []string{"container.image"}},
		{"image with a digest", `container: {image: "r.example:5000/a/b@sha256:0123"}`, nil},
		{"pull without an image", `container: {forcePull: true, pullSecret: s}`, []string{"container.forcePull", "container.pullSecret"}},
		{"pull secret with docker", `container: {type: docker, image: a, pullSecret: s}`, []string{"container.pullSecret"}},
		{"pull secret that climbs", `container: {image: a, pullSecret: "/s"}`, []string{"container.pullSecret"}},
		{"user", `container: {user: "a b"}`, []string{"container.user"}},
		{"user numbers with docker", `container: {type: docker, image: a, user: "1000:1000"}`, nil},
		{"user numbers with mesos", `container: {image: a, user: "1000:1000"}`, []string{"container.user"}},
		{"privileged", `container: {type: docker, image: a, privileged: true}`, []string{"container.privileged"}},
		{"privileged with mesos", `container: {privileged: true}`, []string{"container.privileged"}},
		{
			"mighty parameters", `container: {type: docker, image: a, parameters: [{key: privileged, value: "true"}, {key: cap-add, value: ALL}, {key: pid, value: host}, {key: dns, value: 1.1.1.1}]}`,
			[]string{"container.parameters[0].key", "container.parameters[1].key", "container.parameters[2].key"},
		},
		{
			"parameters that Mesos sets", `container: {type: docker, image: a, parameters: [{key: net, value: host}, {key: name, value: x}, {key: "--rm"}, {key: ""}]}`,
			[]string{"container.parameters[0].key", "container.parameters[1].key", "container.parameters[2].key", "container.parameters[3].key"},
		},
		{"parameters with mesos", `container: {parameters: [{key: dns, value: a}]}`, []string{"container.parameters"}},
		{"shm", `container: {shmSize: 1k}`, []string{"container.shmSize"}},
		{"seccomp both", `container: {seccomp: {unconfined: true, profile: a}}`, []string{"container.seccomp"}},
		{"seccomp neither", `container: {seccomp: {}}`, []string{"container.seccomp"}},
		{"seccomp profile that climbs", `container: {seccomp: {profile: ../a}}`, []string{"container.seccomp.profile"}},
		{"seccomp profile with docker", `container: {type: docker, image: a, seccomp: {profile: a}}`, []string{"container.seccomp.profile"}},
		{
			"rlimits", `container: {rlimits: [{type: files}, {type: core, soft: 1}, {type: nofile, soft: 2, hard: 1}, {type: as, soft: -1, hard: 1}, {type: cpu}, {type: cpu}]}`,
			[]string{"container.rlimits[0].type", "container.rlimits[1]", "container.rlimits[2].soft", "container.rlimits[3].soft", "container.rlimits[5].type"},
		},
		{
			"volumes", `container: {volumes: [{hostPath: /a}, {containerPath: /b}, {containerPath: /c, hostPath: /c, external: {driver: d, name: vol}}, {containerPath: /d, hostPath: /d, mode: WO}]}`,
			[]string{"container.volumes[0].containerPath", "container.volumes[1]", "container.volumes[2]", "container.volumes[3].mode"},
		},
		{
			"volume paths", `container: {volumes: [{hostPath: /a/../b, containerPath: /b}, {hostPath: ../b, containerPath: c}, {hostPath: /a, containerPath: "/a:b"}, {hostPath: /a, containerPath: /}]}`,
			[]string{"container.volumes[0].hostPath", "container.volumes[1].hostPath", "container.volumes[2].containerPath", "container.volumes[3].containerPath"},
		},
		{"volume twice", `container: {volumes: "/a:/b,/c:/b"}`, []string{"container.volumes[1].containerPath"}},
		{
			"external volumes", `container: {volumes: [{containerPath: a, external: {driver: "", name: ""}}]}`,
			[]string{"container.volumes[0].external.driver", "container.volumes[0].external.name"},
		},
		{
			"two drivers with docker", `container: {type: docker, image: a, volumes: [{containerPath: a, external: {driver: dx, name: v}}, {containerPath: b, external: {driver: dy, name: v}}]}`,
			[]string{"container.volumes[1].external.driver"},
		},
		{"two drivers with mesos", `container: {volumes: [{containerPath: a, external: {driver: dx, name: v}}, {containerPath: b, external: {driver: dy, name: v}}]}`, nil},
		{"network mode", `container: {network: {mode: overlay}}`, []string{"container.network.mode"}},
		{"network without a name", `container: {network: {mode: container}}`, []string{"container.network.name"}},
		{"name on the host's network", `container: {network: {name: dcos}}`, []string{"container.network.name"}},
		{"name of Docker's bridge", `container: {type: docker, image: a, network: {mode: bridge, name: b}}`, []string{"container.network.name"}},
		{"labels on the host's network", `container: {network: {labels: {a: b}}}`, []string{"container.network.labels"}},
		{"port mapping on the host's network", `taskManager: {ports: [{name: a, containerPort: 80}]}`, []string{"taskManager.ports[0].containerPort"}},
		{"port mapping on a bridge", `{container: {network: {mode: bridge}}, taskManager: {ports: [{name: a, containerPort: 80}]}}`, nil},
		{"port without a number on a network", `{container: {network: {mode: container, name: net}}, taskManager: {ports: [{name: a}]}}`, []string{"taskManager.ports[0].containerPort"}},
		{
			"number of Flink's own", `{container: {network: {mode: container, name: net}}, jobManager: {ports: [{name: a, containerPort: 8081}, {name: b, containerPort: 90}, {name: c, containerPort: 90}]}}`,
			[]string{"jobManager.ports[0].containerPort", "jobManager.ports[2].containerPort"},
		},
		{
			"port names", `jobManager: {ports: [{name: A}, {name: a, option: x}, {name: a}, {name: b, option: x}, {name: c, protocol: sctp}]}`,
			[]string{"jobManager.ports[0].name", "jobManager.ports[2].name", "jobManager.ports[3].option", "jobManager.ports[4].protocol"},
		},
		{"Flink's own port", `jobManager: {ports: [{name: rest, option: x, protocol: udp}]}`, []string{"jobManager.ports[0].option", "jobManager.ports[0].protocol"}},
		{
			"virtual addresses", `jobManager: {ports: [{name: rest, labels: {VIP_0: "/a:80", VIP_1: "10.0.0.1:80", VIP_2: "a:80", VIP_3: "/a", VIP_4: "/a:99999", other: x}}]}`,
			[]string{"jobManager.ports[0].labels.VIP_2", "jobManager.ports[0].labels.VIP_3", "jobManager.ports[0].labels.VIP_4"},
		},
		{"hostnames", `{jobManager: {hostname: "a b"}, taskManager: {hostname: "_TASK_.x"}}`, []string{"jobManager.hostname"}},
		{"one hostname for several", `{flinkConfiguration: {high-availability.type: zookeeper}, jobManager: {replicas: 2, hostname: a}}`, []string{"jobManager.hostname"}},
		{"discovery", `jobManager: {discovery: {name: "A b", visibility: all}}`, []string{"jobManager.discovery.name", "jobManager.discovery.visibility"}},
		{"labels", `{labels: {flink-role: x, "": z}, taskManager: {labels: {flink-cluster: x}}}`, []string{"labels.", "labels.flink-role", "taskManager.labels.flink-cluster"}},
		{"http of a TaskManager", `taskManager: {healthCheck: {type: http}}`, []string{"taskManager.healthCheck.type"}},
		{"check by command", `jobManager: {healthCheck: {type: command}}`, []string{"jobManager.healthCheck.type"}},
		{"http with client certificates", `{flinkConfiguration: {security.ssl.rest.authentication-enabled: 'true'}, jobManager: {healthCheck: {}}}`, []string{"jobManager.healthCheck.type"}},
		{"high availability looks for a port", `{flinkConfiguration: {high-availability.type: zookeeper, security.ssl.rest.authentication-enabled: 'true'}, jobManager: {healthCheck: {}}}`, nil},
		{
			"times of a check", `jobManager: {healthCheck: {delay: -1s, interval: 0s, timeout: soon, gracePeriod: 48h, consecutiveFailures: -1}}`,
			[]string{"jobManager.healthCheck.delay", "jobManager.healthCheck.gracePeriod", "jobManager.healthCheck.interval", "jobManager.healthCheck.timeout", "jobManager.healthCheck.consecutiveFailures"},
		},
		{"grace", `{killGracePeriod: '5', jobManager: {killGracePeriod: 2h}, taskManager: {killGracePeriod: 30s}}`, []string{"killGracePeriod", "jobManager.killGracePeriod"}},
		{"Java", `{javaHome: jdk, taskManager: {javaHome: /a/../b}}`, []string{"javaHome", "taskManager.javaHome"}},
		{"two Javas", `{javaHome: /a, environment: {JAVA_HOME: /b}}`, []string{"javaHome"}},
		{"GPUs with docker", `{container: {type: docker, image: a}, taskManager: {gpus: 1}}`, []string{"taskManager.gpus"}},
		{"GPUs with another container", `{container: {type: docker, image: a}, taskManager: {gpus: 1, container: {image: a}}}`, nil},
		{"bandwidth", `{jobManager: {networkBandwidth: -1}, taskManager: {networkBandwidth: 1, networkResource: cpus}}`, []string{"jobManager.networkBandwidth", "taskManager.networkResource"}},
		{"bandwidth of nothing", `taskManager: {networkResource: net}`, []string{"taskManager.networkResource"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := parse(t, tt.spec)
			err := s.Validate(rules())
			var got []string
			if f, ok := errors.AsType[*fault.Error](err); ok {
				for _, d := range f.Details {
					got = append(got, d.Field)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Validate() mismatch (-want +got):\n%s%v", diff, err)
			}
			// What is stored is read back as the same.
			data, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			var back spec.Spec
			if err := json.Unmarshal(data, &back); err != nil || !back.Equal(s) {
				t.Errorf("the spec does not survive JSON: %v\n%s", err, cmp.Diff(s, back))
			}
			if diff := cmp.Diff(s, s.Complete(spec.Defaults{})); diff != "" {
				t.Errorf("Complete() of a complete spec changed it:\n%s", diff)
			}
		})
	}
}

func parse(t *testing.T, text string) spec.Spec {
	t.Helper()
	var s spec.Spec
	if err := yaml.UnmarshalStrict([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	s.Name = "demo"
	return s.Complete(spec.Defaults{})
}

func TestPrivilegedContainersCanBeAllowed(t *testing.T) {
	t.Parallel()
	s := parse(t, `container: {type: docker, image: a, privileged: true, parameters: [{key: cap-add, value: ALL}]}`)
	r := rules()
	r.Privileged = true
	if err := s.Validate(r); err != nil {
		t.Error(err)
	}
}

func TestOptionsOfARoleAreStronger(t *testing.T) {
	t.Parallel()
	s := parse(t, `{container: {image: a}, labels: {a: all, b: all}, bootstrap: all, javaHome: /all, killGracePeriod: 1m,
		taskManager: {container: {type: docker, image: b}, labels: {b: own}, bootstrap: own, javaHome: /own, killGracePeriod: 2m}}`)
	want := s.TaskManager.TaskOptions
	want.Labels = map[string]string{"a": "all", "b": "own"}
	if diff := cmp.Diff(want, s.OptionsOf(spec.TaskManagerTask)); diff != "" {
		t.Errorf("OptionsOf(TaskManager) mismatch (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(s.TaskOptions, s.OptionsOf(spec.JobManagerTask)); diff != "" {
		t.Errorf("OptionsOf(JobManager) mismatch (-want +got):\n%s", diff)
	}
	if len(s.Labels) != 2 || s.Labels["b"] != "all" {
		t.Errorf("OptionsOf() changed the spec: %v", s.Labels)
	}
}

func TestParseVolumes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want spec.Volumes
		bad  bool
	}{
		{text: " "},
		{text: "/a:/b", want: spec.Volumes{{HostPath: "/a", ContainerPath: "/b", Mode: "RW"}}},
		{text: "/a:/b:ro , /c", want: spec.Volumes{{HostPath: "/a", ContainerPath: "/b", Mode: "RO"}, {HostPath: "volumes/c", ContainerPath: "/c", Mode: "RW"}}},
		{text: "/c/d:RO", want: spec.Volumes{{HostPath: "volumes/c-d", ContainerPath: "/c/d", Mode: "RO"}}},
		{text: "a:b:c:RW", bad: true},
		{text: ":/b", bad: true},
		{text: "/a:", bad: true},
		{text: ",", bad: true},
	}
	for _, tt := range tests {
		got, err := spec.ParseVolumes(tt.text)
		if diff := cmp.Diff(tt.want, got); !tt.bad && (diff != "" || err != nil) || tt.bad && err == nil {
			t.Errorf("ParseVolumes(%q) = %v (-want +got):\n%s", tt.text, err, diff)
		}
	}
}

func TestHostOf(t *testing.T) {
	t.Parallel()
	own := task.Task{ID: "t-1", Kind: spec.JobManagerTask, Hostname: "agent", Network: "dcos", Address: "9.0.0.1"}
	silent, plain := own, own
	silent.Address, plain.Network, plain.Address = "", "", ""
	for _, tt := range []struct {
		spec       string
		task       task.Task
		of, direct string
	}{
		{``, plain, "agent", "agent"},
		{``, own, "9.0.0.1", "9.0.0.1"},
		{``, silent, "", ""},
		{`jobManager: {hostname: "_TASK_.x"}`, plain, "t-1.x", "agent"},
		{`jobManager: {hostname: h}`, silent, "h", ""},
	} {
		if of, direct := task.HostOf(parse(t, tt.spec), &tt.task), tt.task.Host(); of != tt.of || direct != tt.direct {
			t.Errorf("HostOf() with %q = %q and Host() = %q, want %q and %q", tt.spec, of, direct, tt.of, tt.direct)
		}
	}
	ports := slices.Sorted(maps.Values(parse(t, `taskManager: {ports: [{name: x, containerPort: 9}]}`).ContainerPorts(spec.TaskManagerTask)))
	if diff := cmp.Diff([]int{9, 6121, 6122, 6125}, ports); diff != "" {
		t.Error(diff)
	}
}
