package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/check"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
)

// kinds are the events by their names.
var kinds = func() map[string]reflect.Type {
	all := make(map[string]reflect.Type)
	for _, e := range []state.Event{
		state.Subscribed{},
		state.Disconnected{},
		state.FrameworkRemoved{},
		state.Offered{},
		state.Rescinded{},
		state.InverseOffered{},
		state.InverseRescinded{},
		state.Updated{},
		state.AgentLost{},
		state.CallFailed{},
		state.PutCluster{},
		state.DeleteCluster{},
		state.TagRevision{},
		state.RestartTask{},
		state.HADataDeleted{},
		state.JobsObserved{},
		state.JobFailed{},
		state.CreateSnapshot{},
		state.ChangeSnapshot{},
		state.SnapshotTaken{},
		state.SnapshotDisposed{},
		state.CheckpointFound{},
		state.Autoscaled{},
		state.Rescaled{},
		state.LogErrorFound{},
		state.PauseLaunches{},
		state.RequestRefused{},
		state.ProbeOffers{},
		state.JobsCancelled{},
		state.JobsStopped{},
		state.Probed{},
		state.FlinkObserved{},
		state.WorkersWanted{},
		state.Ticked{},
		state.TornDown{},
	} {
		all[name(e)] = reflect.TypeOf(e)
	}
	return all
}()

// Difference is an entry whose actions come out otherwise when it is replayed.
type Difference struct {
	Entry Entry
	// Got are the actions of the replay.
	Got []string
}

// Violation is a step of the replay that broke a promise of the core.
type Violation struct {
	Entry Entry
	// Wrong says what did not hold.
	Wrong []string
}

// Replayed is what became of a replay.
type Replayed struct {
	// Events counts those that were folded in.
	Events int
	// Differences are where the replay and the record part; none when the incident is reproduced.
	Differences []Difference
	// Violations are the steps that broke a promise; none when all is well.
	Violations []Violation
	State      state.State
}

// Replay folds the entries in again, from the newest Start on, as the process did, and compares the actions. It
// performs nothing.
func Replay(entries []Entry, o state.Options) (Replayed, error) {
	first := -1
	for i := range entries {
		if entries[i].Event == Start {
			first = i
		}
	}
	if first < 0 {
		return Replayed{}, errors.New("the journal has no start to replay from: the ring has gone over it")
	}
	var stored state.Stored
	if err := json.Unmarshal(entries[first].Data, &stored); err != nil {
		return Replayed{}, fmt.Errorf("read the start: %w", err)
	}
	r := Replayed{State: core.New(o, stored, entries[first].Time)}
	for _, e := range entries[first+1:] {
		if e.Missing > 0 || len(e.Data) == 0 {
			return r, fmt.Errorf("the journal lacks what happened before %s: it can be replayed no further", e.Time.Format(time.RFC3339Nano))
		}
		kind, ok := kinds[e.Event]
		if !ok {
			return r, fmt.Errorf("the journal has an event %s of another release", e.Event)
		}
		event := reflect.New(kind)
		if err := json.Unmarshal(e.Data, event.Interface()); err != nil {
			return r, fmt.Errorf("read an event %s: %w", e.Event, err)
		}
		folded := event.Elem().Interface().(state.Event)
		next, actions := core.Step(r.State, folded, e.Time)
		if wrong := check.Step(&r.State, folded, actions, &next); len(wrong) > 0 {
			r.Violations = append(r.Violations, Violation{Entry: e, Wrong: wrong})
		}
		r.State = next
		r.Events++
		var got []string
		for _, a := range actions {
			got = append(got, Words(a))
		}
		if !slices.Equal(got, e.Actions) {
			r.Differences = append(r.Differences, Difference{Entry: e, Got: got})
		}
	}
	return r, nil
}
