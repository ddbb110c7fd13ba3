// Package recorder reads what the demo job Recorder (resources/demo-job) writes down, and computes from it what an
// upgrade, a failure or a move did to the job: records that were lost or processed twice, how long nothing was
// processed, from which state each attempt started, and whether two programs wrote at once. It is for tests.
package recorder

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Main is one run of the program's main method.
type Main struct {
	Time            time.Time
	Marker, JobName string
	Args            []string
}

// Attempt is one attempt of one recording subtask; it has a file of its own.
type Attempt struct {
	File            string
	Start           time.Time
	Marker          string
	JobID, JobName  string
	Subtask         int
	Parallelism     int
	Number          int // Flink's attempt number; 0 for the first.
	Keys            int
	Restored        *Restored // nil when it started without state.
	Records         []Record
	Checkpoints     []Checkpoint
	Failed          bool // It failed on purpose.
	Inconsistencies int  // Records that did not continue the state of their key.
}

// Restored is the state that an attempt started from.
type Restored struct {
	// Checkpoint is the id of the checkpoint or savepoint, -1 when Flink does not tell.
	Checkpoint int64
	// Processed counts the records that the job had processed in that state, all subtasks together.
	Processed int64
}

// Record is one processed number.
type Record struct {
	Number int64
	Time   time.Time
}

// Checkpoint is one that a subtask was told to be complete.
type Checkpoint struct {
	ID   int64
	Time time.Time
}

// Range is a row of numbers, both ends included.
type Range struct{ First, Last int64 }

// Pause is a time in which nothing was recorded.
type Pause struct{ After, Before Record }

// Length is how long it was.
func (p Pause) Length() time.Duration { return p.Before.Time.Sub(p.After.Time) }

// Overlap is a pair of attempts that recorded numbers of the same key in turns.
type Overlap struct {
	A, B *Attempt
	Key  int64
}

// Log is all that was written to a directory.
type Log struct {
	// Mains and Attempts are in the order of their times.
	Mains    []Main
	Attempts []*Attempt
}

// Read reads a directory. It may be written to meanwhile: a last line that is not complete yet is left out.
func Read(dir string) (*Log, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the records: %w", err)
	}
	l := &Log{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read the records: %w", err)
		}
		a := &Attempt{File: e.Name()}
		for n, line := range lines(data) {
			if err := l.add(a, line); err != nil {
				return nil, fmt.Errorf("read the records: %s, line %d: %w", e.Name(), n+1, err)
			}
		}
		if !a.Start.IsZero() {
			l.Attempts = append(l.Attempts, a)
		}
	}
	slices.SortStableFunc(l.Mains, func(a, b Main) int { return a.Time.Compare(b.Time) })
	slices.SortStableFunc(l.Attempts, func(a, b *Attempt) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Subtask, b.Subtask))
	})
	return l, nil
}

// lines are the complete ones.
func lines(data []byte) []string {
	end := bytes.LastIndexByte(data, '\n')
	if end < 0 {
		return nil
	}
	return strings.Split(string(data[:end]), "\n")
}

// event has the fields of all events.
type event struct {
	Event              string   `json:"event"`
	Time               int64    `json:"time"`
	Marker             string   `json:"marker"`
	JobName            string   `json:"jobName"`
	Args               []string `json:"args"`
	JobID              string   `json:"jobId"`
	Subtask            int      `json:"subtask"`
	Parallelism        int      `json:"parallelism"`
	Attempt            int      `json:"attempt"`
	Keys               int      `json:"keys"`
	Restored           bool     `json:"restored"`
	RestoredCheckpoint int64    `json:"restoredCheckpoint"`
	RestoredProcessed  int64    `json:"restoredProcessed"`
	ID                 int64    `json:"id"`
}

func (l *Log) add(a *Attempt, line string) error {
	if !strings.HasPrefix(line, "{") {
		number, at, _ := strings.Cut(line, " ")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return err
		}
		ms, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			return err
		}
		a.Records = append(a.Records, Record{Number: n, Time: time.UnixMilli(ms)})
		return nil
	}
	var e event
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		return err
	}
	at := time.UnixMilli(e.Time)
	switch e.Event {
	case "main":
		l.Mains = append(l.Mains, Main{Time: at, Marker: e.Marker, JobName: e.JobName, Args: e.Args})
	case "start":
		if e.Keys < 1 {
			return fmt.Errorf("the start of an attempt names %d keys", e.Keys)
		}
		a.Start, a.Marker, a.JobID, a.JobName = at, e.Marker, e.JobID, e.JobName
		a.Subtask, a.Parallelism, a.Number, a.Keys = e.Subtask, e.Parallelism, e.Attempt, e.Keys
		if e.Restored {
			a.Restored = &Restored{Checkpoint: e.RestoredCheckpoint, Processed: e.RestoredProcessed}
		}
	case "checkpoint":
		a.Checkpoints = append(a.Checkpoints, Checkpoint{ID: e.ID, Time: at})
	case "failing":
		a.Failed = true
	case "inconsistent":
		a.Inconsistencies++
	case "close":
	default:
		return fmt.Errorf("unknown event %q", e.Event)
	}
	return nil
}

