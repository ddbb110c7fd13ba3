package constraint_test

import (
	"fmt"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
)

// tenRules has each operator, on fields of every kind; all agents of benchNodes pass those about the
// agent alone.
func tenRules() [][]string {
	return [][]string{
		{"hostname", "UNIQUE"},
		{"@zone", "GROUP_BY", "4"},
		{"rack", "MAX_PER", "20"},
		{"hostname", "LIKE", `agent-\d+\.example`},
		{"rack", "LIKE", "rack-[0-9]+"},
		{"rack", "UNLIKE", "rack-x.*"},
		{"disk", "IS", "ssd"},
		{"os", "CLUSTER", "linux"},
		{"@region", "IS", "home"},
		{"gpu", "UNLIKE", ".*"},
	}
}

func benchNodes(n int) []constraint.Facts {
	facts := make([]constraint.Facts, n)
	for i := range facts {
		facts[i] = constraint.Facts{
			Hostname: fmt.Sprintf("agent-%d.example", i), Region: "home", MasterRegion: "home", Zone: fmt.Sprintf("z%d", i%4),
			Attributes: map[string]string{"rack": fmt.Sprintf("rack-%d", i/20), "disk": "ssd", "os": "linux", "kernel": "6.1", "pool": "batch"},
		}
	}
	return facts
}

// BenchmarkTenRules places one task on each of 10,000 agents under 10 rules.
func BenchmarkTenRules(b *testing.B) {
	r := compile(b, tenRules()...)
	facts := benchNodes(10_000)
	b.ReportAllocs()
	for b.Loop() {
		g := r.NewGroup(len(facts))
		for i := range facts {
			if ok, why := r.Allows(g, &facts[i]); !ok {
				b.Fatal(why)
			}
			g.Add(&facts[i])
		}
	}
	b.ReportMetric(float64(len(facts)*b.N)/b.Elapsed().Seconds(), "agents/s")
}

// BenchmarkRefused asks for agents that are refused by the last rule of ten.
func BenchmarkRefused(b *testing.B) {
	r := compile(b, tenRules()...)
	facts := benchNodes(10_000)
	g := r.NewGroup(len(facts))
	for i := range facts {
		g.Add(&facts[i])
	}
	b.ReportAllocs()
	for b.Loop() {
		for i := range facts {
			if ok, _ := r.Allows(g, &facts[i]); ok {
				b.Fatal("allowed")
			}
		}
	}
	b.ReportMetric(float64(len(facts)*b.N)/b.Elapsed().Seconds(), "agents/s")
}

// BenchmarkNoRules is the price of having no rules.
func BenchmarkNoRules(b *testing.B) {
	var r constraint.Rules
	facts := benchNodes(10_000)
	b.ReportAllocs()
	for b.Loop() {
		for i := range facts {
			if ok, _ := r.Allows(nil, &facts[i]); !ok {
				b.Fatal("refused")
			}
		}
	}
	b.ReportMetric(float64(len(facts)*b.N)/b.Elapsed().Seconds(), "agents/s")
}

// BenchmarkRefill fills a group anew with 10,000 tasks.
func BenchmarkRefill(b *testing.B) {
	r := compile(b, tenRules()...)
	facts := benchNodes(10_000)
	b.ReportAllocs()
	for b.Loop() {
		g := r.NewGroup(0)
		for i := range facts {
			g.Add(&facts[i])
		}
	}
}

// BenchmarkClone copies a group of 10,000 tasks.
func BenchmarkClone(b *testing.B) {
	r := compile(b, tenRules()...)
	facts := benchNodes(10_000)
	g := r.NewGroup(0)
	for i := range facts {
		g.Add(&facts[i])
	}
	b.ReportAllocs()
	for b.Loop() {
		g.Clone()
	}
}
