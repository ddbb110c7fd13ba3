// Package overrides knows what the autoscaler has set over the spec of a cluster, and what of it stays.
package overrides

import (
	"github.com/flink-on-mesos/flink-service/internal/autoscale/flinkconf"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// Keep keeps of what the autoscaler has set what is to stay with a new spec: nothing when the autoscaler is off
// or is reset, and not the number of TaskManagers when that of the spec changes.
func Keep(c *state.Cluster, next spec.Spec) {
	if c.Scaling == nil {
		return
	}
	s := *c.Scaling
	switch {
	case !flinkconf.On(next.FlinkConfiguration):
		c.Scaling = nil
		return
	case resetOf(next) != resetOf(c.Spec):
		s.Overrides, s.TaskManagers = nil, 0
	case next.TaskManagers.Count != c.Spec.TaskManagers.Count || next.Allocation != c.Spec.Allocation:
		s.TaskManagers = 0
	}
	c.Scaling = &s
}

// resetOf is job.autoscalerResetNonce.
func resetOf(s spec.Spec) int64 {
	if s.Job == nil {
		return 0
	}
	return s.Job.AutoscalerResetNonce
}

// TaskManagers is the number of TaskManagers with static allocation, as the spec or the autoscaler has it, with those
// that stand by.
func TaskManagers(c *state.Cluster) int {
	if c.Scaling != nil && c.Scaling.TaskManagers > 0 {
		return c.Scaling.TaskManagers + c.Spec.Recovery.WarmTaskManagers
	}
	return c.Spec.FixedTaskManagers()
}
