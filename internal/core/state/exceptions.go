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

// maxSeen is of how many jobs of a cluster that is remembered.
const maxSeen = 20

// NoteException says whether an exception of a job is new, and remembers it. Exceptions come in the order of their
// times. The caller saves the cluster.
func (c *Cluster) NoteException(job string, e wire.JobException) bool {
	key := e.Task + "\n" + e.Message
	seen := SeenExceptions{Job: job, Time: e.Time, Keys: []string{key}}
	list := slices.Clone(c.SeenExceptions)
	if at := slices.IndexFunc(list, func(s SeenExceptions) bool { return s.Job == job }); at >= 0 {
		old := list[at]
		switch {
		case e.Time.Before(old.Time), e.Time.Equal(old.Time) && slices.Contains(old.Keys, key):
			return false
		case e.Time.Equal(old.Time):
			seen.Keys = append(slices.Clone(old.Keys), key)
		}
		list = slices.Delete(list, at, at+1)
	}
	list = append(list, seen)
	c.SeenExceptions = list[max(0, len(list)-maxSeen):]
	return true
}
