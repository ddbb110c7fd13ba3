package flinkconf_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/flinkconf"
)

func TestScheduler(t *testing.T) {
	t.Parallel()
	const on = "job.autoscaler.enabled"
	for _, test := range []struct {
		name         string
		config       map[string]string
		on, adaptive bool
	}{
		{"nothing", nil, false, false},
		{"off", map[string]string{on: "false"}, false, false},
		{"on", map[string]string{on: " True"}, true, true},
		{"the operator's older name", map[string]string{"kubernetes.operator." + on: "true"}, true, true},
		{"the plain name counts", map[string]string{"kubernetes.operator." + on: "true", on: "false"}, false, false},
		{"the user's scheduler stays", map[string]string{on: "true", "jobmanager.scheduler": "default"}, true, false},
		{"the user's adaptive scheduler", map[string]string{"jobmanager.scheduler": "Adaptive"}, false, true},
		{"a batch job", map[string]string{on: "true", "execution.runtime-mode": "BATCH"}, true, false},
	} {
		if on, adaptive := flinkconf.On(test.config), flinkconf.Adaptive(test.config); on != test.on || adaptive != test.adaptive {
			t.Errorf("%s: on %v, adaptive %v", test.name, on, adaptive)
		}
	}
}

func TestWithout(t *testing.T) {
	t.Parallel()
	config := map[string]string{
		"job.autoscaler.enabled": "true", "job.autoscaler.utilization.target": "0.5", "kubernetes.operator.job.autoscaler.quota.cpu": "3", "parallelism.default": "2",
	}
	want := map[string]string{"job.autoscaler.enabled": "true", "parallelism.default": "2"}
	if diff := cmp.Diff(want, flinkconf.Without(config)); diff != "" {
		t.Errorf("Without() mismatch (-want +got):\n%s", diff)
	}
	if len(config) != 4 {
		t.Errorf("the configuration was changed: %v", config)
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		value string
		more  map[string]int
		want  string
	}{
		{"", nil, ""},
		{"", map[string]int{"b": 2, "a": 1}, "a:1,b:2"},
		{"a:7, c:3", map[string]int{"a": 1}, "a:1,c:3"},
		{"nonsense,c:3", map[string]int{"a": 1}, "a:1,c:3"},
	} {
		if got := flinkconf.Join(test.value, test.more); got != test.want {
			t.Errorf("Join(%q, %v) = %q, want %q", test.value, test.more, got, test.want)
		}
	}
}
