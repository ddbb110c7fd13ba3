package core

import (
	"context"
	"errors"
	"sync"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/mesos"
	"github.com/flink-on-mesos/flink-service/internal/store"
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

// saver makes the records of the core durable, in the form in which package app does.
type saver struct {
	gate  *gate
	store store.Store
}

// Save implements loop.Saver.
func (s saver) Save(ctx context.Context, records []state.Record) error {
	if !s.gate.pass() {
		return errCrashed
	}
	changes, err := encode(records)
	if err != nil {
		return err
	}
	return s.store.Apply(ctx, changes)
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
