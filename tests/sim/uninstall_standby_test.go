package sim_test

import (
	"fmt"
	"testing"
	"time"
)

// TestUninstallWithStandby removes a service of two instances: both say so in the end, and nothing is left.
func TestUninstallWithStandby(t *testing.T) {
	t.Parallel()
	rounds, seed := seeds(t, 8)
	for round := range rounds {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				s := newShared(t, seed+uint64(round))
				a, b := s.place("a", "UNINSTALL=true"), s.place("b", "UNINSTALL=true")
				a.start()
				b.start()
				for _, p := range []*place{a, b} {
					p.until("the plan is complete", func() error {
						plan, _, err := p.api.Plan(t.Context(), "deploy")
						if err == nil && plan.Status != "COMPLETE" {
							err = fmt.Errorf("it is %s", plan.Status)
						}
						return err
					})
				}
				time.Sleep(time.Minute)
				if !a.alive() || !b.alive() {
					t.Errorf("alive: %t, %t: %v %v", a.alive(), b.alive(), a.life.err, b.life.err)
				}
			})
		})
	}
}
