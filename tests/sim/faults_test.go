package sim_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	mesosgo "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/flink/driver"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/executor"
	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/testkit/core"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// TestFaults has a case for each thing that broke flink-mesos when it was measured on a real master, with the outcome
// that it should have had.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		// name is what happens, and what comes of it.
		name string
		run  func(t *testing.T)
	}{
		{"torn down by the operator while running: noticed at once, rebuilt under a new id", tornDownWhileRunning},
		{"torn down by the operator while away: rebuilt under a new id, no loop", tornDownWhileAway},
		{"host lost: replaced elsewhere as soon as Mesos has said so", hostLost},
		{"host declared gone: replaced elsewhere at once", hostGone},
		{"agent process lost for five minutes, with a restart of the service: every task stays", agentProcessLost},
		{"agent process lost, then a task behind its back: that one is replaced at once, and not doubled", taskDiesUnseen},
		{"network of the service lost with an agent: nothing is replaced before the timeout", cutOff},
		{"two agents with one host name: both are used, and nothing is refused", oneHostName},
		{"a worker that can never start: slowed down, with the reason", neverStarts},
		{"offers too small: none is held, another framework has them", tooSmall},
		{"restart without high availability: no orphans of the framework, nor of its tasks", plainRestart},
		{"JobManager lost without high availability: its workers end with it", jobManagerLost},
	} {
		t.Run(c.name, func(t *testing.T) { virtually(t, c.run) })
	}
}

// faulty is a world with a static cluster of so many workers at rest.
func faulty(t *testing.T, workers int, o worldOptions) *world {
	t.Helper()
	o.seed = 1
	w := newWorld(t, o)
	if workers > 0 {
		if err := w.put(staticSpec(workers)); err != nil {
			t.Fatal(err)
		}
		w.rest(expectation{name: staticName, workers: workers})
	}
	return w
}

// noted says whether the history of the static cluster has an entry of a type.
func (w *world) noted(kind string) bool {
	return slices.ContainsFunc(w.describe(staticName).Events, func(n wire.Event) bool { return n.Type == kind })
}

// sole fails the test unless the master knows one framework, and this one.
func (w *world) sole() {
	w.t.Helper()
	if names := w.frameworks(); len(names) != 1 {
		w.t.Errorf("the master knows the frameworks %v", names)
	}
}

// rebuilt waits until the cluster is at rest under an id that is not old.
func (w *world) rebuilt(old string, before map[string][]string, workers int) {
	w.t.Helper()
	w.eventually("a new framework id", func() bool { id := w.service().FrameworkID; return id != "" && id != old })
	w.rest(expectation{name: staticName, workers: workers})
	for id := range w.running() {
		if before[id] != nil {
			w.t.Errorf("task %s of the old framework runs", id)
		}
	}
	if !w.noted("FrameworkRemoved") {
		w.t.Error("the history does not tell of the removal")
	}
	w.sole()
}

func tornDownWhileRunning(t *testing.T) {
	w := faulty(t, 3, worldOptions{agents: 2, workers: 4})
	old, before := w.service().FrameworkID, w.running()
	if err := w.master.Teardown(old); err != nil {
		t.Fatal(err)
	}
	w.rebuilt(old, before, 3)
}

func tornDownWhileAway(t *testing.T) {
	w := faulty(t, 3, worldOptions{agents: 2, workers: 4})
	old, before := w.service().FrameworkID, w.running()
	w.stop()
	if err := w.master.Teardown(old); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.rebuilt(old, before, 3)
	// The old id is history: the next start goes on with the new one.
	id := w.service().FrameworkID
	w.crash(0)
	w.rest(expectation{name: staticName, workers: 3})
	if now := w.service().FrameworkID; now != id {
		t.Errorf("the framework id is %s after a restart, and was %s", now, id)
	}
	w.sole()
}

// busiest is the agent with the most tasks, and these.
func (w *world) busiest() (agent string, tasks []string) {
	for id, s := range w.living() {
		if mine := s.Tasks(); len(mine) > len(tasks) || agent == "" {
			agent, tasks = id, mine
		}
	}
	return agent, tasks
}

func (w *world) living() map[string]*executor.Scripted {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.agents)
}

