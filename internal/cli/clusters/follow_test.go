package clusters

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/cli/terminal"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// TestFollowerTellsOnce follows an application whose cluster falls back to an earlier phase when its job ends: each phase is
// told once, and the time of the job is not that of a phase before it.
func TestFollowerTellsOnce(t *testing.T) {
	t.Parallel()
	begun := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(seconds int) time.Time { return begun.Add(time.Duration(seconds) * time.Second) }
	phases := func(of ...any) (list []wire.PhaseTime) {
		for i := 0; i < len(of); i += 2 {
			list = append(list, wire.PhaseTime{Phase: of[i].(wire.Phase), Since: at(of[i+1].(int))})
		}
		return list
	}
	up := phases(wire.PhaseOffer, 0, wire.PhaseFetch, 1, wire.PhaseJobManager, 3, wire.PhaseTaskManagers, 5, wire.PhaseReady, 8)
	var said bytes.Buffer
	f := &command.Factory{Streams: &terminal.Streams{Out: &said, Err: &said}, Clock: fixed(at(60))}
	w := NewFollower(f, nil, "app", false)
	for _, list := range [][]wire.PhaseTime{
		up[:1], up[:3], up,
		append(phases(wire.PhaseOffer, 0, wire.PhaseFetch, 1, wire.PhaseJobManager, 3), phases(wire.PhaseTaskManagers, 50)...),
	} {
		w.tell(wire.Description{Status: wire.Status{State: wire.Deployed, Phases: list}})
	}
	w.Summary(wire.Description{Status: wire.Status{
		State: wire.Finished, Phases: phases(wire.PhaseOffer, 0, wire.PhaseFetch, 1, wire.PhaseJobManager, 3, wire.PhaseTaskManagers, 50),
		Result: &wire.JobResult{Status: "SUCCEEDED", Ended: at(49)},
	}})
	for _, p := range wire.Phases() {
		if n := strings.Count(said.String(), "app: "+string(p)+"\n"); n > 1 {
			t.Errorf("the phase %s is told %d times:\n%s", p, n, said.String())
		}
	}
	if want := "(offer 1s, fetch 2s, jobmanager 2s, taskmanagers 3s, job 41s)"; !strings.Contains(said.String(), want) {
		t.Errorf("the summary has no %s:\n%s", want, said.String())
	}
	// A cluster that is restarted is on its way up again.
	said.Reset()
	w.tell(wire.Description{Status: wire.Status{State: wire.Created, Phases: phases(wire.PhaseOffer, 70)}})
	if !strings.Contains(said.String(), "app: offer\n") {
		t.Errorf("the new way up is not told:\n%s", said.String())
	}
}

// TestWaitsOnce says once that something waits.
func TestWaitsOnce(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]string{
		"waiting for an offer with 1 cpu": "waiting for an offer with 1 cpu", "no offer yet from 3 agents": "waiting: no offer yet from 3 agents",
	} {
		if got := waits(reason); got != want {
			t.Errorf("waits(%q) = %q, want %q", reason, got, want)
		}
	}
}

// fixed is a clock that stands still.
type fixed time.Time

func (c fixed) Now() time.Time { return time.Time(c) }

func (fixed) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }
