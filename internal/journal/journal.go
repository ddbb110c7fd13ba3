// Package journal keeps the last events and actions of the core in a ring of files, for people who look into an
// incident and for replaying it. It never holds the core up: what it cannot write in time it counts and leaves out.
package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// Options configure a Journal.
type Options struct {
	// Dir takes the files. It is made when missing, readable by its owner only.
	Dir string
	// Files and FileBytes bound the ring; 8 files of 4 MiB when 0.
	Files     int
	FileBytes int64
	// Masked hides the secrets of a spec; required, because specs are parts of events.
	Masked func(spec.Spec) spec.Spec
	Log    *slog.Logger
}

func (o *Options) validate() error {
	if o.Dir == "" || o.Masked == nil || o.Log == nil {
		return errors.New("journal: Dir, Masked and Log are required")
	}
	if o.Files == 0 {
		o.Files = 8
	}
	if o.FileBytes == 0 {
		o.FileBytes = 4 << 20
	}
	return nil
}

// Entry is one line.
type Entry struct {
	Time time.Time `json:"time"`
	// Event is its type, such as Updated. Start is written when a process begins: Data is then what it loaded.
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data,omitempty"`
	// Actions are what followed, in words.
	Actions []string `json:"actions,omitempty"`
	// Missing counts the entries before this one that could not be written in time.
	Missing int `json:"missing,omitempty"`
}

// Start is the event type of an entry that holds what a process loaded.
const Start = "Start"

const (
	// queued is how many entries may wait to be written.
	queued = 4096
	// maxEntry bounds one entry, in bytes; larger data is left out, which a batch of thousands of offers is.
	maxEntry = 256 << 10
)

// Journal writes entries.
type Journal struct {
	o     Options
	queue chan pending
	done  chan struct{}

	mu      sync.Mutex
	missing int
	closed  bool

	file *os.File
	size int64
}

type pending struct {
	at      time.Time
	event   any
	name    string
	actions []state.Action
	missing int
}

// New opens the ring and goes on behind its newest file.
func New(o Options) (*Journal, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &Journal{o: o, queue: make(chan pending, queued), done: make(chan struct{})}
	if err := j.rotate(); err != nil {
		return nil, err
	}
	go j.write()
	return j, nil
}

// Begin notes what a process loaded, from which its events can be replayed.
func (j *Journal) Begin(at time.Time, stored state.Stored) {
	stored.Clusters = slices.Clone(stored.Clusters)
	for i := range stored.Clusters {
		c := &stored.Clusters[i]
		c.Spec = j.o.Masked(c.Spec)
		if c.Rollout != nil {
			change := *c.Rollout
			change.Spec = j.o.Masked(change.Spec)
			c.Rollout = &change
		}
		if c.Submission != nil && c.Submission.Lookup != nil {
			submission, lookup := *c.Submission, *c.Submission.Lookup
			lookup.Spec = j.o.Masked(lookup.Spec)
			submission.Lookup, c.Submission = &lookup, &submission
		}
		c.OldNamespaces = slices.Clone(c.OldNamespaces)
		for k := range c.OldNamespaces {
			c.OldNamespaces[k].Spec = j.o.Masked(c.OldNamespaces[k].Spec)
		}
	}
	stored.Leftovers = slices.Clone(stored.Leftovers)
	for i := range stored.Leftovers {
		stored.Leftovers[i].Spec = j.o.Masked(stored.Leftovers[i].Spec)
	}
	stored.Revisions = slices.Clone(stored.Revisions)
	for i := range stored.Revisions {
		stored.Revisions[i].Spec = j.o.Masked(stored.Revisions[i].Spec)
	}
	j.put(pending{at: at, event: stored, name: Start})
}

// Observe notes an event and its actions; it is loop.Options.Observe and does not wait. A tick without actions
// changed nothing and is left out.
func (j *Journal) Observe(at time.Time, e state.Event, actions []state.Action) {
	if _, tick := e.(state.Ticked); tick && len(actions) == 0 {
		return
	}
	if put, ok := e.(state.PutCluster); ok {
		put.Spec = j.o.Masked(put.Spec)
		e = put
	}
	j.put(pending{at: at, event: e, name: name(e), actions: actions})
}

func (j *Journal) put(p pending) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return
	}
	p.missing = j.missing
	select {
	case j.queue <- p:
		j.missing = 0
	default:
		j.missing++
	}
}

// Close writes what is queued.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	close(j.queue)
	j.mu.Unlock()
	<-j.done
	return j.file.Close()
}

func (j *Journal) write() {
	defer close(j.done)
	failing := false
	for p := range j.queue {
		err := j.append(p)
		if err != nil && !failing {
			j.o.Log.Warn("the journal cannot be written; the service goes on without it", "error", err)
		}
		failing = err != nil
	}
}

