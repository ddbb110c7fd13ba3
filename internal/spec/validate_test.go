package spec_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

func rules() spec.Rules {
	return spec.Rules{Roles: []string{"*", "flink"}, FlinkVersions: []string{"2.3.0", "1.20.5"}, Constraints: true}
}

func TestCompleteFillsEveryOpenField(t *testing.T) {
	t.Parallel()
	open := spec.Spec{Name: "demo", TaskManager: spec.TaskManager{Slots: 4}, Job: &spec.JobSpec{JarURI: "x"}}
	got := open.Complete(spec.Defaults{Allocation: spec.Static, FlinkVersion: "2.3.0", Role: "flink", User: "nobody"})
	want := spec.Spec{
		Name: "demo", Kind: spec.Session, Allocation: spec.Static, FlinkVersion: "2.3.0", Role: "flink", User: "nobody",
		JobManager:  spec.JobManager{Resources: spec.Resources{CPUs: 1, Memory: 1600 * spec.MiB}, Replicas: 1},
		TaskManager: spec.TaskManager{Resources: spec.Resources{CPUs: 4, Memory: 1728 * spec.MiB}, Slots: 4},
		Job:         &spec.JobSpec{JarURI: "x", Parallelism: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Complete() mismatch (-want +got):\n%s", diff)
	}
	if open.Job.Parallelism != 0 {
		t.Error("Complete() changed the spec it was given")
	}
	if diff := cmp.Diff(got, got.Complete(spec.Defaults{Allocation: spec.Dynamic, Role: "other"})); diff != "" {
		t.Errorf("Complete() of a complete spec changed it:\n%s", diff)
	}
	if err := (spec.Spec{Name: "a"}).Complete(spec.Defaults{}).Validate(rules()); err != nil {
		t.Errorf("the smallest spec is not valid: %v", err)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	const jar = "artifact:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef/app.jar"
	tests := []struct {
		name   string
		change func(*spec.Spec)
		// want are the fields that are wrong, in order; none means that the spec is valid.
		want []string
	}{
		{"minimal", func(*spec.Spec) {}, nil},
		{"no name", func(s *spec.Spec) { s.Name = "" }, []string{"name"}},
		{"capital in the name", func(s *spec.Spec) { s.Name = "Demo" }, []string{"name"}},
		{"digit first", func(s *spec.Spec) { s.Name = "1demo" }, []string{"name"}},
		{"hyphen last", func(s *spec.Spec) { s.Name = "demo-" }, []string{"name"}},
		{"slash in the name", func(s *spec.Spec) { s.Name = "a/b" }, []string{"name"}},
		{"longest name", func(s *spec.Spec) { s.Name = strings.Repeat("a", 40) }, nil},
		{"too long a name", func(s *spec.Spec) { s.Name = strings.Repeat("a", 41) }, []string{"name"}},
		{"newline after the name", func(s *spec.Spec) { s.Name = "demo\n" }, []string{"name"}},
		{"unknown kind and allocation", func(s *spec.Spec) { s.Kind, s.Allocation = "batch", "magic" }, []string{"kind", "allocation"}},
		{"version prefix", func(s *spec.Spec) { s.FlinkVersion = "1.20" }, nil},
		{"version that only begins alike", func(s *spec.Spec) { s.FlinkVersion = "1.2" }, []string{"flinkVersion"}},
		{"no version", func(s *spec.Spec) { s.FlinkVersion = "latest" }, []string{"flinkVersion"}},
		{"foreign role", func(s *spec.Spec) { s.Role = "kafka" }, []string{"role"}},
		{"user with a blank", func(s *spec.Spec) { s.User = "a b" }, []string{"user"}},
		{"cpus", func(s *spec.Spec) { s.JobManager.CPUs, s.TaskManager.CPUs = -1, 2000 }, []string{"jobManager.cpus", "taskManager.cpus"}},
		{"cpus not a number", func(s *spec.Spec) { s.JobManager.CPUs = math.NaN() }, []string{"jobManager.cpus"}},
		{"cpus too fine", func(s *spec.Spec) { s.JobManager.CPUs = 0.12345 }, []string{"jobManager.cpus"}},
		{"cpus of three decimals", func(s *spec.Spec) { s.JobManager.CPUs = 0.123 }, nil},
		{"memory and disk", func(s *spec.Spec) { s.JobManager.Memory, s.TaskManager.Disk = 5, -1 }, []string{"jobManager.memory", "taskManager.disk"}},
		{"gpus", func(s *spec.Spec) { s.TaskManager.GPUs = -1 }, []string{"taskManager.gpus"}},
		{"replicas without high availability", func(s *spec.Spec) { s.JobManager.Replicas = 2 }, []string{"jobManager.replicas"}},
		{"replicas with it", func(s *spec.Spec) {
			s.JobManager.Replicas = 2
			s.FlinkConfiguration = map[string]string{"high-availability.type": "zookeeper"}
		}, nil},
		{"count with dynamic allocation", func(s *spec.Spec) { s.TaskManagers.Count = 3 }, []string{"taskManagers.count"}},
		{"bounds with static allocation", func(s *spec.Spec) {
			s.Allocation = spec.Static
			s.TaskManagers = spec.TaskManagers{Count: 3, Min: 1, Max: 2}
		}, []string{"taskManagers.min", "taskManagers.max"}},
		{"bounds that cross", func(s *spec.Spec) { s.TaskManagers = spec.TaskManagers{Min: 5, Max: 2} }, []string{"taskManagers.min"}},
		{"negative count and too many slots", func(s *spec.Spec) {
			s.Allocation, s.TaskManagers.Count, s.TaskManager.Slots = spec.Static, -1, 5000
		}, []string{"taskManagers.count", "taskManager.slots", "taskManager.cpus"}},
		{"session with a job", func(s *spec.Spec) { s.Job = &spec.JobSpec{JarURI: jar, Parallelism: 1} }, []string{"job"}},
		{"application without a job", func(s *spec.Spec) { s.Kind = spec.Application }, []string{"job"}},
		{"application", func(s *spec.Spec) {
			s.Kind, s.Job = spec.Application, &spec.JobSpec{JarURI: jar, EntryClass: "com.example.Job$Inner", Parallelism: 8, Args: []string{"--x", ""}}
		}, nil},
		{"application from a job graph", func(s *spec.Spec) {
			s.Kind, s.Job = spec.Application, &spec.JobSpec{JobGraphURI: "https://h/job.graph", Parallelism: 1}
		}, []string{"job.jobGraphURI"}},
		{"two programs", func(s *spec.Spec) {
			s.Kind, s.Job = spec.Job, &spec.JobSpec{JobGraphURI: "https://h/job.graph", JarURI: jar, Parallelism: 1}
		}, []string{"job"}},
		{"no program, bad class, bad parallelism", func(s *spec.Spec) {
			s.Kind, s.Job = spec.Job, &spec.JobSpec{EntryClass: "a; rm", Parallelism: -1, Args: []string{"\x00"}}
		}, []string{"job.jarURI", "job.entryClass", "job.parallelism", "job.args[0]"}},
		{"locations", func(s *spec.Spec) {
			s.URIs = []spec.URI{{Value: "https://h/a"}, {Value: "file:///opt/x"}, {Value: "s3://b/k"}, {Value: jar}, {Value: "hdfs:///x"}}
		}, nil},
		{"no locations", func(s *spec.Spec) {
			s.URIs = []spec.URI{{}, {Value: "gopher://h/a"}, {Value: "/etc/passwd"}, {Value: "artifact:12/x"}, {Value: "http://h/a'b"}, {Value: "http://h/a\nb"}, {Value: "https:///x"}}
		}, []string{"uris[0].value", "uris[1].value", "uris[2].value", "uris[3].value", "uris[4].value", "uris[5].value", "uris[6].value"}},
		{"output files", func(s *spec.Spec) {
			s.URIs = []spec.URI{{Value: jar, OutputFile: "a/b"}, {Value: jar, OutputFile: "../b"}, {Value: jar, OutputFile: "/b"}, {Value: jar, OutputFile: "a/../b"}, {Value: jar, Extract: true, Executable: true}}
		}, []string{"uris[1].outputFile", "uris[2].outputFile", "uris[3].outputFile", "uris[4].executable"}},
		{"environment", func(s *spec.Spec) {
			s.Environment = map[string]string{"GOOD": "x", "bad-name": "x", "MESOS_SANDBOX": "/", "NUL": "\x00", "": ""}
		}, []string{"environment.", "environment.MESOS_SANDBOX", "environment.NUL", "environment.bad-name"}},
		{"flinkConfiguration", func(s *spec.Spec) {
			s.FlinkConfiguration = map[string]string{"a.b": "x", "a b": "x", "c": "\xff"}
		}, []string{"flinkConfiguration.a b", "flinkConfiguration.c"}},
		{"TLS", func(s *spec.Spec) {
			s.Security.TLS = true
			s.FlinkConfiguration = map[string]string{
				"security.ssl.rest.authentication-enabled": "false", "security.ssl.protocol": "TLSv1.3", "security.ssl.algorithms": "TLS_AES_128_GCM_SHA256",
				"security.ssl.internal.session-timeout": "1",
			}
		}, nil},
		{"TLS twice", func(s *spec.Spec) {
			s.Security = spec.Security{TLS: true, REST: spec.RESTSecurity{ServerName: "a"}}
			s.FlinkConfiguration = map[string]string{
				"security.ssl.rest.enabled": "false", "security.ssl.internal.keystore": "x", "security.ssl.rest.truststore-password": "x", "security.ssl.key-password": "x",
				"security.ssl.algorithms": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
			}
		}, []string{
			"flinkConfiguration.security.ssl.internal.keystore", "flinkConfiguration.security.ssl.key-password", "flinkConfiguration.security.ssl.rest.enabled",
			"flinkConfiguration.security.ssl.rest.truststore-password", "flinkConfiguration.security.ssl.algorithms", "security.rest",
		}},
		{"trust without TLS", func(s *spec.Spec) { s.Security.REST.Insecure = true }, []string{"security.rest"}},
		{"trust", func(s *spec.Spec) {
			s.Security.REST = spec.RESTSecurity{ServerName: "jm.example.com", ClientCertificate: "flink-client.pem"}
			s.FlinkConfiguration = map[string]string{"security.ssl.rest.enabled": "true"}
		}, nil},
		{"bad trust", func(s *spec.Spec) {
			s.Security.REST = spec.RESTSecurity{Authorities: "x", ServerName: "a b", ClientCertificate: "../keys", Insecure: true}
			s.FlinkConfiguration = map[string]string{"security.ssl.rest.enabled": "true"}
		}, []string{"security.rest.insecure", "security.rest.authorities", "security.rest.serverName", "security.rest.clientCertificate"}},
		{"secrets", func(s *spec.Spec) {
			s.Secrets = []spec.TaskSecret{
				{Environment: "A", Reference: &spec.SecretReference{Name: "flink/db", Key: "password"}}, {File: "secrets/x", Value: "v"}, {Environment: "B", ValueFrom: "b.txt"},
			}
			s.TaskManager.Secrets = []spec.TaskSecret{{Environment: "A", Value: "w"}}
		}, nil},
		{"bad secrets", func(s *spec.Spec) {
			s.Environment = map[string]string{"TAKEN": "x"}
			s.Secrets = []spec.TaskSecret{
				{},
				{Environment: "A", File: "b", Value: "x", ValueFrom: "y"},
				{Environment: "TAKEN", Value: "x"},
				{Environment: "a-b", Value: "x"},
				{Environment: "NUL", Value: "a\x00b"},
				{Environment: "C", ValueFrom: "../x"},
				{Environment: "D", Reference: &spec.SecretReference{Name: "/x/"}},
				{File: "/etc/x", Value: "x"},
				{File: "conf/config.yaml", Value: "x"},
				{File: "a/../b", Value: "x"},
				{Environment: "NUL", Value: "x"},
				{Environment: "MESOS_X", Value: "x"},
			}
		}, []string{
			"secrets[0]", "secrets[0]", "secrets[1]", "secrets[1]", "secrets[2].environment", "secrets[3].environment", "secrets[4].value", "secrets[5].valueFrom",
			"secrets[6].reference.name", "secrets[7].file", "secrets[8].file", "secrets[9].file", "secrets[10]", "secrets[11].environment",
		}},
		{"secrets for docker", func(s *spec.Spec) {
			s.JobManager.Container = &spec.Container{Type: spec.DockerContainer, Image: "x"}
			s.Secrets = []spec.TaskSecret{{Environment: "A", Value: "x"}}
		}, []string{"secrets"}},
		{"secret in an image", func(s *spec.Spec) {
			s.Container = &spec.Container{Image: "x", Volumes: spec.Volumes{{ContainerPath: "/b", HostPath: "/b"}}}
			s.JobManager.Secrets = []spec.TaskSecret{{File: "/etc/x", Value: "x"}, {File: "/b", Value: "x"}}
		}, []string{"jobManager.secrets[1].file"}},
		{"constraints", func(s *spec.Spec) {
			s.TaskManager.Constraints = [][]string{{"hostname", "UNIQUE"}, {"@zone", "GROUP_BY", "3"}, {"rack", "LIKE", "r[1-3]"}, {"a", "CLUSTER", "x"}, {"a", "IS", "x"}}
		}, nil},
		{"bad constraints", func(s *spec.Spec) {
			s.JobManager.Constraints = [][]string{{"hostname"}, {"hostname", "UNIQUE", "x"}, {"h", "NEAR", "x"}, {"h", "LIKE", "("}, {"h", "MAX_PER"}, {"h", "MAX_PER", "zero"}, {"", "IS", "x"}}
		}, []string{
			"jobManager.constraints[0]", "jobManager.constraints[1]", "jobManager.constraints[2]", "jobManager.constraints[3]",
			"jobManager.constraints[4]", "jobManager.constraints[5]", "jobManager.constraints[6]",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := spec.Spec{Name: "demo"}
			tt.change(&s)
			name := s.Name
			s = s.Complete(spec.Defaults{Allocation: spec.Dynamic, FlinkVersion: "2.3.0", Role: "*"})
			s.Name = name
			if diff := cmp.Diff(tt.want, fields(t, s.Validate(rules()))); diff != "" {
				t.Errorf("Validate() mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestValidateRefusesRulesThatNobodyHonours(t *testing.T) {
	t.Parallel()
	s := spec.Spec{Name: "demo"}.Complete(spec.Defaults{})
	s.TaskManager.Constraints = [][]string{{"hostname", "UNIQUE"}}
	want := []string{"taskManager.constraints"}
	if diff := cmp.Diff(want, fields(t, s.Validate(spec.Rules{}))); diff != "" {
		t.Errorf("Validate() mismatch (-want +got):\n%s", diff)
	}
}

// A hostile value must neither fill the answer nor leak the password of a URI.
func TestValidateQuotesSparingly(t *testing.T) {
	t.Parallel()
	s := spec.Spec{Name: strings.Repeat("x", 1<<20), URIs: []spec.URI{{Value: "gopher://user:hunter2@h/a"}}}.Complete(spec.Defaults{})
	err := s.Validate(spec.Rules{})
	if text := err.Error(); len(text) > 2000 || strings.Contains(text, "hunter2") {
		t.Errorf("Validate() says too much: %.3000s", text)
	}
}

// Every problem is told as invalid, with a field and a sentence.
func fields(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Code != fault.Invalid || e.Message == "" {
		t.Fatalf("Validate() = %#v, want an invalid fault", err)
	}
	var got []string
	for _, d := range e.Details {
		if d.Message == "" {
			t.Errorf("%s is wrong without a reason", d.Field)
		}
		got = append(got, d.Field)
	}
	return got
}

// FuzzValidate reads any JSON as a spec: no input may panic, and what is valid stays valid when it is
// written and read again.
func FuzzValidate(f *testing.F) {
	f.Add([]byte(`{"name":"demo"}`))
	f.Add([]byte(`{"name":"demo","kind":"job","job":{"jarURI":"http://h/a"},"taskManager":{"constraints":[["a","LIKE","("]]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var s spec.Spec
		if json.Unmarshal(data, &s) != nil {
			return
		}
		s = s.Complete(spec.Defaults{})
		if s.Validate(rules()) != nil {
			return
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatalf("write a valid spec: %v", err)
		}
		var again spec.Spec
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatalf("read a valid spec: %v", err)
		}
		if err := again.Validate(rules()); err != nil {
			t.Fatalf("a valid spec is not valid when it is read again: %v", err)
		}
		if !s.Equal(again) {
			t.Fatalf("%s became %+v", text, again)
		}
	})
}

// TestOrigins checks from where tasks may fetch when the operator says so.
func TestOrigins(t *testing.T) {
	t.Parallel()
	r := spec.Rules{Schemes: []string{"https", "hdfs"}, Hosts: []string{"files.example.com", ".good.example"}}
	for uri, good := range map[string]bool{
		"artifact:" + strings.Repeat("0", 64) + "/x.jar": true,
		"https://files.example.com/a.jar":                true,
		"https://FILES.example.com.:8443/a.jar":          true,
		"https://a.b.good.example/a.jar":                 true,
		"hdfs:///a.jar":                                  true,
		"https://good.example/a.jar":                     false,
		"https://notgood.example/a.jar":                  false,
		"https://files.example.com.evil.example/a.jar":   false,
		"https://files.example.com@evil.example/a.jar":   false,
		"https://169.254.169.254/latest/meta-data":       false,
		"https://evil.example/?x=files.example.com":      false,
		"http://files.example.com/a.jar":                 false,
		"file:///etc/passwd":                             false,
		"hdfs://evil.example/a.jar":                      false,
	} {
		s := spec.Spec{Name: "demo", Kind: spec.Application, Job: &spec.JobSpec{JarURI: uri}, URIs: []spec.URI{{Value: uri}}}.Complete(spec.Defaults{})
		err := s.Validate(r)
		if good != (err == nil) {
			t.Errorf("%s: %v", uri, err)
		}
		if e, ok := errors.AsType[*fault.Error](err); ok && len(e.Details) != 2 {
			t.Errorf("%s: %v", uri, e.Details)
		}
	}
}
