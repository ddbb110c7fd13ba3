package localmesos_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/flink-on-mesos/flink-service/internal/localmesos"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/executor"
)

// types lists the types of events.
func types(events []scheduler.Event) []string {
	var out []string
	for _, e := range events {
		out = append(out, e.Type.String())
	}
	return out
}

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localmesos.Options{HeartbeatInterval: 2 * time.Second})
		c := w.subscribe(framework())
		time.Sleep(7 * time.Second)
		if diff := cmp.Diff([]string{"HEARTBEAT", "HEARTBEAT", "HEARTBEAT"}, types(c.take())); diff != "" {
			t.Errorf("events in 7 s (-want +got):\n%s", diff)
		}
	})
}

func TestSecondSubscriberClosesTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localmesos.Options{})
		w.agent(small())
		info := framework()
		first := w.subscribe(info)
		if n := len(first.allocate()); n != 1 {
			t.Fatalf("%d offers, want 1", n)
		}
		second := w.subscribe(info)
		if second.id != first.id {
			t.Errorf("the framework has the id %s, want its own %s", second.id, first.id)
		}
		events := first.take()
		if len(events) != 1 || events[0].GetError().GetMessage() != "Framework failed over" || !first.over() {
			t.Errorf("the first subscriber got %v, ended: %v", events, first.over())
		}
		// The offers of the first are free again.
		if n := len(second.allocate()); n != 1 {
			t.Errorf("%d offers, want 1", n)
		}
		if status, _ := first.try(&scheduler.Call{Type: scheduler.Call_SUPPRESS}); status != http.StatusBadRequest {
			t.Errorf("a call on the first stream: status %d, want 400", status)
		}
	})
}

func TestFailoverTimeout(t *testing.T) {
	tests := []struct {
		name    string
		timeout float64
		away    time.Duration
		removed bool
	}{
		{"back in time", 10, 9 * time.Second, false},
		{"too late", 10, 11 * time.Second, true},
		{"no timeout", 0, time.Millisecond, true},
		{"below zero", -1, time.Millisecond, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, localmesos.Options{})
				_, rt := w.agent(small())
				info := framework()
				info.FailoverTimeout = &tt.timeout
				c := w.subscribe(info)
				c.launch(c.allocate()[0], "a")
				c.acknowledge()
				c.leave()
				time.Sleep(tt.away)
				synctest.Wait()
				if got := len(rt.Tasks()); got == 1 == tt.removed {
					t.Errorf("%d tasks run", got)
				}
				again := w.subscribe(info)
				if removed := again.id == ""; removed != tt.removed {
					t.Fatalf("removed: %v, want %v", removed, tt.removed)
				}
				if tt.removed {
					events := again.take()
					if len(events) != 1 || events[0].GetError().GetMessage() != "Framework has been removed" || !again.over() {
						t.Errorf("events %v", events)
					}
					return
				}
				again.do(&scheduler.Call{Type: scheduler.Call_RECONCILE, Reconcile: &scheduler.Call_Reconcile{}})
				if diff := cmp.Diff([]string{"a=TASK_RUNNING"}, states(again.updates())); diff != "" {
					t.Errorf("reconciled (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// Updates that came while the scheduler was away are sent to the new subscriber.
func TestUpdatesWaitForTheSubscriber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localmesos.Options{AckRetry: time.Second})
		_, rt := w.agent(small())
		info := framework()
		c := w.subscribe(info)
		c.launch(c.allocate()[0], "a")
		c.acknowledge()
		c.leave()
		rt.End("a", mesos.TASK_FAILED, "boom")
		time.Sleep(20 * time.Second)
		again := w.subscribe(info)
		time.Sleep(time.Minute)
		updates := again.acknowledge()
		if len(updates) == 0 || updates[0].GetState() != mesos.TASK_FAILED || updates[0].GetMessage() != "boom" {
			t.Fatalf("updates %v, want TASK_FAILED", updates)
		}
		time.Sleep(time.Hour)
		if more := again.updates(); len(more) != 0 {
			t.Errorf("sent again after its acknowledgement: %v", more)
		}
	})
}

func TestUpdateFramework(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localmesos.Options{})
		w.agent(small())
		info := framework("a")
		c := w.subscribe(info)
		if n := len(c.allocate()); n != 1 {
			t.Fatalf("%d offers, want 1", n)
		}
		changed := *info
		changed.Roles = []string{"b"}
		c.do(&scheduler.Call{Type: scheduler.Call_UPDATE_FRAMEWORK, UpdateFramework: &scheduler.Call_UpdateFramework{FrameworkInfo: changed}})
		// Offers of a role that the framework left are taken back, as in the recording of the real master.
		if diff := cmp.Diff([]string{"RESCIND"}, types(c.take())); diff != "" {
			t.Fatalf("events (-want +got):\n%s", diff)
		}
		offers := c.allocate()
		if len(offers) != 1 || offers[0].AllocationInfo.GetRole() != "b" {
			t.Errorf("offers %v, want one for role b", offers)
		}
		changed.Roles = []string{"not valid"}
		status, text := c.try(&scheduler.Call{Type: scheduler.Call_UPDATE_FRAMEWORK, UpdateFramework: &scheduler.Call_UpdateFramework{FrameworkInfo: changed}})
		if want := "'FrameworkInfo.roles' contains invalid role: Role 'not valid' is invalid because it contains a whitespace or backspace character"; status != http.StatusBadRequest || text != want {
			t.Errorf("status %d %q, want 400 %q", status, text, want)
		}
	})
}

func TestCloseEndsStreamsAndTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localmesos.Options{})
		_, rt := w.agent(small())
		c := w.subscribe(framework())
		c.launch(c.allocate()[0], "a")
		c.acknowledge()
		for range 2 { // Closing twice is closing once.
			if err := w.Close(); err != nil {
				t.Fatalf("Close() error: %v", err)
			}
		}
		if !c.over() || len(rt.Tasks()) != 0 {
			t.Errorf("stream ended: %v, tasks: %v", c.over(), rt.Tasks())
		}
		if _, err := w.AddAgent(localmesos.AgentOptions{Runtime: executor.NewScripted(nil)}); err == nil {
			t.Error("a closed master took an agent")
		}
	})
}
