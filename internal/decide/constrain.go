package decide

import (
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// RoleConstraints is what the master is to look at before it offers anything to a role: one of the groups must be met,
// which is when all of its conditions are. A role that is not named gets every offer.
type RoleConstraints struct {
	Role   string
	Groups [][]constraint.Condition
}

// maxGroups bounds the groups of a role; with more of them it gets every offer.
const maxGroups = 64

// constraints are the conditions of what waits. None are made while every offer is of use: for a look, to give
// something back, for a cluster that takes offers to any role; nor when a task waits that has no conditions.
func (st *step) constraints() []RoleConstraints {
	if st.s.MasterVersion == "" || before(st.s.MasterVersion, 1, 11) || st.s.unconstrained || len(st.s.looks) > 0 || st.owed() {
		return nil
	}
	var all []RoleConstraints
	var open []string
	it := st.s.clusters.Root().Iterator()
	for _, c, ok := it.Next(); ok; _, c, ok = it.Next() {
		n := c.waiting.Len()
		if n == 0 || c.rulesProblem != nil {
			continue
		}
		if c.Spec.Role == "" {
			return nil
		}
		at, found := slices.BinarySearchFunc(all, c.Spec.Role, func(r RoleConstraints, role string) int { return strings.Compare(r.Role, role) })
		if !found {
			all = slices.Insert(all, at, RoleConstraints{Role: c.Spec.Role})
		}
		for _, role := range []spec.TaskKind{spec.JobManagerTask, spec.TaskManagerTask} {
			if role == spec.JobManagerTask && c.waitingJobManagers == 0 || role == spec.TaskManagerTask && n == c.waitingJobManagers {
				continue
			}
			group := c.jobManagerConditions
			if role == spec.TaskManagerTask {
				group = c.taskManagerConditions
			}
			if len(group) == 0 || len(all[at].Groups) == maxGroups {
				open = append(open, c.Spec.Role)
			} else if !contains(all[at].Groups, group) {
				all[at].Groups = append(all[at].Groups, group)
			}
		}
	}
	return slices.DeleteFunc(all, func(r RoleConstraints) bool { return slices.Contains(open, r.Role) })
}

func contains(groups [][]constraint.Condition, group []constraint.Condition) bool {
	return slices.ContainsFunc(groups, func(g []constraint.Condition) bool { return slices.Equal(g, group) })
}

// constrain tells the master what offers are of use: at once when it may hold back one that is of use now, and else only
// before offers are asked for anew, because a master that sends too many does no harm.
func (st *step) constrain(reviving bool) {
	now := st.constraints()
	same := slices.EqualFunc(now, st.s.constrained, func(a, b RoleConstraints) bool {
		return a.Role == b.Role && slices.EqualFunc(a.Groups, b.Groups, slices.Equal)
	})
	if same && !(reviving && st.s.unconfirmed) || !reviving && covers(st.s.constrained, now) {
		return
	}
	st.s.constrained, st.s.unconfirmed = now, false
	st.send(Constrain{Roles: now})
}

// covers says that whatever meets the new constraints meets the old.
func covers(old, now []RoleConstraints) bool {
	for _, o := range old {
		at := slices.IndexFunc(now, func(n RoleConstraints) bool { return n.Role == o.Role })
		if at < 0 {
			return false
		}
		for _, g := range now[at].Groups {
			if !contains(o.Groups, g) {
				return false
			}
		}
	}
	return true
}

// constrainFailed gives constraints up for this subscription: those of before, which hold on, are taken back.
func (st *step) constrainFailed() {
	st.s.unconfirmed = true
	if st.s.unconstrained {
		return // Taking them back has failed; it is tried again with the next REVIVE.
	}
	st.s.unconstrained, st.s.constrained, st.s.unconfirmed = true, nil, false
	st.send(Constrain{})
}

// condition says in words what Mesos was told of the agents for a cluster's role; empty for nothing.
func (s *State) condition(c *Cluster, role spec.TaskKind) string {
	if !slices.ContainsFunc(s.constrained, func(r RoleConstraints) bool { return r.Role == c.Spec.Role }) {
		return ""
	}
	group := c.jobManagerConditions
	if role == spec.TaskManagerTask {
		group = c.taskManagerConditions
	}
	words := make([]string, len(group))
	for i := range group {
		words[i] = group[i].String()
	}
	return "; the master is told to offer agents with " + strings.Join(words, " and ")
}
