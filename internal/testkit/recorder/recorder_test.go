package recorder_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/testkit/recorder"
)

// writer makes the files of attempts.
type writer struct {
	t   *testing.T
	dir string
	n   int
}

// attempt writes a file: its start with further fields, then a number at each of the times (ms).
func (w *writer) attempt(start int64, fields string, records ...[2]int64) {
	w.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, `{"event":"start","time":%d,"keys":2,"jobId":"j","parallelism":1,%s}`+"\n", start, fields)
	for _, r := range records {
		fmt.Fprintf(&b, "%d %d\n", r[0], r[1])
	}
	w.file("task", b.String())
}

func (w *writer) file(kind, text string) {
	w.t.Helper()
	w.n++
	if err := os.WriteFile(filepath.Join(w.dir, fmt.Sprintf("%s-%d", kind, w.n)), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func read(t *testing.T, dir string) *recorder.Log {
	t.Helper()
	l, err := recorder.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestQuestions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name           string
		write          func(w *writer)
		gaps, doubles  []recorder.Range
		outage         time.Duration
		first, last    int64
		restored       *recorder.Restored
		overlappedKeys []int64
	}{
		{name: "nothing", write: func(w *writer) {}},
		{
			name: "a stop with a savepoint and a start from it",
			write: func(w *writer) {
				w.attempt(0, `"restored":false`, [2]int64{1, 10}, [2]int64{2, 20}, [2]int64{3, 30})
				w.attempt(2000, `"restored":true,"restoredCheckpoint":7,"restoredProcessed":3`, [2]int64{4, 2030}, [2]int64{5, 2040})
			},
			outage: 2 * time.Second, first: 1, last: 5, restored: &recorder.Restored{Checkpoint: 7, Processed: 3},
		},
		{
			name: "a failure that goes back to a checkpoint",
			write: func(w *writer) {
				w.attempt(0, `"restored":false`, [2]int64{1, 10}, [2]int64{2, 20}, [2]int64{3, 30}, [2]int64{4, 40}, [2]int64{5, 50})
				w.attempt(60, `"restored":true,"restoredCheckpoint":1,"restoredProcessed":2`, [2]int64{3, 80}, [2]int64{4, 90}, [2]int64{5, 100}, [2]int64{6, 110})
			},
			doubles: []recorder.Range{{First: 3, Last: 5}}, outage: 30 * time.Millisecond, first: 1, last: 6, restored: &recorder.Restored{Checkpoint: 1, Processed: 2},
		},
		{
			name: "records that are lost",
			write: func(w *writer) {
				w.attempt(0, `"restored":false`, [2]int64{1, 10}, [2]int64{2, 20}, [2]int64{3, 30})
				w.attempt(40, `"restored":true,"restoredCheckpoint":1,"restoredProcessed":6`, [2]int64{7, 50}, [2]int64{8, 60}, [2]int64{10, 70})
			},
			// 9 is of a key that has reached 7 only: it may be under way.
			gaps: []recorder.Range{{First: 4, Last: 6}}, outage: 20 * time.Millisecond, first: 1, last: 10, restored: &recorder.Restored{Checkpoint: 1, Processed: 6},
		},
		{
			name: "two subtasks, and one that lags",
			write: func(w *writer) {
				w.attempt(0, `"subtask":0`, [2]int64{2, 10}, [2]int64{4, 20}, [2]int64{6, 30})
				w.attempt(0, `"subtask":1`, [2]int64{1, 11}, [2]int64{3, 21})
			},
			outage: 10*time.Millisecond - time.Millisecond, first: 2, last: 6,
		},
		{
			name: "two programs at once, of which only one has both keys",
			write: func(w *writer) {
				w.attempt(0, `"marker":"old"`, [2]int64{1, 10}, [2]int64{2, 20}, [2]int64{3, 30}, [2]int64{5, 50})
				w.attempt(20, `"marker":"new"`, [2]int64{1, 25}, [2]int64{3, 40}, [2]int64{2, 60})
			},
			gaps: nil, doubles: []recorder.Range{{First: 1, Last: 3}}, outage: 10 * time.Millisecond, first: 1, last: 2, overlappedKeys: []int64{1},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := &writer{t: t, dir: t.TempDir()}
			tt.write(w)
			l := read(t, w.dir)
			if diff := cmp.Diff(tt.gaps, l.Gaps()); diff != "" {
				t.Errorf("Gaps() mismatch (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.doubles, l.Doubles()); diff != "" {
				t.Errorf("Doubles() mismatch (-want +got):\n%s", diff)
			}
			if got := l.Outage().Length(); got != tt.outage {
				t.Errorf("Outage() is %s, want %s", got, tt.outage)
			}
			first, _ := l.First()
			last, there := l.Last()
			if first.Number != tt.first || last.Number != tt.last || there != (tt.last != 0) {
				t.Errorf("First() is %+v, Last() %+v, %t; want %d and %d", first, last, there, tt.first, tt.last)
			}
			var restored *recorder.Restored
			if a := l.Latest(); a != nil {
				restored = a.Restored
			}
			if diff := cmp.Diff(tt.restored, restored); diff != "" {
				t.Errorf("restored mismatch (-want +got):\n%s", diff)
			}
			var keys []int64
			for _, o := range l.Overlaps() {
				keys = append(keys, o.Key)
			}
			if diff := cmp.Diff(tt.overlappedKeys, keys); diff != "" {
				t.Errorf("keys of Overlaps() mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	w := &writer{t: t, dir: t.TempDir()}
	w.file("main", `{"event":"main","time":5,"marker":"v2","jobName":"counting","args":["--marker","v2"]}`+"\n")
	w.file("main", `{"event":"main","time":4,"marker":"v1","jobName":"counting","args":[]}`+"\n")
	w.file("task", `{"event":"start","time":20,"marker":"v2","jobId":"b","jobName":"counting","subtask":1,"parallelism":2,"attempt":3,"keys":4,"restored":false}
7 21
{"event":"checkpoint","time":22,"id":9,"processed":1}
{"event":"inconsistent","time":22,"number":12,"last":null}
{"event":"failing","time":23,"recorded":1}
{"event":"close","time":23,"processed":1}
8 2`)
	w.file("task", `{"event":"start","time":10,"jobId":"a","keys":4}`+"\n")
	w.file("task", `{"event":"st`) // Being written.
	want := &recorder.Log{
		Mains: []recorder.Main{
			{Time: time.UnixMilli(4), Marker: "v1", JobName: "counting", Args: []string{}},
			{Time: time.UnixMilli(5), Marker: "v2", JobName: "counting", Args: []string{"--marker", "v2"}},
		},
		Attempts: []*recorder.Attempt{
			{File: "task-4", Start: time.UnixMilli(10), JobID: "a", Keys: 4},
			{
				File: "task-3", Start: time.UnixMilli(20), Marker: "v2", JobID: "b", JobName: "counting", Subtask: 1, Parallelism: 2, Number: 3, Keys: 4,
				Records: []recorder.Record{{Number: 7, Time: time.UnixMilli(21)}}, Checkpoints: []recorder.Checkpoint{{ID: 9, Time: time.UnixMilli(22)}},
				Failed: true, Inconsistencies: 1,
			},
		},
	}
	l := read(t, w.dir)
	if diff := cmp.Diff(want, l); diff != "" {
		t.Errorf("Read() mismatch (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a", "b"}, l.JobIDs()); diff != "" {
		t.Errorf("JobIDs() mismatch (-want +got):\n%s", diff)
	}
	if n := l.Inconsistencies(); n != 1 {
		t.Errorf("Inconsistencies() = %d, want 1", n)
	}
}

func TestReadTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"x 1\n", "1 x\n", "1\n", "{\n", `{"event":"other"}` + "\n", `{"event":"start","time":1}` + "\n"} {
		w := &writer{t: t, dir: t.TempDir()}
		w.file("task", text)
		if _, err := recorder.Read(w.dir); err == nil || !strings.Contains(err.Error(), "task-1, line 1") {
			t.Errorf("Read() of %q: %v", text, err)
		}
	}
	if _, err := recorder.Read(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("Read() of no directory succeeds")
	}
}