func hostLost(t *testing.T) {
	// Whoever waited for what is unreachable would wait for a day.
	w := faulty(t, 3, worldOptions{agents: 2, workers: 4, unreachable: 24 * time.Hour})
	lost, tasks := w.busiest()
	if err := w.master.KillAgent(lost); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	delete(w.agents, lost)
	w.mu.Unlock()
	w.eventually("it is noted", func() bool { return w.noted("Unreachable") })
	began := time.Now()
	w.eventually("the tasks are launched elsewhere", func() bool { return len(w.running()) == 4 })
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the tasks were launched elsewhere %s after Mesos had said so", took)
	}
	w.rest(expectation{name: staticName, workers: 3})
	for _, id := range tasks {
		if w.running()[id] != nil {
			t.Errorf("task %s runs, and its machine is lost", id)
		}
	}
	if !w.noted("Unreachable") {
		t.Error("the history does not tell that the agent was not heard")
	}
}

func hostGone(t *testing.T) {
	// Whoever waited for what is unreachable would wait for a day.
	w := faulty(t, 3, worldOptions{agents: 2, workers: 4, unreachable: 24 * time.Hour})
	lost, _ := w.busiest()
	if err := w.master.RemoveAgent(lost); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	delete(w.agents, lost)
	w.mu.Unlock()
	w.rest(expectation{name: staticName, workers: 3})
}

func agentProcessLost(t *testing.T) {
	w := faulty(t, 0, worldOptions{agents: 2, workers: 4, unreachable: 24 * time.Hour})
	if err := w.put(dynamicSpec()); err != nil {
		t.Fatal(err)
	}
	w.eventually("the driver is ready", func() bool { return w.flink() != nil && w.flink().Wanted().Ready })
	for range 3 {
		w.flink().Want(driver.Worker{CPUs: 1, MemoryBytes: 1 << 30, Slots: 1})
	}
	w.rest(expectation{name: dynamicName, wanted: true})
	before, wanted := w.running(), w.flink().Wanted()
	lost, tasks := w.busiest()
	if err := w.master.LoseAgent(lost); err != nil {
		t.Fatal(err)
	}
	state := func(want task.State) func() bool {
		return func() bool {
			n := 0
			for _, task := range w.describe(dynamicName).Tasks {
				if task.AgentID == lost && task.State == want {
					n++
				}
			}
			return n == len(tasks)
		}
	}
	w.eventually("the tasks are unreachable", state(task.Unreachable))
	time.Sleep(2 * time.Minute)
	w.crash(0)
	time.Sleep(3 * time.Minute)
	if !state(task.Unreachable)() || !maps.EqualFunc(before, w.running(), slices.Equal) {
		t.Errorf("the tasks were %v, and are %v", before, w.describe(dynamicName).Tasks)
	}
	if err := w.master.ReturnAgent(lost); err != nil {
		t.Fatal(err)
	}
	w.eventually("the tasks are back", state(task.Running))
	w.rest(expectation{name: dynamicName, wanted: true})
	if after := w.running(); !maps.EqualFunc(before, after, slices.Equal) {
		t.Errorf("the tasks were %v and are %v", before, after)
	}
	// For Flink nothing has happened at all: the same workers, and no other was asked for.
	if now := w.flink().Wanted(); now.Epoch != wanted.Epoch || len(now.Workers) != len(wanted.Workers) {
		t.Errorf("Flink wanted %+v and wants %+v", wanted, now)
	}
}

// workerApart is a worker of the static cluster that is not on the agent of its JobManager.
func (w *world) workerApart() (id, agent string) {
	w.t.Helper()
	of := ""
	for _, x := range w.describe(staticName).Tasks {
		if isJobManager(x.ID) {
			of = x.AgentID
		}
	}
	for _, x := range w.describe(staticName).Tasks {
		if x.AgentID != of {
			return x.ID, x.AgentID
		}
	}
	w.t.Fatal("every task is on one agent")
	return "", ""
}

func taskDiesUnseen(t *testing.T) {
	w := faulty(t, 4, worldOptions{agents: 3, workers: 2, unreachable: 24 * time.Hour})
	victim, agent := w.workerApart()
	if err := w.master.LoseAgent(agent); err != nil {
		t.Fatal(err)
	}
	w.eventually("it is noted that its tasks run", func() bool { return w.noted("StillRuns") })
	w.agent(victim).End(victim, mesosgo.TASK_FAILED, "Command terminated with signal Killed")
	w.eventually("it is replaced", func() bool { return w.noted("TaskManagerLost") && len(w.describe(staticName).Waiting) == 0 })
	if err := w.master.ReturnAgent(agent); err != nil {
		t.Fatal(err)
	}
	w.rest(expectation{name: staticName, workers: 4})
	if w.running()[victim] != nil {
		t.Errorf("%s runs, and was replaced", victim)
	}
}

