// Package flinkconf knows what the autoscaler has to do with Flink's configuration: which options are
// its own, and which it adds for Flink. It is pure and imports nothing of ours.
package flinkconf

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	prefix    = "job.autoscaler."
	oldPrefix = "kubernetes.operator." + prefix
	enabled   = "enabled"

	scheduler   = "jobmanager.scheduler"
	runtimeMode = "execution.runtime-mode"
	adaptive    = "adaptive"

	// Overrides is Flink's option that gives vertices a parallelism: ID:NUMBER, separated by commas.
	Overrides = "pipeline.jobvertex-parallelism-overrides"
)

// On says that a configuration turns the autoscaler on (job.autoscaler.enabled).
func On(config map[string]string) bool {
	value, ok := config[prefix+enabled]
	if !ok {
		value = config[oldPrefix+enabled]
	}
	return strings.EqualFold(strings.TrimSpace(value), "true")
}

// Added are the options that Flink gets where the autoscaler is on: the adaptive scheduler, which
// changes the parallelism of a running job. None where the configuration names a scheduler, and for
// batch jobs.
func Added(config map[string]string) map[string]string {
	if !On(config) || config[scheduler] != "" || strings.EqualFold(config[runtimeMode], "batch") {
		return nil
	}
	return map[string]string{scheduler: adaptive}
}

// Adaptive says that Flink runs jobs with the adaptive scheduler.
func Adaptive(config map[string]string) bool {
	return len(Added(config)) > 0 || strings.EqualFold(strings.TrimSpace(config[scheduler]), adaptive)
}

// Without is a configuration without the options that only the autoscaler reads. That it is on stays,
// because that changes what Flink gets.
func Without(config map[string]string) map[string]string {
	config = maps.Clone(config)
	maps.DeleteFunc(config, func(name, _ string) bool {
		key, ok := strings.CutPrefix(name, prefix)
		if !ok {
			key, ok = strings.CutPrefix(name, oldPrefix)
		}
		return ok && key != enabled
	})
	return config
}

// Join adds the parallelism of vertices to a value of Overrides. Of a vertex that it names already the
// added one counts.
func Join(value string, more map[string]int) string {
	all := map[string]string{}
	for entry := range strings.SplitSeq(value, ",") {
		if id, n, ok := strings.Cut(strings.TrimSpace(entry), ":"); ok {
			all[id] = n
		}
	}
	for id, n := range more {
		all[id] = strconv.Itoa(n)
	}
	entries := make([]string, 0, len(all))
	for _, id := range slices.Sorted(maps.Keys(all)) {
		entries = append(entries, id+":"+all[id])
	}
	return strings.Join(entries, ",")
}
