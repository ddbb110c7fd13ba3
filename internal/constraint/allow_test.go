package constraint_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
)

// agent reads facts as "host rack=r1 @zone=a @region=us @master=us".
func agent(text string) *constraint.Facts {
	words := strings.Fields(text)
	f := &constraint.Facts{Hostname: words[0], Attributes: map[string]string{}}
	for _, w := range words[1:] {
		name, value, _ := strings.Cut(w, "=")
		switch name {
		case "@region":
			f.Region = value
		case "@zone":
			f.Zone = value
		case "@master":
			f.MasterRegion = value
		default:
			f.Attributes[name] = value
		}
	}
	return f
}

func compile(t testing.TB, spec ...[]string) constraint.Rules {
	t.Helper()
	r, err := constraint.Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestOperators holds, for each operator, what Marathon documents and tests: one rule, where the
// tasks are, the agent in question, and the reason when the answer is no.
func TestOperators(t *testing.T) {
	t.Parallel()
	racks := func(names ...string) []string {
		out := make([]string, len(names))
		for i, n := range names {
			out[i] = "h rack=" + n
		}
		return out
	}
	tests := []struct {
		name   string
		rule   []string
		tasks  []string
		agent  string
		target int
		want   string
	}{
		{name: "UNIQUE first", rule: []string{"hostname", "UNIQUE"}, agent: "h2"},
		{name: "UNIQUE other host", rule: []string{"hostname", "UNIQUE"}, tasks: []string{"h1", "h2", "h3"}, agent: "h4"},
		{name: "UNIQUE same host", rule: []string{"hostname", "UNIQUE"}, tasks: []string{"h1", "h2", "h3"}, agent: "h2", want: "hostname h2 has a task already (UNIQUE hostname)"},
		{name: "UNIQUE @hostname", rule: []string{"@hostname", "UNIQUE"}, tasks: []string{"h1"}, agent: "h1", want: "hostname h1 has a task already (UNIQUE @hostname)"},
		{name: "UNIQUE fresh rack", rule: []string{"rack", "UNIQUE"}, tasks: racks("r1", "r2"), agent: "h rack=r3"},
		{name: "UNIQUE used rack", rule: []string{"rack", "UNIQUE"}, tasks: racks("r1", "r2"), agent: "h rack=r1", want: "rack r1 has a task already (UNIQUE rack)"},
		{name: "UNIQUE no rack", rule: []string{"rack", "UNIQUE"}, agent: "h", want: "the agent has no rack (UNIQUE rack)"},
		{name: "UNIQUE region", rule: []string{"@region", "UNIQUE"}, tasks: []string{"h @region=a @zone=z"}, agent: "h @region=b @zone=z"},
		{name: "UNIQUE region used", rule: []string{"@region", "UNIQUE"}, tasks: []string{"h @region=a @zone=z"}, agent: "i @region=a @zone=y", want: "region a has a task already (UNIQUE @region)"},
		{name: "UNIQUE zone", rule: []string{"@zone", "UNIQUE"}, tasks: []string{"h @region=a @zone=z"}, agent: "h @region=a @zone=y"},
		{name: "UNIQUE zone used", rule: []string{"@zone", "UNIQUE"}, tasks: []string{"h @region=a @zone=z"}, agent: "i @region=a @zone=z", want: "zone z has a task already (UNIQUE @zone)"},
		{name: "UNIQUE no domain", rule: []string{"@zone", "UNIQUE"}, agent: "i", want: "the agent has no zone (UNIQUE @zone)"},

		{name: "CLUSTER value", rule: []string{"hostname", "CLUSTER", "right.com"}, agent: "right.com"},
		{name: "CLUSTER other value", rule: []string{"hostname", "CLUSTER", "right.com"}, agent: "wrong.com", want: "hostname wrong.com is not right.com (CLUSTER hostname right.com)"},
		{name: "CLUSTER value, tasks elsewhere", rule: []string{"rack", "CLUSTER", "r1"}, tasks: racks("r2"), agent: "h rack=r1"},
		{name: "CLUSTER first", rule: []string{"rack", "CLUSTER"}, agent: "h rack=r1"},
		{name: "CLUSTER joins", rule: []string{"rack", "CLUSTER", ""}, tasks: racks("r1", "r1"), agent: "h rack=r1"},
		{name: "CLUSTER apart", rule: []string{"rack", "CLUSTER"}, tasks: racks("r1", "r1"), agent: "h rack=r2", want: "rack r2 has 0 of 2 tasks and must have all (CLUSTER rack)"},
		{name: "CLUSTER no rack", rule: []string{"rack", "CLUSTER"}, agent: "h", want: "the agent has no rack (CLUSTER rack)"},
		{name: "CLUSTER range", rule: []string{"jdk", "CLUSTER", "[6-7]"}, agent: "h jdk=[6-7]"},
		{name: "CLUSTER other range", rule: []string{"jdk", "CLUSTER", "[6-7]"}, agent: "h jdk=[5-7]", want: "jdk [5-7] is not [6-7] (CLUSTER jdk [6-7])"},
		{name: "CLUSTER set", rule: []string{"gpu", "CLUSTER", "{0,1}"}, agent: "h gpu={0,1}"},

		{name: "LIKE", rule: []string{"jdk", "LIKE", "7"}, agent: "h jdk=7"},
		{name: "LIKE other", rule: []string{"jdk", "LIKE", "7"}, agent: "h jdk=6", want: "jdk 6 does not match (LIKE jdk 7)"},
		{name: "LIKE missing", rule: []string{"jdk", "LIKE", ".*"}, agent: "h", want: "the agent has no jdk (LIKE jdk .*)"},
		{name: "LIKE whole value", rule: []string{"rack", "LIKE", "rack-[1-3]"}, agent: "h rack=rack-12", want: "rack rack-12 does not match (LIKE rack rack-[1-3])"},
		{name: "LIKE alternatives", rule: []string{"rack", "LIKE", "a|b"}, agent: "h rack=ab", want: "rack ab does not match (LIKE rack a|b)"},
		{name: "LIKE class", rule: []string{"rack", "LIKE", "rack-[1-3]"}, agent: "h rack=rack-2"},
		{name: "LIKE start", rule: []string{"rack", "LIKE", "rack-.*"}, agent: "h rack=rack-2"},
		{name: "LIKE not at the start", rule: []string{"rack", "LIKE", "rack-.*"}, agent: "h rack=a-rack-2", want: "rack a-rack-2 does not match (LIKE rack rack-.*)"},
		{name: "LIKE range", rule: []string{"jdk", "LIKE", `\[6-7\]`}, agent: "h jdk=[6-7]"},
		{name: "LIKE set", rule: []string{"gpu", "LIKE", `\{0,1\}`}, agent: "h gpu={0,1}"},
		{name: "LIKE hostname", rule: []string{"hostname", "LIKE", `node-\d+\.example`}, agent: "node-17.example"},
		{name: "LIKE any case", rule: []string{"rack", "LIKE", "(?i)R1"}, agent: "h rack=r1"},
		{name: "LIKE quoted to the end", rule: []string{"rack", "LIKE", `[ab]\Qx.y`}, agent: "h rack=ax.y"},

		{name: "UNLIKE", rule: []string{"jdk", "UNLIKE", "7"}, agent: "h jdk=6"},
		{name: "UNLIKE match", rule: []string{"jdk", "UNLIKE", "7"}, agent: "h jdk=7", want: "jdk 7 matches (UNLIKE jdk 7)"},
		{name: "UNLIKE missing", rule: []string{"jdk", "UNLIKE", "7"}, agent: "h"},
		{name: "UNLIKE missing zone", rule: []string{"@zone", "UNLIKE", ".*"}, agent: "h"},

		{name: "MAX_PER first", rule: []string{"hostname", "MAX_PER", "2"}, agent: "h1"},
		{name: "MAX_PER second", rule: []string{"hostname", "MAX_PER", "2"}, tasks: []string{"h1"}, agent: "h1"},
		{name: "MAX_PER other", rule: []string{"hostname", "MAX_PER", "2"}, tasks: []string{"h1", "h1"}, agent: "h2"},
		{name: "MAX_PER full", rule: []string{"rack", "MAX_PER", "2"}, tasks: racks("r1", "r1", "r2"), agent: "h rack=r1", want: "rack r1 has 2 of at most 2 tasks (MAX_PER rack 2)"},
		{name: "MAX_PER missing", rule: []string{"rack", "MAX_PER", "2"}, agent: "h", want: "the agent has no rack (MAX_PER rack 2)"},

		{name: "IS", rule: []string{"hostname", "IS", "right.com"}, agent: "right.com"},
		{name: "IS other", rule: []string{"@region", "IS", "eu"}, agent: "h @region=us", want: "region us is not eu (IS @region eu)"},
		{name: "IS number", rule: []string{"level", "IS", "0.80"}, agent: "h level=0.8"},
		{name: "IS number in thousandths", rule: []string{"level", "IS", "0.8001"}, agent: "h level=0.8"},
		{name: "IS whole number", rule: []string{"level", "IS", "1.0"}, agent: "h level=1"},
		{name: "IS zone with a number's name", rule: []string{"@zone", "IS", "1.0"}, agent: "h @zone=1.0"},
		{name: "IS missing", rule: []string{"rack", "IS", "r1"}, agent: "h", want: "the agent has no rack (IS rack r1)"},

		{name: "GROUP_BY first", rule: []string{"rack", "GROUP_BY"}, agent: "h rack=r1"},
		{name: "GROUP_BY even", rule: []string{"rack", "GROUP_BY"}, tasks: racks("r1", "r2"), agent: "h rack=r1"},
		{name: "GROUP_BY ahead", rule: []string{"rack", "GROUP_BY"}, tasks: racks("r1", "r1", "r2"), agent: "h rack=r1", want: "rack r1 has 2 tasks, another has 1 (GROUP_BY rack)"},
		{name: "GROUP_BY behind", rule: []string{"rack", "GROUP_BY"}, tasks: racks("r1", "r1", "r2"), agent: "h rack=r2"},
		{name: "GROUP_BY new", rule: []string{"rack", "GROUP_BY"}, tasks: racks("r1", "r1", "r2"), agent: "h rack=r3"},
		{name: "GROUP_BY missing", rule: []string{"rack", "GROUP_BY", "2"}, agent: "h", want: "the agent has no rack (GROUP_BY rack 2)"},
		{name: "GROUP_BY waits for a third", rule: []string{"rack", "GROUP_BY", "3"}, tasks: racks("r1", "r2"), agent: "h rack=r1", want: "rack r1 has tasks, and so have only 2 of 3 values (GROUP_BY rack 3)"},
		{name: "GROUP_BY gets a third", rule: []string{"rack", "GROUP_BY", "3"}, tasks: racks("r1", "r2"), agent: "h rack=r3"},
		{name: "GROUP_BY at least three", rule: []string{"rack", "GROUP_BY", "3"}, tasks: racks("r1", "r2", "r3"), agent: "h rack=r4"},

		{name: "GROUP_BY of 5, first", rule: []string{"rack", "GROUP_BY", "2"}, target: 5, agent: "h rack=r1"},
		{name: "GROUP_BY of 5, the odd one", rule: []string{"rack", "GROUP_BY", "2"}, target: 5, tasks: racks("r1", "r1"), agent: "h rack=r1"},
		{name: "GROUP_BY of 5, the odd one of four racks", rule: []string{"rack", "GROUP_BY", "4"}, target: 5, tasks: racks("r1"), agent: "h rack=r1"},
		{name: "GROUP_BY of 5, share taken", rule: []string{"rack", "GROUP_BY", "2"}, target: 5, tasks: racks("r1", "r1", "r1"), agent: "h rack=r1", want: "rack r1 has 3 of at most 3 tasks (GROUP_BY rack 2)"},
		{name: "GROUP_BY of 5, share of four racks taken", rule: []string{"rack", "GROUP_BY", "4"}, target: 5, tasks: racks("r1", "r1"), agent: "h rack=r1", want: "rack r1 has 2 of at most 2 tasks (GROUP_BY rack 4)"},
		{name: "GROUP_BY of 5, second rack", rule: []string{"rack", "GROUP_BY", "2"}, target: 5, tasks: racks("r1"), agent: "h rack=r2"},
		{name: "GROUP_BY of 5, the odd one is given", rule: []string{"rack", "GROUP_BY", "4"}, target: 5, tasks: racks("r1", "r1", "r2"), agent: "h rack=r2", want: "rack r2 has 1 of at most 1 tasks (GROUP_BY rack 4)"},
		{name: "GROUP_BY of 5, last", rule: []string{"rack", "GROUP_BY", "2"}, target: 5, tasks: racks("r1", "r1", "r1", "r2"), agent: "h rack=r2"},
		{name: "GROUP_BY of 5, too many racks", rule: []string{"rack", "GROUP_BY", "2"}, target: 5, tasks: racks("r1", "r2"), agent: "h rack=r3", want: "rack r3 would be one more than the 2 values that have tasks (GROUP_BY rack 2)"},
		{name: "GROUP_BY of 2 over 3 racks", rule: []string{"rack", "GROUP_BY", "3"}, target: 2, tasks: racks("r1"), agent: "h rack=r1", want: "rack r1 has 1 of at most 1 tasks (GROUP_BY rack 3)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := compile(t, tt.rule)
			g := r.NewGroup(tt.target)
			for _, task := range tt.tasks {
				g.Add(agent(task))
			}
			ok, why := r.Allows(g, agent(tt.agent))
			if diff := cmp.Diff(tt.want, why.String()); diff != "" || ok != (tt.want == "") {
				t.Fatalf("Allows() = %v, mismatch (-want +got):\n%s", ok, diff)
			}
		})
	}
}

