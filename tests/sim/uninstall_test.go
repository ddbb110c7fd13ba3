package sim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/decide"
	"github.com/flink-on-mesos/flink-service/internal/store"
)

// TestUninstall removes a service with two clusters, and stops the process that does it after each of its saves and
// calls in turn, with a new one to go on. In the end there must be nothing: no task, no framework, no record.
func TestUninstall(t *testing.T) {
	t.Parallel()
	for after := range 16 {
		memory := store.NewMemory()
		w := newWorld(t, worldOptions{seed: 1, agents: 2, workers: 3, open: func() store.Store { memory = memory.Reopen(); return memory }})
		if err := w.put(staticNonce, staticSpec(3)); err != nil {
			t.Fatal(err)
		}
		w.rest(expectation{name: staticName, workers: 3})
		w.uninstall = true
		w.crash(0) // Marathon starts the app anew, with SDK_UNINSTALL.
		w.crash(after)
		w.gone(func() store.Store { return memory })
		// What is removed stays so when the process is started again.
		w.crash(0)
		w.gone(func() store.Store { return memory })
		if t.Failed() {
			t.Fatalf("stopped after %d saves and calls", after)
		}
	}
}

// gone waits until nothing is left.
func (w *world) gone(records func() store.Store) {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !decide.Uninstalling(w.core.View()).Done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("not removed: %+v", decide.Uninstalling(w.core.View()))
		}
	}
	for deadline := time.Now().Add(5 * time.Second); len(w.running()) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
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
