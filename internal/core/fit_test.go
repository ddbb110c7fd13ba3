package core_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/offers"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// TestFitForetells draws agents and rules, asks how many more TaskManagers would fit, then scales the cluster up
// by as many and lets Mesos offer what is left of the agents: what was foretold comes true, agent by agent.
func TestFitForetells(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		s := core.New(state.Options{}, state.Stored{}, now)
		step := func(e state.Event) []state.Action {
			var actions []state.Action
			s, actions = core.Step(s, e, now)
			return actions
		}
		step(state.Subscribed{FrameworkID: "f"})
		rules := rapid.SampledFrom([][]string{
			nil,
			{"hostname:UNIQUE"},
			{"@zone:GROUP_BY:3"},
			{"@zone:GROUP_BY"},
			{"@zone:MAX_PER:2"},
			{"rack:LIKE:r[01]", "hostname:MAX_PER:2"},
			{"@zone:CLUSTER"},
			{"rack:UNLIKE:r0"},
		}).Draw(t, "rules")
		put := func(count int) { step(state.PutCluster{Nonce: "aaaa", Spec: fitSpec(count, rules)}) }
		put(rapid.IntRange(0, 4).Draw(t, "first"))
		ofs := drawAgents(t)
		left := map[string]map[string]offer.Milli{}
		take(left, step(state.Offered{Offers: ofs}))
		n := rapid.IntRange(1, 12).Draw(t, "more")
		fit, ok := offers.Fit(&s, "demo", n, time.Time{}, now)
		if !ok {
			t.Fatal("there is a cluster")
		}
		d, _ := view.Describe(&s, "demo")
		if len(d.Waiting) > 0 {
			return // What waits is placed first, and shares of a rule change with it.
		}
		want := map[string]int{}
		for _, a := range fit.Agents {
			want[a.AgentID] = a.TaskManagers
		}
		put(len(d.Tasks) - 1 + n)
		for i := range ofs {
			for j := range ofs[i].Resources {
				if r := &ofs[i].Resources[j]; r.Name != "ports" {
					r.Scalar -= left[ofs[i].AgentID][r.Name]
				}
			}
		}
		placed := 0
		for _, a := range step(state.Offered{Offers: ofs}) {
			if a, ok := a.(state.Accept); ok {
				placed += len(a.Launches)
				if want[a.AgentID] != len(a.Launches) {
					t.Fatalf("%s takes %d, foretold were %v", a.AgentID, len(a.Launches), want)
				}
			}
		}
		if placed != fit.Fit || fit.Fit == n != (len(fit.Blocked) == 0) {
			t.Fatalf("%d are placed; foretold was %+v", placed, fit)
		}
	})
}

// constraints reads rules such as hostname:MAX_PER:2.
func constraints(rules []string) [][]string {
	var out [][]string
	for _, r := range rules {
		out = append(out, strings.Split(r, ":"))
	}
	return out
}

func fitSpec(count int, rules []string) spec.Spec {
	return spec.Spec{
		Name: "demo", Kind: spec.Session, Allocation: spec.Static,
		JobManager:   spec.JobManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}, Replicas: 1},
		TaskManager:  spec.TaskManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB, Constraints: constraints(rules)}},
		TaskManagers: spec.TaskManagers{Count: count},
	}
}

// drawAgents makes an offer of each of some agents; the first has room for a JobManager.
func drawAgents(t *rapid.T) []offer.Offer {
	var offers []offer.Offer
	for i := range rapid.IntRange(1, 8).Draw(t, "agents") {
		cpus := rapid.IntRange(0, 5).Draw(t, "cpus")
		if i == 0 {
			cpus += 6
		}
		o := offer.Offer{
			ID: fmt.Sprintf("o%d", i), AgentID: fmt.Sprintf("a%d", i), Hostname: fmt.Sprintf("h%d", i),
			Zone:       rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "zone"),
			Attributes: map[string]string{"rack": rapid.SampledFrom([]string{"r0", "r1", "r2"}).Draw(t, "rack")},
			Resources: []offer.Resource{
				{Name: "cpus", Scalar: offer.Milli(cpus) * 1000},
				{Name: "mem", Scalar: 64 << 20},
				{Name: "ports", Ranges: []offer.Range{{Begin: 31000, End: 31999}}},
			},
		}
		if rapid.IntRange(0, 9).Draw(t, "maintenance") == 0 && i > 0 {
			o.Unavailable = time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC)
		}
		offers = append(offers, o)
	}
	return offers
}

// take adds up what was taken of each agent.
func take(taken map[string]map[string]offer.Milli, actions []state.Action) {
	for _, a := range actions {
		accept, ok := a.(state.Accept)
		if !ok {
			continue
		}
		taken[accept.AgentID] = map[string]offer.Milli{}
		for _, l := range accept.Launches {
			for _, p := range l.Pieces {
				taken[accept.AgentID][p.Name] += p.Scalar
			}
		}
	}
}

// TestAgentsAreBounded offers more agents than are remembered: the oldest are forgotten.
func TestAgentsAreBounded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := core.New(state.Options{}, state.Stored{}, now)
	s, _ = core.Step(s, state.Subscribed{FrameworkID: "f"}, now)
	for i := range 3 {
		offers := batch(5000, 0)
		for j := range offers {
			offers[j].AgentID = fmt.Sprintf("%d-%d", i, j)
		}
		now = now.Add(time.Second)
		s, _ = core.Step(s, state.Offered{Offers: offers}, now)
	}
	s, _ = core.Step(s, state.Ticked{}, now)
	if n := view.Service(&s).Agents; n > 10000 {
		t.Fatalf("%d agents are remembered", n)
	}
	s, _ = core.Step(s, state.PutCluster{Nonce: "aaaa", Spec: fitSpec(0, nil)}, now)
	fit, _ := offers.Fit(&s, "demo", 10000, time.Time{}, now)
	if fit.KnownAgents != 9000 || fit.Fit != 9000 || !fit.Newest.Equal(now) {
		t.Fatalf("%d agents are known, %d fit", fit.KnownAgents, fit.Fit)
	}
}

// TestOutcomes offers more agents than outcomes are kept: the last hundred say why they do not do.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := core.New(state.Options{}, state.Stored{}, now)
	for _, e := range []state.Event{
		state.Subscribed{FrameworkID: "f"},
		state.PutCluster{Nonce: "aaaa", Spec: fitSpec(1, []string{"hostname:LIKE:x.*"})},
		state.Offered{Offers: batch(150, 0)},
	} {
		s, _ = core.Step(s, e, now)
	}
	last := view.Outcomes(&s)
	if len(last) != 100 || last[99].Hostname != "h149" || last[0].Result != "declined" {
		t.Fatalf("%d outcomes, from %+v to %+v", len(last), last[0], last[len(last)-1])
	}
	want := "demo taskmanager: placement[0]: hostname h149 does not match (LIKE hostname x.*)"
	if got := last[99].Reasons; len(got) != 1 || got[0] != want {
		t.Fatalf("reasons %q, want %q", got, want)
	}
}