func cutOff(t *testing.T) {
	w := faulty(t, 4, worldOptions{agents: 3, workers: 2, unreachable: 5 * time.Minute})
	before := w.running()
	_, agent := w.workerApart()
	w.isolated.Store(true)
	if err := w.master.LoseAgent(agent); err != nil {
		t.Fatal(err)
	}
	w.eventually("it is noted", func() bool { return w.noted("CutOff") })
	time.Sleep(2 * time.Minute)
	w.isolated.Store(false)
	w.eventually("it is noted that its tasks run", func() bool { return w.noted("StillRuns") })
	if err := w.master.ReturnAgent(agent); err != nil {
		t.Fatal(err)
	}
	w.rest(expectation{name: staticName, workers: 4})
	if after := w.running(); !maps.EqualFunc(before, after, slices.Equal) {
		t.Errorf("the tasks were %v and are %v", before, after)
	}
}

func oneHostName(t *testing.T) {
	w := faulty(t, 0, worldOptions{})
	w.twins = true
	a, b := w.addAgentOn("twin", 3), w.addAgentOn("twin", 3)
	if err := w.put(staticSpec(5)); err != nil {
		t.Fatal(err)
	}
	w.rest(expectation{name: staticName, workers: 5})
	used := map[string]int{}
	for _, where := range w.running() {
		used[where[0]]++
	}
	if used[a] == 0 || used[b] == 0 || used[a]+used[b] != 6 {
		t.Errorf("the tasks are on %v", used)
	}
	if w.noted("TaskManagerLost") || w.noted("JobManagerLost") {
		t.Error("a launch was refused")
	}
}

func neverStarts(t *testing.T) {
	var repaired atomic.Bool
	w := faulty(t, 0, worldOptions{agents: 2, workers: 8, behave: func(task mesosgo.TaskInfo) executor.Behaviour {
		return executor.Behaviour{FailToStart: !repaired.Load() && !isJobManager(task.TaskID.Value), Message: "Command exited with status 127"}
	}})
	if err := w.put(staticSpec(1)); err != nil {
		t.Fatal(err)
	}
	var waiting wire.Waiting
	w.eventually("three starts have failed", func() bool {
		d := w.describe(staticName)
		if len(d.Waiting) == 0 {
			return false
		}
		waiting = d.Waiting[0]
		return strings.Contains(waiting.Reason, "3 starts failed in a row") && !waiting.NotBefore.IsZero()
	})
	if !strings.Contains(waiting.Reason, "Command exited with status 127") {
		t.Errorf("the reason is %q", waiting.Reason)
	}
	w.mu.Lock()
	if n := len(w.launches); n != 4 { // The JobManager, and three that failed.
		t.Errorf("%d tasks were launched: %v", n, w.launches)
	}
	w.mu.Unlock()
	repaired.Store(true)
	w.rest(expectation{name: staticName, workers: 1})
}

// TestBadAgent has one agent on which nothing starts: it is avoided, and says why, while the others take its share.
func TestBadAgent(t *testing.T) {
	virtually(t, badAgent)
}

func badAgent(t *testing.T) {
	var bad atomic.Value
	w := faulty(t, 0, worldOptions{agents: 3, workers: 4, behave: func(task mesosgo.TaskInfo) executor.Behaviour {
		if isJobManager(task.TaskID.Value) {
			return executor.Behaviour{}
		}
		bad.CompareAndSwap(nil, task.AgentID.Value) // The first one that gets a worker.
		return executor.Behaviour{FailToStart: task.AgentID.Value == bad.Load(), Message: "Command exited with status 126"}
	}})
	if err := w.put(staticSpec(6)); err != nil {
		t.Fatal(err)
	}
	w.rest(expectation{name: staticName, workers: 6})
	outcomes, err := w.api.Offers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	avoided := slices.ContainsFunc(outcomes, func(o client.Outcome) bool {
		return o.AgentID == bad.Load() && strings.Contains(strings.Join(o.Reasons, " "), "starts failed on this agent; avoided until")
	})
	if !avoided {
		t.Errorf("no offer of the agent was declined because of it: %+v", outcomes)
	}
}

// TestTenthLost takes a tenth of the agents away at once: what ran there is replaced, once, and nothing else is touched.
func TestTenthLost(t *testing.T) {
	virtually(t, tenthLost)
}

