package constraint_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
)

func TestConditions(t *testing.T) {
	t.Parallel()
	r := compile(t, [][]string{
		{"hostname", "UNIQUE"},
		{"@zone", "GROUP_BY", "3"},
		{"@zone", "MAX_PER", "9"},
		{"@region", "IS", "eu"},
		{"rack", "LIKE", "r1"},
		{"disk", "LIKE", "ssd|nvme"},
		{"pool", "UNLIKE", "old"},
		{"gpu", "UNLIKE", ".*"},
		{"os", "CLUSTER", "linux"},
		{"row", "CLUSTER"},
		{"hostname", "LIKE", "a.*"},
		{"hostname", "IS", "a1"},
	}...)
	want := []constraint.Condition{
		{Field: "@region", Test: constraint.TextEquals, Value: "eu"},
		{Field: "rack", Test: constraint.TextEquals, Value: "r1"},
		{Field: "disk", Test: constraint.Exists},
		{Field: "pool", Test: constraint.TextNotEquals, Value: "old"},
		{Field: "os", Test: constraint.TextEquals, Value: "linux"},
		{Field: "@hostname", Test: constraint.TextEquals, Value: "a1"},
		{Field: "@zone", Test: constraint.Exists},
		{Field: "row", Test: constraint.Exists},
	}
	if diff := cmp.Diff(want, r.Conditions()); diff != "" {
		t.Fatalf("Conditions() mismatch (-want +got):\n%s", diff)
	}
}

// TestConditionsKeepNothingBack: an agent that is allowed satisfies every condition, so a master
// that applies them withholds no offer of use.
func TestConditionsKeepNothingBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		_, r := drawRules(t, "UNIQUE", "MAX_PER", "CLUSTER", "LIKE", "UNLIKE", "IS", "GROUP_BY")
		for _, n := range drawNodes(t) {
			if ok, _ := r.Allows(nil, n.facts); !ok {
				continue
			}
			for _, c := range r.Conditions() {
				v, has := valueOf(n.facts, c.Field)
				met := map[constraint.Test]bool{
					constraint.Exists: has, constraint.TextEquals: has && v == c.Value, constraint.TextNotEquals: !has || v != c.Value,
				}
				if !met[c.Test] {
					t.Fatalf("%s is allowed and does not satisfy %v", n.facts.Hostname, c)
				}
			}
		}
	})
}
