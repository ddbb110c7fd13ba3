package core_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// TestPodsOfEarlierRelease names the pods of tasks that were stored before pods had names, beside those that have one.
func TestPodsOfEarlierRelease(t *testing.T) {
	t.Parallel()
	stored := state.Stored{Clusters: []state.ClusterRecord{{
		Spec:  spec.Spec{Name: "demo", Kind: spec.Session, Allocation: spec.Static, TaskManagers: spec.TaskManagers{Count: 3}},
		Nonce: "aaaa", NextTask: 4, State: wire.Stable,
	}}}
	for id, pod := range map[string]string{"demo-aaaa-tm-2": "", "demo-aaaa-tm-3": "demo-taskmanager-0", "demo-aaaa-tm-4": ""} {
		stored.Tasks = append(stored.Tasks, task.Task{ID: id, Pod: pod, Cluster: "demo", Kind: spec.TaskManagerTask, Goal: task.Launched, State: task.Running})
	}
	s := core.New(state.Options{}, stored, time.Now())
	d, _ := view.Describe(&s, "demo")
	pods := map[string]bool{}
	for _, tk := range d.Tasks {
		pods[tk.Pod] = true
		if tk.ID == "demo-aaaa-tm-3" && tk.Pod != "demo-taskmanager-0" {
			t.Errorf("a stored name changed to %s", tk.Pod)
		}
	}
	for _, w := range d.Waiting {
		pods[w.Pod] = true
	}
	want := map[string]bool{"demo-jobmanager-0": true, "demo-taskmanager-0": true, "demo-taskmanager-1": true, "demo-taskmanager-2": true}
	if diff := cmp.Diff(want, pods); diff != "" {
		t.Errorf("pods mismatch (-want +got):\n%s", diff)
	}
}

// TestManyPods numbers the pods of a large cluster from 0 on, each number once.
func TestManyPods(t *testing.T) {
	t.Parallel()
	const count = 200
	s := core.New(state.Options{}, state.Stored{Clusters: []state.ClusterRecord{{
		Spec:  spec.Spec{Name: "demo", Kind: spec.Session, Allocation: spec.Static, TaskManagers: spec.TaskManagers{Count: count}},
		Nonce: "aaaa", State: wire.Created,
	}}}, time.Now())
	d, _ := view.Describe(&s, "demo")
	pods := map[string]bool{}
	for _, w := range d.Waiting {
		pods[w.Pod] = true
	}
	for n := range count {
		if name := task.PodName("demo", spec.TaskManagerTask, n); !pods[name] {
			t.Errorf("no task waits as %s", name)
		}
	}
	if len(pods) != count+1 {
		t.Errorf("%d pods, want %d", len(pods), count+1)
	}
}
