package decide

import (
	iradix "github.com/hashicorp/go-immutable-radix/v2"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// legacyConstraints is flink-mesos' option for where TaskManagers may run.
const legacyConstraints = "mesos.constraints.hard.hostattribute"

// compile reads the placement rules of the spec. They were checked when the spec was taken; one that
// cannot be read all the same, because an older release took it, keeps the cluster's tasks waiting
// with the reason instead of being forgotten.
func (c *Cluster) compile() {
	c.jobManagerRules, c.rulesProblem = constraint.Compile(c.Spec.JobManager.Constraints)
	rules, err := constraint.Compile(c.Spec.TaskManager.Constraints)
	if c.rulesProblem == nil {
		c.rulesProblem = err
	}
	if legacy := c.Spec.FlinkConfiguration[legacyConstraints]; legacy != "" {
		more, err := constraint.HostAttributes(legacy)
		if c.rulesProblem == nil {
			c.rulesProblem = err
		}
		rules = rules.And(more)
	}
	c.taskManagerRules = rules
	c.jobManagerConditions, c.taskManagerConditions = c.jobManagerRules.Conditions(), c.taskManagerRules.Conditions()
}

func (c *Cluster) rules(role spec.TaskKind) constraint.Rules {
	if role == spec.JobManagerTask {
		return c.jobManagerRules
	}
	return c.taskManagerRules
}

// facts are what placement rules look at in an agent.
func (s *State) facts(a *offer.Agent) constraint.Facts {
	return constraint.Facts{
		Hostname: a.Hostname, Attributes: a.Attributes, Region: a.Region, Zone: a.Zone, MasterRegion: s.MasterRegion,
		Unavailable: a.Unavailable, Draining: s.draining(a.ID),
	}
}

// draining says whether an operator is emptying the agent.
func (s *State) draining(agent string) bool {
	if s.leavers.Len() == 0 {
		return false
	}
	l, ok := s.leavers.Get([]byte(agent))
	return ok && l.draining
}

// factsOf are those of the agent that a task was launched on, as they were then.
func (s *State) factsOf(t *task.Task) constraint.Facts {
	return constraint.Facts{Hostname: t.Hostname, Attributes: t.Attributes, Region: t.Region, Zone: t.Zone, MasterRegion: s.MasterRegion}
}

// group counts where the tasks of a cluster's role are that shall stay, for rules that compare them. It
// returns nil when no rule does.
func (s *State) group(tasks *iradix.Node[*task.Task], c *Cluster, role spec.TaskKind) *constraint.Group {
	rules := c.rules(role)
	if !rules.Counts() {
		return nil
	}
	target := c.waitingJobManagers
	if role == spec.TaskManagerTask {
		target = c.waiting.Len() - c.waitingJobManagers
	}
	var members []*task.Task
	tasks.WalkPrefix([]byte(c.prefix()), func(_ []byte, t *task.Task) bool {
		if t.Kind == role && t.Goal == task.Launched && t.Live() && (role == spec.JobManagerTask || !leaver(s.leavers.Root(), t)) {
			members = append(members, t)
		}
		return false
	})
	g := rules.NewGroup(target + len(members))
	for _, t := range members {
		f := s.factsOf(t)
		g.Add(&f)
	}
	return g
}

// misplaced says which rule keeps a task of a cluster's role from an agent.
func (s *State) misplaced(tasks *iradix.Node[*task.Task], c *Cluster, role spec.TaskKind, g *constraint.Group, a *offer.Agent, f *constraint.Facts) (offer.Reason, bool) {
	if c.rulesProblem != nil {
		return offer.Reason{What: "constraints", Detail: c.rulesProblem.Error()}, true
	}
	if details := s.unsupported(c.Spec); len(details) > 0 {
		return offer.Reason{What: details[0].Field, Detail: details[0].Message}, true
	}
	if role == spec.JobManagerTask && c.Spec.JobManager.Replicas > 1 {
		for _, id := range c.jobManagers {
			// Two on one machine would be lost together.
			if t, ok := tasks.Get([]byte(id)); ok && t.AgentID == a.ID && t.Goal == task.Launched {
				return offer.Reason{What: "standby", Detail: "another JobManager of the cluster runs on the agent"}, true
			}
		}
	}
	if ok, why := c.rules(role).Allows(g, f); !ok {
		return offer.Reason{What: why.Rule(), Detail: why.String()}, true
	}
	return offer.Reason{}, false
}
