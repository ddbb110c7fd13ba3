package constraint_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
)

// node is an agent with room for a number of tasks.
type node struct {
	facts *constraint.Facts
	room  int
	tasks int
}

// drawNodes draws agents in racks in zones; some have no rack.
func drawNodes(t *rapid.T) []*node {
	nodes := make([]*node, rapid.IntRange(1, 8).Draw(t, "agents"))
	for i := range nodes {
		rack := rapid.IntRange(0, 3).Draw(t, "rack")
		f := &constraint.Facts{
			Hostname: fmt.Sprintf("h%d", i), Zone: fmt.Sprintf("z%d", rack/2),
			Attributes: map[string]string{"disk": rapid.SampledFrom([]string{"ssd", "hdd"}).Draw(t, "disk")},
		}
		if rapid.IntRange(0, 9).Draw(t, "bare") > 0 {
			f.Attributes["rack"] = fmt.Sprintf("r%d", rack)
		}
		nodes[i] = &node{facts: f, room: rapid.IntRange(0, 4).Draw(t, "room")}
	}
	return nodes
}

func drawRule(t *rapid.T, among []string) []string {
	fields := []string{"hostname", "@hostname", "rack", "@zone"}
	f := rapid.SampledFrom(fields).Draw(t, "field")
	switch op := rapid.SampledFrom(among).Draw(t, "operator"); op {
	case "MAX_PER", "GROUP_BY":
		return []string{f, op, strconv.Itoa(rapid.IntRange(1, 4).Draw(t, "number"))}
	case "LIKE", "UNLIKE":
		return []string{f, op, rapid.SampledFrom([]string{"[hrz][0-2]", "r.*", "r1", ".*[13]"}).Draw(t, "pattern")}
	case "IS":
		return []string{"disk", op, "ssd"}
	default:
		return []string{f, op}
	}
}

func drawRules(t *rapid.T, among ...string) ([][]string, constraint.Rules) {
	spec := make([][]string, rapid.IntRange(0, 4).Draw(t, "rules"))
	for i := range spec {
		spec[i] = drawRule(t, among)
	}
	r, err := constraint.Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	return spec, r
}

// holds checks a placement against the rules, apart from the code under test. With a target,
// GROUP_BY uses no more values than its number and gives none more than its share, rounded up.
func holds(t *rapid.T, spec [][]string, nodes []*node, target int) {
	for _, rule := range spec {
		per := map[string]int{}
		for _, n := range nodes {
			if n.tasks == 0 {
				continue
			}
			v, ok := valueOf(n.facts, rule[0])
			if !ok && rule[1] != "UNLIKE" {
				t.Fatalf("%v: a task is on %s, which lacks the field", rule, n.facts.Hostname)
			}
			per[v] += n.tasks
		}
		for v, n := range per {
			switch rule[1] {
			case "UNIQUE":
				if n > 1 {
					t.Fatalf("%v: %d tasks have %s", rule, n, v)
				}
			case "MAX_PER":
				if limit, _ := strconv.Atoi(rule[2]); n > limit {
					t.Fatalf("%v: %d tasks have %s", rule, n, v)
				}
			case "CLUSTER":
				if len(per) > 1 {
					t.Fatalf("%v: the tasks have %v", rule, per)
				}
			case "GROUP_BY":
				values, _ := strconv.Atoi(rule[2])
				if target > 0 && (len(per) > values || n > (target+values-1)/values) {
					t.Fatalf("%v: of %d tasks the values have %v", rule, target, per)
				}
			case "LIKE":
				if !full(rule[2]).MatchString(v) {
					t.Fatalf("%v: a task has %s", rule, v)
				}
			case "UNLIKE":
				// An agent without the field counts as "", which none of the drawn patterns matches.
				if full(rule[2]).MatchString(v) {
					t.Fatalf("%v: a task has %s", rule, v)
				}
			case "IS":
				if v != rule[2] {
					t.Fatalf("%v: a task has %s", rule, v)
				}
			}
		}
	}
}

func full(pattern string) *regexp.Regexp { return regexp.MustCompile("^(?:" + pattern + ")$") }

func valueOf(f *constraint.Facts, field string) (string, bool) {
	switch field {
	case "hostname", "@hostname":
		return f.Hostname, true
	case "@zone":
		return f.Zone, true
	}
	v, ok := f.Attributes[field]
	return v, ok
}

