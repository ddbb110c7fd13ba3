package check_test

import (
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/check"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// step is a good one: offers come, and a JobManager and a TaskManager are launched.
func step(t *testing.T) (before state.State, e state.Event, actions []state.Action, after state.State) {
	t.Helper()
	now := time.Unix(0, 0)
	s := core.New(state.Options{}, state.Stored{}, now)
	s, _ = core.Step(s, state.Subscribed{FrameworkID: "f"}, now)
	s, _ = core.Step(s, state.PutCluster{Nonce: "aaaa", Spec: spec.Spec{
		Name: "demo", Kind: spec.Application, Allocation: spec.Static, TaskManagers: spec.TaskManagers{Count: 1},
		Job:         &spec.JobSpec{JarURI: "file:///a.jar"},
		JobManager:  spec.JobManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}},
		TaskManager: spec.TaskManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}},
	}}, now)
	o := offer.Offer{ID: "o1", AgentID: "a1", Hostname: "h1", Resources: []offer.Resource{
		{Name: "cpus", Scalar: offer.ToMilli(8), AllocationRole: "*"},
		{Name: "mem", Scalar: offer.ToMilli(8192), AllocationRole: "*"},
		{Name: "disk", Scalar: offer.ToMilli(8192), AllocationRole: "*"},
		{Name: "ports", Ranges: []offer.Range{{Begin: 31000, End: 31099}}, AllocationRole: "*"},
	}}
	e = state.Offered{Offers: []offer.Offer{o}}
	after, actions = core.Step(s, e, now)
	if after.Tasks.Len() != 2 {
		t.Fatalf("%d tasks are launched, want 2", after.Tasks.Len())
	}
	return s, e, actions, after
}

// Every promise that a step can break is noticed.
func TestStep(t *testing.T) {
	t.Parallel()
	edit := func(s *state.State, change func(*state.Cluster)) {
		old, _ := s.Clusters.Get([]byte("demo"))
		c := *old
		change(&c)
		s.Clusters, _, _ = s.Clusters.Insert([]byte("demo"), &c)
	}
	for _, tt := range []struct {
		name, want string
		spoil      func(before *state.State, e *state.Event, actions *[]state.Action, after *state.State)
	}{
		{"good", "", func(*state.State, *state.Event, *[]state.Action, *state.State) {}},
		{"saved after it is sent", "order", func(_ *state.State, _ *state.Event, a *[]state.Action, _ *state.State) {
			*a = append((*a)[1:len(*a):len(*a)], (*a)[0])
		}},
		{"not saved", "was not saved", func(_ *state.State, _ *state.Event, a *[]state.Action, _ *state.State) { *a = (*a)[1:] }},
		{"an offer is held", "were used or declined", func(_ *state.State, e *state.Event, _ *[]state.Action, _ *state.State) {
			*e = state.Offered{Offers: append((*e).(state.Offered).Offers, offer.Offer{ID: "o2"})}
		}},
		{"acknowledged without an update", "acknowledged", func(_ *state.State, _ *state.Event, a *[]state.Action, _ *state.State) {
			*a = append((*a)[:len(*a):len(*a)], state.Ack{TaskID: "x", UUID: []byte("u")})
		}},
		{"killed and to stay", "is killed", func(_ *state.State, _ *state.Event, a *[]state.Action, _ *state.State) {
			*a = append((*a)[:len(*a):len(*a)], state.Kill{TaskID: "demo-aaaa-jm-1"})
		}},
		{"launched twice", "launched twice", func(before *state.State, _ *state.Event, _ *[]state.Action, after *state.State) {
			before.Tasks = after.Tasks
		}},
		{"two programs at once", "of an earlier one has not ended", func(_ *state.State, _ *state.Event, _ *[]state.Action, after *state.State) {
			edit(after, func(c *state.Cluster) { s := *c.Submission; s.Generation = 2; c.Submission = &s })
		}},
		{"a wrong count", "counts 7 TaskManagers", func(_ *state.State, _ *state.Event, _ *[]state.Action, after *state.State) {
			edit(after, func(c *state.Cluster) { c.TaskManagers = 7 })
		}},
		{"a JobManager that is not listed", "lists the JobManagers", func(_ *state.State, _ *state.Event, _ *[]state.Action, after *state.State) {
			edit(after, func(c *state.Cluster) { c.JobManagers = nil })
		}},
		{"a busy cluster that is not listed", "is busy", func(_ *state.State, _ *state.Event, _ *[]state.Action, after *state.State) {
			edit(after, func(c *state.Cluster) { c.AllowSurge = true })
		}},
		{"a task that is released and not killed", "being killed is false", func(_ *state.State, _ *state.Event, _ *[]state.Action, after *state.State) {
			old, _ := after.Tasks.Get([]byte("demo-aaaa-tm-2"))
			x := *old
			x.Goal = task.Released
			after.Tasks, _, _ = after.Tasks.Insert([]byte(x.ID), &x)
		}},
		{"a task without a cluster", "belongs to no cluster", func(_ *state.State, _ *state.Event, _ *[]state.Action, after *state.State) {
			after.Tasks, _, _ = after.Tasks.Insert([]byte("other"), &task.Task{ID: "other", Cluster: "other"})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before, e, actions, after := step(t)
			tt.spoil(&before, &e, &actions, &after)
			got := strings.Join(check.Step(&before, e, actions, &after), "; ")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("Step() = %q, want something with %q", got, tt.want)
			}
		})
	}
}
