// Package check says what must hold whatever happens: about each step of the core, and about each state. The
// property tests, the simulations and the replay of a journal ask it; the service itself does not.
package check

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// Step returns what is wrong with a step from before by e to after, which asked for actions; nothing when all promises
// of core.Step are kept. The numbers are those of the promises there.
func Step(before *state.State, e state.Event, actions []state.Action, after *state.State) []string {
	var c problems
	c.order(actions)
	c.acknowledged(e, actions)
	c.offers(e, actions)
	for _, a := range actions {
		switch a := a.(type) {
		case state.Accept:
			for _, l := range a.Launches {
				c.launch(before, after, actions, l)
			}
		case state.Kill:
			if t, ok := after.Tasks.Get([]byte(a.TaskID)); ok && t.Goal != task.Released {
				c.add("%s is killed and is to stay", a.TaskID)
			}
		}
	}
	return append(c, State(after)...)
}

// State returns what is wrong with a state: counts and indexes that disagree with what they count.
func State(s *state.State) []string {
	var c problems
	seen := map[string]*counts{}
	it := s.Tasks.Root().Iterator()
	for id, t, ok := it.Next(); ok; id, t, ok = it.Next() {
		cluster, known := s.Clusters.Get([]byte(t.Cluster))
		if !known || string(id) != t.ID || !bytes.HasPrefix(id, []byte(cluster.Prefix())) {
			c.add("task %s belongs to no cluster", id)
			continue
		}
		if seen[t.Cluster] == nil {
			seen[t.Cluster] = &counts{}
		}
		seen[t.Cluster].take(t)
		if _, killing := s.Killing.Get(id); killing != (t.Goal == task.Released) {
			c.add("task %s is %s, and being killed is %t", id, t.Goal, killing)
		}
		if _, unreachable := s.Unreachable.Get(id); unreachable != (t.State == task.Unreachable) {
			c.add("task %s is %s, and unreachable is %t", id, t.State, unreachable)
		}
	}
	clusters := s.Clusters.Root().Iterator()
	for name, cl, ok := clusters.Next(); ok; name, cl, ok = clusters.Next() {
		want := seen[string(name)]
		if want == nil {
			want = &counts{}
		}
		c.cluster(s, cl, want)
	}
	c.index("busy", s.Busy.Len(), func() (n int) {
		it := s.Busy.Root().Iterator()
		for name, _, ok := it.Next(); ok; name, _, ok = it.Next() {
			if _, known := s.Clusters.Get(name); known {
				n++
			}
		}
		return n
	})
	c.index("killing", s.Killing.Len(), func() (n int) { return sum(seen, func(w *counts) int { return w.releasing }) })
	c.index("unreachable", s.Unreachable.Len(), func() (n int) { return sum(seen, func(w *counts) int { return w.unreachable }) })
	return c
}

// problems is what is wrong.
type problems []string

func (c *problems) add(format string, args ...any) { *c = append(*c, fmt.Sprintf(format, args...)) }

// rank is the place of an action in the order that is promised: what is saved, what relies on it, acknowledgements, answers.
func rank(a state.Action) int {
	switch a.(type) {
	case state.Save:
		return 0
	case state.Ack:
		return 2
	case state.Answer:
		return 3
	}
	return 1
}

// order checks promise 2, and that acknowledgements come last but for answers, of promise 3.
func (c *problems) order(actions []state.Action) {
	if !slices.IsSortedFunc(actions, func(a, b state.Action) int { return rank(a) - rank(b) }) {
		c.add("the actions are not in the order save, act, acknowledge, answer: %T", actions)
	}
}

// acknowledged checks promise 3.
func (c *problems) acknowledged(e state.Event, actions []state.Action) {
	u, ok := e.(state.Updated)
	want, have := 0, 0
	if ok && len(u.UUID) > 0 {
		want = 1
	}
	for _, a := range actions {
		if a, ok := a.(state.Ack); ok {
			have++
			if !bytes.Equal(a.UUID, u.UUID) || a.TaskID != u.TaskID {
				c.add("%s is acknowledged, and %s was updated", a.TaskID, u.TaskID)
			}
		}
	}
	if have != want {
		c.add("an update is acknowledged %d times, want %d", have, want)
	}
}

// offers checks promise 4.
func (c *problems) offers(e state.Event, actions []state.Action) {
	var came, gone []string
	if o, ok := e.(state.Offered); ok {
		for _, o := range o.Offers {
			came = append(came, o.ID)
		}
	}
	for _, a := range actions {
		switch a := a.(type) {
		case state.Accept:
			gone = append(gone, a.OfferIDs...)
		case state.Decline:
			gone = append(gone, a.OfferIDs...)
		}
	}
	slices.Sort(came)
	slices.Sort(gone)
	if !slices.Equal(came, gone) {
		c.add("the offers %v came, and %v were used or declined", came, gone)
	}
}

