package state

import (
	"slices"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// SeenExceptions remember which exceptions of a job were told, so that each is told once, also after a restart.
type SeenExceptions struct {
	// Job is Flink's id of the job, and Time that of its newest exception.
	Job  string    `json:"job"`
	Time time.Time `json:"time"`
	// Keys tell apart the exceptions of that time.
	Keys []string `json:"keys"`
}

// Note says whether an exception of a job is new, and returns what is to be remembered then. Exceptions come in the
// order of their times.
func (s *SeenExceptions) Note(job string, e wire.JobException) (*SeenExceptions, bool) {
	key := e.Task + "\n" + e.Message
	switch {
	case s == nil || s.Job != job || e.Time.After(s.Time):
		return &SeenExceptions{Job: job, Time: e.Time, Keys: []string{key}}, true
	case e.Time.Before(s.Time) || slices.Contains(s.Keys, key):
		return s, false
	}
	return &SeenExceptions{Job: job, Time: s.Time, Keys: append(slices.Clone(s.Keys), key)}, true
}
