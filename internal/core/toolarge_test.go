package core_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/offers"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// TestTooLarge compares sizes with what agents offered and what runs on them.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := core.New(state.Options{}, state.Stored{}, now)
	step := func(e state.Event) { s, _ = core.Step(s, e, now) }
	sized := func(cpus float64, memory spec.Memory) spec.Spec {
		sp := spec.Spec{Name: "demo", Kind: spec.Session, Allocation: spec.Static}
		sp.JobManager.Resources = spec.Resources{CPUs: 1, Memory: spec.GiB}
		sp.TaskManager.Resources = spec.Resources{CPUs: cpus, Memory: memory}
		return sp
	}
	if got := offers.TooLarge(&s, sized(100, spec.GiB)); got != nil {
		t.Errorf("without a known agent: %v", got)
	}
	step(state.Subscribed{FrameworkID: "fw-1"})
	step(state.PutCluster{Request: 1, Spec: sized(1, spec.GiB), Nonce: "aaaa", CreateOnly: true})
	step(state.Offered{Offers: offersOf(t, "o1 a1 h1 cpus=4 mem=4096 ports=31000-31009\no2 a2 h2 cpus=2 mem=16384 ports=31000-31009\n")})
	for _, tc := range []struct {
		name   string
		cpus   float64
		memory spec.Memory
		want   []string
	}{
		// The JobManager that runs on one of the agents counts as theirs.
		{"all of an agent", 4, 16 * spec.GiB, nil},
		{"more cpus", 4.5, spec.GiB, []string{"taskManager.cpus: no agent is known to have 4.5; the most is 4, on 2 agents"}},
		{"more memory", 1, 17 * spec.GiB, []string{"taskManager.memory: no agent is known to have 17408 MiB; the most is 16384 MiB, on 2 agents"}},
	} {
		if diff := cmp.Diff(tc.want, offers.TooLarge(&s, sized(tc.cpus, tc.memory))); diff != "" {
			t.Errorf("%s: TooLarge() mismatch (-want +got):\n%s", tc.name, diff)
		}
	}
}
