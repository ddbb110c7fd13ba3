package view

import (
	"cmp"
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// OperationQuery says which operations to list.
type OperationQuery struct {
	// Cluster and States select; empty for all.
	Cluster string
	States  []wire.OperationState
	// After is a version: only what changed later is listed, in the order of the changes. -1 lists the newest ones,
	// the newest first.
	After int64
	// Limit is the most to list.
	Limit int
}

// Operations lists operations, and the version to go on after.
func Operations(s *state.State, q OperationQuery) ([]wire.Operation, int64) {
	found := []wire.Operation{}
	each(s.Operations.ByID, func(o *wire.Operation) {
		if (q.Cluster == "" || o.Cluster == q.Cluster) && (len(q.States) == 0 || slices.Contains(q.States, o.State)) && o.Version > q.After {
			found = append(found, *o)
		}
	})
	cursor := s.Operations.Version
	if q.After < 0 {
		slices.Reverse(found)
		return found[:min(len(found), q.Limit)], cursor
	}
	slices.SortFunc(found, func(a, b wire.Operation) int { return cmp.Compare(a.Version, b.Version) })
	if len(found) > q.Limit {
		found = found[:q.Limit]
		cursor = found[q.Limit-1].Version
	}
	return found, max(cursor, q.After)
}
