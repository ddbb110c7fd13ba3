package core_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/check"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// crashWorld is a Mesos and a Flink around the core: they do at once what they are asked for, and go on when the service
// is stopped. A process is stopped before its n-th save or call; what it had not sent is lost.
type crashWorld struct {
	*player
	// left is how many saves and calls the process performs; -1 for as many as it likes.
	left    int
	crashed bool
	// tasks are what runs, by id; program is what each JobManager was launched with.
	tasks   map[string]task.Task
	program map[string]string
	// savepoints are those that Flink took, by the id under which it was asked; files are those that lie there.
	savepoints map[string]string
	files      map[string]bool
	stopped    map[string]bool
	// parallelism is what the job runs with, by vertex; rigid says that Flink cannot rescale it.
	parallelism map[string]int
	rigid       bool
	// two says that two programs ran at once.
	two   bool
	queue []state.Event
	turn  int
	began time.Time
}

func newCrashWorld() *crashWorld {
	p := newPlayer()
	return &crashWorld{
		began: p.now.Add(-2 * time.Hour), player: p, left: -1, tasks: map[string]task.Task{}, program: map[string]string{}, savepoints: map[string]string{},
		files: map[string]bool{}, stopped: map[string]bool{},
	}
}

// fold folds in one event and performs what follows, until the process is stopped.
func (w *crashWorld) fold(e state.Event) {
	next, actions := core.Step(w.state, e, w.now)
	if wrong := check.Step(&w.state, e, actions, &next); len(wrong) > 0 {
		panic(fmt.Sprintf("Step(%T): %s", e, strings.Join(wrong, "; ")))
	}
	w.state = next
	for _, a := range actions {
		switch a.(type) {
		case state.RecordEvent, state.OperationChanged, state.Answer:
			continue
		}
		if w.left == 0 {
			w.crash()
			return
		}
		if w.left > 0 {
			w.left--
		}
		w.keep(a)
		w.perform(a)
	}
}

// crash starts another process with what was saved.
func (w *crashWorld) crash() {
	w.left, w.crashed, w.queue = -1, true, nil
	w.restart()
	w.queue = append(w.queue, state.Subscribed{FrameworkID: "fw-1", Master: "m:5050", Version: "1.12.0"})
}

func (w *crashWorld) perform(a state.Action) {
	switch a := a.(type) {
	case state.Accept:
		for _, l := range a.Launches {
			w.tasks[l.Task.ID] = l.Task
			if l.Task.Kind == spec.JobManagerTask {
				for id := range w.program {
					if _, live := w.tasks[id]; live && w.program[id] != l.Spec.Job.JarURI {
						w.two = true
					}
				}
				w.program[l.Task.ID] = l.Spec.Job.JarURI + " from " + l.Spec.Job.InitialSavepointPath
			}
		}
	case state.Kill:
		w.end(a.TaskID, task.Killed)
	case state.StopJobs:
		path := fmt.Sprintf("file:/sp/stop-%d", a.Number)
		w.files[path] = true // Asked for again under the same number, it is the same.
		w.queue = append(w.queue, state.JobsStopped{Cluster: a.Cluster, Number: a.Number, Done: true, Savepoints: []wire.Savepoint{{Job: "j1", Path: path}}})
	case state.Rescale:
		r := state.Rescaled{Cluster: a.Cluster, Number: a.Number}
		if w.rigid {
			r.Failure = "the scheduler is not adaptive"
		} else {
			w.parallelism = a.Parallelism
			r.Idle = w.taskManagers()[:a.Idle]
		}
		w.queue = append(w.queue, r)
	case state.TakeSnapshot:
		path, ok := w.savepoints[a.Snapshot.Request]
		if !ok {
			path = fmt.Sprintf("file:/sp/%d", len(w.savepoints)+1)
			w.savepoints[a.Snapshot.Request], w.files[path] = path, true
		}
		w.queue = append(w.queue, state.SnapshotTaken{ID: a.Snapshot.ID, FlinkRequest: a.Snapshot.Request, Path: path})
	case state.DisposeSnapshot:
		delete(w.files, a.Snapshot.Path)
		w.queue = append(w.queue, state.SnapshotDisposed{ID: a.Snapshot.ID})
	default: // Of no consequence here.
	}
}

