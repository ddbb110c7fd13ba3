package localmesos_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/flink-on-mesos/flink-service/internal/localmesos"
)

func TestDeclinedOfferComesBackWhenItsFilterEnds(t *testing.T) {
	tests := []struct {
		name   string
		refuse time.Duration // below zero for none
		want   time.Duration
	}{
		{"default", -1, 5 * time.Second},
		{"none", 0, 0},
		{"short", 1500 * time.Millisecond, 1500 * time.Millisecond},
		{"long", time.Hour, time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, localmesos.Options{})
				w.agent(small())
				c := w.subscribe(framework())
				offers := c.allocate()
				if len(offers) != 1 {
					t.Fatalf("%d offers, want 1", len(offers))
				}
				f := filters(tt.refuse)
				if tt.refuse < 0 {
					f = nil
				}
				c.decline(f, offers...)
				if tt.want > 0 {
					time.Sleep(tt.want - time.Millisecond)
					if again := c.allocate(); len(again) != 0 {
						t.Fatalf("offered again before %s", tt.want)
					}
					time.Sleep(time.Millisecond)
				}
				if again := c.allocate(); len(again) != 1 {
					t.Fatalf("not offered again after %s", tt.want)
				}
			})
		})
	}
}

// Two offers of one agent that are declined at once make two filters. Their sum is more than either, and
// is offered again at once: seen with the real master.
func TestSeveralDeclinedOffersOfAnAgentMakeSeparateFilters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localmesos.Options{})
		w.agent(small())
		c := w.subscribe(framework())
		first := c.allocate()
		c.launch(first[0], "a", "b")
		c.acknowledge()
		second := c.allocate()
		c.do(&scheduler.Call{Type: scheduler.Call_KILL, Kill: &scheduler.Call_Kill{TaskID: task(first[0], "a", 1, 1).TaskID}})
		c.acknowledge()
		third := c.allocate()
		if amount(second[0], "cpus") != 2 || amount(third[0], "cpus") != 1 {
			t.Fatalf("offers of %v and %v cpus, want 2 and 1", amount(second[0], "cpus"), amount(third[0], "cpus"))
		}
		c.decline(filters(time.Hour), second[0], third[0])
		again := c.allocate()
		if len(again) != 1 || amount(again[0], "cpus") != 3 {
			t.Fatalf("the sum of the declined offers is not offered again: %v", again)
		}
		// One filter for the sum covers each part of it.
		c.decline(filters(time.Hour), again[0])
		if more := c.allocate(); len(more) != 0 {
			t.Fatalf("offered again in spite of the filter: %v", more)
		}
	})
}

func TestSuppressAndRevive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localmesos.Options{})
		w.agent(small())
		c := w.subscribe(framework("a", "b"), "b")
		offers := c.allocate()
		if len(offers) != 1 || offers[0].AllocationInfo.GetRole() != "a" {
			t.Fatalf("offers %v, want one for role a: b is suppressed", offers)
		}
		c.do(&scheduler.Call{Type: scheduler.Call_SUPPRESS})
		c.decline(filters(0), offers...)
		if more := c.allocate(); len(more) != 0 {
			t.Fatalf("offered while suppressed: %v", more)
		}
		c.do(&scheduler.Call{Type: scheduler.Call_REVIVE, Revive: &scheduler.Call_Revive{Roles: []string{"b"}}})
		offers = c.offers() // REVIVE allocates by itself.
		if len(offers) != 1 || offers[0].AllocationInfo.GetRole() != "b" {
			t.Fatalf("offers %v, want one for role b, which was revived", offers)
		}
		c.decline(filters(time.Hour), offers...)
		if more := c.allocate(); len(more) != 0 {
			t.Fatalf("offered in spite of the filter: %v", more)
		}
		c.do(&scheduler.Call{Type: scheduler.Call_REVIVE})
		if offers = c.offers(); len(offers) != 1 {
			t.Fatalf("REVIVE did not end filters and suppression: %v", offers)
		}
	})
}

func TestFiltersOfOneRoleLeaveTheOthersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, localmesos.Options{})
		w.agent(small())
		c := w.subscribe(framework("a", "b"))
		first := c.allocate()
		if len(first) != 1 || first[0].AllocationInfo.GetRole() != "a" {
			t.Fatalf("offers %v, want one for role a", first)
		}
		c.decline(filters(time.Hour), first...)
		second := c.allocate()
		if len(second) != 1 || second[0].AllocationInfo.GetRole() != "b" {
			t.Fatalf("offers %v, want one for role b", second)
		}
	})
}
