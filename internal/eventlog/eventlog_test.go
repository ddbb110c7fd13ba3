package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/eventlog"
	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// open returns the log of a store, as a start finds it.
func open(t *testing.T, s store.Store, now func() time.Time) *eventlog.Log {
	t.Helper()
	stored, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l, err := eventlog.New(eventlog.Options{Store: s, Stored: stored, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func event(kind string, n int) wire.Event {
	return wire.Event{Time: time.Unix(int64(1000+n), 0).UTC(), Type: kind, Message: fmt.Sprint(kind, " ", n)}
}

// clock is one at which the events above are young.
func clock() time.Time { return time.Unix(5000, 0) }

func read(l *eventlog.Log, q eventlog.Query) []wire.ClusterEvent {
	if q.Limit == 0 {
		q.Limit = 100_000
	}
	events, _ := l.Read(q)
	return events
}

func TestOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	s := store.NewMemory()
	l := open(t, s, clock)
	for n := range 500 {
		l.Record(fmt.Sprint("c", n%5), event("A", n))
		if n%70 == 0 {
			if err := l.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	before := read(l, eventlog.Query{})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, s, clock)
	if diff := cmp.Diff(before, read(again, eventlog.Query{})); diff != "" {
		t.Errorf("after the restart (-before +after):\n%s", diff)
	}
	again.Record("c1", event("B", 1))
	if got := read(again, eventlog.Query{After: 500}); len(got) != 1 || got[0].ID != 501 {
		t.Errorf("the numbers do not go on: %+v", got)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	s := store.NewMemory()
	l := open(t, s, clock)
	l.Record("quiet", event("A", 0))
	for n := range 3 * eventlog.MaxPerCluster {
		l.Record("loud", event("A", n))
		if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(read(l, eventlog.Query{Cluster: "loud"})); got != eventlog.MaxPerCluster {
		t.Errorf("%d events of one cluster are kept, want %d", got, eventlog.MaxPerCluster)
	}
	if got := read(l, eventlog.Query{Cluster: "quiet"}); len(got) != 1 {
		t.Errorf("a loud cluster drove out the events of another: %+v", got)
	}
	stored, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(stored) > 6 { // 201 events in chunks of 64, one of them half empty, and the lone one of the quiet cluster.
		t.Errorf("%d chunks are stored", len(stored))
	}
	if diff := cmp.Diff(read(l, eventlog.Query{}), read(open(t, s, clock), eventlog.Query{})); diff != "" {
		t.Errorf("stored (-kept +stored):\n%s", diff)
	}
	for n := range eventlog.MaxEvents + 100 {
		l.Record(fmt.Sprint("c", n), event("A", n))
	}
	if got := len(read(l, eventlog.Query{})); got != eventlog.MaxEvents {
		t.Errorf("%d events are kept, want %d", got, eventlog.MaxEvents)
	}
}

func TestAge(t *testing.T) {
	t.Parallel()
	now := clock()
	s := store.NewMemory()
	l := open(t, s, func() time.Time { return now })
	l.Record("demo", event("A", 0))
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	now = now.Add(eventlog.MaxAge)
	l.Record("other", wire.Event{Time: now, Type: "B"})
	if got := read(l, eventlog.Query{}); len(got) != 1 || got[0].Cluster != "other" {
		t.Errorf("kept are %+v", got)
	}
}

func TestRepeats(t *testing.T) {
	t.Parallel()
	l := open(t, store.NewMemory(), clock)
	for n := range 3 {
		e := event("A", 0)
		e.Time = e.Time.Add(time.Duration(n) * time.Second)
		l.Record("demo", e)
		l.Record("other", event("A", n))
	}
	got := read(l, eventlog.Query{Cluster: "demo"})
	want := event("A", 0)
	want.ID, want.Count, want.First, want.Time = 5, 3, want.Time, want.Time.Add(2*time.Second)
	if diff := cmp.Diff([]wire.ClusterEvent{{Cluster: "demo", Event: want}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCursor(t *testing.T) {
	t.Parallel()
	l := open(t, store.NewMemory(), clock)
	for n := range 10 {
		l.Record(fmt.Sprint("c", n%2), event(fmt.Sprint("K", n%3), n))
	}
	got, cursor := l.Read(eventlog.Query{Cluster: "c1", After: 0, Limit: 2})
	if len(got) != 2 || got[0].ID != 2 || cursor != 4 {
		t.Errorf("first page: %+v, cursor %d", got, cursor)
	}
	got, cursor = l.Read(eventlog.Query{Cluster: "c1", After: cursor, Limit: 5})
	if len(got) != 3 || cursor != 10 {
		t.Errorf("second page: %+v, cursor %d", got, cursor)
	}
	if got, _ := l.Read(eventlog.Query{Limit: 2, Newest: true, Kinds: []string{"K0"}}); len(got) != 2 || got[1].ID != 10 {
		t.Errorf("newest: %+v", got)
	}
	changed := l.Changed()
	l.Record("c1", event("K", 11))
	select {
	case <-changed:
	default:
		t.Error("nobody is told of a new event")
	}
}

// full refuses everything.
type full struct{}

var errFull = errors.New("no space left")

func (full) Apply(context.Context, []store.Record) error { return errFull }

func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := store.NewMemory()
		l := open(t, s, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- l.Run(ctx) }()
		l.Record("demo", wire.Event{Time: time.Now(), Type: "A"})
		time.Sleep(eventlog.FlushDelay)
		synctest.Wait()
		if got := read(open(t, s, nil), eventlog.Query{}); len(got) != 1 {
			t.Errorf("after the delay %d events are stored", len(got))
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		broken, err := eventlog.New(eventlog.Options{Store: full{}})
		if err != nil {
			t.Fatal(err)
		}
		broken.Record("demo", wire.Event{Time: time.Now(), Type: "A"})
		if err := broken.Run(t.Context()); !errors.Is(err, errFull) {
			t.Errorf("Run() = %v, want the error of the store", err)
		}
	})
}
