package config_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/config"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

func TestInitialCluster(t *testing.T) {
	t.Parallel()
	want := &spec.Spec{Name: "first", Kind: spec.Session, TaskManager: spec.TaskManager{Slots: 2, Resources: spec.Resources{Memory: 2 * spec.GiB}}}
	for _, text := range []string{
		`{"name": "first", "kind": "session", "taskManager": {"slots": 2, "memory": "2g"}}`,
		"name: first\nkind: session\ntaskManager:\n  slots: 2\n  memory: 2g\n",
		base64.StdEncoding.EncodeToString([]byte("name: first\nkind: session\ntaskManager:\n  slots: 2\n  memory: 2g\n")),
		base64.StdEncoding.EncodeToString([]byte(`{"name": "first", "kind": "session", "taskManager": {"slots": 2, "memory": "2g"}}`)),
	} {
		c := load(t, "MESOS_MASTER=local", "INITIAL_CLUSTER="+text)
		if diff := cmp.Diff(want, c.Flink.InitialCluster.Spec); diff != "" {
			t.Errorf("INITIAL_CLUSTER=%s mismatch (-want +got):\n%s", text, diff)
		}
	}
	if c := load(t, "MESOS_MASTER=local", "INITIAL_CLUSTER="); c.Flink.InitialCluster.Spec != nil {
		t.Errorf("INITIAL_CLUSTER= gives %+v, want none", c.Flink.InitialCluster.Spec)
	}
}

func TestInitialClusterIsChecked(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text, want string
	}{
		{"no mapping", "first!", "is not the spec of a cluster"},
		{"base64 of no mapping", "Zmlyc3Q=", "is not the spec of a cluster (read as base64)"},
		{"base64 of an unknown field", base64.StdEncoding.EncodeToString([]byte("name: first\nsize: x")), `unknown field "size"`},
		{"not closed", `{"name": "first"`, "is not the spec of a cluster"},
		{"unknown field", `{"name": "first", "size": "x"}`, `unknown field "size"`},
		{"field twice", `{"name": "a", "name": "b"}`, "name"},
		{"no name", `{}`, "name is missing"},
		{"several problems", `{"name": "First", "kind": "batch"}`, "; kind"},
		{"role", `{"name": "first", "role": "other"}`, "MESOS_ROLES"},
		{"no storage", `{"name": "first", "flinkConfiguration": {"high-availability.type": "zookeeper"}}`, "HA_STORAGE_DIR"},
		{"too long", `{"name": "` + strings.Repeat("x", 128<<10) + `"}`, "is longer than 128 KiB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load([]string{"MESOS_MASTER=local", "MESOS_ROLES=flink", "INITIAL_CLUSTER=" + tt.text})
			d := details(t, err)
			if len(d) != 1 || d[0].Field != "INITIAL_CLUSTER" || !strings.Contains(d[0].Message, tt.want) {
				t.Errorf("Load() = %v, want one problem of INITIAL_CLUSTER with %q", err, tt.want)
			}
		})
	}
	load(t, "MESOS_MASTER=local", "HA_STORAGE_DIR=hdfs:///ha", `INITIAL_CLUSTER={"name": "first", "jobManager": {"replicas": 2}, "flinkConfiguration": {"high-availability.type": "zookeeper"}}`)
}