func tenthLost(t *testing.T) {
	w := faulty(t, 60, worldOptions{agents: 20, workers: 4})
	before := w.running()
	var gone []string
	for id := range w.living() {
		if s := w.living()[id]; len(gone) < 2 && len(s.Tasks()) > 0 && !slices.ContainsFunc(s.Tasks(), isJobManager) {
			gone = append(gone, id)
		}
	}
	lost := 0
	for _, id := range gone {
		lost += len(w.living()[id].Tasks())
		if err := w.master.KillAgent(id); err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		delete(w.agents, id)
		w.mu.Unlock()
	}
	w.rest(expectation{name: staticName, workers: 60})
	kept := 0
	for id := range w.running() {
		if before[id] != nil {
			kept++
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if lost == 0 || kept != len(before)-lost || len(w.launches) != len(before)+lost {
		t.Errorf("%d of %d tasks were lost; %d were kept, and %d launched in all", lost, len(before), kept, len(w.launches))
	}
}

func tooSmall(t *testing.T) {
	w := faulty(t, 0, worldOptions{agents: 3, workers: 4})
	big := staticSpec(1)
	big.JobManager.CPUs = 100
	if err := w.put(big); err != nil {
		t.Fatal(err)
	}
	w.eventually("every agent was offered", func() bool {
		d := w.describe(staticName)
		return len(d.Waiting) > 0 && strings.Contains(d.Waiting[0].Reason, "on 3 of 3 agents")
	})
	w.eventually("no offer is held", func() bool { return w.offers() == 0 })
	// Another framework on the same master wants the whole of it.
	began := time.Now()
	other, err := core.Start(core.Options{Master: masterAddress, Dial: w.network.Host("other").DialContext, Store: store.NewMemory()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := other.Stop(); err != nil {
			t.Error(err)
		}
	}()
	spec := staticSpec(12)
	spec.Role = "*"
	if err := other.Put(t.Context(), "oooo", spec); err != nil {
		t.Fatal(err)
	}
	w.eventually("the other framework has its tasks", func() bool { return len(w.running()) == 13 })
	t.Logf("the other framework had all of its 13 tasks running %s after its start, of rounds of offers each second", time.Since(began).Round(100*time.Millisecond))
}

// offers counts the offers that the master has made and that nobody has answered.
func (f *fleet) offers() (n int) {
	for _, x := range f.state() {
		n += len(x.Offers)
	}
	return n
}

func plainRestart(t *testing.T) {
	w := faulty(t, 3, worldOptions{agents: 2, workers: 4})
	id, before := w.service().FrameworkID, w.running()
	for i := range 3 {
		if i == 0 {
			w.stop()
			w.start()
		} else {
			w.crash(0)
		}
		w.eventually("subscribed", func() bool { return w.service().Connected })
		w.rest(expectation{name: staticName, workers: 3})
		if after := w.running(); !maps.EqualFunc(before, after, slices.Equal) {
			t.Errorf("the tasks were %v and are %v", before, after)
		}
		if now := w.service().FrameworkID; now != id {
			t.Errorf("the framework id was %s and is %s", id, now)
		}
		w.sole()
	}
}

func jobManagerLost(t *testing.T) {
	w := faulty(t, 3, worldOptions{agents: 2, workers: 8})
	before, lost := w.running(), ""
	for id := range before {
		if isJobManager(id) {
			lost = id
			w.agent(id).End(id, mesosgo.TASK_FAILED, "Command terminated with signal Killed")
		}
	}
	w.eventually("the loss is noted", func() bool { return w.noted("JobManagerLost") })
	w.rest(expectation{name: staticName, workers: 3})
	for id := range w.running() {
		if before[id] != nil {
			t.Errorf("%s of the lost JobManager runs", id)
		}
	}
	d := w.describe(staticName)
	if d.Status.Restarts != 1 || !strings.Contains(fmt.Sprint(d.Events), "it is replaced") {
		t.Errorf("%d restarts: %v", d.Status.Restarts, d.Events)
	}
	// What it wrote can still be found, by the next process of the service, too.
	w.crash(0)
	d = w.describe(staticName)
	if f := d.Status.Failures; len(f) != 1 || f[0].TaskID != lost || f[0].State != task.Failed || f[0].AgentID != before[lost][0] {
		t.Errorf("the failures are %+v", f)
	}
}
