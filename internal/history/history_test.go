package history_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/history"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }

func note(seconds float64, kind string) wire.Event {
	return wire.Event{Time: at(seconds), Type: kind}
}

// TestRecoveries looks at a cluster every second while it loses tasks.
func TestRecoveries(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		// ready says since when the cluster is ready, by second; zero for not, and active for how many seconds it is to run.
		ready  func(second int) float64
		active int
		notes  []wire.Event
		want   []wire.Recovery
	}{
		{"nothing lost", func(int) float64 { return 1 }, 30, []wire.Event{note(0.5, "Created")}, nil},
		{"a scaling is no loss", func(s int) float64 {
			if s < 5 {
				return 1
			}
			return 9
		}, 30, []wire.Event{note(5, "Updated")}, nil},
		{"made good", func(s int) float64 {
			switch {
			case s < 5:
				return 1
			case s < 8:
				return 0
			}
			return 7.5
		}, 30, []wire.Event{note(4.5, "TaskManagerLost")}, []wire.Recovery{{Time: at(7.5), Cluster: "demo", Lost: "TaskManagerLost", Seconds: 3}}},
		{"between two looks", func(s int) float64 {
			if s < 5 {
				return 1
			}
			return 4.9
		}, 30, []wire.Event{note(4.2, "JobManagerLost")}, []wire.Recovery{{Time: at(4.9), Cluster: "demo", Lost: "JobManagerLost", Seconds: 0.7}}},
		{"two losses are one", func(s int) float64 {
			if s < 5 {
				return 1
			}
			return 8
		}, 30, []wire.Event{note(4, "TaskManagerLost"), note(4.5, "JobManagerLost")}, []wire.Recovery{{Time: at(8), Cluster: "demo", Lost: "TaskManagerLost", Seconds: 4}}},
		{"not wanted back", func(int) float64 { return 1 }, 30, []wire.Event{note(4, "TaskManagerLost")}, nil},
		{"ended", func(s int) float64 {
			if s < 5 {
				return 1
			}
			return 0
		}, 6, []wire.Event{note(4, "JobManagerLost")}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := history.New()
			for s := range 30 {
				v := view.Vital{Name: "demo", Active: s < tt.active}
				if r := tt.ready(s); r > 0 && r <= float64(s) {
					v.Ready = at(r)
				}
				for _, n := range tt.notes {
					if !n.Time.After(at(float64(s))) {
						v.Notes = append(v.Notes, n)
					}
				}
				h.Observe([]view.Vital{v}, at(float64(s)))
			}
			got := h.Read().Recoveries
			for i := range got {
				got[i].Seconds = float64(int(got[i].Seconds*1000+0.5)) / 1000
			}
			if diff := cmp.Diff(append([]wire.Recovery{}, tt.want...), got); diff != "" {
				t.Errorf("recoveries (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSamples keeps an hour of samples of all clusters together.
func TestSamples(t *testing.T) {
	t.Parallel()
	h := history.New()
	for s := range 3 * 3600 {
		h.Observe([]view.Vital{{Name: "a", SlotsWanted: 4, Slots: 3, SlotsUsed: 2}, {Name: "b", SlotsWanted: 1}}, at(float64(s)))
	}
	got := h.Read().Samples
	if len(got) != 720 || !got[719].Time.After(at(3*3600-6)) || got[719].Time.Sub(got[0].Time) != 719*5*time.Second {
		t.Fatalf("%d samples from %s to %s", len(got), got[0].Time, got[len(got)-1].Time)
	}
	if diff := cmp.Diff(wire.Sample{Time: got[0].Time, SlotsWanted: 5, Slots: 3, SlotsUsed: 2}, got[0]); diff != "" {
		t.Errorf("sample (-want +got):\n%s", diff)
	}
}