func (w *crashWorld) end(id string, how task.State) {
	if t, ok := w.tasks[id]; ok {
		delete(w.tasks, id)
		w.queue = append(w.queue, state.Updated{TaskID: id, AgentID: t.AgentID, State: how, UUID: []byte("u")})
	}
}

// rest lets some time of the world pass, a second at a time: offers come, tasks tell how they are, Flink is observed.
func (w *crashWorld) rest(t *testing.T) {
	t.Helper()
	for range 40 {
		w.now = w.now.Add(time.Second)
		w.turn++
		if !w.state.Connected {
			w.queue = append(w.queue, state.Subscribed{FrameworkID: "fw-1", Master: "m:5050", Version: "1.12.0"})
		}
		w.queue = append(w.queue, state.Offered{Offers: []offer.Offer{offersOf(t, fmt.Sprintf("o%d a1 h1 cpus=80 mem=90000 ports=31000-31999", w.turn))[0]}}, state.Ticked{})
		for id, tk := range w.tasks {
			// Mesos repeats a status that is not acknowledged, and answers a reconciliation.
			w.queue = append(w.queue, state.Updated{TaskID: id, AgentID: tk.AgentID, State: task.Running})
			if tk.Kind != spec.JobManagerTask {
				continue
			}
			if w.stopped[id] {
				w.end(id, task.Finished)
				continue
			}
			w.queue = append(w.queue, state.FlinkObserved{Cluster: "demo", JobManager: id, Flink: wire.Flink{TaskManagers: len(w.taskManagers())}}, state.JobsObserved{Cluster: "demo", JobManager: id, Jobs: []wire.Job{{
				ID: "j1", State: "RUNNING", Running: true, Started: w.began,
			}}})
			if strings.HasPrefix(w.program[id], "bad.jar") {
				w.queue = append(w.queue, state.JobFailed{Cluster: "demo", JobManager: id, Job: "j1", Exceptions: []wire.JobException{{Time: w.now, Message: "boom"}}})
			}
		}
		for _, id := range sortedTasks(&w.state) { // A task that never started is not known to Mesos.
			if _, runs := w.tasks[id]; !runs {
				w.queue = append(w.queue, state.Updated{TaskID: id, AgentID: "a1", State: task.Lost, Reason: "REASON_RECONCILIATION"})
			}
		}
		for len(w.queue) > 0 {
			e := w.queue[0]
			w.queue = w.queue[1:]
			w.fold(e)
			if c, ok := w.state.Clusters.Get([]byte("demo")); ok && c.Rollout != nil && !c.Rollout.Stopped.IsZero() {
				w.stopped[c.JobManagers[len(c.JobManagers)-1]] = true // It leaves when the end of its job was seen.
			}
		}
	}
}

