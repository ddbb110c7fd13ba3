// Package happened answers what happened: the events of clusters and of the service, and the operations that were
// asked for. Both are read from a cursor on, and a reader may wait for what comes next.
package happened

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/api/query"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/eventlog"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Bounds of a read.
const (
	// limitDefault and limitMost are how many entries there are without a limit, and at most.
	limitDefault = 50
	limitMost    = 10_000
	// MaxWait is the longest time to wait for something new.
	MaxWait = time.Minute
	// maxWaiters is how many requests may wait at a time.
	maxWaiters = 200
)

// Log has the events.
type Log interface {
	// Read returns events, the oldest first, and the number to go on after.
	Read(q eventlog.Query) ([]wire.ClusterEvent, int64)
	// Changed is closed when there is something new to read.
	Changed() <-chan struct{}
}

// Options configure the answers. All are required.
type Options struct {
	View func() *state.State
	Log  Log
	// Problems are what an operator must correct; they are shown as events of the service.
	Problems func() []wire.Problem
}

// Happened answers requests. It is safe for use by several goroutines.
type Happened struct {
	o       Options
	waiters chan struct{}
}

// New returns the answers.
func New(o Options) *Happened { return &Happened{o: o, waiters: make(chan struct{}, maxWaiters)} }

// page is which part of a list is asked for.
type page struct {
	// after is the cursor; -1 for none: then the newest entries are asked for.
	after int64
	limit int
	wait  time.Duration
}

func pageOf(r *http.Request) (page, error) {
	after, err := query.Number(r, "after", -1, 0, 1<<62)
	if err != nil {
		return page{}, err
	}
	limit, err := query.Number(r, "limit", limitDefault, 1, limitMost)
	if err != nil {
		return page{}, err
	}
	wait, err := query.Duration(r, "wait", MaxWait)
	if err == nil && wait > 0 && after < 0 {
		err = query.Invalid("wait", "needs after: the cursor of an earlier answer, or 0")
	}
	return page{after, int(limit), wait}, err
}

// await calls read until it finds something, or the time of the page is over.
func (h *Happened) await(ctx context.Context, p page, read func() (found bool)) error {
	changed := h.o.Log.Changed() // Before the first look: what comes after it is not missed.
	if read() || p.wait == 0 {
		return nil
	}
	select {
	case h.waiters <- struct{}{}:
		defer func() { <-h.waiters }()
	default:
		return fault.New(fault.Unavailable, "too many requests wait for something new (%d): ask again without wait, or later", maxWaiters)
	}
	timer := time.NewTimer(p.wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return nil
		case <-changed:
		}
		changed = h.o.Log.Changed()
		if read() {
			return nil
		}
	}
}

// Events answers the events of all clusters, or of the one that the query names: the newest first, or from a cursor on
// the oldest first.
func (h *Happened) Events(r *http.Request) (wire.Events, error) {
	p, err := pageOf(r)
	if err != nil {
		return wire.Events{}, err
	}
	q := eventlog.Query{Cluster: r.URL.Query().Get("cluster"), Kinds: query.List(r, "kind"), After: max(p.after, 0), Limit: p.limit, Newest: p.after < 0}
	var found []wire.ClusterEvent
	var cursor int64
	err = h.await(r.Context(), p, func() bool {
		found, cursor = h.o.Log.Read(q)
		return len(found) > 0
	})
	if q.Newest && q.Cluster == "" {
		for _, problem := range h.o.Problems() {
			e := wire.Event{Time: problem.Time, Type: "OptionProblem", Message: problem.String()}
			if len(q.Kinds) == 0 || slices.Contains(q.Kinds, e.Type) {
				found = append(found, wire.ClusterEvent{Event: e})
			}
		}
		slices.SortStableFunc(found, func(a, b wire.ClusterEvent) int { return a.Time.Compare(b.Time) })
		found = found[max(0, len(found)-p.limit):]
	}
	if q.Newest {
		slices.Reverse(found)
	}
	return wire.Events{Events: found, Cursor: strconv.FormatInt(cursor, 10)}, err
}

// Of answers the events of a cluster, the oldest first: all that are kept, or those after a cursor. It answers for a
// cluster that is gone as well.
func (h *Happened) Of(r *http.Request, cluster string) (wire.Notes, error) {
	p, err := pageOf(r)
	if err != nil {
		return wire.Notes{}, err
	}
	if r.URL.Query().Get("limit") == "" {
		p.limit = eventlog.MaxPerCluster
	}
	q := eventlog.Query{Cluster: cluster, Kinds: query.List(r, "kind"), After: max(p.after, 0), Limit: p.limit, Newest: p.after < 0}
	if all, _ := h.o.Log.Read(eventlog.Query{Cluster: cluster, Limit: 1}); len(all) == 0 && !h.known(cluster) {
		return wire.Notes{}, fault.New(fault.NotFound, "there is no cluster %q, and no event of an earlier one", query.Shorten(cluster))
	}
	out := wire.Notes{Events: []wire.Event{}}
	err = h.await(r.Context(), p, func() bool {
		found, cursor := h.o.Log.Read(q)
		out.Cursor = strconv.FormatInt(cursor, 10)
		for _, e := range found {
			out.Events = append(out.Events, e.Event)
		}
		return len(found) > 0
	})
	return out, err
}

// Last returns the last events of a cluster since a moment, the oldest first.
func (h *Happened) Last(cluster string, since time.Time, limit int) []wire.Event {
	found, _ := h.o.Log.Read(eventlog.Query{Cluster: cluster, Limit: limit, Newest: true})
	out := []wire.Event{}
	for _, e := range found {
		if !e.Time.Before(since) {
			out = append(out, e.Event)
		}
	}
	return out
}

func (h *Happened) known(cluster string) bool {
	_, ok := view.Spec(h.o.View(), cluster)
	return ok
}

// Operations answers the operations of all clusters, or of one: the newest first, or from a cursor on those that are
// new or have changed since, in the order of their changes. An empty cluster is the one that the query names.
func (h *Happened) Operations(r *http.Request, cluster string) (wire.Operations, error) {
	p, err := pageOf(r)
	if err != nil {
		return wire.Operations{}, err
	}
	q := view.OperationQuery{Cluster: cluster, After: p.after, Limit: p.limit}
	if cluster == "" {
		q.Cluster = r.URL.Query().Get("cluster")
	}
	for _, s := range query.List(r, "state") {
		if !slices.Contains(wire.OperationStates(), wire.OperationState(s)) {
			return wire.Operations{}, query.Invalid("state", "%q is not a state of operations: use running, succeeded, failed, superseded or refused", query.Shorten(s))
		}
		q.States = append(q.States, wire.OperationState(s))
	}
	var out wire.Operations
	err = h.await(r.Context(), p, func() bool {
		found, cursor := view.Operations(h.o.View(), q)
		out = wire.Operations{Operations: found, Cursor: strconv.FormatInt(cursor, 10)}
		return len(found) > 0
	})
	if err == nil && cluster != "" && len(out.Operations) == 0 && p.after < 0 && len(q.States) == 0 && !h.known(cluster) {
		err = fault.New(fault.NotFound, "there is no cluster %q, and no operation of an earlier one", query.Shorten(cluster))
	}
	return out, err
}

// Operation answers one operation by its number.
func (h *Happened) Operation(text string) (wire.Operation, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err == nil {
		if o, ok := h.o.View().Operations.Get(id); ok {
			return *o, nil
		}
	}
	return wire.Operation{}, fault.New(fault.NotFound, "there is no operation %q: it never was, or is no longer kept", query.Shorten(text))
}
