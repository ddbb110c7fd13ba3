package sim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/store"
)

// TestUninstall removes a service with two clusters, and stops the process that does it after each of its saves and
// calls in turn, with a new one to go on. In the end there must be nothing: no task, no framework, no record.
func TestUninstall(t *testing.T) {
	t.Parallel()
	for after := range 24 {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				open, records := inMemory()
				w := newWorld(t, worldOptions{seed: uint64(after), agents: 2, workers: 3, open: open})
				if err := w.put(staticSpec(2)); err != nil {
					t.Fatal(err)
				}
				if err := w.put(dynamicSpec()); err != nil {
					t.Fatal(err)
				}
				w.rest(expectation{name: staticName, workers: 2}, expectation{name: dynamicName, wanted: true})
				w.uninstall = true
				w.crash(0) // Marathon starts the app anew, with SDK_UNINSTALL.
				w.crash(after)
				w.gone(records)
				// What is removed stays so when the process is started again.
				w.crash(0)
				w.gone(records)
			})
		})
	}
}

// gone waits until nothing is left.
func (w *world) gone(records func() store.Store) {
	w.t.Helper()
	var plan client.Plan
	w.eventually("the plan of the removal is complete", func() bool {
		var err error
		plan, _, err = w.api.Plan(w.t.Context(), "deploy")
		return err == nil && plan.Status == "COMPLETE"
	})
	if len(plan.Phases) != 4 {
		w.t.Errorf("the plan is not that of a removal: %+v", plan)
	}
	for end := time.Now().Add(time.Minute); len(w.running()) > 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("tasks are left: %v", w.running())
		}
	}
	stored, err := records().Load(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range stored {
		w.t.Errorf("the record %s is left", r.Key)
	}
	if names := w.frameworks(); len(names) > 0 {
		w.t.Errorf("the master knows the frameworks %s", strings.Join(names, ", "))
	}
}
