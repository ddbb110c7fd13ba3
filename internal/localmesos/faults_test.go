package localmesos_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/master"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/flink-on-mesos/flink-service/internal/localmesos"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/executor"
)

// running is a master with one agent on which the task a runs, and its framework.
func running(t *testing.T, o localmesos.Options, capabilities ...mesos.FrameworkInfo_Capability_Type) (*world, *client, *executor.Scripted) {
	t.Helper()
	w := newWorld(t, o)
	_, rt := w.agent(small())
	info := framework()
	info.Checkpoint = new(true)
	if capabilities != nil {
		info.Capabilities = nil
		for _, c := range capabilities {
			info.Capabilities = append(info.Capabilities, mesos.FrameworkInfo_Capability{Type: c})
		}
	}
	c := w.subscribe(info)
	c.launch(c.allocate()[0], "a")
	c.acknowledge()
	return w, c, rt
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c, _ := running(t, localmesos.Options{HeartbeatInterval: time.Second})
		w.Silence(true)
		time.Sleep(10 * time.Second)
		w.Allocate()
		if got := c.take(); len(got) != 0 {
			t.Fatalf("a silent master sent %v", types(got))
		}
		if c.over() {
			t.Fatal("a silent master closed the stream")
		}
		w.Silence(false)
		got := types(c.take())
		if !slices.Contains(got, "OFFERS") || !slices.Contains(got, "HEARTBEAT") {
			t.Errorf("after the silence came %v, want what was held back", got)
		}
	})
}

func TestDropStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c, rt := running(t, localmesos.Options{})
		w.DropStreams()
		if !c.over() {
			t.Fatal("the stream is open")
		}
		time.Sleep(59 * time.Second) // The failover timeout is 60 s.
		info := framework()
		info.ID = &mesos.FrameworkID{Value: c.id}
		again := w.subscribe(info)
		if again.id != c.id || len(rt.Tasks()) != 1 {
			t.Errorf("id %q, tasks %v", again.id, rt.Tasks())
		}
	})
}

func TestDisturbUpdates(t *testing.T) {
	count := func(t *testing.T, u localmesos.UpdateFaults) (starting, running int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, localmesos.Options{HeartbeatInterval: time.Hour})
			w.agent(small())
			c := w.subscribe(framework())
			o := c.allocate()[0]
			w.DisturbUpdates(u)
			c.launch(o, "a", "b", "c", "d")
			for range 2000 {
				for _, s := range c.acknowledge() {
					if s.GetState() == mesos.TASK_STARTING {
						starting++
					} else {
						running++
					}
				}
				time.Sleep(time.Second)
			}
		})
		return starting, running
	}
	if s, r := count(t, localmesos.UpdateFaults{}); s != 4 || r != 4 {
		t.Errorf("without faults %d and %d updates, want 4 and 4", s, r)
	}
	if s, r := count(t, localmesos.UpdateFaults{Duplicate: 1}); s != 8 || r != 8 {
		t.Errorf("%d and %d updates, want each twice", s, r)
	}
	if s, r := count(t, localmesos.UpdateFaults{Drop: 0.5, Seed: 1}); s != 4 || r != 4 {
		t.Errorf("%d and %d updates, want all in the end: what is dropped comes again", s, r)
	}
	if s, r := count(t, localmesos.UpdateFaults{Drop: 1}); s != 0 || r != 0 {
		t.Errorf("%d and %d updates, want none", s, r)
	}
	if s, r := count(t, localmesos.UpdateFaults{Delay: 1, DelayBy: 500, Seed: 1}); s != 4 || r != 4 {
		t.Errorf("%d and %d updates, want all in the end", s, r)
	}
}

// A delayed update may be overtaken by one of another task.
func TestDelayReorders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localmesos.Options{})
		large := small()
		large.CPUs = 12
		w.agent(large)
		c := w.subscribe(framework())
		o := c.allocate()[0]
		w.DisturbUpdates(localmesos.UpdateFaults{Delay: 1, DelayBy: 1000, Seed: 3})
		// So many that they are not in order by chance.
		c.launch(o, "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l")
		time.Sleep(time.Second)
		got := states(c.updates())
		if len(got) != 12 || slices.IsSorted(got) {
			t.Errorf("updates %v, want twelve out of order", got)
		}
	})
}

// A new leader knows frameworks and tasks from agents; offers and filters are gone.
func TestFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c, rt := running(t, localmesos.Options{})
		c.decline(filters(time.Hour), c.allocate()...)
		w.Failover()
		if !c.over() {
			t.Fatal("the stream is open")
		}
		info := framework()
		info.ID = &mesos.FrameworkID{Value: c.id}
		again := w.subscribe(info)
		if n := again.allocate(); len(n) != 1 || amount(n[0], "cpus") != 3 {
			t.Errorf("offers %v, want one of 3 cpus", n)
		}
		again.do(&scheduler.Call{Type: scheduler.Call_RECONCILE, Reconcile: &scheduler.Call_Reconcile{}})
		if diff := cmp.Diff([]string{"a=TASK_RUNNING"}, states(again.updates())); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
		if len(rt.Tasks()) != 1 {
			t.Error("the task ended with the master")
		}
	})
}

