package view

import (
	"slices"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Vital is what there is to observe of a cluster every second.
type Vital struct {
	Name string
	// Active says that it is meant to run.
	Active bool
	// Ready is since when all that is wanted is registered; zero while something is missing.
	Ready time.Time
	// SlotsWanted are those of the wanted TaskManagers, by the size in the spec; Slots are registered, SlotsUsed used.
	SlotsWanted, Slots, SlotsUsed int
	// Notes are the last ones, the oldest first. They are shared and never change.
	Notes []wire.Event
}

// Doubted says that what Flink last said of a cluster was corrected since: an observation is wanted, also when nothing
// changed.
func Doubted(s *state.State, name string) bool {
	c, ok := s.Clusters.Get([]byte(name))
	return ok && c.NeedsObservation
}

// LastLoss is when a TaskManager of a cluster was last lost, as far as its notes go back; zero for never.
func LastLoss(s *state.State, name string) time.Time {
	c, ok := s.Clusters.Get([]byte(name))
	if !ok {
		return time.Time{}
	}
	for _, n := range slices.Backward(c.Events) {
		if n.Type == "TaskManagerLost" {
			return n.Time
		}
	}
	return time.Time{}
}

// Vitals returns the vital signs of all clusters, sorted by name.
func Vitals(s *state.State) []Vital {
	var all []Vital
	it := s.Clusters.Root().Iterator()
	for _, c, ok := it.Next(); ok; _, c, ok = it.Next() {
		v := Vital{Name: c.Spec.Name, Active: c.Active(), Notes: c.Events}
		if n := len(c.Phases); v.Active && n > 0 && c.Phases[n-1].Phase == wire.PhaseReady {
			v.Ready = c.Phases[n-1].Since
		}
		if v.Active {
			v.SlotsWanted = (c.TaskManagers + c.Pending.Len() - c.PendingJobManagers) * c.Spec.TaskManager.Slots
		}
		if c.Flink != nil {
			v.Slots, v.SlotsUsed = c.Flink.SlotsTotal, c.Flink.SlotsTotal-c.Flink.SlotsAvailable
		}
		all = append(all, v)
	}
	return all
}
