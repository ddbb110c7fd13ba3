package core_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/check"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// refusing plays refused requests and counts what they save.
type refusing struct {
	t      *testing.T
	state  state.State
	now    time.Time
	stored map[string]any
	saves  int
}

func newRefusing(t *testing.T) *refusing {
	t.Helper()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	return &refusing{t: t, now: now, state: core.New(state.Options{}, state.Stored{}, now), stored: map[string]any{}}
}

func (r *refusing) step(e state.Event) {
	r.t.Helper()
	next, actions := core.Step(r.state, e, r.now)
	if wrong := check.Step(&r.state, e, actions, &next); len(wrong) > 0 {
		r.t.Fatalf("%T: %s", e, strings.Join(wrong, "; "))
	}
	r.state = next
	for _, a := range actions {
		if s, ok := a.(state.Save); ok {
			r.saves++
			for _, record := range s.Records {
				if record.Value == nil {
					delete(r.stored, record.Key)
				} else {
					r.stored[record.Key] = record.Value
				}
			}
		}
	}
}

func (r *refusing) refuse(cluster, message string) {
	r.t.Helper()
	r.step(state.RequestRefused{Request: 1, Operation: wire.Operation{Cluster: cluster, Kind: wire.OperationUpdate, Message: message}})
}

func (r *refusing) operations(q view.OperationQuery) []wire.Operation {
	q.After, q.Limit = -1, 10_000
	found, _ := view.Operations(&r.state, q)
	return found
}

// TestRefusedFlood has thousands of requests refused: what is kept and what is saved stays bounded, and no other
// operation is pushed out.
func TestRefusedFlood(t *testing.T) {
	t.Parallel()
	r := newRefusing(t)
	r.step(state.PutCluster{Request: 1, Nonce: "aaaa", Spec: spec.Spec{Name: "demo", Kind: spec.Session}})
	r.saves = 0
	for i := range 1000 {
		r.refuse("demo", fmt.Sprint("reason ", i))
	}
	if r.saves != 10 {
		t.Fatalf("%d requests at one time were saved, want 10", r.saves)
	}
	r.now = r.now.Add(6 * time.Second)
	r.refuse("demo", "later")
	last := r.operations(view.OperationQuery{})[0]
	if want := "later (990 more requests were refused before, and not recorded)"; last.Message != want {
		t.Fatalf("the next one says %q, want %q", last.Message, want)
	}
	for i := range 5000 {
		r.now = r.now.Add(6 * time.Second)
		r.refuse([]string{"demo", fmt.Sprint("other-", i)}[i%2], fmt.Sprint("reason ", i))
	}
	refused := r.operations(view.OperationQuery{States: []wire.OperationState{wire.OperationRefused}})
	ofDemo := r.operations(view.OperationQuery{Cluster: "demo"})
	if len(refused) > 200 || len(ofDemo) != 21 || ofDemo[20].Kind != wire.OperationCreate {
		t.Fatalf("%d refused are kept, and of demo %d with the oldest %+v; want at most 200, and 20 with the creation", len(refused), len(ofDemo), ofDemo[len(ofDemo)-1])
	}
	if n := len(r.stored); n > 203 { // With the cluster, its creation and its revision.
		t.Fatalf("%d records are stored", n)
	}
}

// TestRefusedAgain has equal requests refused: they are one operation with a count.
func TestRefusedAgain(t *testing.T) {
	t.Parallel()
	r := newRefusing(t)
	for range 3 {
		r.now = r.now.Add(time.Minute)
		r.refuse("demo", "no")
	}
	r.refuse("demo", "another reason")
	r.refuse("demo", "no")
	got := r.operations(view.OperationQuery{})
	if len(got) != 3 || got[2].Count != 3 || got[2].Ended.Sub(got[2].Started) != 2*time.Minute || got[0].Count != 0 || got[0].State != wire.OperationRefused {
		t.Fatalf("operations: %+v", got)
	}
	r.now = r.now.Add(time.Hour)
	r.refuse("demo", "no")
	if got := r.operations(view.OperationQuery{}); len(got) != 4 {
		t.Fatalf("an hour later it is not a new one: %+v", got)
	}
}
