package offers

import (
	iradix "github.com/hashicorp/go-immutable-radix/v2"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
	"github.com/flink-on-mesos/flink-service/internal/core/overrides"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/workers"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// facts are what placement rules look at in an agent.
func facts(s *state.State, a *offer.Agent) constraint.Facts {
	return constraint.Facts{
		Hostname: a.Hostname, Attributes: a.Attributes, Region: a.Region, Zone: a.Zone, MasterRegion: s.MasterRegion,
		Unavailable: a.Unavailable, Draining: s.Draining(a.ID),
	}
}

// factsOf are those of the agent that a task was launched on, as they were then.
func factsOf(s *state.State, t *task.Task) constraint.Facts {
	return constraint.Facts{Hostname: t.Hostname, Attributes: t.Attributes, Region: t.Region, Zone: t.Zone, MasterRegion: s.MasterRegion}
}

// taskGroup counts where the tasks of a cluster's role are that shall stay, for rules that compare them. It
// returns nil when no rule does.
func taskGroup(s *state.State, tasks *iradix.Node[*task.Task], c *state.Cluster, role spec.TaskKind) *constraint.Group {
	rules := c.Rules(role)
	if !rules.Counts() {
		return nil
	}
	target := c.PendingJobManagers
	if role == spec.TaskManagerTask {
		target = c.Pending.Len() - c.PendingJobManagers
	}
	var members []*task.Task
	tasks.WalkPrefix([]byte(c.Prefix()), func(_ []byte, t *task.Task) bool {
		if t.Kind == role && t.Goal == task.Launched && t.Live() && (role == spec.JobManagerTask || !workers.IsDraining(s.DrainingAgents.Root(), t)) {
			members = append(members, t)
		}
		return false
	})
	target += len(members)
	if role == spec.TaskManagerTask && c.Spec.Allocation == spec.Static {
		// What still waits may be more for a moment, as when planned maintenance was called off.
		target = min(target, overrides.TaskManagers(c))
	}
	g := rules.NewGroup(target)
	for _, t := range members {
		f := factsOf(s, t)
		g.Add(&f)
	}
	return g
}

// misplaced says which rule keeps a task of a cluster's role from an agent.
func misplaced(s *state.State, tasks *iradix.Node[*task.Task], c *state.Cluster, role spec.TaskKind, g *constraint.Group, a *offer.Agent, f *constraint.Facts) (offer.Reason, bool) {
	if c.RulesProblem != nil {
		return offer.Reason{What: "constraints", Detail: c.RulesProblem.Error()}, true
	}
	if details := s.Unsupported(c.Spec); len(details) > 0 {
		return offer.Reason{What: details[0].Field, Detail: details[0].Message}, true
	}
	if role == spec.JobManagerTask && c.Spec.JobManager.Replicas > 1 {
		for _, id := range c.JobManagers {
			// Two on one machine would be lost together.
			if t, ok := tasks.Get([]byte(id)); ok && t.AgentID == a.ID && t.Goal == task.Launched {
				return offer.Reason{What: "standby", Detail: "another JobManager of the cluster runs on the agent"}, true
			}
		}
	}
	if ok, why := c.Rules(role).Allows(g, f); !ok {
		return offer.Reason{What: why.Rule(), Detail: why.String()}, true
	}
	return offer.Reason{}, false
}
