// Package live streams what changes as server-sent events: summaries of clusters, events, and operations.
//
// All viewers share one table of summaries, which is made anew at most once a second and only when the state is another
// one: a viewer more costs the bytes that it is sent.
package live

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/eventlog"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Times and bounds of a stream.
const (
	// pace is how often summaries are looked at, heartbeat how long a stream is silent at most.
	pace      = time.Second
	heartbeat = 15 * time.Second
	// lifetime bounds a connection: the next one shows its token again.
	lifetime = 10 * time.Minute
	// writeTime is how long a viewer may take to read one message.
	writeTime = 30 * time.Second
	// maxViewers is how many streams there are at a time.
	maxViewers = 200
	// batch is how many events or operations are in one message at most.
	batch = 500
)

// Log has the events.
type Log interface {
	// Read returns events, the oldest first, and the number to go on after.
	Read(q eventlog.Query) ([]wire.ClusterEvent, int64)
	// Changed is closed when there is something new to read.
	Changed() <-chan struct{}
}

// Live streams. It is safe for use by several goroutines.
type Live struct {
	view    func() *state.State
	log     Log
	viewers chan struct{}
	table   table
}

// New returns streams of a state and a log of events.
func New(view func() *state.State, log Log) *Live {
	return &Live{view: view, log: log, viewers: make(chan struct{}, maxViewers), table: table{rows: map[string]row{}, gone: map[string]int64{}}}
}

// Serve streams until the viewer is gone or the connection has had its time. An error comes before anything was written.
func (l *Live) Serve(w http.ResponseWriter, r *http.Request) error {
	select {
	case l.viewers <- struct{}{}:
		defer func() { <-l.viewers }()
	default:
		return fault.New(fault.Unavailable, "too many viewers (%d): use GET /v1/events with wait, or try again later", maxViewers)
	}
	at, err := l.position(r.Header.Get("Last-Event-ID"))
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // Admin Router is nginx, which would keep messages back.
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), lifetime)
	defer cancel()
	l.stream(ctx, &writer{w: w, c: http.NewResponseController(w)}, at)
	return nil
}

// stream sends what is new from a position on until the context ends or the viewer does not read.
func (l *Live) stream(ctx context.Context, w *writer, at position) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	silent := time.Now()
	for version := int64(0); ; {
		changed := l.log.Changed() // Before the look: what comes after it is not missed.
		if m, now := l.table.since(version, l.view()); now != version {
			w.message("clusters", at, m)
			version = now
		}
		if found, cursor := l.log.Read(eventlog.Query{After: at.event, Limit: batch}); len(found) > 0 {
			at.event = cursor
			w.message("events", at, map[string]any{"events": found})
		}
		if found, cursor := view.Operations(l.view(), view.OperationQuery{After: at.operation, Limit: batch}); len(found) > 0 {
			at.operation = cursor
			w.message("operations", at, map[string]any{"operations": found})
		}
		if !w.wrote && time.Since(silent) >= heartbeat {
			w.comment("nothing new")
		}
		if w.wrote {
			silent = time.Now()
		}
		if !w.flush() {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-changed:
		}
	}
}

// position is how far a viewer has come: it is the id of a message, EVENT.OPERATION.
type position struct{ event, operation int64 }

// String is the id of a message.
func (p position) String() string { return fmt.Sprintf("%d.%d", p.event, p.operation) }

// position reads the id of the last message; without one it is the newest of all.
func (l *Live) position(id string) (position, error) {
	var p position
	if id == "" {
		_, p.event = l.log.Read(eventlog.Query{Limit: 1, Newest: true})
		_, p.operation = view.Operations(l.view(), view.OperationQuery{After: -1, Limit: 1})
		return p, nil
	}
	event, operation, _ := strings.Cut(id, ".")
	var e1, e2 error
	p.event, e1 = strconv.ParseInt(event, 10, 64)
	p.operation, e2 = strconv.ParseInt(operation, 10, 64)
	if cmp.Or(e1, e2) != nil || p.event < 0 || p.operation < 0 {
		return p, fault.New(fault.Invalid, "Last-Event-ID is not the id of a message: send that of the last one, or none")
	}
	return p, nil
}

// clusters is a message of that kind.
type clusters struct {
	// All says that these are all clusters.
	All      bool              `json:"all,omitempty"`
	Clusters []json.RawMessage `json:"clusters"`
	Removed  []string          `json:"removed,omitempty"`
}

// writer writes messages.
type writer struct {
	w http.ResponseWriter
	c *http.ResponseController
	// wrote says that something was written since the last flush, failed that the viewer is gone.
	wrote, failed bool
}

func (w *writer) message(kind string, at position, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		w.failed = true
		return
	}
	w.write(fmt.Sprintf("event: %s\nid: %s\ndata: %s\n\n", kind, at, data))
}

func (w *writer) comment(text string) { w.write(": " + text + "\n\n") }

func (w *writer) write(text string) {
	w.wrote = true
	_ = w.c.SetWriteDeadline(time.Now().Add(writeTime)) // A writer without deadlines has its own rules.
	if _, err := w.w.Write([]byte(text)); err != nil {
		w.failed = true
	}
}

// flush sends what was written; false when the viewer is gone.
func (w *writer) flush() bool {
	if w.wrote && w.c.Flush() != nil {
		w.failed = true
	}
	w.wrote = false
	return !w.failed
}

// table has the summary of every cluster as JSON, with the version in which it last changed.
type table struct {
	mu      sync.Mutex
	of      *state.State
	made    time.Time
	version int64
	rows    map[string]row
	// gone has the names of clusters that were removed, with the version in which they were; those that were removed
	// before floor are forgotten, and whoever has an older version gets all rows again.
	gone  map[string]int64
	floor int64
}

type row struct {
	version int64
	data    json.RawMessage
}

// maxGone is how many removed names are remembered.
const maxGone = 1000

// since returns what changed after a version, clusters in the order of their names, and the version of the table.
// Versions begin at 1; with 0 all is new.
func (t *table) since(version int64, now *state.State) (m clusters, current int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil || now != t.of && time.Since(t.made) >= pace {
		t.update(now)
	}
	if version == t.version {
		return m, version
	}
	if version < t.floor {
		version = 0
	}
	m = clusters{All: version == 0, Clusters: []json.RawMessage{}}
	for _, name := range view.Names(t.of) {
		if r := t.rows[name]; r.version > version {
			m.Clusters = append(m.Clusters, r.data)
		}
	}
	for name, v := range t.gone {
		if v > version && !m.All {
			m.Removed = append(m.Removed, name)
		}
	}
	return m, t.version
}

// update makes the rows of another state. The version stays when no row is another one.
func (t *table) update(now *state.State) {
	next, changed := t.version+1, t.of == nil
	t.of, t.made = now, time.Now()
	seen := map[string]bool{}
	for _, s := range view.Summaries(now) {
		seen[s.Name] = true
		delete(t.gone, s.Name)
		data, err := json.Marshal(s)
		if err == nil && !bytes.Equal(data, t.rows[s.Name].data) {
			t.rows[s.Name], changed = row{next, data}, true
		}
	}
	for name := range t.rows {
		if !seen[name] {
			delete(t.rows, name)
			t.gone[name], changed = next, true
		}
	}
	if changed {
		t.version = next
	}
	if len(t.gone) > maxGone {
		clear(t.gone)
		t.floor = t.version
	}
}