func (w *world) injectFault(body string) int {
	w.Helper()
	response, err := w.http.Post("http://"+masterAddress+"/localmesos/faults", "application/json", bytes.NewReader([]byte(body)))
	if err != nil {
		w.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// Every fault can be injected over HTTP, as tests of other processes do.
func TestInject(t *testing.T) {
	tests := []struct {
		fault localmesos.Injection
		seen  func(*world, *client) bool
	}{
		{localmesos.Injection{Name: "KillAgent", Agent: "0"}, gets("UPDATE")},
		{localmesos.Injection{Name: "LoseAgent", Agent: "0"}, gets("FAILURE")},
		{localmesos.Injection{Name: "RemoveAgent", Agent: "0"}, gets("FAILURE")},
		{localmesos.Injection{Name: "UnregisterAgent", Agent: "0"}, gets("FAILURE")},
		{localmesos.Injection{Name: "Deactivate", Agent: "0", On: true}, gets("RESCIND")},
		{localmesos.Injection{Name: "Drain", Agent: "0", On: true}, gets("RESCIND")},
		{localmesos.Injection{Name: "Plan", Agent: "0", On: true}, gets("RESCIND")},
		{localmesos.Injection{Name: "Silence", On: true}, func(w *world, c *client) bool {
			time.Sleep(time.Minute)
			return len(c.take()) == 0
		}},
		{localmesos.Injection{Name: "DropStreams"}, func(_ *world, c *client) bool { return c.over() }},
		{localmesos.Injection{Name: "Failover"}, func(_ *world, c *client) bool { return c.over() }},
		{localmesos.Injection{Name: "NotReady", Status: 503, Text: "Master has not finished recovery"}, func(_ *world, c *client) bool {
			status, text := c.try(&scheduler.Call{Type: scheduler.Call_SUPPRESS})
			return status == 503 && text == "Master has not finished recovery"
		}},
		{localmesos.Injection{Name: "Redirect", Text: "127.0.0.1:9"}, func(_ *world, c *client) bool {
			status, _ := c.try(&scheduler.Call{Type: scheduler.Call_SUPPRESS})
			return status == http.StatusTemporaryRedirect
		}},
		{localmesos.Injection{Name: "DisturbUpdates", Updates: localmesos.UpdateFaults{Duplicate: 1}}, func(_ *world, c *client) bool {
			c.do(&scheduler.Call{Type: scheduler.Call_RECONCILE, Reconcile: &scheduler.Call_Reconcile{}})
			return len(c.updates()) == 2
		}},
	}
	for _, tt := range tests {
		t.Run(tt.fault.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, c, _ := running(t, localmesos.Options{})
				w.Allocate()
				c.take()
				body, err := json.Marshal(tt.fault)
				must(t, err)
				if status := w.injectFault(string(body)); status != http.StatusAccepted {
					t.Fatalf("status %d, want 202", status)
				}
				if !tt.seen(w, c) {
					t.Error("the fault has no effect")
				}
			})
		})
	}
}

func gets(kind string) func(*world, *client) bool {
	return func(_ *world, c *client) bool { return slices.Contains(types(c.take()), kind) }
}

func TestInjectTeardownAndReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c, rt := running(t, localmesos.Options{})
		for _, body := range []string{`{"name":"LoseAgent","agent":"0"}`, `{"name":"ReturnAgent","agent":"0"}`, `{"name":"Teardown","text":"` + c.id + `"}`} {
			if status := w.injectFault(body); status != http.StatusAccepted {
				t.Fatalf("%s: status %d, want 202", body, status)
			}
		}
		if !c.over() || len(rt.Tasks()) != 0 {
			t.Errorf("stream ended: %v, tasks %v", c.over(), rt.Tasks())
		}
		for _, body := range []string{`{"name":"Explode"}`, `{"name":"LoseAgent","agent":"7"}`, `{"name":"LoseAgent"}`, `{"name":"Teardown","text":"x"}`, `nonsense`, ``} {
			if status := w.injectFault(body); status != http.StatusBadRequest {
				t.Errorf("%s: status %d, want 400", body, status)
			}
		}
	})
}

// A master that leads no more sends everybody to the leader, and its health does not change.
func TestRedirectAndNotReadyLeaveHealthAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localmesos.Options{})
		get := func(path string) *http.Response {
			response, err := w.http.Get("http://" + masterAddress + path)
			must(t, err)
			response.Body.Close()
			return response
		}
		w.Redirect("127.0.0.1:15060")
		if r := get("/state?x=y"); r.StatusCode != http.StatusTemporaryRedirect || r.Header.Get("Location") != "//127.0.0.1:15060/master/state?x=y" {
			t.Errorf("status %d, Location %q", r.StatusCode, r.Header.Get("Location"))
		}
		if r := get("/redirect"); r.Header.Get("Location") != "//127.0.0.1:15060" {
			t.Errorf("Location %q", r.Header.Get("Location"))
		}
		if r := get("/health"); r.StatusCode != http.StatusOK {
			t.Errorf("health: status %d", r.StatusCode)
		}
		w.Redirect("")
		w.NotReady(http.StatusServiceUnavailable, "No leader elected")
		call := w.post(context.Background(), "/api/v1", &master.Call{Type: master.Call_GET_STATE}, nil)
		call.Body.Close()
		if call.StatusCode != http.StatusServiceUnavailable || get("/health").StatusCode != http.StatusOK {
			t.Errorf("status %d, want 503", call.StatusCode)
		}
		w.NotReady(0, "")
		if r := get("/redirect"); r.Header.Get("Location") != "//"+masterAddress {
			t.Errorf("Location %q", r.Header.Get("Location"))
		}
	})
}
