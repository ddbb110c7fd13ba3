package revision

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

const (
	// sameFaults is how often the same exception, or the same end of a task, makes a change a bad one.
	sameFaults = 3
	// sameFetches is the same for files that cannot be fetched: what fails once may be the network's fault.
	sameFetches = 2
)

// Verdict is what is known of a revision on trial.
type Verdict int

// The verdicts.
const (
	Undecided Verdict = iota
	Good
	Bad
)

// Observation is what a revision on trial is judged by.
type Observation struct {
	// Failed is why the cluster failed for good, Ended that its job has finished.
	Failed string
	Ended  bool
	// Ready says that everything runs that is to run, the job with all of its subtasks.
	Ready bool
	// Checkpoint says that a checkpoint was completed, or that none is asked for.
	Checkpoint bool
	// Restarts counts those of the job; -1 while that is not known.
	Restarts int64
	// Failures are the last tasks of the cluster that ended without being asked to.
	Failures []wire.Failure
}

// Judge folds an observation into a trial and says what is known of the revision then, and why.
func Judge(t state.Trial, u spec.Upgrade, o Observation, now time.Time) (state.Trial, Verdict, string) {
	if why := early(t, o); why != "" {
		return t, Bad, why
	}
	well := o.Ready && o.Checkpoint
	switch {
	case o.Ended:
		return t, Good, ""
	case !well:
		t.Healthy = time.Time{}
	case t.Healthy.IsZero() || o.Restarts-t.Restarts > int64(u.MaxRestarts):
		t.Healthy, t.Restarts = now, o.Restarts
	}
	if !t.Healthy.IsZero() && now.Sub(t.Healthy) >= u.Healthy() {
		return t, Good, ""
	}
	if now.Sub(t.Since) >= u.Deadline() {
		return t, Bad, fmt.Sprintf("it was not healthy for %s within %s: %s", u.Healthy(), u.Deadline(), missing(t, o))
	}
	return t, Undecided, ""
}

// early is why a change is known to be bad before its deadline; empty when it is not.
func early(t state.Trial, o Observation) string {
	if o.Failed != "" {
		return o.Failed
	}
	if t.Refused != "" {
		return "the state cannot be restored: " + t.Refused
	}
	if t.Faults >= sameFaults {
		return fmt.Sprintf("the same exception came %d times: %s", t.Faults, t.Fault)
	}
	same := map[string]int{}
	for _, f := range o.Failures {
		if f.Launched.Before(t.Since) || f.State != task.Failed || f.Message == "" {
			continue
		}
		same[f.Message]++
		switch n := same[f.Message]; {
		case n >= sameFetches && strings.Contains(strings.ToLower(f.Message), "fetch"):
			return fmt.Sprintf("its files cannot be fetched: %s", f.Message)
		case n >= sameFaults:
			return fmt.Sprintf("%d tasks ended alike: %s", n, f.Message)
		}
	}
	return ""
}

// missing is what a change on trial lacks.
func missing(t state.Trial, o Observation) string {
	switch {
	case !o.Ready && t.Fault != "":
		return "it does not run, the last exception was " + t.Fault
	case !o.Ready:
		return "it does not run with all of its tasks and subtasks"
	case !o.Checkpoint:
		return "it has completed no checkpoint"
	}
	return "its job restarts"
}

// numbers are what differs in messages about the same.
var numbers = regexp.MustCompile(`[0-9a-f]{16,}|[0-9]+`)

// refusals are parts of the messages of Flink that say that a state does not fit a program (StateAssignmentOperation,
// Checkpoints, StateSerializerProvider, RegisteredOperatorStateBackendMetaInfo).
var refusals = []string{
	"Failed to rollback to checkpoint/savepoint", "Cannot map checkpoint/savepoint state", "There is no operator for the state",
	"must not be incompatible", "StateMigrationException", "The maximum parallelism", "Cannot restore from",
}

// Fault notes an exception of the job of a cluster whose present revision is on trial.
func Fault(tx *state.Tx, c *state.Cluster, message string) {
	r := OnTrial(&tx.State, c)
	if r == nil {
		return
	}
	n, t := *r, *r.Trial
	n.Trial = &t
	for _, part := range refusals {
		if strings.Contains(message, part) && t.Refused == "" {
			t.Refused = message
		}
	}
	if t.Fault != "" && numbers.ReplaceAllString(t.Fault, "#") == numbers.ReplaceAllString(message, "#") {
		t.Faults++
	} else {
		t.Fault, t.Faults = message, 1
	}
	tx.SetRevision(n)
}

// OnTrial is the present revision of a cluster while it is not known to be good or bad; nil for none.
func OnTrial(s *state.State, c *state.Cluster) *state.Revision {
	if !c.Spec.Upgrade.Watched() {
		return nil
	}
	r := Current(s.RevisionsOf(c.Spec.Name), c)
	if r == nil || r.Trial == nil || r.Trial.Held != "" {
		return nil
	}
	return r
}

// begin puts a revision that has just been applied on trial, when changes are watched and there is one to go back to. One
// that came while the one before was on trial goes on with that trial: neither is known to be good.
func begin(list []*state.Revision, c *state.Cluster, r *state.Revision, now time.Time) {
	if !c.Spec.Upgrade.Watched() || r.Spec.Suspended || r.Trial != nil {
		return
	}
	before := previous(list, r.Number)
	unknown := before != nil && before.Trial != nil && before.Trial.Held == ""
	if r.Class != wire.ClassRestart {
		if unknown {
			t := *before.Trial
			r.Trial = &t
		}
		return
	}
	target := LastStable(list)
	if target == nil || target.Number >= r.Number || Again(target.Spec, c.Spec).Equal(c.Spec) {
		return
	}
	r.Trial = &state.Trial{Since: now, Target: target.Number, Restarts: -1}
}

// previous is the newest revision before a number that ran; nil for none.
func previous(list []*state.Revision, number int64) *state.Revision {
	for _, r := range slices.Backward(list) {
		if r.Number < number && (applied(r) || r.Start != nil || r.Trial != nil) {
			return r
		}
	}
	return nil
}

// beginState notes where the job of a revision on trial began: with the state that the last stable program left, or, when
// the revision before was on trial as well, with one that a program has left that is not known to be good.
func beginState(list []*state.Revision, r *state.Revision, start wire.Restore) {
	if r.Trial == nil || r.Trial.Own.Kind != "" {
		return
	}
	t := *r.Trial
	t.Own = start
	if before := previous(list, r.Number); before != nil && before.Trial != nil && before.Trial.Own.Kind != "" {
		t.Own = before.Trial.Own
	}
	r.Trial = &t
}

// RolledBack is the revision with a spec that was rolled back, and whose rollback is the present one; nil for none.
func RolledBack(s *state.State, c *state.Cluster, next spec.Spec) *state.Revision {
	list := s.RevisionsOf(c.Spec.Name)
	if r := Asked(list, Current(list, c)); r != nil && r.Spec.Equal(next) {
		return r
	}
	return nil
}

// Asked is the revision that was asked for and rolled back, when the present one is its rollback; nil for none.
func Asked(list []*state.Revision, current *state.Revision) *state.Revision {
	if current == nil || current.Kind != wire.OperationRollback {
		return nil
	}
	for _, r := range slices.Backward(list) {
		if r.Number < current.Number && r.Outcome == wire.RevisionRolledBack && r.Kind != wire.OperationRollback {
			return r
		}
	}
	return nil
}
