package view

import (
	"github.com/flink-on-mesos/flink-service/internal/core/state"
)

// Uninstall is how far the removal of the service has come.
type Uninstall struct {
	// Asked says that the service is to be removed.
	Asked bool
	// Clusters and Tasks are those that are left.
	Clusters, Tasks int
	// Reservations are those that are not given back yet.
	Reservations int
	// Registered says that Mesos knows the framework.
	Registered bool
	// Untried says that no removal was tried yet of what clusters left in ZooKeeper that were deleted before.
	Untried bool
}

// Done says that nothing of the service is left with Mesos, or in the state of the core.
func (u Uninstall) Done() bool {
	return u.Asked && u.Clusters == 0 && u.Tasks == 0 && u.Reservations == 0 && !u.Registered && !u.Untried
}

// Uninstalling says how far the removal of the service has come.
func Uninstalling(s *state.State) Uninstall {
	return Uninstall{
		Asked: s.Options.Uninstall, Clusters: s.Clusters.Len(), Tasks: s.Tasks.Len(), Reservations: s.Reservations.Len(),
		Registered: s.Framework.ID != "", Untried: s.OrphanedHAData.Len() > 0 && s.HACleanupNext.IsZero(),
	}
}
