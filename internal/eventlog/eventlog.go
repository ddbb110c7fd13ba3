// Package eventlog owns the record of what happened: the last events of every cluster and of the service, numbered,
// bounded in number and age, and kept in the store of the state, so that they outlive a restart, a new leader and the
// clusters that they are about.
//
// An event is there for readers at once and durable within FlushDelay: it is not part of the save of the step that
// recorded it, which would make every step slower. A process that is killed loses what came in its last moment; one
// that ends loses nothing. Events are stored in chunks, of which the newest is written again while it grows.
package eventlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Bounds of what is kept.
const (
	// MaxPerCluster is how many events of one cluster are kept, and MaxEvents of all together.
	MaxPerCluster = 200
	MaxEvents     = 10_000
	// MaxAge is how long an event is kept.
	MaxAge = 30 * 24 * time.Hour
	// FlushDelay is after how long at most an event is durable.
	FlushDelay = 500 * time.Millisecond
	// chunkSize is how many events share a record.
	chunkSize = 64
	// maxMessage bounds a message in bytes.
	maxMessage = 4096
)

// Prefix begins the keys of the chunks; the id of the first event follows with leading zeros.
const Prefix = "events/"

// schema is the stored form of a chunk.
var schema = store.Schema{Kind: "events", Version: 1} //nolint:gochecknoglobals // A constant.

// Applier makes changes durable.
type Applier interface {
	Apply(ctx context.Context, changes []store.Record) error
}

