// Package history owns what the plots of the page show: how many slots were wanted, registered and used over the last
// hour, and how long each loss of a task took to be made good. It looks at the published view once a second; it keeps
// nothing across restarts and decides nothing.
package history

import (
	"context"
	"sync"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

const (
	// look is the time between two looks at the view.
	look = time.Second
	// step is the time between two samples, and length how many are kept: an hour.
	step   = 5 * time.Second
	length = 720
	// recoveries is how many are kept.
	recoveries = 200
	// nothingMissing is after how long a cluster that never ceased to be ready has lost nothing that it wants back.
	nothingMissing = 10 * time.Second
)

// History is the one of a service. It is safe for use by several goroutines.
type History struct {
	mu      sync.Mutex // guards the rings
	samples []wire.Sample
	healed  []wire.Recovery

	// Owned by whoever calls Observe.
	clusters map[string]*watched
}

// watched is what must be remembered of a cluster between two looks.
type watched struct {
	// noted is the time of the last note that was seen.
	noted time.Time
	// lost is when the loss came that is not made good yet; zero for none.
	lost   time.Time
	reason string
}

// New returns an empty History.
func New() *History { return &History{clusters: map[string]*watched{}} }

// Run observes what view returns until ctx is done.
func (h *History) Run(ctx context.Context, vw func() *state.State) error {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		h.Observe(view.Vitals(vw()), time.Now())
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Observe takes what is so of all clusters at a moment. Moments must not go back.
func (h *History) Observe(vitals []view.Vital, now time.Time) {
	sample := wire.Sample{Time: now}
	seen := map[string]bool{}
	var healed []wire.Recovery
	for _, v := range vitals {
		seen[v.Name] = true
		sample.SlotsWanted += v.SlotsWanted
		sample.Slots += v.Slots
		sample.SlotsUsed += v.SlotsUsed
		if r, ok := h.follow(v, now); ok {
			healed = append(healed, r)
		}
	}
	for name := range h.clusters {
		if !seen[name] {
			delete(h.clusters, name)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.samples); n == 0 || now.Sub(h.samples[n-1].Time) >= step-look/2 {
		h.samples = last(append(h.samples, sample), length)
	}
	h.healed = last(append(h.healed, healed...), recoveries)
}

// last keeps the last n elements in memory of their own.
func last[T any](s []T, n int) []T {
	if len(s) <= n {
		return s
	}
	return append(make([]T, 0, 2*n), s[len(s)-n:]...)
}

// follow looks for a loss that is new, and for the end of one that is not made good yet.
func (h *History) follow(v view.Vital, now time.Time) (wire.Recovery, bool) {
	s := h.clusters[v.Name]
	if s == nil {
		s = &watched{}
		h.clusters[v.Name] = s
	}
	for _, n := range v.Notes {
		if n.Time.After(s.noted) && loss(n.Type) && s.lost.IsZero() {
			s.lost, s.reason = n.Time, n.Type
		}
	}
	if n := len(v.Notes); n > 0 {
		s.noted = v.Notes[n-1].Time
	}
	switch {
	case s.lost.IsZero():
	case !v.Active: // It is not to run any more.
		s.lost = time.Time{}
	case v.Ready.After(s.lost):
		r := wire.Recovery{Time: v.Ready, Cluster: v.Name, Lost: s.reason, Seconds: v.Ready.Sub(s.lost).Seconds()}
		s.lost = time.Time{}
		return r, true
	case !v.Ready.IsZero() && now.Sub(s.lost) > nothingMissing:
		s.lost = time.Time{}
	}
	return wire.Recovery{}, false
}

// loss says whether a note tells of one.
func loss(kind string) bool {
	return kind == "TaskManagerLost" || kind == "JobManagerLost" || kind == "Unreachable" || kind == "FrameworkRemoved"
}

// Read returns what there is, the oldest first.
func (h *History) Read() wire.History {
	h.mu.Lock()
	defer h.mu.Unlock()
	return wire.History{
		Samples:    append([]wire.Sample{}, h.samples...),
		Recoveries: append([]wire.Recovery{}, h.healed...),
	}
}
