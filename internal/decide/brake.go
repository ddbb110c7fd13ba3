package decide

import (
	"fmt"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// Bounds of the delay between starts that fail one after the other.
const (
	brakeFirst = time.Second
	brakeMost  = 5 * time.Minute
	// brakeForget is how long a task must live for its end to count as a first failure again.
	brakeForget = time.Minute
	// avoidAfter is how many failed starts in a row make an agent avoided.
	avoidAfter = 3
	// agentHalfLife is the time in which half of an agent's failed starts are forgotten.
	agentHalfLife = 10 * time.Minute
)

func (b brake) holds(now time.Time) bool { return now.Before(b.until) }

func (c *Cluster) brakeOf(role spec.TaskKind) *brake {
	if role == spec.JobManagerTask {
		return &c.jobManagerBrake
	}
	return &c.taskManagerBrake
}

// fail counts a task that ended by itself. The first failure in a row costs no time; then the
// delay doubles from a second to five minutes. Tasks that were under way together fail as one: twenty that a
// restart of the service left without their files say no more than one does.
func (b brake) fail(t *task.Task, why string, now time.Time) brake {
	b.reason = why
	if t.Launched.Before(b.counted) {
		return b
	}
	if now.Sub(t.Launched) >= brakeForget {
		b.failures = 0
	}
	b.failures++
	b.counted = now
	if b.failures > 1 {
		b.until = now.Add(min(brakeMost, brakeFirst<<min(b.failures-2, 20)))
	}
	return b
}

// blame remembers a failed start with its agent, and avoids the agent for a while when starts
// keep failing there. A start that worked clears it, and so does time.
func (st *step) blame(t *task.Task) {
	old, ok := st.agents.Get([]byte(t.AgentID))
	if !ok {
		return
	}
	if t.Launched.Before(old.counted) {
		return // It was under way with one that is counted.
	}
	a := *old
	a.failures = a.failures>>min(int(st.now.Sub(a.counted)/agentHalfLife), 30) + 1
	a.counted = st.now
	if a.failures >= avoidAfter {
		a.avoid = st.now.Add(min(brakeMost, 10*time.Second<<min(a.failures-avoidAfter, 20)))
	}
	st.agents.Insert([]byte(a.ID), &a)
}

// avoided says that an agent is left out for a while.
func avoided(a *Agent) string {
	return fmt.Sprintf("starts failed on this agent; avoided until %s", a.avoid.UTC().Format("15:04:05Z"))
}

// trust forgets the failures of an agent on which a task came to run.
func (st *step) trust(id string) {
	if old, ok := st.agents.Get([]byte(id)); ok && old.failures > 0 {
		a := *old
		a.failures, a.avoid = 0, time.Time{}
		st.agents.Insert([]byte(id), &a)
	}
}

// lastWords says how often starts failed in a row, and how the last one did.
func (b brake) lastWords() string {
	return fmt.Sprintf("%d starts failed in a row, the next is tried at %s; the last: %s",
		b.failures, b.until.UTC().Format("15:04:05Z"), b.reason)
}
