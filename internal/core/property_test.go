package core_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/check"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// world is a small model of Mesos: it takes actions, and the test draws what happens in it.
type world struct {
	t      *rapid.T
	state  state.State
	now    time.Time
	saved  map[string]any
	nextID int
	// tasks are those that Mesos runs, with their last state.
	tasks map[string]task.State
	// specs are what each task was launched from.
	specs map[string]spec.Spec
	// updates wait to be acknowledged.
	updates map[string]state.Updated
	// late are updates that others have overtaken.
	late []state.Updated
	// planned are the inverse offers of agents with planned maintenance.
	planned map[string]string
	// maintained says that there was some maintenance.
	maintained bool
	nonce      int
	request    uint64
	// asked is the change for which jobs were last asked to be stopped; 0 when that was answered.
	asked int64
	// probes are the tasks that were asked whether they live, and not answered for.
	probes []state.Probe
}

func newWorld(t *rapid.T) *world {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := &world{
		t: t, now: now, saved: map[string]any{}, tasks: map[string]task.State{}, updates: map[string]state.Updated{}, planned: map[string]string{}, specs: map[string]spec.Spec{},
		state: core.New(state.Options{}, state.Stored{}, now),
	}
	w.do(state.Subscribed{FrameworkID: "f"})
	return w
}

// do folds in an event, checks the promises about its actions and performs them.
func (w *world) do(e state.Event) {
	before := picture(w.t, &w.state)
	next, actions := core.Step(w.state, e, w.now)
	again, actions2 := core.Step(w.state, e, w.now)
	if diff := cmp.Diff(before, picture(w.t, &w.state)); diff != "" {
		w.t.Fatalf("Step(%T) changed the state it was given (-before +after):\n%s", e, diff)
	}
	if diff := cmp.Diff(picture(w.t, &next), picture(w.t, &again)); diff != "" {
		w.t.Fatalf("Step(%T) is not deterministic:\n%s", e, diff)
	}
	if got, want := words(actions2), words(actions); !slices.Equal(got, want) {
		w.t.Fatalf("Step(%T) is not deterministic: %v, then %v", e, want, got)
	}
	if wrong := check.Step(&w.state, e, actions, &next); len(wrong) > 0 {
		w.t.Fatalf("Step(%T): %s", e, strings.Join(wrong, "; "))
	}
	w.state = next
	for _, a := range actions {
		switch a := a.(type) {
		case state.Save:
			w.save(a)
		case state.Accept:
			w.accept(a)
		case state.Kill:
			w.kill(a)
		case state.StopJobs:
			w.asked = a.Number
			if r, ok := w.saved[state.ClusterPrefix+"demo"].(*state.ClusterRecord); !ok || r.Rollout == nil || r.Rollout.Number != a.Number {
				w.t.Fatalf("jobs are stopped for change %d, which was not saved before", a.Number)
			}
		case state.Probe:
			w.probes = append(w.probes, a)
		}
	}
}

func (w *world) save(a state.Save) {
	for _, r := range a.Records {
		if r.Value == nil {
			delete(w.saved, r.Key)
		} else {
			w.saved[r.Key] = r.Value
		}
	}
}

func (w *world) accept(a state.Accept) {
	for _, l := range a.Launches {
		t, ok := w.saved[state.TaskPrefix+l.Task.ID].(*task.Task)
		if !ok || t.Goal != task.Launched {
			w.t.Fatalf("task %s is launched and was not saved before", l.Task.ID)
		}
		if r, ok := w.saved[state.ReservationPrefix+l.Task.Reservation].(*task.Reservation); l.Task.Reservation != "" && (!ok || r.Task != l.Task.ID) {
			w.t.Fatalf("task %s is launched and its reservation was not saved before", l.Task.ID)
		}
		if len(l.Reserve)+len(l.Create) > 0 && l.Task.Reservation == "" {
			w.t.Fatalf("task %s has something reserved that nobody will give back", l.Task.ID)
		}
		if _, twice := w.tasks[l.Task.ID]; twice {
			w.t.Fatalf("task %s is launched twice", l.Task.ID)
		}
		w.tasks[l.Task.ID] = task.Staging
		w.specs[l.Task.ID] = l.Spec
	}
}

