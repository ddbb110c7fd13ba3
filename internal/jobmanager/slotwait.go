package jobmanager

import (
	"context"
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

// slotWait is since when a job waits, and whether it has failed for that.
type slotWait struct {
	since  time.Time
	failed bool
}

// look says which jobs wait for slots. A job does when subtasks of it are SCHEDULED, when Flink holds it back as
// CREATED (the adaptive scheduler), or when it restarts because it got no slots.
func (s *slotWaits) look(ctx context.Context, client *rest.Client, list []rest.JobSummary, now time.Time) (wire.SlotWait, error) {
	known := make(map[string]slotWait)
	var first wire.SlotWait
	for _, j := range list {
		failed := s.known[j.ID].failed
		switch j.State {
		case "RESTARTING":
			failures, err := client.Exceptions(ctx, j.ID)
			if err != nil && !rest.IsNotFound(err) {
				return wire.SlotWait{}, err
			}
			failed = len(failures) > 0 && strings.Contains(failures[0].Name+failures[0].Trace, noResources)
			if !failed {
				continue
			}
		case "RUNNING":
			if j.Tasks["scheduled"] == 0 {
				continue
			}
		case "CREATED":
		default:
			continue
		}
		waits, ok := s.known[j.ID]
		if !ok {
			waits.since = now
		}
		waits.failed = failed
		known[j.ID] = waits
		if !failed && now.Sub(waits.since) < slotGrace {
			continue
		}
		first.Jobs++
		if first.Job == "" {
			first.Job, first.Name, first.State, first.Failed = j.ID, j.Name, j.State, failed
		}
	}
	s.known = known
	if first.Job == "" {
		return wire.SlotWait{}, nil
	}
	return needs(ctx, client, list, first)
}

// needs adds how many slots the job needs, and all unfinished jobs together.
func needs(ctx context.Context, client *rest.Client, list []rest.JobSummary, w wire.SlotWait) (wire.SlotWait, error) {
	asked, all := 0, 0
	for _, j := range list {
		if j.Terminal() {
			continue
		}
		if asked++; asked > maxWaiting {
			return w, nil // Too many to know what all of them need.
		}
		d, err := client.Job(ctx, j.ID)
		switch {
		case rest.IsNotFound(err):
			return w, nil // One ended meanwhile: the next look knows more.
		case err != nil:
			return wire.SlotWait{}, err
		}
		if j.ID == w.Job {
			w.Slots = d.Slots()
			if d.Batch() && j.Tasks["running"] > 0 {
				return wire.SlotWait{}, nil // Its subtasks take turns.
			}
		}
		all += d.Slots()
	}
	w.AllSlots = all
	return w, nil
}
