package requirement_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
	"github.com/flink-on-mesos/flink-service/internal/flink/requirement"
)

func TestUnknownOptions(t *testing.T) {
	t.Parallel()
	m := dist.Manifest{Version: "2.3.0", Options: []string{
		"env.java.opts.all", "execution.checkpointing.dir", "execution.checkpointing.interval", "jobmanager.memory.process.size", "metrics.latency.interval", "parallelism.default",
		"pipeline.registered-types", "restart-strategy", "restart-strategy.type", "state.backend.type", "taskmanager.memory.process.size", "taskmanager.numberOfTaskSlots",
	}}
	for key, want := range map[string]string{
		"taskmanager.numberOfTaskSlots":    "known",
		"taskmanager.numberOfTaskSlot":     "taskmanager.numberOfTaskSlots",
		"taskmanager.numberoftaskslots":    "taskmanager.numberOfTaskSlots",
		"execution.checkpoint.interval":    "execution.checkpointing.interval",
		"execution.checkpointing.itnerval": "execution.checkpointing.interval",
		"paralelism.default":               "parallelism.default",
		"state.backend.tpye":               "state.backend.type",
		"restart-strategy.typ":             "restart-strategy.type",
		"jobmanager.memory.proces.size":    "jobmanager.memory.process.size",
		// What the user names.
		"metrics.reporter.prom.port":             "known",
		"metrics.reporter.prom.factory.class":    "known",
		"external-resource.fpga.amount":          "known",
		"s3.access-key":                          "known",
		"fs.s3a.endpoint":                        "known",
		"containerized.master.env.X":             "known",
		"env.java.opts.mine":                     "known",
		"pipeline.registered-types.mine":         "known",
		"security.delegation.token.provider.x.y": "known",
		"my.connector.batch-size":                "",
		"completely.different":                   "",
		"a.b":                                    "",
	} {
		unknown := requirement.UnknownOptions(m, map[string]string{key: "x"})
		if want == "known" {
			if len(unknown) > 0 {
				t.Errorf("UnknownOptions(%s) = %v, want none", key, unknown)
			}
			continue
		}
		if diff := cmp.Diff([]requirement.UnknownOption{{Key: key, Near: want, Flink: "2.3.0"}}, unknown); diff != "" {
			t.Errorf("UnknownOptions(%s) mismatch (-want +got):\n%s", key, diff)
		}
	}
	if unknown := requirement.UnknownOptions(dist.Manifest{Version: "2.3.0"}, map[string]string{"a.b": "x"}); unknown != nil {
		t.Errorf("UnknownOptions() of a Flink without a list = %v, want none", unknown)
	}
	if got, want := (requirement.UnknownOption{Key: "a.c", Near: "a.b", Flink: "2.3.0"}).String(), "Flink 2.3.0 has no option a.c; did you mean a.b?"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
}
