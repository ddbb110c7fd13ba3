package jobmanager

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/flink/driver"
)

// maxReaders is how many reads are held back at once; the oldest gives way to a new one.
const maxReaders = 8

// A read that waits for a change is answered when nothing has changed for quiet, and longestBurst after the first
// change in any case.
const (
	quiet        = 5 * time.Millisecond
	longestBurst = 20 * time.Millisecond
)

// book is the counterpart of WorkerRegistry.java: which workers are wanted, and what was said of them.
type book struct {
	epoch  string
	prefix string
	delay  time.Duration

	mu      sync.Mutex
	entries []*entry // in the order in which they were wanted
	nextID  int
	version int64
	// changedAt is the time of the last version.
	changedAt time.Time
	sequence  int64
	taken     int
	ready     bool
	finished  *driver.Finished
	seen      bool
	closed    bool
	// takenIn are the surplus workers that were taken in.
	takenIn map[string]bool
	events  []Event
	change  chan struct{}
	readers []chan struct{}
}

type entry struct {
	worker   driver.Worker
	launched time.Time // zero before the launch
	// withdrawal runs while the worker is kept though Flink gave it back.
	withdrawal *time.Timer
	waiting    string
	waited     bool
}

func newBook(epoch string, o Options) *book {
	return &book{
		epoch:    epoch,
		prefix:   fmt.Sprintf("%s-%s-", o.Prefix, epoch[:4]),
		delay:    max(o.WithdrawDelay, 0),
		nextID:   1,
		version:  1,
		sequence: -1,
		change:   make(chan struct{}),
		takenIn:  make(map[string]bool),
	}
}

func (b *book) want(spec driver.Worker) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.withdrawnLike(spec); e != nil {
		e.withdrawal.Stop()
		e.withdrawal = nil
		if !e.launched.IsZero() {
			b.tell(Event{Kind: Launched, ID: e.worker.ID})
		}
		return e.worker.ID
	}
	for {
		spec.ID = fmt.Sprintf("%s%d", b.prefix, b.nextID)
		b.nextID++
		if b.find(spec.ID) == nil {
			break
		}
	}
	spec.Recovered = false
	spec.RequestedAt = time.Now().UTC()
	b.entries = append(b.entries, &entry{worker: spec})
	b.changed()
	return spec.ID
}

func (b *book) withdrawnLike(spec driver.Worker) *entry {
	var found *entry
	for _, e := range b.entries {
		if e.withdrawal == nil || !sameSize(e.worker, spec) {
			continue
		}
		if !e.launched.IsZero() {
			return e
		}
		if found == nil {
			found = e
		}
	}
	return found
}

func sameSize(a, b driver.Worker) bool {
	return a.CPUs == b.CPUs && a.MemoryBytes == b.MemoryBytes && a.Slots == b.Slots &&
		slices.Equal(a.JVMArguments, b.JVMArguments) &&
		slices.Equal(a.DynamicProperties, b.DynamicProperties) &&
		maps.Equal(a.ExternalResources, b.ExternalResources)
}

func (b *book) release(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.find(id)
	if e == nil || e.withdrawal != nil {
		return
	}
	young := e.launched.IsZero() || time.Since(e.launched) < b.delay
	if e.worker.Recovered || b.delay == 0 || !young {
		b.remove(e)
		return
	}
	var t *time.Timer
	t = time.AfterFunc(b.delay, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if e.withdrawal == t && b.find(id) == e {
			b.remove(e)
		}
	})
	e.withdrawal = t
}

func (b *book) finish(status, diagnostics string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.finished == nil {
		b.finished = &driver.Finished{Status: status, Diagnostics: diagnostics}
		b.changed()
	}
}

func (b *book) wanted() driver.Wanted {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.snapshot()
}

func (b *book) snapshot() driver.Wanted {
	w := driver.Wanted{
		Epoch: b.epoch, Version: b.version, Ready: b.ready,
		Workers: make([]driver.Worker, 0, len(b.entries)), Finished: b.finished,
	}
	for _, e := range b.entries {
		x := e.worker
		x.Launched = !e.launched.IsZero()
		w.Workers = append(w.Workers, x)
	}
	return w
}

// await is a read; false when the book is closed.
func (b *book) await(ctx context.Context, epoch string, after int64, wait time.Duration) (driver.Wanted, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	displaced := make(chan struct{})
	b.readers = append(b.readers, displaced)
	if len(b.readers) > maxReaders {
		close(b.readers[0])
		b.readers = b.readers[1:]
	}
	deadline := time.Now().Add(wait)
	var noticed time.Time
	for waiting := true; waiting && epoch == b.epoch && !b.closed; {
		left := time.Until(deadline)
		if after != b.version {
			if noticed.IsZero() {
				noticed = time.Now()
			}
			left = min(left, time.Until(b.changedAt.Add(quiet)), time.Until(noticed.Add(longestBurst)))
		}
		if left <= 0 {
			break
		}
		change := b.change
		timer := time.NewTimer(left)
		b.mu.Unlock()
		select {
		case <-change:
		case <-displaced:
			waiting = false
		case <-timer.C:
		case <-ctx.Done():
			waiting = false
		}
		timer.Stop()
		b.mu.Lock()
	}
	b.readers = slices.DeleteFunc(b.readers, func(c chan struct{}) bool { return c == displaced })
	return b.snapshot(), !b.closed
}