func (w *world) kill(a state.Kill) {
	if t, ok := w.saved[state.TaskPrefix+a.TaskID].(*task.Task); ok && t.Goal != task.Released {
		w.t.Fatalf("task %s is killed and its release was not saved before", a.TaskID)
	}
	if s, ok := w.tasks[a.TaskID]; ok && !s.Terminal() {
		w.tasks[a.TaskID] = task.Killed
		w.updates[a.TaskID] = state.Updated{TaskID: a.TaskID, State: task.Killed, UUID: []byte("u")}
	}
}

// picture is everything that can be seen of a state.
func picture(t *rapid.T, s *state.State) string {
	all := []any{view.Service(s), view.Outcomes(s)}
	for _, name := range view.Names(s) {
		d, _ := view.Describe(s, name)
		all = append(all, d)
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func words(actions []state.Action) []string {
	out := make([]string, len(actions))
	for i, a := range actions {
		out[i] = describe(a)
	}
	return out
}

func (w *world) offer(agents int) {
	var offers []offer.Offer
	for i := range agents {
		w.nextID++
		offers = append(offers, offer.Offer{
			ID: fmt.Sprintf("o%d", w.nextID), AgentID: fmt.Sprintf("a%d", i), Hostname: fmt.Sprintf("h%d", i),
			Resources: []offer.Resource{
				{Name: "cpus", Scalar: 3000, AllocationRole: "*"},
				{Name: "mem", Scalar: 4096_000, AllocationRole: "*"},
				{Name: "disk", Scalar: 4000, AllocationRole: "*"},
				{Name: "ports", Ranges: []offer.Range{{Begin: 31000, End: 31020}}, AllocationRole: "*"},
			},
		})
	}
	w.do(state.Offered{Offers: offers})
}

// one draws something that happens.
func (w *world) one() {
	ids := slices.Sorted(maps.Keys(w.tasks))
	switch rapid.IntRange(0, 12).Draw(w.t, "what") {
	case 0:
		w.put(rapid.IntRange(0, 4).Draw(w.t, "count"))
	case 1:
		w.request++
		if rapid.IntRange(0, 3).Draw(w.t, "delete") == 0 {
			w.do(state.DeleteCluster{Request: w.request, Name: "demo"})
		}
	case 2, 3:
		w.offer(rapid.IntRange(1, 3).Draw(w.t, "agents"))
	case 4, 5:
		if len(ids) > 0 {
			w.update(rapid.SampledFrom(ids).Draw(w.t, "task"))
		}
	case 6:
		w.deliver()
		w.overtaken()
	case 7:
		w.now = w.now.Add(time.Duration(rapid.IntRange(0, 40).Draw(w.t, "seconds")) * time.Second)
		w.do(state.Ticked{})
	case 8:
		w.restart()
	case 10:
		w.maintain(fmt.Sprintf("a%d", rapid.IntRange(0, 2).Draw(w.t, "agent")))
	case 9:
		w.do(state.Disconnected{Reason: "drawn"})
		w.do(state.Subscribed{FrameworkID: "f"})
		w.answerReconciliation()
	case 11:
		w.jobsStopped(rapid.IntRange(0, 2).Draw(w.t, "stopped"))
	case 12:
		w.probed()
	}
	w.bounded()
}

// maintain plans maintenance of an agent, or calls it off.
func (w *world) maintain(agent string) {
	if id, ok := w.planned[agent]; ok {
		delete(w.planned, agent)
		w.do(state.InverseRescinded{OfferID: id})
		return
	}
	w.nextID++
	w.maintained = true
	id := fmt.Sprintf("i%d", w.nextID)
	w.planned[agent] = id
	w.do(state.InverseOffered{Offers: []state.InverseOffer{{ID: id, AgentID: agent, Unavailable: w.now.Add(time.Hour)}}})
}

// jobsStopped says how far the jobs are stopped that were asked to: a part of them, all, or that one goes on.
func (w *world) jobsStopped(how int) {
	if w.asked == 0 {
		return
	}
	e := state.JobsStopped{Cluster: "demo", Number: w.asked, Savepoints: []wire.Savepoint{{Job: "j1", Path: "file:/sp"}}}
	switch how {
	case 1:
		e.Done = true
	case 2:
		e.Failure = "drawn"
	}
	w.asked = 0
	w.do(e)
}

// probed answers for one of the tasks that were asked whether they live, perhaps late.
func (w *world) probed() {
	if len(w.probes) == 0 {
		return
	}
	i := rapid.IntRange(0, len(w.probes)-1).Draw(w.t, "probe")
	a := w.probes[i]
	w.probes = slices.Delete(w.probes, i, i+1)
	e := state.Probed{TaskID: a.Task.ID, Since: a.Since, Compared: len(a.Others), Alive: rapid.Bool().Draw(w.t, "alive")}
	e.Reached = e.Alive || len(a.Others) > 0 && rapid.Bool().Draw(w.t, "reached")
	known := w.knows(a.Task.ID)
	w.do(e)
	if e.Alive && known != w.knows(a.Task.ID) {
		w.t.Fatalf("%s lives and was given up", a.Task.ID)
	}
}

// knows says whether a task is on the books.
func (w *world) knows(id string) bool {
	_, ok := view.TaskOf(&w.state, "demo", id)
	return ok
}

func (w *world) put(count int) {
	w.nonce++
	w.request++
	var volumes []spec.PersistentVolume
	if rapid.Bool().Draw(w.t, "volume") {
		volumes = []spec.PersistentVolume{{ContainerPath: "state", Size: spec.MiB, Type: spec.RootDisk}}
	}
	var stop *state.StopRequest
	if rapid.Bool().Draw(w.t, "stop") {
		stop = &state.StopRequest{}
	}
	w.do(state.PutCluster{Request: w.request, Nonce: fmt.Sprintf("n%03d", w.nonce), Stop: stop, Now: rapid.IntRange(0, 5).Draw(w.t, "now") == 0, Spec: spec.Spec{
		Suspended: rapid.IntRange(0, 3).Draw(w.t, "suspended") == 0,
		Name:      "demo", Kind: spec.Session, Allocation: spec.Static, RestartNonce: int64(rapid.IntRange(0, 1).Draw(w.t, "restart")),
		JobManager:   spec.JobManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}, Replicas: 1, Reserve: rapid.Bool().Draw(w.t, "reserve")},
		TaskManager:  spec.TaskManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB, PersistentVolumes: volumes}},
		TaskManagers: spec.TaskManagers{Count: count},
		Upgrade:      spec.Upgrade{Rollback: rapid.SampledFrom([]spec.Rollback{"", spec.RollbackOn, spec.RollbackHold}).Draw(w.t, "rollback"), ProgressDeadline: "1m"},
	}})
}

