package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// undoTimeout bounds the undoing of one step, so that a part that hangs does not keep the process from its end. The listener
// and the store of ZooKeeper have shorter bounds of their own.
const undoTimeout = 15 * time.Second

// step is something that was started, with what ends it.
type step struct {
	name string
	undo func() error
}

// steps are what was started so far. They are undone in reverse, once. The zero value is ready to use.
type steps struct {
	log *slog.Logger

	mu      sync.Mutex
	started []step
	undone  bool
	err     error
}

// add records a step that was taken. One that is taken after the undoing began is undone at once.
func (s *steps) add(name string, undo func() error) {
	s.mu.Lock()
	late := s.undone
	if !late {
		s.started = append(s.started, step{name, undo})
	}
	s.mu.Unlock()
	if late {
		if err := s.end(step{name, undo}); err != nil && s.log != nil {
			s.log.Warn("a step is not undone", "step", name, "error", err)
		}
	}
}

// undo ends everything that was started, the newest first, and returns what went wrong. Called again it returns the same.
func (s *steps) undo() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.undone {
		return s.err
	}
	s.undone = true
	for _, one := range slices.Backward(s.started) {
		s.err = errors.Join(s.err, s.end(one))
	}
	s.started = nil
	return s.err
}

// end undoes one step in bounded time.
func (s *steps) end(one step) error {
	done := make(chan error, 1)
	go func() { done <- one.undo() }()
	timer := time.NewTimer(undoTimeout)
	defer timer.Stop()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("stop %s: %w", one.name, err)
		}
		return nil
	case <-timer.C:
		return fmt.Errorf("stop %s: it did not end in %s", one.name, undoTimeout)
	}
}

// running is the one run of a Service.
type running struct {
	mu sync.Mutex
	// cancel ends the run; nil before it began.
	cancel context.CancelFunc
	// done is closed when the run has ended.
	done    chan struct{}
	stopped bool
}

// begin returns the context of the run, and what to call at its end. A second run, and one after Stop, is an error.
func (r *running) begin(ctx context.Context) (context.Context, func(), error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped || r.cancel != nil {
		return nil, nil, errors.New("a service runs once: make another with New")
	}
	ctx, r.cancel = context.WithCancel(ctx)
	r.done = make(chan struct{})
	return ctx, func() { r.cancel(); close(r.done) }, nil
}

// stop ends the run, if there is one, and waits for its end.
func (r *running) stop() {
	r.mu.Lock()
	r.stopped = true
	cancel, done := r.cancel, r.done
	r.mu.Unlock()
	if cancel != nil {
		cancel()
		<-done
	}
}
