package core_test

import (
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/offers"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/localmesos"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/executor"
	"github.com/flink-on-mesos/flink-service/internal/store"
)

// TestConstraints has a master told by which rules agents are of use: no other is offered, and a look has all of them
// offered.
func TestConstraints(t *testing.T) {
	t.Parallel()
	master, err := localmesos.New(localmesos.Options{AllocationInterval: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := master.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	c := start(t, master, store.NewMemory())
	until(t, c, "it is suppressed", func(s *state.State) bool { return view.Service(s).Suppressed })
	for _, a := range []struct{ host, rack, zone string }{
		{"of-no-use", "r2", "a"}, {"other-rack", "r1", "a"}, {"no-zone", "r2", ""}, {"weight", "2", "a"}, {"fits", "r2", "a"},
	} {
		o := localmesos.AgentOptions{
			Hostname: a.host, CPUs: 8, MemMiB: 8192, Ports: [2]uint64{10000, 10100}, Attributes: map[string]string{"rack": a.rack}, Runtime: executor.NewScripted(nil),
		}
		if a.zone != "" {
			o.Region, o.Zone = "here", a.zone
		}
		if _, err := master.AddAgent(o); err != nil {
			t.Fatal(err)
		}
	}
	ruled := demo
	ruled.TaskManagers.Count = 1
	ruled.JobManager.Constraints = [][]string{{"rack", "IS", "r2"}, {"@zone", "MAX_PER", "5"}, {"hostname", "UNLIKE", "of-no-use"}}
	ruled.TaskManager.Constraints = ruled.JobManager.Constraints
	if err := c.Put(t.Context(), "aaaa", ruled); err != nil {
		t.Fatal(err)
	}
	running(t, c, 2)
	hosts := map[string]bool{}
	for _, o := range view.Outcomes(c.View()) {
		hosts[o.Hostname] = true
	}
	// A scalar attribute satisfies every comparison of a master; the service refuses it.
	if len(hosts) > 2 || !hosts["fits"] || hosts["of-no-use"] || hosts["other-rack"] || hosts["no-zone"] {
		t.Fatalf("offers came of %v", hosts)
	}
	if err := c.Do(t.Context(), func(request uint64) state.Event { return state.ProbeOffers{Request: request} }); err != nil {
		t.Fatal(err)
	}
	fit, _ := offers.Fit(c.View(), "demo", 50, time.Time{}, time.Now())
	if fit.KnownAgents != 5 || fit.Fit == 0 {
		t.Fatalf("after a look: %+v", fit)
	}
}

func until(t *testing.T, c interface{ View() *state.State }, what string, holds func(*state.State) bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(c.View()); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not so: %s", what)
		}
	}
}
