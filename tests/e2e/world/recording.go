package world

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/flink-on-mesos/flink-service/internal/testkit/recorder"
)

// RecordDir is where the demo job Recorder of a test writes to.
func (w *World) RecordDir() string { return filepath.Join(w.dir, "records") }

// Recorded waits until what the Recorder wrote down satisfies a condition.
func (w *World) Recorded(what string, holds func(*recorder.Log) error) *recorder.Log {
	w.t.Helper()
	var l *recorder.Log
	w.Eventually(what, func() error {
		var err error
		if l, err = recorder.Read(w.RecordDir()); err != nil {
			return err // The directory is made by the program.
		}
		return holds(l)
	})
	return l
}

// Records wants the newest attempt, all of its subtasks together, to be of a marker and to have recorded so many numbers.
func Records(marker string, n int) func(*recorder.Log) error {
	return RecordsAfter(0, marker, n)
}

// RecordsAfter is Records of an attempt that came after so many others.
func RecordsAfter(attempts int, marker string, n int) func(*recorder.Log) error {
	return func(l *recorder.Log) error {
		newest := l.Latest()
		switch {
		case newest == nil || newest.Marker != marker:
			return fmt.Errorf("%d attempts, of which the newest is none of %s", len(l.Attempts), marker)
		case len(l.Attempts) <= attempts:
			return errors.New("there is no further attempt")
		}
		have := 0
		for _, a := range l.Attempts {
			if SameAttempt(a, newest) {
				have += len(a.Records)
			}
		}
		if have < n {
			return fmt.Errorf("attempt %d of %s has %d records", newest.Number, marker, have)
		}
		return nil
	}
}

// SameAttempt says whether two subtasks are of one attempt of a job. A new JobManager counts attempts from the beginning: what
// was restored tells them apart.
func SameAttempt(a, b *recorder.Attempt) bool {
	restored := func(a *recorder.Attempt) int64 {
		if a.Restored == nil {
			return 0
		}
		return a.Restored.Checkpoint
	}
	return a.JobID == b.JobID && a.Marker == b.Marker && a.Number == b.Number && restored(a) == restored(b)
}
