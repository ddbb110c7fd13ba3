package flinkmesos_test

import (
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/flinkmesos"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

const tasks = "mesos.resourcemanager.tasks."

// effect is what one option does to an empty spec.
type effect struct {
	key, value string
	// also are other options that must be set for it to have a meaning.
	also map[string]string
	want spec.Spec
	// problem is in the message of a refusal.
	problem string
}

// effects has a case at least for each option of flink-mesos.
func effects() []effect {
	tm := func(change func(*spec.TaskManager)) spec.Spec {
		var s spec.Spec
		change(&s.TaskManager)
		return s
	}
	box := func(c spec.Container) spec.Spec {
		return tm(func(t *spec.TaskManager) { t.Container = &c })
	}
	docker := map[string]string{tasks + "container.type": "docker", tasks + "container.image.name": "jre:17"}
	return []effect{
		{key: "mesos.master", value: "zk://a:2181/mesos"},
		{key: "mesos.failover-timeout", value: "604800"},
		{key: "mesos.resourcemanager.framework.name", value: "Flink"},
		{key: "mesos.resourcemanager.framework.role", value: "dev", want: spec.Spec{Role: "dev"}},
		{key: "mesos.resourcemanager.framework.principal", value: "p"},
		{key: "mesos.resourcemanager.framework.secret", value: "s", problem: "MESOS_SECRET"},
		{key: "mesos.resourcemanager.framework.user", value: "flink", want: spec.Spec{User: "flink"}},
		{key: "mesos.resourcemanager.artifactserver.port", value: "0"},
		{key: "mesos.resourcemanager.artifactserver.ssl.enabled", value: "true"},
		{key: "mesos.resourcemanager.declined-offer-refuse-duration", value: "5000"},
		{key: "mesos.resourcemanager.unused-offer-expiration", value: "120000"},
		{key: tasks + "port-assignments", value: "taskmanager.rpc.port, metrics.reporter.prom.port", want: tm(func(t *spec.TaskManager) {
			t.Ports = []spec.Port{{Name: "metrics-reporter-prom-port", Option: "metrics.reporter.prom.port"}}
		})},
		{key: "mesos.constraints.hard.hostattribute", value: "az:a,HOSTNAME:h", want: spec.Spec{
			FlinkConfiguration: map[string]string{"mesos.constraints.hard.hostattribute": "az:a,HOSTNAME:h"},
		}},
		{key: "mesos.constraints.hard.hostattribute", value: "az", problem: "not an attribute and its value"},
		{key: "mesos.resourcemanager.network.resource.name", value: "net", also: map[string]string{tasks + "network.bandwidth": "10"}, want: tm(func(t *spec.TaskManager) {
			t.NetworkBandwidth, t.NetworkResource = 10, "net"
		})},
		{key: "mesos.resourcemanager.network.resource.name", value: "net", also: map[string]string{tasks + "network.bandwidth": "0"}},
		{key: tasks + "bootstrap-cmd", value: ". /etc/env", want: tm(func(t *spec.TaskManager) { t.Bootstrap = ". /etc/env" })},
		{key: tasks + "taskmanager-cmd", value: "$FLINK_HOME/bin/mesos-taskmanager.sh"},
		{key: tasks + "taskmanager-cmd", value: "/my/start.sh", problem: "taskManager.bootstrap"},
		{key: tasks + "container.type", value: "mesos"},
		{key: tasks + "container.type", value: "docker", want: box(spec.Container{Type: "docker"})},
		{key: tasks + "container.type", value: "rkt", problem: "use mesos or docker"},
		{key: tasks + "container.image.name", value: "jre:17", want: box(spec.Container{Image: "jre:17"})},
		{key: tasks + "container.volumes", value: "/a:/b:RO,/c", want: box(spec.Container{Volumes: spec.Volumes{
			{HostPath: "/a", ContainerPath: "/b", Mode: spec.ReadOnly}, {HostPath: "volumes/c", ContainerPath: "/c", Mode: spec.ReadWrite},
		}})},
		{key: tasks + "container.volumes", value: "a:b:c:d", problem: "write host path"},
		{key: tasks + "container.docker.parameters", value: "env=A=b,dns=1.1.1.1", also: docker, want: box(spec.Container{
			Type: "docker", Image: "jre:17", Parameters: []spec.Parameter{{Key: "env", Value: "A=b"}, {Key: "dns", Value: "1.1.1.1"}},
		})},
		{key: tasks + "container.docker.parameters", value: "privileged", also: docker, problem: "write name=value"},
		{key: tasks + "container.docker.parameters", value: "a=b"},
		{key: tasks + "container.docker.force-pull-image", value: "true", also: docker, want: box(spec.Container{Type: "docker", Image: "jre:17", ForcePull: true})},
		{key: tasks + "container.docker.force-pull-image", value: "maybe", problem: "neither true nor false"},
		{key: tasks + "cpus", value: "1.5", want: tm(func(t *spec.TaskManager) { t.CPUs = 1.5 })},
		{key: tasks + "cpus", value: "0.0"},
		{key: tasks + "cpus", value: "2", also: map[string]string{"taskmanager.cpu.cores": "3"}, want: spec.Spec{FlinkConfiguration: map[string]string{"taskmanager.cpu.cores": "3"}}},
		{key: tasks + "disk", value: "1024", want: tm(func(t *spec.TaskManager) { t.Disk = spec.GiB })},
		{key: tasks + "gpus", value: "2", want: tm(func(t *spec.TaskManager) { t.GPUs = 2 })},
		{key: tasks + "gpus", value: "-1", problem: "not a whole number"},
		{key: tasks + "network.bandwidth", value: "100", want: tm(func(t *spec.TaskManager) { t.NetworkBandwidth, t.NetworkResource = 100, "network" })},
		{key: tasks + "hostname", value: "_TASK_.example", want: tm(func(t *spec.TaskManager) { t.Hostname = "_TASK_.example" })},
		{key: tasks + "labels", value: "a:b, c:d:e", want: tm(func(t *spec.TaskManager) { t.Labels = map[string]string{"a": "b", "c": "d:e"} })},
		{key: tasks + "labels", value: "a", problem: "write name:value"},
		{key: tasks + "uris", value: " http://h/a.tgz , http://h/b ", want: spec.Spec{URIs: []spec.URI{{Value: "http://h/a.tgz", Extract: true}, {Value: "http://h/b", Extract: true}}}},

		{key: "high-availability.zookeeper.path.mesos-workers", value: "/mesos-workers"},
		{key: "recovery.zookeeper.path.mesos-workers", value: "/mesos-workers"},
		{key: tasks + "mem", value: "1024", want: tm(func(t *spec.TaskManager) { t.Memory = spec.GiB })},
		{key: tasks + "mem", value: "1024", also: map[string]string{"taskmanager.memory.process.size": "2g"}, want: spec.Spec{FlinkConfiguration: map[string]string{"taskmanager.memory.process.size": "2g"}}},
		{key: "mesos.initial-tasks", value: "3", want: spec.Spec{TaskManagers: spec.TaskManagers{Min: 3}}},
		{key: "mesos.maximum-failed-tasks", value: "-1"},
		{key: "mesos.maximum-failed-workers-per-interval", value: "-1"},
		{key: "mesos.workers-failure-rate-interval", value: "300"},
	}
}

func TestEachOptionHasItsOldMeaning(t *testing.T) {
	t.Parallel()
	covered := map[string]bool{}
	for _, e := range effects() {
		covered[e.key] = true
		t.Run(e.key+"="+e.value, func(t *testing.T) {
			t.Parallel()
			given := spec.Spec{FlinkConfiguration: map[string]string{e.key: e.value}}
			maps.Copy(given.FlinkConfiguration, e.also)
			got, lines, err := flinkmesos.Adopt(given)
			if e.problem != "" {
				f, ok := errors.AsType[*fault.Error](err)
				if !ok || len(f.Details) != 1 || !strings.Contains(f.Details[0].Message, e.problem) || !strings.HasPrefix(f.Details[0].Field, "flinkConfiguration."+e.key) {
					t.Fatalf("Adopt() = %v, want one problem with %q", err, e.problem)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(e.want, got); diff != "" {
				t.Errorf("Adopt() mismatch (-want +got):\n%s", diff)
			}
			if !slices.ContainsFunc(lines, func(l flinkmesos.Line) bool { return l.Key == e.key && strings.HasPrefix(l.Note, e.key+" ") }) {
				t.Errorf("no line about %s: %+v", e.key, lines)
			}
		})
	}
	for _, o := range flinkmesos.Options() {
		if !covered[o.Key] {
			t.Errorf("no case for %s", o.Key)
		}
	}
}

func TestAdoptLeavesTheRestAlone(t *testing.T) {
	t.Parallel()
	own := spec.Spec{FlinkConfiguration: map[string]string{"a": "b", "mesos.driver.first-report-timeout": "1s", "mesos.worker.withdraw-delay": "1s"}}
	got, lines, err := flinkmesos.Adopt(own)
	if diff := cmp.Diff(own, got); diff != "" || lines != nil || err != nil {
		t.Errorf("Adopt() = %v, %v\n%s", lines, err, diff)
	}
	before := spec.Spec{FlinkConfiguration: map[string]string{"a": "b", tasks + "labels": "x:y", tasks + "cpus": "2"}}
	before.TaskManager.Labels = map[string]string{"own": "1"}
	got, _, err = flinkmesos.Adopt(before)
	if err != nil || len(before.FlinkConfiguration) != 3 || len(before.TaskManager.Labels) != 1 {
		t.Errorf("Adopt() changed what it was given: %+v, %v", before, err)
	}
	if diff := cmp.Diff(map[string]string{"a": "b"}, got.FlinkConfiguration); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"own": "1", "x": "y"}, got.TaskManager.Labels); diff != "" {
		t.Error(diff)
	}
}

func TestContradictionsAndMisspellings(t *testing.T) {
	t.Parallel()
	s := spec.Spec{Role: "a", FlinkConfiguration: map[string]string{
		"mesos.resourcemanager.framework.role": "b", tasks + "cpus": "2", tasks + "disk": "1e30", tasks + "labels": "l:2",
		tasks + "container.image.name": "x", tasks + "cpu": "2", "mesos.": "",
	}}
	s.TaskManager.CPUs, s.TaskManager.Container, s.TaskManager.Labels = 1, &spec.Container{Image: "y"}, map[string]string{"l": "1"}
	_, _, err := flinkmesos.Adopt(s)
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Code != fault.Invalid {
		t.Fatalf("Adopt() = %v", err)
	}
	var fields []string
	for _, d := range f.Details {
		fields = append(fields, strings.TrimPrefix(d.Field, "flinkConfiguration."))
	}
	want := []string{"mesos.resourcemanager.framework.role", tasks + "cpus", tasks + "disk", tasks + "labels", tasks + "container.image.name", "mesos.", tasks + "cpu"}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// TestOptionsAreThoseOfTheManual counts them, and compares the list with the table for users, row by row.
func TestOptionsAreThoseOfTheManual(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/migration.md")
	if err != nil {
		t.Fatal(err)
	}
	row := func(key string) string {
		for line := range strings.Lines(string(page)) {
			if first, rest, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | "); ok && strings.Contains(first, "`"+key+"`") {
				return rest
			}
		}
		return ""
	}
	options := flinkmesos.Options()
	if got := slices.IndexFunc(options, func(o flinkmesos.Option) bool { return strings.HasPrefix(o.Key, "high-availability.") }); got != 28 {
		t.Errorf("%d options of 1.13, want 28", got)
	}
	for _, o := range options {
		text := row(o.Key)
		want := o.Field
		if o.Outcome == flinkmesos.Obsolete || o.Outcome == flinkmesos.Refused {
			want = string(o.Outcome)
		}
		if !strings.Contains(text, want) || !strings.Contains(text, string(o.Outcome)) {
			t.Errorf("docs/migration.md has for %s: %q, want %s and %s in it", o.Key, text, o.Outcome, want)
		}
	}
}
