package sim_test

import (
	"errors"
	"fmt"
	"testing"

	mesosgo "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/flink/driver"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// story is something that happens to a service at rest, and what is to come of it however often the process that deals
// with it is stopped.
type story struct {
	name string
	// before is the cluster that there is; a static one of so many workers, or a dynamic one when it is dynamic.
	before  int
	dynamic bool
	// tell makes it happen, with whatever process is there.
	tell func(w *world) error
	// after is what is to be at rest; nothing when it is empty.
	after []expectation
}

var errNoTask = errors.New("no such task runs")

// some returns a task that runs: a JobManager or a worker.
func (w *world) some(jobManager bool) (string, error) {
	for id := range w.running() {
		if isJobManager(id) == jobManager {
			return id, nil
		}
	}
	return "", errNoTask
}

// fails ends a task of a role.
func fails(jobManager bool) func(*world) error {
	return func(w *world) error {
		id, err := w.some(jobManager)
		if err == nil {
			w.agent(id).End(id, mesosgo.TASK_FAILED, "Command exited with status 1")
		}
		return err
	}
}

func stories() []story {
	static := func(n int) []expectation { return []expectation{{name: staticName, workers: n}} }
	put := func(change func(*spec.Spec)) func(*world) error {
		return func(w *world) error {
			s := staticSpec(2)
			change(&s)
			return w.put(s)
		}
	}
	return []story{
		{name: "create", tell: put(func(*spec.Spec) {}), after: static(2)},
		{name: "grow", before: 2, tell: put(func(s *spec.Spec) { s.TaskManagers.Count = 5 }), after: static(5)},
		{name: "shrink", before: 4, tell: put(func(s *spec.Spec) { s.TaskManagers.Count = 1 }), after: static(1)},
		{name: "change", before: 2, tell: put(func(s *spec.Spec) { s.RestartNonce = 7 }), after: static(2)},
		{name: "delete", before: 2, tell: func(w *world) error { return w.delete(staticName) }},
		{name: "a worker fails", before: 2, tell: fails(false), after: static(2)},
		{name: "the JobManager fails", before: 2, tell: fails(true), after: static(2)},
		{name: "an agent is declared gone", before: 2, tell: func(w *world) error {
			id, _ := w.busiest()
			if err := w.master.RemoveAgent(id); err != nil {
				return err
			}
			w.mu.Lock()
			delete(w.agents, id)
			w.mu.Unlock()
			return nil
		}, after: static(2)},
		{name: "an agent is away for a moment", before: 2, tell: func(w *world) error {
			id, _ := w.busiest()
			if err := w.master.LoseAgent(id); err != nil {
				return err
			}
			return w.master.ReturnAgent(id)
		}, after: static(2)},
		{name: "the framework is torn down", before: 2, tell: func(w *world) error {
			return w.master.Teardown(w.state()[0].ID)
		}, after: static(2)},
		{name: "the master fails over", before: 2, tell: func(w *world) error { w.master.Failover(); return nil }, after: static(2)},
		{name: "Flink wants two workers and gives one back", dynamic: true, tell: func(w *world) error {
			jm := w.flink()
			jm.Want(driver.Worker{CPUs: 1, MemoryBytes: 1 << 30, Slots: 1})
			jm.Want(driver.Worker{CPUs: 1, MemoryBytes: 1 << 30, Slots: 1})
			jm.Release(jm.Wanted().Workers[0].ID)
			return nil
		}, after: []expectation{{name: dynamicName, wanted: true}}},
	}
}

// TestCrashPoints plays each story again and again, and stops the process before its first save or call, before the
// second, and so on until there is none left; a new one goes on from what was saved. It must end the same.
func TestCrashPoints(t *testing.T) {
	t.Parallel()
	rounds, seed := seeds(t, 1)
	for _, s := range stories() {
		for turn := range max(1, rounds/roundsOfATurn) {
			t.Run(fmt.Sprint(s.name, "/", turn), func(t *testing.T) {
				virtually(t, func(t *testing.T) { crashPoints(t, s, seed+uint64(turn)) })
			})
		}
	}
}

// roundsOfATurn is how many rounds of SIM_ROUNDS stand for one more turn of all stories, with other delays.
const roundsOfATurn = 250

func crashPoints(t *testing.T, s story, seed uint64) {
	t.Helper()
	for after := 0; ; after++ {
		if survived := crashPoint(t, s, after, seed); t.Failed() {
			t.Fatalf("stopped after %d saves and calls", after)
		} else if survived {
			t.Logf("%d saves and calls", after)
			return
		}
	}
}

// crashPoint plays a story and stops the process after so many saves and calls. It says whether there were not so many.
func crashPoint(t *testing.T, s story, after int, seed uint64) (survived bool) {
	t.Helper()
	w := newWorld(t, worldOptions{seed: seed, agents: 3, workers: 6})
	defer w.end()
	var before []expectation
	if s.before > 0 {
		before = []expectation{{name: staticName, workers: s.before}}
		if err := w.put(staticSpec(s.before)); err != nil {
			t.Fatal(err)
		}
	}
	if s.dynamic {
		before = []expectation{{name: dynamicName, wanted: true}}
		if err := w.put(dynamicSpec()); err != nil {
			t.Fatal(err)
		}
		w.eventually("the driver is ready", func() bool { return w.flink() != nil && w.flink().Wanted().Ready })
	}
	w.rest(before...)
	w.armed = true
	w.life.crash(after)
	if err := s.tell(w); err != nil {
		t.Fatal(err)
	}
	w.rest(s.after...)
	if len(s.after) == 0 {
		w.eventually("nothing runs", func() bool { return len(w.running()) == 0 })
		w.eventually("nothing is known", func() bool { v := w.service(); return v.Clusters == 0 && v.Tasks == 0 })
	}
	w.sole()
	return w.armed
}