func (j *Journal) append(p pending) error {
	e := Entry{Time: p.at, Event: p.name, Missing: p.missing}
	for _, a := range p.actions {
		e.Actions = append(e.Actions, Words(a))
	}
	data, err := json.Marshal(p.event)
	if err != nil {
		return fmt.Errorf("event %s: %w", p.name, err)
	}
	if len(data) <= maxEntry {
		e.Data = data
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if j.size > j.o.FileBytes {
		if err := j.rotate(); err != nil {
			return err
		}
	}
	n, err := j.file.Write(append(line, '\n'))
	j.size += int64(n)
	return err
}

// rotate begins a new file and removes the oldest.
func (j *Journal) rotate() error {
	names, err := files(j.o.Dir)
	if err != nil {
		return err
	}
	next := 1
	if len(names) > 0 {
		if _, err := fmt.Sscanf(filepath.Base(names[len(names)-1]), pattern, &next); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		next++
	}
	for len(names) >= j.o.Files {
		if err := os.Remove(names[0]); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		names = names[1:]
	}
	f, err := os.OpenFile(filepath.Join(j.o.Dir, fmt.Sprintf(pattern, next)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if j.file != nil {
		if err := j.file.Close(); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	j.file, j.size = f, 0
	return nil
}

// pattern names the files, so that their order is that of their names.
const pattern = "journal-%08d.jsonl"

// files lists the ring, the oldest first.
func files(dir string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(dir, "journal-*.jsonl"))
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	slices.Sort(names)
	return names, nil
}

// Read returns the last entries, the oldest first, at most limit; all when limit is 0. A line that was cut off by a
// crash is left out.
func Read(dir string, limit int) ([]Entry, error) {
	names, err := files(dir)
	if err != nil {
		return nil, err
	}
	var all []Entry
	for _, n := range slices.Backward(names) {
		some, err := readFile(n)
		if err != nil {
			return nil, err
		}
		all = append(some, all...)
		if limit > 0 && len(all) >= limit {
			return all[len(all)-limit:], nil
		}
	}
	return all, nil
}

func readFile(name string) ([]Entry, error) {
	lines, err := readLines(name)
	if err != nil {
		return nil, err
	}
	var all []Entry
	for _, line := range lines {
		var e Entry
		if json.Unmarshal(line, &e) == nil {
			all = append(all, e)
		}
	}
	return all, nil
}

// Tail returns the last entries that contain a text, the oldest first and at most limit, as they stand in the ring:
// each is the JSON of an Entry. Together they have at most maxBytes bytes; what is older is left out first. A line that
// was cut off by a crash is left out.
func Tail(dir, text string, limit, maxBytes int) ([]json.RawMessage, error) {
	names, err := files(dir)
	if err != nil {
		return nil, err
	}
	var found []json.RawMessage
	for _, n := range slices.Backward(names) {
		lines, err := readLines(n)
		if err != nil {
			return nil, err
		}
		for _, line := range slices.Backward(lines) {
			if text != "" && !bytes.Contains(line, []byte(text)) || !json.Valid(line) {
				continue
			}
			maxBytes -= len(line)
			if len(found) == limit || maxBytes < 0 {
				slices.Reverse(found)
				return found, nil
			}
			found = append(found, line)
		}
	}
	slices.Reverse(found)
	return found, nil
}

// readLines reads a file of the ring.
func readLines(name string) ([][]byte, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // It was the oldest, and the ring went on.
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n")), nil
}

// name is the type of an event or action without its package.
func name(v any) string { return strings.TrimPrefix(fmt.Sprintf("%T", v), "state.") }

// Words says what an action does, without secrets.
func Words(a state.Action) string {
	switch a := a.(type) {
	case state.Save:
		keys := make([]string, len(a.Records))
		for i, r := range a.Records {
			keys[i] = r.Key
		}
		return "save " + strings.Join(keys, " ")
	case state.Accept:
		ids := make([]string, len(a.Launches))
		for i := range a.Launches {
			ids[i] = a.Launches[i].Task.ID
		}
		text := "accept on " + a.AgentID + ": " + strings.Join(ids, " ")
		if n := len(a.Destroy) + len(a.Unreserve); n > 0 {
			text += fmt.Sprintf(" (gives back %d reserved resources and volumes)", n)
		}
		return text
	case state.Decline:
		return fmt.Sprintf("decline %d offers: %s", len(a.OfferIDs), a.Reason)
	case state.Kill:
		return "kill " + a.TaskID
	case state.Ack:
		return "acknowledge " + a.TaskID
	case state.Reconcile:
		return fmt.Sprintf("reconcile %d tasks", len(a.Tasks))
	case state.Watch:
		return "watch " + a.JobManager.ID
	case state.OperationChanged:
		return fmt.Sprintf("operation %d %s: %s", a.Operation.ID, a.Operation.Kind, a.Operation.State)
	case state.RecordEvent:
		return "note " + a.Event.Type + ": " + a.Event.Message
	case state.Answer:
		if a.Err != nil {
			return "answer: " + a.Err.Error()
		}
		return "answer"
	}
	return strings.ToLower(name(a))
}
