package offers

import (
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// maxGroups bounds the groups of a role; with more of them it gets every offer.
const maxGroups = 64

// constraints are the conditions of what waits. None are made while every offer is of use: for a look, to give
// something back, for a cluster that takes offers to any role; nor when a task waits that has no conditions.
func constraints(tx *state.Tx) []state.RoleConstraints {
	if tx.State.MasterVersion == "" || state.Before(tx.State.MasterVersion, 1, 11) || tx.State.ConstraintsRefused || len(tx.State.Probes) > 0 || tx.ReleasesPending() {
		return nil
	}
	var all []state.RoleConstraints
	var open []string
	it := tx.State.Busy.Root().Iterator()
	for _, c, ok := it.Next(); ok; _, c, ok = it.Next() {
		n := c.Pending.Len()
		if n == 0 || c.RulesProblem != nil {
			continue
		}
		if c.Spec.Role == "" {
			return nil
		}
		at, found := slices.BinarySearchFunc(all, c.Spec.Role, func(r state.RoleConstraints, role string) int { return strings.Compare(r.Role, role) })
		if !found {
			all = slices.Insert(all, at, state.RoleConstraints{Role: c.Spec.Role})
		}
		for _, role := range []spec.TaskKind{spec.JobManagerTask, spec.TaskManagerTask} {
			if role == spec.JobManagerTask && c.PendingJobManagers == 0 || role == spec.TaskManagerTask && n == c.PendingJobManagers {
				continue
			}
			group := c.JobManagerConditions
			if role == spec.TaskManagerTask {
				group = c.TaskManagerConditions
			}
			if len(group) == 0 || len(all[at].Groups) == maxGroups {
				open = append(open, c.Spec.Role)
			} else if !contains(all[at].Groups, group) {
				all[at].Groups = append(all[at].Groups, group)
			}
		}
	}
	return slices.DeleteFunc(all, func(r state.RoleConstraints) bool { return slices.Contains(open, r.Role) })
}

func contains(groups [][]constraint.Condition, group []constraint.Condition) bool {
	return slices.ContainsFunc(groups, func(g []constraint.Condition) bool { return slices.Equal(g, group) })
}

// sendConstraints tells the master what offers are of use: at once when it may hold back one that is of use now, and else only
// before offers are asked for anew, because a master that sends too many does no harm.
func sendConstraints(tx *state.Tx, reviving bool) {
	now := constraints(tx)
	same := slices.EqualFunc(now, tx.State.Constraints, func(a, b state.RoleConstraints) bool {
		return a.Role == b.Role && slices.EqualFunc(a.Groups, b.Groups, slices.Equal)
	})
	if same && !(reviving && tx.State.ConstraintsUnconfirmed) || !reviving && covers(tx.State.Constraints, now) {
		return
	}
	tx.State.Constraints, tx.State.ConstraintsUnconfirmed = now, false
	tx.Send(state.Constrain{Roles: now})
}

// covers says that whatever meets the new constraints meets the old.
func covers(old, now []state.RoleConstraints) bool {
	for _, o := range old {
		at := slices.IndexFunc(now, func(n state.RoleConstraints) bool { return n.Role == o.Role })
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

// ConstraintsFailed gives constraints up for this subscription: those of before, which hold on, are taken back.
func ConstraintsFailed(tx *state.Tx) {
	tx.State.ConstraintsUnconfirmed = true
	if tx.State.ConstraintsRefused {
		return // Taking them back has failed; it is tried again with the next REVIVE.
	}
	tx.State.ConstraintsRefused, tx.State.Constraints, tx.State.ConstraintsUnconfirmed = true, nil, false
	tx.Send(state.Constrain{})
}

// condition says in words what Mesos was told of the agents for a cluster's role; empty for nothing.
func condition(s *state.State, c *state.Cluster, role spec.TaskKind) string {
	if !slices.ContainsFunc(s.Constraints, func(r state.RoleConstraints) bool { return r.Role == c.Spec.Role }) {
		return ""
	}
	group := c.JobManagerConditions
	if role == spec.TaskManagerTask {
		group = c.TaskManagerConditions
	}
	words := make([]string, len(group))
	for i := range group {
		words[i] = group[i].String()
	}
	return "; the master is told to offer agents with " + strings.Join(words, " and ")
}

// CallFailed notes that the master did not take a call about its offers.
func CallFailed(tx *state.Tx, e state.CallFailed) {
	switch e.Call {
	case "UPDATE_FRAMEWORK":
		ConstraintsFailed(tx)
	case "REVIVE", "SUPPRESS":
		// What the master believes is not known: say it again with the next change or tick.
		tx.State.Suppressed = e.Call == "REVIVE"
		tx.State.WantOffers = e.Call == "REVIVE"
	}
}