func TestAgents(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name  string
		spec  [][]string
		facts constraint.Facts
		rule  string
		want  string
	}{
		{name: "plain", facts: constraint.Facts{Hostname: "h"}},
		{name: "draining", facts: constraint.Facts{Draining: true}, rule: "draining", want: "the agent is being drained"},
		{name: "maintenance", facts: constraint.Facts{Unavailable: noon}, rule: "maintenance", want: "maintenance of the agent is planned from 2026-01-01T12:00:00Z"},
		{name: "home", facts: constraint.Facts{Region: "us", MasterRegion: "us"}},
		{name: "no region", facts: constraint.Facts{MasterRegion: "us"}},
		{name: "home unknown", facts: constraint.Facts{Region: "us"}},
		{
			name: "another region", facts: constraint.Facts{Region: "eu", MasterRegion: "us"}, rule: "region",
			want: "the agent is in region eu, the master in us, and no rule mentions @region",
		},
		{
			name: "a zone does not open the regions", spec: [][]string{{"@zone", "GROUP_BY"}},
			facts: constraint.Facts{Region: "eu", Zone: "a", MasterRegion: "us"}, rule: "region",
			want: "the agent is in region eu, the master in us, and no rule mentions @region",
		},
		{name: "a rule on regions", spec: [][]string{{"@region", "LIKE", "eu|us"}}, facts: constraint.Facts{Region: "eu", MasterRegion: "us"}},
		{
			name: "the rule that is against it", spec: [][]string{{"hostname", "UNIQUE"}, {"rack", "IS", "r1"}},
			facts: constraint.Facts{Hostname: "h", Attributes: map[string]string{"rack": "r2"}}, rule: "placement[1]",
			want: "rack r2 is not r1 (IS rack r1)",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := compile(t, tt.spec...)
			ok, why := r.Allows(nil, &tt.facts)
			if diff := cmp.Diff([]string{tt.rule, tt.want}, []string{why.Rule(), why.String()}); diff != "" || ok != (tt.want == "") {
				t.Fatalf("Allows() = %v, mismatch (-want +got):\n%s", ok, diff)
			}
			if admitted, _ := r.Admits(&tt.facts); admitted != ok {
				t.Fatalf("Admits() = %v, Allows() without tasks = %v", admitted, ok)
			}
		})
	}
}

