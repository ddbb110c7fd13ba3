package jobmanager

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// slotGrace is how long a job may wait for slots before that is told. A job that was just submitted waits until its
// slots are assigned.
const slotGrace = 5 * time.Second

// maxWaiting bounds the jobs of one cluster that are asked for the slots that they need.
const maxWaiting = 20

// noResources is what a job fails with when it gets no slots within slot.request.timeout.
const noResources = "NoResourceAvailableException"

// slotWaits remembers which jobs of a cluster wait for slots.
type slotWaits struct {
	known map[string]slotWait
}

// slotWait is since when a job waits, when it was last seen to, and whether it has failed for that.
type slotWait struct {
	since, seen time.Time
	failed      bool
}

// slotKept is how long a job counts as waiting while it changes its state: Flink's answers are up to
// web.refresh-interval old, so that a job that restarts shows its reason late.
const slotKept = 10 * time.Second

// waitsForSlots says whether a job waits for slots, and whether it has failed for that. A job waits when subtasks of it
// are SCHEDULED, when Flink holds it back as CREATED (the adaptive scheduler), or when it restarts because it got no slots.
func waitsForSlots(ctx context.Context, client *rest.Client, j rest.JobSummary) (waits, failed bool, err error) {
	switch j.State {
	case "RESTARTING":
		failures, err := client.Exceptions(ctx, j.ID)
		if err != nil && !rest.IsNotFound(err) {
			return false, false, err
		}
		failed = len(failures) > 0 && strings.Contains(failures[0].Name+failures[0].Trace, noResources)
		return failed, failed, nil
	case "RUNNING":
		return j.Tasks["scheduled"] > 0, false, nil
	}
	return j.State == "CREATED", false, nil
}

// look says which jobs wait for slots.
func (s *slotWaits) look(ctx context.Context, client *rest.Client, list []rest.JobSummary, now time.Time) (wire.SlotWait, error) {
	known := make(map[string]slotWait)
	var waiting []wire.SlotWait
	for _, j := range list {
		waits, old := s.known[j.ID]
		is, failed, err := waitsForSlots(ctx, client, j)
		switch {
		case err != nil:
			return wire.SlotWait{}, err
		case is:
			waits.seen, waits.failed = now, waits.failed || failed
		case !old || j.Terminal() || j.Running() || now.Sub(waits.seen) >= slotKept:
			continue
		}
		if !old {
			waits.since = now
		}
		known[j.ID] = waits
		if !waits.failed && now.Sub(waits.since) < slotGrace {
			continue
		}
		waiting = append(waiting, wire.SlotWait{Job: j.ID, Name: j.Name, State: j.State, Failed: waits.failed})
	}
	s.known = known
	if len(waiting) == 0 {
		return wire.SlotWait{}, nil
	}
	return needs(ctx, client, list, waiting)
}

// needs picks the first of the jobs that wait, and adds how many slots it needs, and all unfinished jobs together. A
// batch job that runs does not wait: its subtasks take turns.
func needs(ctx context.Context, client *rest.Client, list []rest.JobSummary, waiting []wire.SlotWait) (wire.SlotWait, error) {
	unknown := waiting[0]
	unknown.Jobs = len(waiting)
	asked, all := 0, 0
	for _, j := range list {
		if j.Terminal() {
			continue
		}
		if asked++; asked > maxWaiting {
			return unknown, nil // Too many to know what all of them need.
		}
		d, err := client.Job(ctx, j.ID)
		switch {
		case rest.IsNotFound(err):
			return unknown, nil // One ended meanwhile: the next look knows more.
		case err != nil:
			return wire.SlotWait{}, err
		}
		all += d.Slots()
		i := slices.IndexFunc(waiting, func(w wire.SlotWait) bool { return w.Job == j.ID })
		switch {
		case i < 0:
		case d.Batch() && j.Tasks["running"] > 0:
			waiting = slices.Delete(waiting, i, i+1)
		default:
			waiting[i].Slots = d.Slots()
		}
	}
	if len(waiting) == 0 {
		return wire.SlotWait{}, nil
	}
	first := waiting[0]
	first.Jobs, first.AllSlots = len(waiting), all
	return first, nil
}
