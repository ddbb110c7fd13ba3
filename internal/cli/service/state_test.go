package service

import (
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// TestAgentAvoidedInThePast says nothing of a time that has passed.
func TestAgentAvoidedInThePast(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	past, coming := now.Add(-time.Second), now.Add(time.Minute)
	if got := agent(wire.DebugAgent{Avoided: &past}, now); got != "" {
		t.Errorf("an agent that was avoided is %q", got)
	}
	if got, want := agent(wire.DebugAgent{Avoided: &coming, Draining: true}, now), "avoided until 2026-01-02T03:05:05Z, draining"; got != want {
		t.Errorf("an agent that is avoided is %q, want %q", got, want)
	}
}