// Latest is the attempt that started last; nil when there is none.
func (l *Log) Latest() *Attempt {
	if len(l.Attempts) == 0 {
		return nil
	}
	return l.Attempts[len(l.Attempts)-1]
}

// JobIDs are the ids under which the program ran, each once, in the order of their first attempts.
func (l *Log) JobIDs() []string {
	var ids []string
	for _, a := range l.Attempts {
		if !slices.Contains(ids, a.JobID) {
			ids = append(ids, a.JobID)
		}
	}
	return ids
}

// Inconsistencies counts the records that did not continue the state of their key, in all attempts.
func (l *Log) Inconsistencies() int {
	n := 0
	for _, a := range l.Attempts {
		n += a.Inconsistencies
	}
	return n
}

// records are those of all attempts, by time.
func (l *Log) records() []Record {
	var all []Record
	for _, a := range l.Attempts {
		all = append(all, a.Records...)
	}
	slices.SortStableFunc(all, func(a, b Record) int { return a.Time.Compare(b.Time) })
	return all
}

// First and Last are the first and the last record by time; false when there is none.
func (l *Log) First() (Record, bool) {
	all := l.records()
	if len(all) == 0 {
		return Record{}, false
	}
	return all[0], true
}

// Last is the last record by time; false when there is none.
func (l *Log) Last() (Record, bool) {
	all := l.records()
	if len(all) == 0 {
		return Record{}, false
	}
	return all[len(all)-1], true
}

// Outage is the longest time in which nothing was recorded, between two records; the zero Pause when there are fewer.
func (l *Log) Outage() Pause {
	var longest Pause
	all := l.records()
	for i := 1; i < len(all); i++ {
		if p := (Pause{After: all[i-1], Before: all[i]}); p.Length() > longest.Length() || i == 1 {
			longest = p
		}
	}
	return longest
}

// times counts how often each number was recorded.
func (l *Log) times() map[int64]int {
	times := map[int64]int{}
	for _, a := range l.Attempts {
		for _, r := range a.Records {
			times[r.Number]++
		}
	}
	return times
}

// Gaps are the numbers from 1 on that nobody recorded, up to the one that each key has reached: subtasks are not equally
// far while the job runs.
func (l *Log) Gaps() []Range {
	reached := map[int64]int64{}
	keys := int64(0)
	for _, a := range l.Attempts {
		keys = max(keys, int64(a.Keys))
		for _, r := range a.Records {
			key := r.Number % int64(a.Keys)
			reached[key] = max(reached[key], r.Number)
		}
	}
	if keys == 0 {
		return nil
	}
	var missing []int64
	times := l.times()
	for key := range keys {
		first := key
		if first == 0 {
			first = keys
		}
		for n := first; n <= reached[key]; n += keys {
			if times[n] == 0 {
				missing = append(missing, n)
			}
		}
	}
	return ranges(missing)
}

// Doubles are the numbers that were recorded more than once. After a failure these are the ones since the restored
// checkpoint; after a stop with a savepoint there are none.
func (l *Log) Doubles() []Range {
	var double []int64
	for n, times := range l.times() {
		if times > 1 {
			double = append(double, n)
		}
	}
	return ranges(double)
}

// ranges joins numbers that follow each other.
func ranges(numbers []int64) []Range {
	slices.Sort(numbers)
	var all []Range
	for _, n := range numbers {
		if len(all) > 0 && all[len(all)-1].Last == n-1 {
			all[len(all)-1].Last = n
			continue
		}
		all = append(all, Range{First: n, Last: n})
	}
	return all
}

// Overlaps are the pairs of attempts that wrote at once: each recorded a number of the same key before the other had
// recorded its last one.
func (l *Log) Overlaps() []Overlap {
	type span struct {
		attempt     *Attempt
		first, last time.Time
	}
	spans := map[int64][]span{}
	for _, a := range l.Attempts {
		own := map[int64]span{}
		for _, r := range a.Records {
			key := r.Number % int64(a.Keys)
			s, ok := own[key]
			if !ok {
				s = span{attempt: a, first: r.Time}
			}
			s.last = r.Time
			own[key] = s
		}
		for key, s := range own {
			spans[key] = append(spans[key], s)
		}
	}
	var all []Overlap
	for key, of := range spans {
		for i, a := range of {
			for _, b := range of[i+1:] {
				if a.first.Before(b.last) && b.first.Before(a.last) {
					all = append(all, Overlap{A: a.attempt, B: b.attempt, Key: key})
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b Overlap) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), a.A.Start.Compare(b.A.Start), a.B.Start.Compare(b.B.Start))
	})
	return all
}