// report takes what the service says; false when the book is closed.
func (b *book) report(r driver.Report) (a driver.Answer, current, open bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return driver.Answer{}, false, false
	}
	current = r.Epoch == b.epoch
	if current && r.Sequence > b.sequence {
		b.sequence = r.Sequence
		b.taken++
		before := b.version
		b.take(r)
		b.version = min(b.version, before+1) // A report makes one version, whatever it changes.
		b.wake()
	}
	return driver.Answer{Epoch: b.epoch, Version: b.version, Sequence: b.sequence}, current, true
}

func (b *book) take(r driver.Report) {
	said := make(map[string]driver.WorkerStatus, len(r.Workers))
	var order []string
	for _, s := range r.Workers {
		if _, ok := said[s.ID]; !ok {
			order = append(order, s.ID)
		}
		said[s.ID] = s
	}
	if !b.ready {
		b.ready = true
		b.recover(order, said, func(string) bool { return true })
		b.changed()
	} else if b.recover(order, said, b.surplus(said)) {
		b.changed()
	}
	for _, id := range order {
		if e := b.find(id); e != nil {
			b.hear(e, said[id])
		}
	}
	for _, e := range slices.Clone(b.entries) {
		if _, ok := said[e.worker.ID]; !ok && !e.launched.IsZero() {
			b.ended(e, "the service no longer knows it")
		}
	}
	if r.FinishedSeen && b.finished != nil {
		b.seen = true
	}
}

// surplus says which workers are taken in after the first report: those that replace others, each once.
func (b *book) surplus(said map[string]driver.WorkerStatus) func(string) bool {
	return func(id string) bool {
		if !said[id].Surplus || b.takenIn[id] {
			return false
		}
		b.takenIn[id] = true
		return true
	}
}

// recover takes in live workers that were not asked for, and says whether there were any.
func (b *book) recover(order []string, said map[string]driver.WorkerStatus, which func(string) bool) bool {
	before := len(b.entries)
	for _, id := range order {
		if s := said[id].State; s != driver.Launching && s != driver.Running || b.find(id) != nil || !which(id) {
			continue
		}
		now := time.Now().UTC()
		b.entries = append(b.entries, &entry{
			worker: driver.Worker{
				ID: id, RequestedAt: now, Recovered: true,
				JVMArguments: []string{}, DynamicProperties: []string{}, ExternalResources: map[string]int{},
			},
			launched: now,
		})
		b.tell(Event{Kind: Recovered, ID: id})
	}
	return len(b.entries) > before
}

func (b *book) hear(e *entry, s driver.WorkerStatus) {
	switch s.State {
	case driver.Waiting:
		if e.launched.IsZero() && (!e.waited || e.waiting != s.Message) {
			e.waiting, e.waited = s.Message, true
			b.tell(Event{Kind: Logged, ID: s.ID, Message: s.Message})
		}
	case driver.Launching, driver.Running:
		if e.launched.IsZero() {
			e.launched = time.Now()
			if e.withdrawal == nil {
				b.tell(Event{Kind: Launched, ID: s.ID})
			}
		}
	case driver.Terminated:
		b.ended(e, s.Message)
	}
}

func (b *book) ended(e *entry, message string) {
	b.remove(e)
	kind := Terminated
	switch {
	case e.withdrawal != nil:
		return
	case e.launched.IsZero():
		kind = Failed
	}
	b.tell(Event{Kind: kind, ID: e.worker.ID, Message: message})
}

func (b *book) find(id string) *entry {
	for _, e := range b.entries {
		if e.worker.ID == id {
			return e
		}
	}
	return nil
}

func (b *book) remove(e *entry) {
	b.entries = slices.DeleteFunc(b.entries, func(x *entry) bool { return x == e })
	b.changed()
}

func (b *book) changed() {
	b.version++
	b.changedAt = time.Now()
	b.wake()
}

func (b *book) tell(e Event) {
	b.events = append(b.events, e)
	b.wake()
}

func (b *book) wake() {
	close(b.change)
	b.change = make(chan struct{})
}

func (b *book) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for _, e := range b.entries {
		if e.withdrawal != nil {
			e.withdrawal.Stop()
		}
	}
	b.wake()
}

func (b *book) finishSeen() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seen
}

func (b *book) reports() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.taken
}

func (b *book) told() []Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.events)
}

func (b *book) changes() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.change
}