// Options configure a Log.
type Options struct {
	// Store takes the chunks.
	Store Applier
	// Stored are the chunks that the store has.
	Stored []store.Record
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Log is the record of what happened. It is safe for use by several goroutines.
type Log struct {
	o Options

	mu     sync.Mutex
	events []wire.ClusterEvent // by id
	last   int64
	// count is how many there are of each cluster.
	count map[string]int
	// chunks are the stored chunks, by the id of their first event.
	chunks map[int64]*chunk
	open   *chunk
	// changed is closed when there is something new to read.
	changed chan struct{}
	// due has a value when something is to be written.
	due chan struct{}
	// writing keeps two writes from overtaking each other.
	writing sync.Mutex
}

// chunk is a stored record of events.
type chunk struct {
	first int64
	// stored is how many events it was last written with, live how many of them are kept.
	stored, live int
	dirty        bool
}

// New returns a Log with what was stored.
func New(o Options) (*Log, error) {
	if o.Store == nil {
		return nil, errors.New("eventlog: Store is required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	l := &Log{o: o, count: map[string]int{}, chunks: map[int64]*chunk{}, changed: make(chan struct{}), due: make(chan struct{}, 1)}
	for _, r := range o.Stored {
		var events []wire.ClusterEvent
		if err := schema.Decode(r.Key, r.Value, &events); err != nil {
			return nil, err
		}
		if len(events) == 0 {
			continue
		}
		c := &chunk{stored: len(events), live: len(events)}
		if _, err := fmt.Sscanf(strings.TrimPrefix(r.Key, Prefix), "%d", &c.first); err != nil {
			return nil, fmt.Errorf("record %s: its key has no number: %w", r.Key, err)
		}
		l.chunks[c.first] = c
		for _, e := range events {
			l.events = append(l.events, e)
			l.count[e.Cluster]++
			l.last = max(l.last, e.ID)
		}
	}
	slices.SortStableFunc(l.events, func(a, b wire.ClusterEvent) int { return int(a.ID - b.ID) })
	for _, cluster := range slices.Collect(maps.Keys(l.count)) { // A chunk keeps what was dropped until it is written again.
		for l.count[cluster] > MaxPerCluster {
			l.prune(cluster)
		}
		l.prune(cluster)
	}
	return l, nil
}

// Record keeps an event and gives it a number. One that is the same as the last of its cluster takes its place and
// counts it. It does not wait.
func (l *Log) Record(cluster string, e wire.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(e.Message) > maxMessage {
		e.Message = strings.ToValidUTF8(e.Message[:maxMessage], "") + "…"
	}
	if at := l.newest(cluster); at >= 0 {
		if old := l.events[at]; old.Type == e.Type && old.Message == e.Message && maps.Equal(old.Data, e.Data) {
			e.Count, e.First = max(1, old.Count)+1, old.First
			if e.First.IsZero() {
				e.First = old.Time
			}
			l.drop(at)
		}
	}
	l.last++
	e.ID = l.last
	if l.open == nil || l.open.stored >= chunkSize {
		l.open = &chunk{first: e.ID}
		l.chunks[e.ID] = l.open
	}
	l.open.stored++
	l.open.live++
	l.open.dirty = true
	l.events = append(l.events, wire.ClusterEvent{Cluster: cluster, Event: e})
	l.count[cluster]++
	l.prune(cluster)
	l.wake()
	select {
	case l.due <- struct{}{}:
	default:
	}
}

// newest is the index of the newest event of a cluster among the last ones; -1 for none.
func (l *Log) newest(cluster string) int {
	for i := len(l.events) - 1; i >= max(0, len(l.events)-chunkSize); i-- {
		if l.events[i].Cluster == cluster {
			return i
		}
	}
	return -1
}

// Wake says that something else that readers wait for has changed.
func (l *Log) Wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wake()
}

func (l *Log) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// Changed is closed when the next event is recorded, or Wake is called.
func (l *Log) Changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

// prune drops what is beyond the bounds: the oldest of a cluster, the oldest of all, and what is too old.
func (l *Log) prune(cluster string) {
	if l.count[cluster] > MaxPerCluster {
		l.drop(slices.IndexFunc(l.events, func(e wire.ClusterEvent) bool { return e.Cluster == cluster }))
	}
	oldest := l.o.Now().Add(-MaxAge)
	for len(l.events) > MaxEvents || len(l.events) > 0 && l.events[0].Time.Before(oldest) {
		l.drop(0)
	}
}

// drop forgets an event.
func (l *Log) drop(at int) {
	e := l.events[at]
	if at < len(l.events)/2 { // The shorter side is moved.
		copy(l.events[1:at+1], l.events[:at])
		l.events[0], l.events = wire.ClusterEvent{}, l.events[1:]
	} else {
		l.events = slices.Delete(l.events, at, at+1)
	}
	if l.count[e.Cluster]--; l.count[e.Cluster] == 0 {
		delete(l.count, e.Cluster)
	}
	c := l.chunkOf(e.ID)
	if c == nil {
		return
	}
	c.live--
	if c.live*2 < c.stored { // Also when none is left, which removes the record.
		c.dirty = true
	}
}

func (l *Log) chunkOf(id int64) *chunk {
	var found *chunk
	for first, c := range l.chunks {
		if first <= id && (found == nil || first > found.first) {
			found = c
		}
	}
	return found
}

// Query says which events to read.
type Query struct {
	// Cluster and Kinds select; empty for all.
	Cluster string
	Kinds   []string
	// After is the number of an event: only later ones are read.
	After int64
	// Limit is the most to read, 1 or more.
	Limit int
	// Newest reads the newest ones when there are more; otherwise the oldest ones are read.
	Newest bool
}

// Read returns events, the oldest first, and the number to go on after.
func (l *Log) Read(q Query) ([]wire.ClusterEvent, int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := []wire.ClusterEvent{}
	cursor := max(q.After, l.last)
	from, _ := slices.BinarySearchFunc(l.events, q.After+1, func(e wire.ClusterEvent, id int64) int { return int(e.ID - id) })
	for _, e := range l.events[from:] {
		if q.Cluster != "" && e.Cluster != q.Cluster || len(q.Kinds) > 0 && !slices.Contains(q.Kinds, e.Type) {
			continue
		}
		if len(found) == q.Limit && !q.Newest {
			cursor = found[len(found)-1].ID
			break
		}
		found = append(found, e)
	}
	return found[max(0, len(found)-q.Limit):], cursor
}

// Run makes events durable until ctx is done. It returns an error when the store does not take them.
func (l *Log) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.due:
		}
		select { // More may come that share the write.
		case <-ctx.Done():
			return nil
		case <-time.After(FlushDelay):
		}
		if err := l.Flush(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
}

// Flush makes durable what is not.
func (l *Log) Flush(ctx context.Context) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	changes, err := l.changes()
	if err != nil || len(changes) == 0 {
		return err
	}
	if err := l.o.Store.Apply(ctx, changes); err != nil {
		return fmt.Errorf("save the events: %w", err)
	}
	return nil
}

// Close makes durable what is not, unless another instance owns the state now.
func (l *Log) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := l.Flush(ctx)
	if errors.Is(err, store.ErrFenced) || errors.Is(err, store.ErrNotLeader) || errors.Is(err, store.ErrFailed) {
		return nil // The run has ended with that.
	}
	return err
}

// changes are the records to write for the chunks that changed.
func (l *Log) changes() ([]store.Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var changes []store.Record
	for _, first := range slices.Sorted(maps.Keys(l.chunks)) {
		c := l.chunks[first]
		if !c.dirty {
			continue
		}
		record := store.Record{Key: fmt.Sprintf("%s%019d", Prefix, first)}
		if c.live > 0 {
			from, _ := slices.BinarySearchFunc(l.events, first, func(e wire.ClusterEvent, id int64) int { return int(e.ID - id) })
			var events []wire.ClusterEvent
			for _, e := range l.events[from:] {
				if l.chunkOf(e.ID) != c {
					break
				}
				events = append(events, e)
			}
			var err error
			if record.Value, err = schema.Encode(events); err != nil {
				return nil, err
			}
		} else if c != l.open {
			delete(l.chunks, first)
		}
		if c != l.open {
			c.stored = c.live
		}
		c.dirty = false
		changes = append(changes, record)
	}
	return changes, nil
}
