package admit_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/admit"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

const (
	known   = "1111111111111111111111111111111111111111111111111111111111111111"
	unknown = "2222222222222222222222222222222222222222222222222222222222222222"
)

// service offers Flink 2.3.0 with one plugin, one artifact, one secret file and nothing for high availability.
func service() admit.Options {
	return admit.Options{
		Defaults: spec.Defaults{FlinkVersion: "2.3.0", Role: "flink"},
		Rules:    spec.Rules{Roles: []string{"flink"}, Constraints: true, Schemes: []string{"https"}, Hosts: []string{"files.example"}},
		Flink: func(s spec.Spec) (dist.Manifest, error) {
			if !strings.HasPrefix("2.3.0", s.FlinkVersion) {
				return dist.Manifest{}, errors.New("there is Flink 2.3.0")
			}
			return dist.Manifest{Version: "2.3.0", Libraries: []dist.Library{{Path: "opt/flink-s3-fs-presto-2.3.0.jar"}, {Path: "lib/flink-mesos-driver-1.jar"}}}, nil
		},
		Artifact: func(u spec.ArtifactURI) error {
			if u.SHA256 != known {
				return errors.New("it is not there")
			}
			return nil
		},
		SecretFile: func(name string) error {
			if name != "there" {
				return errors.New("there is no file " + name)
			}
			return nil
		},
	}
}

// TestAdmit adopts options, restores masked secrets, keeps the restart nonce and completes.
func TestAdmit(t *testing.T) {
	t.Parallel()
	sent := spec.Spec{
		Name:               "demo",
		FlinkConfiguration: map[string]string{"taskmanager.numberOfTaskSlots": "2", "mesos.resourcemanager.framework.role": "flink", "s3.access-key": "******"},
		Overlays:           spec.Overlays{Plugins: []string{"s3-fs-presto"}},
		URIs:               []spec.URI{{Value: "artifact:" + known + "/a.jar"}, {Value: "https://files.example/x"}},
	}
	sent.Secrets = []spec.TaskSecret{{Environment: "A", ValueFrom: "there"}}
	stored := spec.Spec{RestartNonce: 3, FlinkConfiguration: map[string]string{"s3.access-key": "id"}}
	got, notes, err := admit.New(service()).Admit(sent, stored)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"s3.access-key": "id"}, got.FlinkConfiguration); diff != "" {
		t.Errorf("flinkConfiguration mismatch (-want +got):\n%s", diff)
	}
	if got.TaskManager.Slots != 2 || got.TaskManager.CPUs != 2 || got.RestartNonce != 3 || got.FlinkVersion != "2.3.0" || got.Kind != spec.Session {
		t.Errorf("admitted is %+v", got)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "mesos.resourcemanager.framework.role") {
		t.Errorf("notes are %q", notes)
	}
	if sent.FlinkConfiguration["s3.access-key"] != "******" {
		t.Error("Admit() changed its argument")
	}
}

// TestEveryProblem has one mistake for every step of an admission, all in one spec.
func TestEveryProblem(t *testing.T) {
	t.Parallel()
	sent := spec.Spec{
		Name: "Demo", Kind: spec.Application, FlinkVersion: "9.9", Role: "other",
		FlinkConfiguration: map[string]string{
			"s3.secret-key": "******", "mesos.nonsense": "x", "rest.address": "h", "high-availability.type": "zookeeper",
			"jobmanager.memory.process.size": "100m",
		},
		Job:      &spec.JobSpec{JarURI: "artifact:" + unknown + "/a.jar"},
		Overlays: spec.Overlays{Hadoop: &spec.Hadoop{ConfigURL: "https://elsewhere.example/conf/"}, Kerberos: &spec.Kerberos{KeytabURI: "ftp://files.example/k", Principal: "p"}},
	}
	sent.TaskManager.Ports = []spec.Port{{Name: "x", Option: "rest.port"}}
	sent.Secrets = []spec.TaskSecret{{Environment: "A", ValueFrom: "gone"}}
	_, _, err := admit.New(service()).Admit(sent, spec.Spec{})
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Code != fault.Invalid {
		t.Fatalf("Admit() = %v", err)
	}
	var got []string
	for _, d := range e.Details {
		got = append(got, d.Field)
		if d.Message == "" {
			t.Errorf("%s has no message", d.Field)
		}
	}
	slices.Sort(got)
	want := []string{
		"flinkConfiguration.high-availability.storageDir", "flinkConfiguration.high-availability.zookeeper.quorum",
		"flinkConfiguration.jobmanager.memory.process.size", "flinkConfiguration.mesos.nonsense", "flinkConfiguration.rest.address",
		"flinkConfiguration.s3.secret-key", "flinkVersion", "hadoop.configURL", "job.jarURI", "kerberos.keytabURI", "name", "role",
		"secrets[0].valueFrom", "taskManager.ports[0].option",
	}
	if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
		t.Errorf("fields mismatch (-want +got):\n%s\n%v", diff, err)
	}
}

