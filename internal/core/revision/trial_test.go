package revision_test

import (
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/revision"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// well is a change that has nothing to be reproached with.
func well() revision.Observation { return revision.Observation{Ready: true, Checkpoint: true} }

// TestJudge tells good changes from bad ones: each line is a second apart from the one before, or as far as it says.
func TestJudge(t *testing.T) {
	t.Parallel()
	ends := func(n int, message string) revision.Observation {
		o := revision.Observation{}
		for i := range n {
			o.Failures = append(o.Failures, wire.Failure{State: task.Failed, Message: message, Launched: time.Unix(int64(100+i), 0)})
		}
		return o
	}
	restarted := func(n int64) revision.Observation {
		o := well()
		o.Restarts = n
		return o
	}
	no := revision.Observation{Ready: true}
	for _, c := range []struct {
		name  string
		trial state.Trial
		u     spec.Upgrade
		// seen are the observations, after how many seconds each.
		seen []revision.Observation
		at   []int
		want revision.Verdict
		why  string
	}{
		{name: "well for long enough", seen: []revision.Observation{well(), well()}, at: []int{1, 11}, want: revision.Good},
		{name: "well, but not for long enough", seen: []revision.Observation{well(), well()}, at: []int{1, 10}},
		{name: "well, with a gap", seen: []revision.Observation{well(), {}, well(), well()}, at: []int{1, 5, 6, 12}},
		{name: "no checkpoint yet", seen: []revision.Observation{no, no}, at: []int{1, 500}},
		{name: "no checkpoint at the deadline", seen: []revision.Observation{no}, at: []int{600}, want: revision.Bad, why: "no checkpoint"},
		{name: "nothing runs at the deadline", seen: []revision.Observation{{}}, at: []int{600}, want: revision.Bad, why: "does not run"},
		{name: "another deadline", u: spec.Upgrade{ProgressDeadline: "1m"}, seen: []revision.Observation{{}}, at: []int{60}, want: revision.Bad, why: "within 1m0s"},
		{name: "a restart begins the time anew", seen: []revision.Observation{restarted(0), restarted(1), restarted(1)}, at: []int{1, 8, 12}},
		{name: "and then it is well", seen: []revision.Observation{restarted(0), restarted(1), restarted(1)}, at: []int{1, 8, 18}, want: revision.Good},
		{name: "restarts that are allowed", u: spec.Upgrade{MaxRestarts: 2}, seen: []revision.Observation{restarted(0), restarted(2), restarted(2)}, at: []int{1, 8, 11}, want: revision.Good},
		{name: "restarts for ever", seen: []revision.Observation{restarted(0), restarted(90)}, at: []int{595, 601}, want: revision.Bad, why: "restarts"},
		{name: "failed", seen: []revision.Observation{{Failed: "main() threw"}}, at: []int{1}, want: revision.Bad, why: "main() threw"},
		{name: "finished", seen: []revision.Observation{{Ended: true}}, at: []int{1}, want: revision.Good},
		{name: "two of an exception", trial: state.Trial{Fault: "boom", Faults: 2}, seen: []revision.Observation{well()}, at: []int{1}},
		{name: "three of an exception", trial: state.Trial{Fault: "boom", Faults: 3}, seen: []revision.Observation{well()}, at: []int{1}, want: revision.Bad, why: "boom"},
		{name: "a refused state", trial: state.Trial{Refused: "There is no operator for the state"}, seen: []revision.Observation{well()}, at: []int{1}, want: revision.Bad, why: "no operator"},
		{name: "a fetch that failed once", seen: []revision.Observation{ends(1, "Failed to fetch all URIs")}, at: []int{1}},
		{name: "a fetch that failed twice", seen: []revision.Observation{ends(2, "Failed to fetch all URIs")}, at: []int{1}, want: revision.Bad, why: "cannot be fetched"},
		{name: "two tasks that ended", seen: []revision.Observation{ends(2, "exited with status 1")}, at: []int{1}},
		{name: "three tasks that ended alike", seen: []revision.Observation{ends(3, "exited with status 1")}, at: []int{1}, want: revision.Bad, why: "status 1"},
	} {
		begin := time.Unix(100, 0)
		trial, verdict, why := c.trial, revision.Undecided, ""
		trial.Since, trial.Restarts = begin, -1
		for i, o := range c.seen {
			if verdict != revision.Undecided {
				t.Errorf("%s: decided before the last look: %s", c.name, why)
			}
			trial, verdict, why = revision.Judge(trial, c.u, o, begin.Add(time.Duration(c.at[i])*time.Second))
		}
		if verdict != c.want || !strings.Contains(why, c.why) {
			t.Errorf("%s: verdict %d because %q, want %d because %q", c.name, verdict, why, c.want, c.why)
		}
	}
}
