package sim_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/store/file"
)

// TestCrashes stops the service abruptly, again and again, at random moments of growing and shrinking a cluster of many
// workers: before or after a save, between two calls, or at rest. No task may be lost, launched twice or orphaned.
func TestCrashes(t *testing.T) {
	t.Parallel()
	rounds, seed := seeds(t, 8)
	workers := 100
	if rounds >= 200 {
		workers = 1000
	}
	stores := map[string]func(*testing.T) func() (store.Store, error){
		"memory": func(*testing.T) func() (store.Store, error) {
			open, _ := inMemory()
			return open
		},
		"file": func(t *testing.T) func() (store.Store, error) {
			dir := filepath.Join(t.TempDir(), "state")
			return func() (store.Store, error) { return file.New(file.Options{Dir: dir}) }
		},
	}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				w := newWorld(t, worldOptions{seed: seed, agents: 5, workers: workers / 3, open: open(t)})
				for round := range min(rounds, 200) {
					// Mostly near the full number: the tasks that run all along are what must not be lost.
					want := workers - w.rng.IntN(workers/5)
					if w.rng.IntN(10) == 0 {
						want = w.rng.IntN(workers)
					}
					if err := w.put(staticSpec(want)); err != nil {
						t.Fatalf("round %d: %v", round, err)
					}
					if w.rng.IntN(4) == 0 {
						time.Sleep(upTo(w.rng, 2*time.Second))
					}
					before := w.running()
					w.crash(w.rng.IntN(workers / 10))
					w.rest(expectation{name: staticName, workers: want})
					w.kept(before, want)
					if t.Failed() {
						t.Fatalf("round %d", round)
					}
					if round%25 == 24 {
						t.Logf("%d crashes", round+1)
					}
				}
			})
		})
	}
}

// kept fails the test when more of the tasks that ran before are gone than had to go.
func (w *world) kept(before map[string][]string, want int) {
	w.t.Helper()
	after, kept := w.running(), 0
	for id := range before {
		if _, ok := after[id]; ok {
			kept++
		}
	}
	// The JobManager and as many workers as are still wanted.
	if least := min(len(before), want+1); kept < least {
		w.t.Errorf("of %d tasks that ran before the crash only %d are left, and %d are wanted", len(before), kept, want+1)
	}
}

func isJobManager(id string) bool { return strings.Contains(id, "-jm-") }
