package placement_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/flink-on-mesos/flink-service/internal/placement"
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
	want := []placement.Condition{
		{Field: "@region", Test: placement.TextEquals, Value: "eu"},
		{Field: "rack", Test: placement.TextEquals, Value: "r1"},
		{Field: "disk", Test: placement.Exists},
		{Field: "pool", Test: placement.TextNotEquals, Value: "old"},
		{Field: "os", Test: placement.TextEquals, Value: "linux"},
		{Field: "@hostname", Test: placement.TextEquals, Value: "a1"},
		{Field: "@zone", Test: placement.Exists},
		{Field: "row", Test: placement.Exists},
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
				met := map[placement.Test]bool{
					placement.Exists: has, placement.TextEquals: has && v == c.Value, placement.TextNotEquals: !has || v != c.Value,
				}
				if !met[c.Test] {
					t.Fatalf("%s is allowed and does not satisfy %v", n.facts.Hostname, c)
				}
			}
		}
	})
}