// update draws the next state of a task and delivers it.
func (w *world) update(id string) {
	states := []task.State{task.Starting, task.Running, task.Failed, task.Unreachable, task.Lost}
	if s := w.tasks[id]; s.Terminal() {
		return
	}
	s := rapid.SampledFrom(states).Draw(w.t, "state")
	w.tasks[id] = s
	u := state.Updated{TaskID: id, AgentID: w.agent(id), State: s, UUID: []byte("u")}
	switch rapid.IntRange(0, 5).Draw(w.t, "way") {
	case 0:
		w.late = append(w.late, u)
	case 1:
		// Lost, until Mesos is asked.
	default:
		w.do(u)
	}
}

// overtaken hands over an update that came too late, whatever has become of its task.
func (w *world) overtaken() {
	if len(w.late) == 0 {
		return
	}
	i := rapid.IntRange(0, len(w.late)-1).Draw(w.t, "late")
	u := w.late[i]
	w.late = slices.Delete(w.late, i, i+1)
	w.do(u)
}

// agent is where a task was launched.
func (w *world) agent(id string) string {
	if t, ok := w.saved[state.TaskPrefix+id].(*task.Task); ok {
		return t.AgentID
	}
	return "a0"
}

// deliver hands over what waits, each update twice now and then.
func (w *world) deliver() {
	for _, id := range slices.Sorted(maps.Keys(w.updates)) {
		u := w.updates[id]
		delete(w.updates, id)
		w.do(u)
		if rapid.Bool().Draw(w.t, "twice") {
			w.do(u)
		}
	}
}

// restart forgets what was not saved, and reconciles.
func (w *world) restart() {
	var s state.Stored
	for _, key := range sorted(w.saved) {
		switch v := w.saved[key].(type) {
		case *state.Framework:
			s.Framework = *v
		case *state.ClusterRecord:
			s.Clusters = append(s.Clusters, *v)
		case *task.Task:
			s.Tasks = append(s.Tasks, *v)
		case *task.Reservation:
			s.Reservations = append(s.Reservations, *v)
		}
	}
	w.state = core.New(state.Options{}, s, w.now)
	w.do(state.Subscribed{FrameworkID: "f"})
	w.answerReconciliation()
}