// TestNeverViolated places and removes tasks in any order: whatever Allows let in satisfies the
// rules at every moment, and the counts agree with those of a group that is filled anew.
func TestNeverViolated(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		spec, r := drawRules(t, "UNIQUE", "MAX_PER", "CLUSTER", "LIKE", "UNLIKE", "IS", "GROUP_BY")
		nodes := drawNodes(t)
		target := rapid.IntRange(0, 9).Draw(t, "target")
		g := r.NewGroup(target)
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			n := rapid.SampledFrom(nodes).Draw(t, "agent")
			if n.tasks > 0 && rapid.IntRange(0, 2).Draw(t, "remove") == 0 {
				n.tasks--
				g.Remove(n.facts)
			} else if ok, _ := r.Allows(g, n.facts); ok {
				n.tasks++
				g.Add(n.facts)
			}
			holds(t, spec, nodes, target)
		}
		anew := r.NewGroup(target)
		for _, n := range nodes {
			for range n.tasks {
				anew.Add(n.facts)
			}
		}
		for _, n := range nodes {
			ok, why := r.Allows(g, n.facts)
			wantOK, want := r.Allows(anew, n.facts)
			if diff := cmp.Diff(want.String(), why.String()); diff != "" || ok != wantOK {
				t.Fatalf("after changes Allows() = %v, filled anew %v (-anew +changed):\n%s", ok, wantOK, diff)
			}
		}
	})
}

// greedy gives each agent, in order, all tasks that it may have, and returns their number.
func greedy(r constraint.Rules, nodes []*node, wanted int) int {
	g := r.NewGroup(0)
	placed := 0
	for _, n := range nodes {
		for n.tasks = 0; n.tasks < n.room && placed < wanted; n.tasks++ {
			if ok, _ := r.Allows(g, n.facts); !ok {
				break
			}
			g.Add(n.facts)
			placed++
		}
	}
	return placed
}

// best tries every number of tasks on every agent, and returns the most that can be placed.
func best(t *rapid.T, r constraint.Rules, spec [][]string, nodes []*node) int {
	counts := map[string]map[string]int{}
	limits := map[string]int{}
	for _, rule := range spec {
		limit := 1
		switch rule[1] {
		case "MAX_PER":
			limit, _ = strconv.Atoi(rule[2])
		case "UNIQUE":
		default:
			continue
		}
		if old, ok := limits[rule[0]]; !ok || limit < old {
			limits[rule[0]] = limit
		}
		counts[rule[0]] = map[string]int{}
	}
	var try func(i int) int
	try = func(i int) int {
		if i == len(nodes) {
			return 0
		}
		most := try(i + 1)
		n := nodes[i]
		if ok, _ := r.Allows(nil, n.facts); !ok {
			return most
		}
		took := 0
		for took < n.room && fits(limits, counts, n.facts) {
			change(counts, n.facts, 1)
			took++
			most = max(most, took+try(i+1))
		}
		for range took {
			change(counts, n.facts, -1)
		}
		return most
	}
	return try(0)
}

func fits(limits map[string]int, counts map[string]map[string]int, f *constraint.Facts) bool {
	for field, limit := range limits {
		if v, _ := valueOf(f, field); counts[field][v] >= limit {
			return false
		}
	}
	return true
}

func change(counts map[string]map[string]int, f *constraint.Facts, by int) {
	for field := range counts {
		v, _ := valueOf(f, field)
		counts[field][v] += by
	}
}

// TestGreedyFindsASolution compares with an exhaustive search: for UNIQUE, MAX_PER, LIKE, UNLIKE
// and IS on hosts in racks in zones, taking the agents in any order finds room for as many tasks as there is room for.
func TestGreedyFindsASolution(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		spec, r := drawRules(t, "UNIQUE", "MAX_PER", "LIKE", "UNLIKE", "IS")
		nodes := drawNodes(t)
		if len(nodes) > 6 {
			nodes = nodes[:6]
		}
		if got, want := greedy(r, nodes, 1000), best(t, r, spec, nodes); got != want {
			t.Fatalf("%v: %d tasks were placed, there is room for %d", spec, got, want)
		}
	})
}

// TestGroupByIsEven fills zones in any order of agents and checks the spread: never more than one
// apart step by step, and exactly the shares when the number of tasks is known.
func TestGroupByIsEven(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zones := rapid.IntRange(1, 4).Draw(t, "zones")
		target := rapid.IntRange(0, 20).Draw(t, "target")
		r, err := constraint.Compile([][]string{{"@zone", "GROUP_BY", strconv.Itoa(zones)}})
		if err != nil {
			t.Fatal(err)
		}
		g := r.NewGroup(target)
		per := make([]int, zones)
		wanted := target
		if target == 0 {
			wanted = 20
		}
		for placed := 0; placed < wanted; {
			z := rapid.IntRange(0, zones-1).Draw(t, "zone")
			f := &constraint.Facts{Zone: strconv.Itoa(z)}
			if ok, _ := r.Allows(g, f); !ok {
				// There must be another zone that is allowed.
				z = slices.IndexFunc(per, func(n int) bool { return n == slices.Min(per) })
				f = &constraint.Facts{Zone: strconv.Itoa(z)}
				if ok, why := r.Allows(g, f); !ok {
					t.Fatalf("%v of %d tasks: the zone with the fewest is refused: %v", per, wanted, why)
				}
			}
			g.Add(f)
			per[z]++
			placed++
			if target == 0 && slices.Max(per)-slices.Min(per) > 1 {
				t.Fatalf("the zones have %v", per)
			}
		}
		if slices.Max(per)-slices.Min(per) > 1 {
			t.Fatalf("in the end the zones have %v", per)
		}
	})
}
