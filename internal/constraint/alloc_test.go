//go:build !race

package constraint_test

import (
	"testing"
)

// TestAllowsDoesNotAllocate holds for the answer yes and the answer no. The race detector empties
// the pools of regexp at random, so it is not run with it.
func TestAllowsDoesNotAllocate(t *testing.T) {
	r := compile(t, tenRules()...)
	facts := benchNodes(100)
	g := r.NewGroup(100)
	for i := range 50 {
		g.Add(&facts[i])
	}
	n := testing.AllocsPerRun(100, func() {
		for i := range facts {
			r.Allows(g, &facts[i])
		}
	})
	if n > 0 {
		t.Fatalf("Allows() allocates %v times for 100 agents", n)
	}
}
