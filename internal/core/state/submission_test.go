package state_test

import (
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Each submission has a node in ZooKeeper and a job id of its own, also where the spec names the node.
func TestLaunchSpecOfSubmissions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, option, value, want string
	}{
		{"by default", "", "", "/demo-n1-s"},
		{"named", "high-availability.cluster-id", "/team/demo", "/team/demo-n1-s"},
		{"named by the option of before", "high-availability.zookeeper.path.namespace", "old", "/old-n1-s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := spec.Spec{Name: "demo", Kind: spec.Application, FlinkVersion: "2.3.0", Job: &spec.JobSpec{JarURI: "file:///a.jar"}, FlinkConfiguration: map[string]string{
				"high-availability.type": "zookeeper",
			}}
			if tt.option != "" {
				s.FlinkConfiguration[tt.option] = tt.value
			}
			c := state.NewCluster(state.ClusterRecord{Spec: s, Nonce: "n1", Generation: 1})
			ids := map[string]bool{}
			for _, number := range []string{"1", "2"} {
				c.Submit(wire.Restore{Kind: wire.RestoreNone}, nil)
				config := c.LaunchSpec().FlinkConfiguration
				if got := config["high-availability.cluster-id"]; got != tt.want+number {
					t.Errorf("the node of submission %s is %q, want %q", number, got, tt.want+number)
				}
				if tt.option != "" && tt.option != "high-availability.cluster-id" && config[tt.option] != "" {
					t.Errorf("%s is still there", tt.option)
				}
				ids[config["$internal.pipeline.job-id"]] = true
			}
			if len(ids) != 2 || ids[""] {
				t.Errorf("the job ids are %v, want two", ids)
			}
			if s.FlinkConfiguration["$internal.pipeline.job-id"] != "" {
				t.Error("the spec itself has changed")
			}
		})
	}
}
