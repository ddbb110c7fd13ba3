package spec_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// TestHealth reads how the health of a job is judged: the operator's options by their names and defaults, and recovery
// before them.
func TestHealth(t *testing.T) {
	t.Parallel()
	const operator = "kubernetes.operator."
	for _, c := range []struct {
		name     string
		config   map[string]string
		recovery spec.Recovery
		want     spec.Health
	}{
		{"nothing", nil, spec.Recovery{}, spec.Health{Check: spec.HealthOff, RestartsWindow: 2 * time.Minute, MostRestarts: 64}},
		{
			"the operator's defaults",
			map[string]string{operator + "cluster.health-check.enabled": "true", "execution.checkpointing.interval": "30 s"},
			spec.Recovery{},
			spec.Health{Check: spec.HealthRestart, RestartsWindow: 2 * time.Minute, MostRestarts: 64, Progress: 20 * time.Minute},
		},
		{"the operator's options", map[string]string{
			operator + "cluster.health-check.enabled": "true", operator + "cluster.health-check.restarts.window": "5 min", operator + "cluster.health-check.restarts.threshold": "3",
			operator + "cluster.health-check.checkpoint-progress.window": "1 h", operator + "job.restart.failed": "true", "execution.checkpointing.interval": "30 s",
		}, spec.Recovery{}, spec.Health{Check: spec.HealthRestart, RestartsWindow: 5 * time.Minute, MostRestarts: 3, Progress: time.Hour, RestartFailed: true}},
		{"tolerated failures", map[string]string{
			"execution.checkpointing.interval": "2 min", "execution.checkpointing.timeout": "1 min", "execution.checkpointing.tolerable-failed-checkpoints": "3",
		}, spec.Recovery{JobHealth: spec.HealthEvents}, spec.Health{Check: spec.HealthEvents, RestartsWindow: 2 * time.Minute, MostRestarts: 64, Progress: 10 * time.Minute}},
		{
			"no progress asked for",
			map[string]string{operator + "cluster.health-check.checkpoint-progress.enabled": "false", "execution.checkpointing.interval": "2 min"},
			spec.Recovery{JobHealth: spec.HealthRestart},
			spec.Health{Check: spec.HealthRestart, RestartsWindow: 2 * time.Minute, MostRestarts: 64},
		},
		{
			"recovery wins",
			map[string]string{operator + "cluster.health-check.enabled": "true"},
			spec.Recovery{JobHealth: spec.HealthOff, RestartFailedJob: true},
			spec.Health{Check: spec.HealthOff, RestartsWindow: 2 * time.Minute, MostRestarts: 64, RestartFailed: true},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, spec.Spec{FlinkConfiguration: c.config, Recovery: c.recovery}.Health()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestWarmTaskManagers has Flink keep them with dynamic allocation, and the service with static.
func TestWarmTaskManagers(t *testing.T) {
	t.Parallel()
	s := spec.Spec{Allocation: spec.Dynamic, TaskManagers: spec.TaskManagers{Count: 2}, Recovery: spec.Recovery{WarmTaskManagers: 1}}
	if diff := cmp.Diff([]spec.Option{{Key: "slotmanager.redundant-taskmanager-num", Value: "1"}}, s.WarmOptions()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.Allocation = spec.Static
	if n, options := s.FixedTaskManagers(), s.WarmOptions(); n != 3 || len(options) > 0 {
		t.Errorf("there are %d TaskManagers, with the options %v", n, options)
	}
}

// TestRecoveryRefused names the field of what is wrong.
func TestRecoveryRefused(t *testing.T) {
	t.Parallel()
	for field, change := range map[string]func(*spec.Spec){
		"recovery.warmTaskManagers": func(s *spec.Spec) { s.Recovery.WarmTaskManagers = 101 },
		"keep one of them": func(s *spec.Spec) {
			s.Recovery.WarmTaskManagers = 1
			s.FlinkConfiguration = map[string]string{"slotmanager.redundant-taskmanager-num": "2"}
		},
		"recovery.jobHealth":   func(s *spec.Spec) { s.Kind, s.Recovery.JobHealth = spec.Application, "sometimes" },
		"a session has none":   func(s *spec.Spec) { s.Recovery.JobHealth = spec.HealthEvents },
		"restartFailedJob are": func(s *spec.Spec) { s.Recovery.RestartFailedJob = true },
	} {
		s := spec.Spec{Name: "demo"}.Complete(spec.Defaults{})
		change(&s)
		e, ok := errors.AsType[*fault.Error](s.Validate(spec.Rules{}))
		if !ok || !slices.ContainsFunc(e.Details, func(d fault.Detail) bool { return strings.Contains(d.Field+" "+d.Message, field) }) {
			t.Errorf("%s: %v", field, e)
		}
	}
}
