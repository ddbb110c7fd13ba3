package sim_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/eventlog"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// TestHistoryOutlivesTheProcess kills the service and starts another: its events and operations are still there, and
// what happened to a cluster that is gone can be read.
func TestHistoryOutlivesTheProcess(t *testing.T) {
	_, seed := seeds(t, 1)
	virtually(t, func(t *testing.T) {
		w := newWorld(t, worldOptions{seed: seed, agents: 2, workers: 2})
		defer w.end()
		if err := w.put(staticSpec(1)); err != nil {
			t.Fatal(err)
		}
		w.rest(expectation{name: staticName, workers: 1})
		time.Sleep(2 * eventlog.FlushDelay) // What is younger may be lost with the process.
		before := w.describe(staticName).Events
		w.crash(1)
		w.rest(expectation{name: staticName, workers: 1})
		after := w.describe(staticName).Events
		if len(before) < 2 || len(after) < len(before) || !slices.EqualFunc(before, after[:len(before)], func(a, b wire.Event) bool { return a.ID == b.ID && a.Message == b.Message }) {
			t.Fatalf("before the crash: %+v\nafter: %+v", before, after)
		}
		if err := w.delete(staticName); err != nil {
			t.Fatal(err)
		}
		w.eventually("the end of the cluster", func() bool { return w.service().Clusters == 0 })
		time.Sleep(2 * eventlog.FlushDelay)
		w.stop()
		w.start()
		var list wire.Operations
		var events wire.Notes
		if err := w.again(func(ctx context.Context) (err error) {
			if list, err = w.api.Operations(ctx, staticName, ""); err == nil {
				events, err = w.api.Events(ctx, staticName, "")
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		var kinds []wire.OperationKind
		for _, o := range list.Operations {
			kinds = append(kinds, o.Kind)
			if o.State == wire.OperationRunning {
				t.Errorf("operation %d (%s) runs for ever", o.ID, o.Kind)
			}
		}
		if !slices.Contains(kinds, wire.OperationCreate) || !slices.Contains(kinds, wire.OperationDelete) {
			t.Errorf("the operations are %v", kinds)
		}
		if n := len(events.Events); n == 0 || events.Events[n-1].Type != "Deleted" {
			t.Errorf("the end of the cluster is not told: %+v", events)
		}
	})
}
