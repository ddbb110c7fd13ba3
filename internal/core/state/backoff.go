package state

import (
	"fmt"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// Bounds of the delay between starts that fail one after the other.
const (
	backoffFirst = time.Second
	BackoffMost  = 5 * time.Minute
	// BackoffForget is how long a task must live for its end to count as a first failure again.
	BackoffForget = time.Minute
	// AvoidAfter is how many failed starts in a row make an agent avoided.
	AvoidAfter = 3
	// AgentHalfLife is the time in which half of an agent's failed starts are forgotten.
	AgentHalfLife = 10 * time.Minute
)

// Holds says that the next launch has to wait.
func (b Backoff) Holds(now time.Time) bool { return now.Before(b.Until) }

// BackoffOf returns the back-off of a kind of task.
func (c *Cluster) BackoffOf(role spec.TaskKind) *Backoff {
	if role == spec.JobManagerTask {
		return &c.JobManagerBackoff
	}
	return &c.TaskManagerBackoff
}

// Fail counts a task that ended by itself. The first failure in a row costs no time; then the
// delay doubles from a second to five minutes. Tasks that were under way together fail as one: twenty that a
// restart of the service left without their files say no more than one does.
func (b Backoff) Fail(t *task.Task, why string, now time.Time) Backoff {
	b.Reason = why
	if t.Launched.Before(b.counted) {
		return b
	}
	if now.Sub(t.Launched) >= BackoffForget {
		b.Failures = 0
	}
	b.Failures++
	b.counted = now
	if b.Failures > 1 {
		b.Until = now.Add(min(BackoffMost, backoffFirst<<min(b.Failures-2, 20)))
	}
	return b
}

// Describe says how often starts failed in a row, and how the last one did.
func (b Backoff) Describe() string {
	return fmt.Sprintf("%d starts failed in a row, the next is tried at %s; the last: %s",
		b.Failures, b.Until.UTC().Format("15:04:05Z"), b.Reason)
}

// Backoff counts starts that failed one after the other.
type Backoff struct {
	Failures int
	// counted is when the last failure was counted.
	counted time.Time
	Until   time.Time
	Reason  string
}
