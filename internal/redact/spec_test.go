package redact_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/redact"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for name, secret := range map[string]bool{
		"high-availability.zookeeper.client.authorization": true,
		"s3.secret-key": true, "s3.access-key": true, "s3.access.key": true, "fs.s3a.access.key": true, "presto.s3.access-key": true,
		"security.ssl.key-Password": true, "fs.azure.account.key.a.blob": true, "mesos.driver.token-file": false, "parallelism.default": false,
		"fs.s3a.aws.credentials.provider": false,
	} {
		if got := redact.Option(name); got != secret {
			t.Errorf("Option(%s) = %t", name, got)
		}
	}
	for name, secret := range map[string]bool{
		"AWS_ACCESS_KEY_ID": true, "DB_PASSWD": true, "GOOGLE_CREDENTIALS": true, "KAFKA_JAAS_CONFIG": true, "apikey": true,
		"HOME": false, "KEYBOARD": false, "PASS_COUNT": false,
	} {
		if got := redact.Variable(name); got != secret {
			t.Errorf("Variable(%s) = %t", name, got)
		}
	}
}

// full is a spec with a secret, which contains "canary", in every place that can hold one.
func full() spec.Spec {
	container := func(n string) *spec.Container {
		return &spec.Container{
			Type: spec.DockerContainer, Image: "flink",
			Parameters: []spec.Parameter{{Key: "env", Value: "DB_PASSWD=canary" + n}, {Key: "env", Value: "TZ=UTC"}, {Key: "secret", Value: "canary" + n}},
			Volumes: spec.Volumes{{ContainerPath: "/data", External: &spec.ExternalVolume{
				Driver: "d", Name: "v", Options: map[string]string{"secretKey": "canary" + n, "size": "5"},
			}}},
		}
	}
	s := spec.Spec{
		Name: "demo", Kind: spec.Application,
		FlinkConfiguration: map[string]string{"s3.secret-key": "canary1", "s3.access-key": "canary2", "parallelism.default": "2"},
		Environment:        map[string]string{"API_KEY": "canary3", "TZ": "UTC"},
		URIs: []spec.URI{
			{Value: "https://me:canary4@h/a"}, {Value: "http://h/b"}, {Value: "s3://b/k?sig=canary5"},
		},
		Job:      &spec.JobSpec{JarURI: "https://canary6@h/x.jar", InitialSavepointPath: "s3://b/sp?canary7", Args: []string{"--a", "b"}},
		Overlays: spec.Overlays{Hadoop: &spec.Hadoop{ConfigURL: "http://u:canary8@h/conf"}, Kerberos: &spec.Kerberos{KeytabURI: "http://u:canary9@h/k"}},
	}
	s.Secrets = []spec.TaskSecret{{Environment: "A", Value: "canary10"}, {Environment: "B", Reference: &spec.SecretReference{Name: "db"}}}
	s.JobManager.Secrets = []spec.TaskSecret{{File: "secrets/c", Value: "canary11"}}
	s.TaskManager.Secrets = []spec.TaskSecret{{File: "secrets/d", ValueFrom: "file"}}
	s.Container, s.JobManager.Container, s.TaskManager.Container = container("12"), container("13"), container("14")
	return s
}

// TestSpec hides every secret, leaves the spec that it was given alone, and can be undone.
func TestSpec(t *testing.T) {
	t.Parallel()
	stored := full()
	shown := redact.Spec(stored)
	if diff := cmp.Diff(full(), stored); diff != "" {
		t.Errorf("Spec() changed its argument (-want +got):\n%s", diff)
	}
	text := encode(t, shown)
	if strings.Contains(text, "canary") {
		t.Errorf("a secret is shown: %s", text)
	}
	for _, open := range []string{`"parallelism.default":"2"`, `"TZ":"UTC"`, `"TZ=UTC"`, `"DB_PASSWD=******"`, `"size":"5"`, `"http://h/b"`, `"name":"db"`, `"valueFrom":"file"`, `"--a"`} {
		if !strings.Contains(text, open) {
			t.Errorf("%s is hidden", open)
		}
	}
	if diff := cmp.Diff(shown, redact.Spec(shown)); diff != "" {
		t.Errorf("masking twice differs (-once +twice):\n%s", diff)
	}
	var l fault.List
	if diff := cmp.Diff(stored, redact.Restore(&l, shown, stored)); diff != "" || l.Err("") != nil {
		t.Errorf("Restore() differs (-want +got, problems %v):\n%s", l.Err(""), diff)
	}
}

// TestRestoreRefuses names each mask with nothing behind it.
func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	var l fault.List
	redact.Restore(&l, redact.Spec(full()), spec.Spec{})
	var got []string
	text := l.Err("").Error()
	for _, field := range []string{
		"flinkConfiguration.s3.access-key", "flinkConfiguration.s3.secret-key", "environment.API_KEY", "uris[0].value", "uris[2].value", "job.jarURI",
		"job.initialSavepointPath", "hadoop.configURL", "kerberos.keytabURI", "secrets[0].value", "jobManager.secrets[0].value",
		"container.parameters[0].value", "container.parameters[2].value", "container.volumes[0].external.options.secretKey",
		"jobManager.container.parameters[0].value", "taskManager.container.volumes[0].external.options.secretKey",
	} {
		if !strings.Contains(text, field+": ") {
			got = append(got, field)
		}
	}
	if len(got) > 0 {
		t.Errorf("%v are not among the problems: %s", got, text)
	}
}

// TestForJournal keeps what may hold a secret without a name that says so out of the journal.
func TestForJournal(t *testing.T) {
	t.Parallel()
	s := full()
	s.Environment["HARMLESS"], s.Job.Args = "canary", []string{"canary"}
	s.Bootstrap, s.JobManager.Bootstrap, s.TaskManager.Bootstrap = "canary", "canary", "canary"
	s.Container.Parameters[1].Value = "canary"
	s.Container.Volumes[0].External.Options["size"] = "canary"
	text := encode(t, redact.ForJournal(s))
	if strings.Contains(text, "canary") || !strings.Contains(text, `"HARMLESS":""`) {
		t.Errorf("the journal would have %s", text)
	}
	if s.Job.Args == nil || s.Bootstrap == "" || s.Environment["HARMLESS"] == "" {
		t.Error("ForJournal() changed its argument")
	}
}

func encode(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
