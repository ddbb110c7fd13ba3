package core

import (
	"context"
	"errors"
	"sync"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/mesos"
	"github.com/flink-on-mesos/flink-service/internal/store/records"
)

// gate stands between the core and the world: through it goes every save and every call, until it closes.
type gate struct {
	cancel context.CancelFunc

	mu sync.Mutex
	// left is how many may still pass; below 0 there is no bound.
	left int
}

func newGate(cancel context.CancelFunc) *gate { return &gate{cancel: cancel, left: -1} }

func (g *gate) close(after int) {
	g.mu.Lock()
	g.left = after
	g.mu.Unlock()
	if after == 0 {
		g.cancel()
	}
}

// pass says whether one more thing may happen. The last one that may not ends the core.
func (g *gate) pass() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.left == 0 {
		g.cancel()
		return false
	}
	if g.left > 0 {
		g.left--
	}
	return true
}

var errCrashed = errors.New("the core has crashed as the test asked for")

// saver saves as the service does, while the gate is open.
type saver struct {
	gate *gate
	records.Saver
}

// Save implements loop.Saver.
func (s saver) Save(ctx context.Context, changed []state.Record) error {
	if !s.gate.pass() {
		return errCrashed
	}
	return s.Saver.Save(ctx, changed)
}

type sender struct {
	gate      *gate
	scheduler *mesos.Scheduler
}

// Send implements loop.Sender.
func (s sender) Send(a state.Action) {
	if s.gate.pass() {
		s.scheduler.Send(a)
	}
}
