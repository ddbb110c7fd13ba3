package config_test

import (
	"encoding/base64"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/config"
)

// TestInitialCluster has a spec that is wrong stop nothing here, and be refused before it is sent to another machine.
func TestInitialCluster(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text, want string
	}{
		{"JSON", `{"name": "first", "kind": "session", "taskManager": {"slots": 2, "memory": "2g"}}`, ""},
		{"YAML", "name: first\nkind: session\nflinkVersion: 1.20\n", ""},
		{"base64", base64.StdEncoding.EncodeToString([]byte("name: first\n")), ""},
		{"no mapping", "first!", "the spec cannot be read"},
		{"base64 of no mapping", "Zmlyc3Q=", "the spec (read as base64) cannot be read"},
		{"not closed", `{"name": "first"`, "the spec cannot be read"},
		{"unknown field", `{"name": "first", "kinds": "x"}`, `kinds is not a field; did you mean kind?`},
		{"field twice", `{"name": "a", "name": "b"}`, "the field name is there twice"},
		{"no name", `{}`, "name is missing"},
		{"several problems", `{"name": "First", "kind": "batch"}`, "; kind"},
		{"role", `{"name": "first", "role": "other"}`, "MESOS_ROLES"},
		{"no storage", `{"name": "first", "flinkConfiguration": {"high-availability.type": "zookeeper"}}`, "HA_STORAGE_DIR"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			environ := []string{"MESOS_MASTER=a:5050", "MESOS_ROLES=flink", "INITIAL_CLUSTER=" + tt.text}
			c := load(t, environ...)
			if string(c.Flink.InitialCluster) != strings.TrimSpace(tt.text) || len(c.Warnings) > 0 {
				t.Errorf("INITIAL_CLUSTER is %q, warnings %v", c.Flink.InitialCluster, c.Warnings)
			}
			err := config.CheckElsewhere(environ)
			if tt.want == "" {
				if err != nil {
					t.Errorf("CheckElsewhere() = %v", err)
				}
				return
			}
			d := details(t, err)
			if len(d) != 1 || d[0].Field != "INITIAL_CLUSTER" || !strings.Contains(d[0].Message, tt.want) {
				t.Errorf("CheckElsewhere() = %v, want one problem of INITIAL_CLUSTER with %q", err, tt.want)
			}
		})
	}
}

// TestContradictions has options that contradict others ignored with a warning, and refused before they are sent to another machine.
func TestContradictions(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "x.pem")
	write(t, file, "x")
	for _, tt := range []struct {
		name, field string
		environ     []string
	}{
		{"a certificate without its key", "LISTEN_CERTIFICATE_FILE", []string{"LISTEN_CERTIFICATE_FILE=" + file}},
		{"a key without its certificate", "FLINK_SERVICE_LISTEN_KEY_FILE", []string{"FLINK_SERVICE_LISTEN_KEY_FILE=" + file}},
		{"authorities of ZooKeeper without TLS", "STATE_STORE_CA_FILE", []string{"STATE_STORE=zk://z:2181/f", "STATE_STORE_CA_FILE=" + file}},
		{"any master, and authorities of masters", "MESOS_INSECURE", []string{"MESOS_INSECURE=true", "MESOS_CA_FILE=" + file}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			environ := append([]string{"MESOS_MASTER=a:5050", "ADVERTISE_HOST=a"}, tt.environ...)
			c := load(t, environ...)
			if len(c.Warnings) != 1 || c.Warnings[0].Field != tt.field {
				t.Errorf("warnings are %v, want one of %s", c.Warnings, tt.field)
			}
			if c.Mesos.Insecure || c.State.CAFile != "" || c.HTTP.KeyFile != "" {
				t.Errorf("what contradicts is in force: %+v", c)
			}
			if d := details(t, config.CheckElsewhere(environ)); len(d) != 1 || cmp.Diff(c.Warnings[0], d[0]) != "" {
				t.Errorf("CheckElsewhere() = %v, want what Load warns of: %v", d, c.Warnings)
			}
		})
	}
}