// TestDistribution refuses what the Flink of the spec does not have.
func TestDistribution(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, field string
		change      func(*spec.Spec)
	}{
		{"version", "flinkVersion", func(s *spec.Spec) { s.FlinkVersion = "1.20" }},
		{"Python", "job.python", func(s *spec.Spec) {
			s.Kind, s.Job = spec.Application, &spec.JobSpec{Python: "artifact:" + known + "/main.py"}
		}},
		{"plugin", "plugins[0]", func(s *spec.Spec) { s.Plugins = []string{"metrics-prometheus"} }},
		{"plugin that is fetched", "", func(s *spec.Spec) {
			s.Plugins = []string{"metrics-prometheus"}
			s.URIs = []spec.URI{{Value: "artifact:" + known + "/p.jar", OutputFile: "plugins/metrics-prometheus/p.jar"}}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := spec.Spec{Name: "demo"}
			tt.change(&s)
			_, _, err := admit.New(service()).Admit(s, spec.Spec{})
			e, _ := errors.AsType[*fault.Error](err)
			switch {
			case tt.field == "" && err == nil:
			case e == nil, len(e.Details) != 1, e.Details[0].Field != tt.field:
				t.Errorf("Admit() = %v, want one problem of %q", err, tt.field)
			}
		})
	}
}

// TestElsewhere names the Flinks of the service that have what the one of the spec lacks.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	o := service()
	driver := dist.Library{Path: "lib/flink-mesos-driver.jar"}
	o.Flinks = []dist.Manifest{
		{Version: "2.3.0", Libraries: []dist.Library{driver}},
		{Version: "1.20.0", Libraries: []dist.Library{driver, {Path: "plugins/metrics-prometheus/flink-metrics-prometheus-1.20.0.jar"}}},
		{Version: "1.20.5", Libraries: []dist.Library{driver}},
	}
	_, _, err := admit.New(o).Admit(spec.Spec{Name: "demo", Overlays: spec.Overlays{Plugins: []string{"metrics-prometheus"}}}, spec.Spec{})
	if want := "(in this service Flink 1.20.0 has it)"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Admit() = %v, want %q in it", err, want)
	}
}

// What the service could not do for a highly available cluster is a note, not a refusal.
func TestHighAvailabilityNote(t *testing.T) {
	o := service()
	o.ZooKeeper, o.StorageDir = "a:2181", "file:///ha"
	o.HighAvailability = func(s spec.Spec) (string, error) { return "shut out of " + s.Name, nil }
	sp := spec.Spec{Name: "safe", FlinkConfiguration: map[string]string{"high-availability.type": "zookeeper"}}
	_, notes, err := admit.New(o).Admit(sp, spec.Spec{})
	if err != nil || !slices.Contains(notes, "shut out of safe") {
		t.Errorf("Admit() notes %q, %v", notes, err)
	}
	if _, notes, err = admit.New(o).Admit(spec.Spec{Name: "plain"}, spec.Spec{}); err != nil || len(notes) > 0 {
		t.Errorf("Admit() of a cluster without high availability: notes %q, %v", notes, err)
	}
}
