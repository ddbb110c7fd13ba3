package core_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/flinkconf"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// scalingOutcome is what is to be the same however often the process was stopped.
func (w *crashWorld) scalingOutcome() string {
	c, _ := w.state.Clusters.Get([]byte("demo"))
	steps := 0
	for id := int64(1); id <= w.state.Operations.Last; id++ {
		if o, ok := w.state.Operations.Get(id); ok && o.Kind == wire.OperationAutoscale && o.State == wire.OperationSucceeded {
			steps++
		}
	}
	return fmt.Sprintf("%s, %d TaskManagers, Flink has %v, the next JobManager gets %q, step %d, under way %t, %d steps succeeded",
		c.State, len(w.taskManagers()), w.parallelism, c.LaunchSpec().FlinkConfiguration[flinkconf.Overrides], c.Scaling.Number, c.Scaling.Busy(), steps)
}

// TestScalingCrashPoints stops the process before each save and call of a step: it is neither forgotten nor repeated.
func TestScalingCrashPoints(t *testing.T) {
	t.Parallel()
	step := func(w *crashWorld, number, p int) state.Autoscaled {
		return state.Autoscaled{Cluster: "demo", Step: &wire.ScalingRequest{
			Job: "j1", At: w.began.Add(time.Duration(number) * time.Minute), Parallelism: map[string]int{"v1": p}, TaskManagers: p,
		}}
	}
	for _, story := range []struct {
		name  string
		rigid bool
		// before and to are the parallelism before and after the step; 0 for that of the spec.
		before, to int
		want       string
	}{
		{"up in place", false, 0, 3, `STABLE, 3 TaskManagers, Flink has map[v1:3], the next JobManager gets "v1:3", step 1, under way false, 1 steps succeeded`},
		{"down in place", false, 4, 2, `STABLE, 2 TaskManagers, Flink has map[v1:2], the next JobManager gets "v1:2", step 2, under way false, 2 steps succeeded`},
		{"by a restart", true, 0, 3, `STABLE, 3 TaskManagers, Flink has map[], the next JobManager gets "v1:3", step 1, under way false, 1 steps succeeded`},
	} {
		for after := 0; ; after++ {
			w := newCrashWorld()
			w.rigid = story.rigid
			w.queue = append(w.queue, state.PutCluster{Nonce: "aaaa", Spec: spec.Spec{
				Name: "demo", Kind: spec.Application, Allocation: spec.Static, FlinkVersion: "2.3.0", TaskManagers: spec.TaskManagers{Count: 2},
				JobManager:  spec.JobManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}, Replicas: 1},
				TaskManager: spec.TaskManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}, Slots: 1},
				FlinkConfiguration: map[string]string{
					"execution.checkpointing.savepoint-dir": "file:/sp", "job.autoscaler.enabled": "true",
				},
				Job: &spec.JobSpec{JarURI: "a.jar", UpgradeMode: spec.Savepoint},
			}})
			w.rest(t)
			if story.before > 0 {
				w.queue = append(w.queue, step(w, 1, story.before))
				w.rest(t)
			}
			w.left = after
			tell := step(w, 2, story.to)
			w.fold(tell)
			if w.crashed {
				w.rest(t)
				w.fold(tell) // The autoscaler has saved the step, and asks again.
			}
			w.rest(t)
			survived := !w.crashed
			w.left = -1
			w.fold(tell) // It may ask once more, whatever became of the step.
			w.rest(t)
			if got := w.scalingOutcome(); got != story.want {
				t.Errorf("%s, stopped before save or call %d:\n got %s\nwant %s", story.name, after, got, story.want)
			}
			if w.two {
				t.Errorf("%s, stopped before save or call %d: two programs ran at once", story.name, after)
			}
			if survived || after > 2000 {
				t.Logf("%s: %d saves and calls", story.name, after)
				break
			}
		}
	}
}