// answerReconciliation has Mesos say what is so of every task.
func (w *world) answerReconciliation() {
	for _, id := range slices.Sorted(maps.Keys(w.tasks)) {
		if !w.tasks[id].Terminal() || rapid.Bool().Draw(w.t, "answered") {
			w.do(state.Updated{TaskID: id, AgentID: w.agent(id), State: w.tasks[id]})
		}
	}
	for key := range w.saved {
		if t, ok := w.saved[key].(*task.Task); ok {
			if s := w.tasks[t.ID]; s.Terminal() {
				w.do(state.Updated{TaskID: t.ID, AgentID: w.agent(t.ID), State: s})
			}
		}
	}
}

// bounded checks that no more is in service than is wanted.
func (w *world) bounded() {
	d, ok := view.Describe(&w.state, "demo")
	if !ok {
		return
	}
	managers, workers := 0, 0
	for _, t := range d.Tasks {
		if t.Goal != task.Launched {
			continue
		}
		if t.Kind == spec.JobManagerTask {
			managers++
		} else {
			workers++
		}
	}
	running, _ := view.RunningSpec(&w.state, "demo") // Until a change is made its spec asks for nothing.
	most := running.TaskManagers.Count
	if w.maintained {
		most *= 2 // Each may have a replacement.
	}
	if managers > 1 || workers > most {
		w.t.Fatalf("in service are %d JobManagers and %d of %d TaskManagers", managers, workers, d.Spec.TaskManagers.Count)
	}
}

// settle lets everything that is under way come to its end.
func (w *world) settle() {
	for len(w.late) > 0 {
		w.overtaken()
	}
	w.do(state.Subscribed{FrameworkID: "f"})
	w.answerReconciliation()
	for _, agent := range slices.Sorted(maps.Keys(w.planned)) {
		w.maintain(agent)
	}
	for range 40 {
		for _, id := range slices.Sorted(maps.Keys(w.tasks)) {
			if s := w.tasks[id]; !s.Terminal() && s != task.Running {
				w.tasks[id] = task.Running
				w.do(state.Updated{TaskID: id, AgentID: w.agent(id), State: task.Running, UUID: []byte("u")})
			}
		}
		w.deliver()
		w.jobsStopped(1)
		w.now = w.now.Add(5 * time.Minute)
		w.do(state.Ticked{})
		w.offer(3)
	}
}

// bound checks that what is reserved is reserved for a task that runs.
func (w *world) bound(live map[string]bool) {
	for key, v := range w.saved {
		if r, ok := v.(*task.Reservation); ok && !live[r.Task] {
			w.t.Fatalf("%s is left, and its task is gone: %+v", key, *r)
		}
	}
}

// TestRandomHistories draws what happens to one cluster and checks, at each step, that what is
// launched was saved before, that nothing is launched twice, that no more is in service than is
// wanted and that each update is acknowledged once; and at the end, that it comes to rest with
// exactly what was asked for and no orphan.
func TestRandomHistories(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(1, 60).Draw(t, "length") {
			w.one()
		}
		w.settle()
		live := map[string]bool{}
		for id, s := range w.tasks {
			if !s.Terminal() {
				live[id] = true
			}
		}
		w.bound(live)
		d, ok := view.Describe(&w.state, "demo")
		if !ok {
			if len(live) > 0 {
				t.Fatalf("the cluster is gone and %v still run", live)
			}
			return
		}
		want := 1 + d.Spec.TaskManagers.Count
		if d.Spec.Suspended {
			want = 0
		}
		if d.Status.Change != nil || d.Spec.Suspended != (d.Status.State == wire.Suspended) {
			t.Fatalf("at rest suspended is %t, and the cluster %s; the change %+v", d.Spec.Suspended, d.Status.State, d.Status.Change)
		}
		if len(live) != want || len(d.Tasks) != want || len(d.Waiting) != 0 {
			t.Fatalf("at rest run %v, wanted are %d tasks; known are %v, waiting %v", live, want, d.Tasks, d.Waiting)
		}
		for _, task := range d.Tasks {
			if !live[task.ID] {
				t.Fatalf("task %s is thought to run and does not", task.ID)
			}
			if w.specs[task.ID].RestartNonce != d.Spec.RestartNonce {
				t.Fatalf("task %s runs from a spec that was replaced", task.ID)
			}
			if full, _ := view.TaskOf(&w.state, "demo", task.ID); full.JobManager != "" && !live[full.JobManager] {
				t.Fatalf("TaskManager %s belongs to the JobManager %s, which is gone", task.ID, full.JobManager)
			}
		}
	})
}
