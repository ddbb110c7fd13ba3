package settings_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/calendar"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/settings"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

var byText = cmp.Comparer(func(a, b calendar.Periods) bool { return a.String() == b.String() })

func parse(t *testing.T, config map[string]string) settings.Options {
	t.Helper()
	o, err := settings.Parse(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	got := parse(t, map[string]string{"taskmanager.numberOfTaskSlots": "4"})
	if diff := cmp.Diff(settings.Default(), got, byText); diff != "" {
		t.Errorf("Parse() of no option mismatch (-want +got):\n%s", diff)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	got := parse(t, map[string]string{
		"job.autoscaler.enabled":                                        "TRUE",
		"job.autoscaler.scaling.enabled":                                "false",
		"job.autoscaler.scaling.event.interval":                         "1 h",
		"job.autoscaler.metrics.window":                                 "10 minutes",
		"job.autoscaler.metrics.busy-time.aggregator":                   "avg",
		"job.autoscaler.stabilization.interval":                         "90s",
		"job.autoscaler.flink.rest-client.timeout":                      "2500",
		"job.autoscaler.utilization.target":                             "0.6",
		"job.autoscaler.utilization.max":                                "0.9",
		"job.autoscaler.target.utilization.boundary":                    "0.2",
		"job.autoscaler.vertex.min-parallelism":                         "2",
		"job.autoscaler.vertex.max-parallelism":                         "50",
		"job.autoscaler.vertex.exclude.ids":                             "0123456789ABCDEF0123456789abcdef; \"ffffffffffffffffffffffffffffffff\"",
		"job.autoscaler.scaling.parallelism-alignment.mode":             "evenly_spread",
		"job.autoscaler.scale-down.interval":                            "2h",
		"job.autoscaler.scale-down.max-factor":                          "0.5",
		"job.autoscaler.scale-up.max-factor":                            "2.0",
		"job.autoscaler.restart.time":                                   "1 min",
		"job.autoscaler.restart.time-tracking.enabled":                  "true",
		"job.autoscaler.restart.time-tracking.limit":                    "3 min",
		"job.autoscaler.catch-up.duration":                              "0 s",
		"job.autoscaler.backlog-processing.lag-threshold":               "1 d",
		"job.autoscaler.observed-true-processing-rate.lag-threshold":    "10 s",
		"job.autoscaler.observed-true-processing-rate.switch-threshold": "0.3",
		"job.autoscaler.observed-true-processing-rate.min-observations": "5",
		"job.autoscaler.scaling.effectiveness.detection.enabled":        "true",
		"job.autoscaler.scaling.effectiveness.threshold":                "0.2",
		"job.autoscaler.observed-scalability.enabled":                   "true",
		"job.autoscaler.observed-scalability.min-observations":          "4",
		"job.autoscaler.observed-scalability.coefficient-min":           "0.4",
		"job.autoscaler.memory.gc-pressure.threshold":                   "0.8",
		"job.autoscaler.memory.heap-usage.threshold":                    "0.9",
		"job.autoscaler.memory.tuning.enabled":                          "true",
		"job.autoscaler.memory.tuning.overhead":                         "0.1",
		"job.autoscaler.memory.tuning.maximize-managed-memory":          "true",
		"job.autoscaler.memory.tuning.scale-down-compensation.enabled":  "false",
		"job.autoscaler.history.max.count":                              "9",
		"job.autoscaler.history.max.age":                                "2 days",
		"job.autoscaler.quota.cpu":                                      "12.5",
		"job.autoscaler.quota.memory":                                   "64 gb",
		"job.autoscaler.excluded.periods":                               "22:00-6:00; * * * ? * 7,1",
	})
	target, boundary := 0.6, 0.2
	want := settings.Options{
		Enabled: true,
		Window: settings.WindowOptions{
			Length: 10 * time.Minute, Stabilization: 90 * time.Second, Busy: settings.AggregateAvg,
			Timeout: 2500 * time.Millisecond, EventInterval: time.Hour,
		},
		Utilization: settings.UtilizationOptions{Target: 0.6, Min: target - boundary, Max: 0.9},
		Parallelism: settings.ParallelismOptions{
			Min: 2, Max: 50, Align: settings.AlignEvenlySpread,
			Exclude: []string{"0123456789abcdef0123456789abcdef", "ffffffffffffffffffffffffffffffff"},
		},
		Limits:      settings.LimitOptions{DownInterval: 2 * time.Hour, DownFactor: 0.5, UpFactor: 2},
		Restart:     settings.RestartOptions{Time: time.Minute, Tracked: true, Limit: 3 * time.Minute},
		Backlog:     settings.BacklogOptions{Threshold: 24 * time.Hour},
		Observed:    settings.ObservedOptions{Lag: 10 * time.Second, Switch: 0.3, Min: 5},
		Effect:      settings.EffectOptions{Block: true, Threshold: 0.2},
		Scalability: settings.ScalabilityOptions{Enabled: true, Min: 4, Floor: 0.4},
		Memory:      settings.MemoryOptions{GC: 0.8, Heap: 0.9, Tune: true, Overhead: 0.1, MaximizeManaged: true},
		History:     settings.HistoryOptions{Count: 9, Age: 48 * time.Hour},
		Quota:       settings.QuotaOptions{CPUs: 12.5, Memory: 64 * spec.GiB},
		Excluded:    got.Excluded,
	}
	if diff := cmp.Diff(want, got, byText); diff != "" {
		t.Errorf("Parse() mismatch (-want +got):\n%s", diff)
	}
	if got, want := got.Excluded.String(), "22:00-6:00;* * * ? * 7,1"; got != want {
		t.Errorf("the excluded periods are %q, want %q", got, want)
	}
}

func TestOldNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		config map[string]string
		target float64
		down   time.Duration
		align  settings.Alignment
	}{
		{"the deprecated names", map[string]string{
			"job.autoscaler.target.utilization": "0.5", "job.autoscaler.scale-up.grace-period": "5 min",
			"job.autoscaler.scaling.key-group.partitions.adjust.mode": "EVENLY_SPREAD",
		}, 0.5, 5 * time.Minute, settings.AlignEvenlySpread},
		{"the operator's prefix", map[string]string{
			"kubernetes.operator.job.autoscaler.utilization.target":  "0.5",
			"kubernetes.operator.job.autoscaler.scale-down.interval": "5 min",
		}, 0.5, 5 * time.Minute, settings.AlignBalanced},
		{"the plain name wins", map[string]string{
			"job.autoscaler.target.utilization": "0.1", "kubernetes.operator.job.autoscaler.utilization.target": "0.2",
			"job.autoscaler.utilization.target": "0.5", "kubernetes.operator.job.autoscaler.scale-up.grace-period": "1 h",
			"kubernetes.operator.job.autoscaler.scale-down.interval": "5 min",
		}, 0.5, 5 * time.Minute, settings.AlignBalanced},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := parse(t, c.config)
			if o.Utilization.Target != c.target || o.Limits.DownInterval != c.down || o.Parallelism.Align != c.align {
				t.Errorf("got target %v, interval %v, alignment %v", o.Utilization.Target, o.Limits.DownInterval, o.Parallelism.Align)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	const prefix = settings.Prefix
	for key, c := range map[string]struct{ value, want string }{
		prefix + "unheard-of":                                 {"1", "no such option"},
		prefix + "metrics.custom-evaluators":                  {"mine", "loads no plugins"},
		prefix + "metrics.custom-evaluator.mine.class":        {"a.B", "loads no plugins"},
		prefix + "scaling.custom-executors":                   {"mine", "loads no plugins"},
		prefix + "scaling.parallelism-alignment.mode":         {"mine", "is not one of BALANCED"},
		prefix + "scaling.parallelism-alignment.mode.m.class": {"a.B", "loads no plugins"},
		prefix + "enabled":                                    {"yes", "neither true nor false"},
		prefix + "metrics.window":                             {"15 parsecs", "unit that Flink does not know"},
		prefix + "stabilization.interval":                     {"soon", "not a duration"},
		prefix + "restart.time":                               {"-5 min", "not a duration"},
		prefix + "catch-up.duration":                          {"9999999 days", "292 years"},
		prefix + "metrics.busy-time.aggregator":               {"SUM", "MAX, MIN and AVG"},
		prefix + "utilization.target":                         {"1.2", "not between 0 and 1"},
		prefix + "utilization.max":                            {"0.5", "not between utilization.target (0.7) and 1"},
		prefix + "utilization.min":                            {"0.8", "more than utilization.target (0.7)"},
		prefix + "scale-down.max-factor":                      {"-1", "less than 0"},
		prefix + "vertex.min-parallelism":                     {"300", "more than vertex.max-parallelism (200)"},
		prefix + "vertex.max-parallelism":                     {"0", "less than 1"},
		prefix + "vertex.exclude.ids":                         {"map", "32 hexadecimal digits"},
		prefix + "quota.memory":                               {"64 gallons", "no unit that Flink knows"},
		prefix + "quota.cpu":                                  {"NaN", "not a number"},
		prefix + "excluded.periods":                           {"9:30-10:00; noon", "\"noon\": neither"},
		prefix + "history.max.count":                          {"3.5", "not a whole number"},
		"kubernetes.operator." + prefix + "restart.time":      {"x", "not a duration"},
	} {
		_, err := settings.Parse(map[string]string{key: c.value}, nil)
		var one *settings.Error
		if !errors.As(err, &one) || one.Option != key || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Parse(%s: %s) says %v, want %q about the option", key, c.value, err, c.want)
		}
	}
	// Every wrong option is named at once.
	_, err := settings.Parse(map[string]string{prefix + "a": "1", prefix + "enabled": "?", prefix + "quota.cpu": "?"}, nil)
	for _, key := range []string{"a", "enabled", "quota.cpu"} {
		if err == nil || !strings.Contains(err.Error(), prefix+key+": ") {
			t.Errorf("the error %v does not name %s", err, key)
		}
	}
}

// TestDocumented holds the table of options in the documentation against the code.
func TestDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/autoscaler.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range settings.Names() {
		if !strings.Contains(string(text), "`"+strings.TrimPrefix(name, settings.Prefix)+"`") {
			t.Errorf("docs/autoscaler.md does not name %s", name)
		}
	}
}
