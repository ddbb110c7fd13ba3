package app

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// problems are what an operator must mend while the service runs: options that are ignored or cannot be met. The API and the
// web UI show them, each is one event, and none stops the service: a restart with the same options would help nobody.
type problems struct {
	log *slog.Logger

	mu  sync.Mutex
	all []wire.Problem
}

func newProblems(log *slog.Logger, warnings []fault.Detail) *problems {
	p := &problems{log: log}
	for _, w := range warnings {
		p.add(w.Field, w.Message)
	}
	return p
}

// add records and logs a problem of an option.
func (p *problems) add(option, message string) {
	p.log.Warn("an option must be corrected", "option", option, "problem", message)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, wire.Problem{Time: time.Now(), Option: option, Message: message})
}

// list returns the problems, the oldest first.
func (p *problems) list() []wire.Problem {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.all)
}