// TestGroupBySeen divides the tasks among the values that could take one, when the rule says no number.
func TestGroupBySeen(t *testing.T) {
	t.Parallel()
	r := compile(t, []string{"rack", "GROUP_BY"}, []string{"gpu", "UNLIKE", ".*"})
	g := r.NewGroup(4)
	g.See(agent("a rack=r1"))
	g.See(agent("b rack=r2"))
	g.See(agent("c rack=r3 gpu=yes"))
	var got []string
	for range 5 {
		for _, a := range []string{"a rack=r1", "b rack=r2"} {
			if ok, _ := r.Allows(g, agent(a)); ok {
				g.Add(agent(a))
				got = append(got, a[:1])
				break
			}
		}
	}
	if diff := cmp.Diff("a a b b", strings.Join(got, " ")); diff != "" {
		t.Fatalf("order mismatch (-want +got):\n%s", diff)
	}
}

func TestGroupKeepsCount(t *testing.T) {
	t.Parallel()
	r := compile(t, []string{"hostname", "UNIQUE"}, []string{"rack", "MAX_PER", "1"})
	g := r.NewGroup(0)
	a := agent("h rack=r1")
	g.Add(a)
	clone := g.Clone()
	clone.Remove(a)
	if ok, _ := r.Allows(g, a); ok || g.Tasks() != 1 {
		t.Fatalf("a change of the clone reached the group: allowed %v, %d tasks", ok, g.Tasks())
	}
	if ok, why := r.Allows(clone, a); !ok || clone.Tasks() != 0 {
		t.Fatalf("the place that was given back is refused: %v", why)
	}
}

// TestGroupForgetsAnEmptyValue removes the only value that is behind: what is left is even again.
func TestGroupForgetsAnEmptyValue(t *testing.T) {
	t.Parallel()
	r := compile(t, []string{"rack", "GROUP_BY"})
	g := r.NewGroup(0)
	ahead, behind := agent("h1 rack=r1"), agent("h2 rack=r2")
	g.Add(ahead)
	g.Add(ahead)
	g.Add(behind)
	if ok, _ := r.Allows(g, ahead); ok {
		t.Fatal("Allows() lets the rack that is ahead get further ahead")
	}
	g.Remove(behind)
	if ok, why := r.Allows(g, ahead); !ok {
		t.Fatalf("Allows() = %v, though no other rack has tasks", why)
	}
}