// taskManagers are the ids of those that run.
func (w *crashWorld) taskManagers() []string {
	var ids []string
	for id, t := range w.tasks {
		if t.Kind == spec.TaskManagerTask {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func sortedTasks(s *state.State) []string {
	var ids []string
	it := s.Tasks.Root().Iterator()
	for key, _, ok := it.Next(); ok; key, _, ok = it.Next() {
		ids = append(ids, string(key))
	}
	return ids
}

// outcome is what is to be the same however often the process was stopped.
func (w *crashWorld) outcome() string {
	c, ok := w.state.Clusters.Get([]byte("demo"))
	if !ok {
		return "the cluster is gone"
	}
	var programs []string
	for id, p := range w.program {
		if _, live := w.tasks[id]; live {
			programs = append(programs, p)
		}
	}
	files := 0
	for path := range w.files {
		if !slices.ContainsFunc(w.state.Snapshots.Of("demo"), func(n *wire.Snapshot) bool { return n.Path == path }) {
			files++
		}
	}
	states := map[wire.SnapshotState]int{}
	for _, n := range w.state.Snapshots.Of("demo") {
		if n.State != wire.SnapshotAbandoned {
			states[n.State]++
		}
	}
	op, _ := w.state.Operations.Get(w.state.Operations.Last)
	return fmt.Sprintf("%s, programs %v, snapshots %v, %d files that nobody knows, two at once %t, the last operation %s",
		c.State, programs, states, files, w.two, op.State)
}

// TestSnapshotCrashPoints stops the process before each save and call of an upgrade, one that is rolled back, a periodic
// savepoint and a disposal.
func TestSnapshotCrashPoints(t *testing.T) {
	t.Parallel()
	put := func(change func(*spec.Spec)) state.PutCluster {
		s := spec.Spec{
			Name: "demo", Kind: spec.Application, Allocation: spec.Static, FlinkVersion: "2.3.0",
			JobManager:         spec.JobManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}, Replicas: 1},
			FlinkConfiguration: map[string]string{"execution.checkpointing.savepoint-dir": "file:/sp"},
			Job:                &spec.JobSpec{JarURI: "a.jar", UpgradeMode: spec.Savepoint},
		}
		change(&s)
		return state.PutCluster{Spec: s, Nonce: "aaaa", Stop: &state.StopRequest{}}
	}
	for _, story := range []struct {
		name   string
		before []state.Event
		tell   state.Event
		want   string
	}{
		{"an upgrade", nil, put(func(s *spec.Spec) { s.Job.JarURI = "b.jar" }), "STABLE, programs [b.jar from file:/sp/stop-1], snapshots map[COMPLETED:1], 0 files that nobody knows, two at once false, the last operation succeeded"},
		{"a bad upgrade", nil, put(func(s *spec.Spec) { s.Job.JarURI, s.Upgrade.Rollback = "bad.jar", spec.RollbackOn }), "STABLE, programs [a.jar from file:/sp/stop-1], snapshots map[COMPLETED:1], 0 files that nobody knows, two at once false, the last operation succeeded"},
		{"a periodic savepoint", nil, put(func(s *spec.Spec) { s.Job.Snapshots = &spec.Snapshots{Periodic: "1h"} }), "STABLE, programs [a.jar from ], snapshots map[COMPLETED:1], 0 files that nobody knows, two at once false, the last operation succeeded"},
		{
			"a disposal",
			[]state.Event{state.CreateSnapshot{Cluster: "demo"}, state.CreateSnapshot{Cluster: "demo"}},
			state.ChangeSnapshot{ID: "demo-aaaa-snap-1", Change: state.DeleteSnapshot},
			"STABLE, programs [a.jar from ], snapshots map[COMPLETED:1], 0 files that nobody knows, two at once false, the last operation succeeded",
		},
	} {
		for after := 0; ; after++ {
			w := newCrashWorld()
			w.queue = append(w.queue, put(func(*spec.Spec) {}))
			w.rest(t)
			for _, e := range story.before {
				w.queue = append(w.queue, e)
				w.rest(t)
			}
			w.left = after
			w.fold(story.tell)
			if w.crashed {
				w.fold(story.tell) // Who asked got no answer, and asks again.
			}
			w.rest(t)
			survived := !w.crashed
			w.left = -1
			w.rest(t) // Also what a process does that followed at the end of the first.
			if got := w.outcome(); got != story.want {
				t.Errorf("%s, stopped before save or call %d:\n got %s\nwant %s", story.name, after, got, story.want)
			}
			if survived || after > 2000 {
				t.Logf("%s: %d saves and calls", story.name, after)
				break
			}
		}
	}
}
