package localmesos_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/flink-on-mesos/flink-service/internal/localmesos"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/executor"
)

func TestDeactivate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localmesos.Options{})
		w.agent(small())
		c := w.subscribe(framework())
		if n := len(c.allocate()); n != 1 {
			t.Fatalf("%d offers, want 1", n)
		}
		must(t, w.Deactivate("0", true))
		if diff := cmp.Diff([]string{"RESCIND"}, types(c.take())); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if n := len(c.allocate()); n != 0 {
			t.Errorf("%d offers of a deactivated agent", n)
		}
		must(t, w.Deactivate("0", false))
		if n := len(c.allocate()); n != 1 {
			t.Errorf("%d offers, want 1", n)
		}
	})
}

// TestPlan plans maintenance: it is announced to who uses the agent, again when the filter of the answer has passed, and
// taken back.
func TestPlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c, _ := running(t, localmesos.Options{})
		c.take()
		from := time.Now().Add(time.Hour)
		must(t, w.Plan("0", from))
		var inverse *mesos.InverseOffer
		announced := func() int {
			n := 0
			for _, e := range c.take() {
				if e.GetType() == scheduler.Event_INVERSE_OFFERS {
					inverse = &e.InverseOffers.InverseOffers[0]
					n++
				}
			}
			return n
		}
		if n := announced(); n != 1 || inverse.Unavailability.Start.Nanoseconds != from.UnixNano() {
			t.Fatalf("%d announcements, %v", n, inverse)
		}
		w.Allocate()
		if n := announced(); n != 0 {
			t.Errorf("%d announcements before the first is answered", n)
		}
		wait := 60.0
		c.do(&scheduler.Call{Type: scheduler.Call_ACCEPT_INVERSE_OFFERS, AcceptInverseOffers: &scheduler.Call_AcceptInverseOffers{
			InverseOfferIDs: []mesos.OfferID{inverse.OfferID}, Filters: &mesos.Filters{RefuseSeconds: &wait},
		}})
		w.Allocate()
		if n := announced(); n != 0 {
			t.Errorf("%d announcements while they are filtered", n)
		}
		time.Sleep(time.Minute)
		w.Allocate()
		if n := announced(); n != 1 {
			t.Errorf("%d announcements after the filter, want 1", n)
		}
		must(t, w.Plan("0", time.Time{}))
		events := c.take()
		if !strings.Contains(strings.Join(types(events), " "), "RESCIND_INVERSE_OFFER") {
			t.Errorf("events %v, want the announcement taken back", types(events))
		}
	})
}

// TestDrain drains an agent: its tasks are killed, and say why.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c, rt := running(t, localmesos.Options{})
		must(t, w.Drain("0", true))
		updates := c.acknowledge()
		if len(updates) != 1 || updates[0].GetState() != mesos.TASK_KILLED || updates[0].GetReason() != mesos.REASON_AGENT_DRAINING || len(rt.Tasks()) != 0 {
			t.Fatalf("updates %v, tasks %v", updates, rt.Tasks())
		}
		if n := len(c.allocate()); n != 0 {
			t.Errorf("%d offers of a drained agent", n)
		}
		must(t, w.Drain("0", false))
		if n := len(c.allocate()); n != 1 {
			t.Errorf("%d offers after the agent was reactivated, want 1", n)
		}
		if err := w.Drain("7", true); err == nil {
			t.Error("an agent that is not there was drained")
		}
	})
}

// TestOperatorsOfMaintenance performs the operator's calls.
func TestOperatorsOfMaintenance(t *testing.T) {
	m, err := localmesos.New(localmesos.Options{AllocationInterval: time.Hour})
	must(t, err)
	t.Cleanup(func() { must(t, m.Close()) })
	o := small()
	o.Runtime = executor.NewScripted(nil)
	id, err := m.AddAgent(o)
	must(t, err)
	post := func(body string) (int, string) {
		t.Helper()
		response, err := http.Post(m.URL()+"/api/v1", "application/json", strings.NewReader(body))
		must(t, err)
		defer response.Body.Close()
		data, err := io.ReadAll(response.Body)
		must(t, err)
		return response.StatusCode, string(data)
	}
	agents := func() string { _, text := post(`{"type":"GET_AGENTS"}`); return text }
	for _, step := range []struct{ call, want string }{
		{`{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"` + id + `"}}}`, `"drain_info"`},
		{`{"type":"REACTIVATE_AGENT","reactivate_agent":{"agent_id":{"value":"` + id + `"}}}`, `"deactivated":false`},
		{`{"type":"DEACTIVATE_AGENT","deactivate_agent":{"agent_id":{"value":"` + id + `"}}}`, `"deactivated":true`},
	} {
		if status, text := post(step.call); status != http.StatusOK {
			t.Fatalf("%s: %d %s", step.call, status, text)
		}
		if text := agents(); !strings.Contains(text, step.want) {
			t.Errorf("after %s: want %s in %s", step.call, step.want, text)
		}
	}
	for _, kind := range []string{"DRAIN_AGENT", "DEACTIVATE_AGENT", "REACTIVATE_AGENT", "UPDATE_MAINTENANCE_SCHEDULE"} {
		if status, text := post(`{"type":"` + kind + `"}`); status != http.StatusBadRequest || !strings.Contains(text, strings.ToLower(kind)) {
			t.Errorf("%s without its part: %d %s", kind, status, text)
		}
	}
	schedule := `{"schedule":{"windows":[{"machine_ids":[{"hostname":"127.0.0.1","ip":"127.0.0.1"}],"unavailability":{"start":{"nanoseconds":7}}}]}}`
	if status, text := post(`{"type":"UPDATE_MAINTENANCE_SCHEDULE","update_maintenance_schedule":` + schedule + `}`); status != http.StatusOK {
		t.Fatalf("schedule: %d %s", status, text)
	}
	if _, text := post(`{"type":"GET_MAINTENANCE_SCHEDULE"}`); !strings.Contains(text, `"nanoseconds":7`) {
		t.Errorf("the schedule is %s", text)
	}
}
