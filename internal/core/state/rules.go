package state

import (
	"fmt"
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// legacyConstraints is flink-mesos' option for where TaskManagers may run.
const legacyConstraints = "mesos.constraints.hard.hostattribute"

// Compile reads the placement rules of the spec. They were checked when the spec was taken; one that
// cannot be read all the same, because an older release took it, keeps the cluster's tasks waiting
// with the reason instead of being forgotten.
func (c *Cluster) Compile() {
	c.jobManagerRules, c.RulesProblem = constraint.Compile(c.Spec.JobManager.Constraints)
	rules, err := constraint.Compile(c.taskManagerConstraints())
	if c.RulesProblem == nil {
		c.RulesProblem = err
	}
	if legacy := c.Spec.FlinkConfiguration[legacyConstraints]; legacy != "" {
		more, err := constraint.HostAttributes(legacy)
		if c.RulesProblem == nil {
			c.RulesProblem = err
		}
		rules = rules.And(more)
	}
	c.taskManagerRules = rules
	c.JobManagerConditions, c.TaskManagerConditions = c.jobManagerRules.Conditions(), c.taskManagerRules.Conditions()
}

// taskManagerConstraints are those of the spec. TaskManagers that stand by for others are of use where these are not
// lost with them: where the spec does not say how TaskManagers are distributed, they are spread over the hosts.
func (c *Cluster) taskManagerConstraints() [][]string {
	own := c.Spec.TaskManager.Constraints
	if c.Spec.Recovery.WarmTaskManagers == 0 {
		return own
	}
	if rules, err := constraint.Compile(own); err != nil || rules.Counts() {
		return own
	}
	return append(slices.Clip(own), []string{"hostname", "GROUP_BY"})
}

// Rules returns the placement rules of a kind of task.
func (c *Cluster) Rules(role spec.TaskKind) constraint.Rules {
	if role == spec.JobManagerTask {
		return c.jobManagerRules
	}
	return c.taskManagerRules
}

// limitsSince is the first release of Mesos with limits of resources.
const limitsSince = "1.10"

// Unsupported says what of a spec the leading master does not know. It would ignore it.
func (s *State) Unsupported(sp spec.Spec) []fault.Detail {
	if !s.Connected || s.MasterVersion == "" || !Before(s.MasterVersion, 1, 10) {
		return nil
	}
	var details []fault.Detail
	for _, r := range []struct {
		field  string
		limits *spec.Limits
	}{{"jobManager", sp.JobManager.Limits}, {"taskManager", sp.TaskManager.Limits}} {
		if r.limits != nil {
			details = append(details, fault.Detail{Field: r.field + ".resourceLimits", Message: fmt.Sprintf(
				"the master is Mesos %s and limits need %s: leave them out, or upgrade Mesos", s.MasterVersion, limitsSince)})
		}
	}
	return details
}

// Before says whether a version such as 1.9.0 comes before another; one that cannot be read does not.
func Before(version string, major, minor int) bool {
	var a, b int
	if n, err := fmt.Sscanf(version, "%d.%d", &a, &b); n != 2 || err != nil {
		return false
	}
	return a < major || a == major && b < minor
}