// launch checks promises 2 and 7 for a task that is launched.
func (c *problems) launch(before, after *state.State, actions []state.Action, l state.Launch) {
	saved := false
	for _, a := range actions {
		if s, ok := a.(state.Save); ok {
			saved = slices.ContainsFunc(s.Records, func(r state.Record) bool { return r.Key == state.TaskPrefix+l.Task.ID && r.Value != nil })
		}
	}
	if t, ok := after.Tasks.Get([]byte(l.Task.ID)); !saved || !ok || t.Goal != task.Launched {
		c.add("%s is launched and was not saved", l.Task.ID)
	}
	if _, ok := before.Tasks.Get([]byte(l.Task.ID)); ok {
		c.add("%s is launched twice", l.Task.ID)
	}
	cl, ok := after.Clusters.Get([]byte(l.Task.Cluster))
	if !ok || cl.Submission == nil {
		return
	}
	after.Tasks.Root().WalkPrefix([]byte(cl.Prefix()), func(_ []byte, t *task.Task) bool {
		if t.Generation < cl.Submission.Generation && t.Live() && (l.Task.Kind == spec.TaskManagerTask || t.Kind == spec.JobManagerTask) {
			c.add("%s is launched for submission %d, and %s of an earlier one has not ended", l.Task.ID, cl.Submission.Number, t.ID)
		}
		return false
	})
}

// counts are those of the tasks of one cluster.
type counts struct {
	jobManagers                                   []string
	taskManagers, running, releasing, unreachable int
}

func (w *counts) take(t *task.Task) {
	if t.State == task.Unreachable {
		w.unreachable++
	}
	if t.Goal == task.Released {
		w.releasing++
	}
	switch {
	case t.Kind == spec.JobManagerTask:
		w.jobManagers = append(w.jobManagers, t.ID)
	case t.Goal == task.Launched:
		w.taskManagers++
		if t.State == task.Running {
			w.running++
		}
	}
}

func sum(all map[string]*counts, of func(*counts) int) (n int) {
	for _, w := range all {
		n += of(w)
	}
	return n
}

// cluster compares what a cluster says of its tasks with the tasks.
func (c *problems) cluster(s *state.State, cl *state.Cluster, want *counts) {
	name := cl.Spec.Name
	if cl.TaskManagers != want.taskManagers || cl.Running != want.running || cl.Releasing != want.releasing {
		c.add("cluster %s counts %d TaskManagers, %d of them running, and %d released tasks; there are %d, %d and %d",
			name, cl.TaskManagers, cl.Running, cl.Releasing, want.taskManagers, want.running, want.releasing)
	}
	if have := slices.Sorted(slices.Values(cl.JobManagers)); !slices.Equal(have, slices.Sorted(slices.Values(want.jobManagers))) {
		c.add("cluster %s lists the JobManagers %v; there are %v", name, cl.JobManagers, want.jobManagers)
	}
	c.revisions(s, cl)
	waiting := 0
	it := cl.Pending.Root().Iterator()
	for id, w, ok := it.Next(); ok; id, w, ok = it.Next() {
		if w.Role == spec.JobManagerTask {
			waiting++
		}
		if _, launched := s.Tasks.Get(id); launched {
			c.add("%s waits for a place and is launched", id)
		}
	}
	if waiting != cl.PendingJobManagers {
		c.add("cluster %s counts %d JobManagers that wait; there are %d", name, cl.PendingJobManagers, waiting)
	}
	if listed, busy := s.Busy.Get([]byte(name)); busy != cl.Busy() || busy && listed != cl {
		c.add("cluster %s is busy: %t, and its place in the index says %t", name, cl.Busy(), busy)
	}
}

// revisions checks that the newest revision that was not given up has the spec that was asked for. A service that is
// uninstalled suspends its clusters by itself.
func (c *problems) revisions(s *state.State, cl *state.Cluster) {
	for _, r := range slices.Backward(s.RevisionsOf(cl.Spec.Name)) {
		if s.Options.Uninstall || r.Outcome == "ABORTED" || r.Outcome == "SUPERSEDED" {
			continue
		}
		asked := cl.RequestedSpec()
		if cl.Rollout != nil && cl.Rollout.Delete {
			asked = cl.Spec
		}
		if !r.Spec.Equal(asked) {
			c.add("revision %d of cluster %s does not have the spec that was asked for", r.Number, cl.Spec.Name)
		}
		return
	}
	if !s.Options.Uninstall {
		c.add("cluster %s has no revision", cl.Spec.Name)
	}
}

// index compares the size of an index with the number of what belongs there.
func (c *problems) index(name string, have int, count func() int) {
	if want := count(); have != want {
		c.add("the index %s has %d entries, want %d", name, have, want)
	}
}
