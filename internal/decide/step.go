// Package decide is the core: it folds events into the state and says what must be
// done about each. It reads no clock, draws no random number and performs nothing;
// package loop owns the state and performs the actions.
package decide

import (
	"fmt"
	"slices"
	"time"

	iradix "github.com/hashicorp/go-immutable-radix/v2"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Step folds one event into the state and says what must be done about it. The order of the
// actions is a promise: Save stands before everything that relies on what it saves.
// The state that is passed in stays as it was.
func Step(s State, e Event, now time.Time) (State, []Action) {
	st := &step{s: s, now: now}
	st.begin()
	switch e := e.(type) {
	case Subscribed:
		st.subscribed(e)
	case Disconnected:
		st.s.Connected = false
	case FrameworkRemoved:
		st.frameworkRemoved(e)
	case TornDown:
		st.tornDown()
	case Offered:
		st.offered(e)
	case Rescinded:
		// No offer is ever held, so there is nothing to take back: a launch that lost this
		// race comes back as a lost task.
	case InverseOffered:
		st.inverseOffered(e)
	case InverseRescinded:
		st.inverseRescinded(e)
	case Updated:
		st.updated(e)
	case AgentLost:
		st.agentLost(e)
	case CallFailed:
		st.callFailed(e)
	case PutCluster:
		st.putCluster(e)
	case DeleteCluster:
		st.deleteCluster(e)
	case Forgotten:
		st.forgotten(e)
	case RestartTask:
		st.restartTask(e)
	case PauseStarts:
		st.pauseStarts(e)
	case Look:
		st.look(e)
	case JobsCancelled:
		st.jobsCancelled(e)
	case JobsStopped:
		st.jobsStopped(e)
	case FlinkObserved:
		st.flinkObserved(e)
	case WorkersWanted:
		st.workersWanted(e)
	case Ticked:
		st.ticked(e)
	default:
		panic(fmt.Sprintf("decide: event %T has no case", e))
	}
	return st.end()
}

// step is the working memory of one Step.
type step struct {
	s   State
	now time.Time

	clusters    *iradix.Txn[*Cluster]
	tasks       *iradix.Txn[*task.Task]
	agents      *iradix.Txn[*Agent]
	killing     *iradix.Txn[struct{}]
	unreachable *iradix.Txn[struct{}]
	open        *iradix.Txn[struct{}]
	leavers     *iradix.Txn[leaving]

	reservations *iradix.Txn[*reservation]

	// edited are the clusters copied by this step, in the order of their first change.
	edited map[string]*Cluster
	order  []string

	// outcomes are those of this step.
	outcomes []Outcome

	saves   []Record
	saved   map[string]int
	sends   []Action
	acks    []Action
	answers []Action
}

func (st *step) begin() {
	st.clusters = st.s.clusters.Txn()
	st.tasks = st.s.tasks.Txn()
	st.agents = st.s.agents.Txn()
	st.killing = st.s.killing.Txn()
	st.unreachable = st.s.unreachable.Txn()
	st.open = st.s.reconcile.open.Txn()
	st.reservations = st.s.reservations.Txn()
	st.leavers = st.s.leavers.Txn()
}

func (st *step) end() (State, []Action) {
	for _, name := range st.order {
		if c := st.edited[name]; c != nil {
			st.phase(c)
		}
	}
	st.s.clusters = st.clusters.Commit()
	st.s.tasks = st.tasks.Commit()
	st.s.agents = st.agents.Commit()
	st.s.killing = st.killing.Commit()
	st.s.unreachable = st.unreachable.Commit()
	st.s.reconcile.open = st.open.Commit()
	st.s.reservations = st.reservations.Commit()
	st.s.leavers = st.leavers.Commit()
	if n := len(st.outcomes); n > 0 {
		all := append(slices.Clone(st.s.outcomes), st.outcomes[max(0, n-maxOutcomes):]...)
		st.s.outcomes = slices.Clip(all[max(0, len(all)-maxOutcomes):])
	}
	st.flow()

	actions := make([]Action, 0, 1+len(st.sends)+len(st.acks)+len(st.answers))
	if len(st.saves) > 0 {
		actions = append(actions, Save{Records: st.saves})
	}
	actions = append(actions, st.sends...)
	actions = append(actions, st.acks...)
	actions = append(actions, st.answers...)
	return st.s, actions
}

// REVIVE is sent once a second in the long run, as a master allocates no faster by default, and up to
// so many times in a row, so that what Flink asks for a moment after its first worker does not wait.
const (
	reviveInterval = time.Second
	reviveBurst    = 5
)

// reviveAgain is after how long offers are asked for anew while something waits, so that no
// filter set for another reason keeps a fitting offer away for long.
const reviveAgain = 20 * time.Second

// flow turns the stream of offers on and off: REVIVE when something waits that the master may
// be hiding offers from, SUPPRESS when nothing waits.
func (st *step) flow() {
	if !st.s.Connected {
		return
	}
	waiting, ready, held := st.demand()
	owed := st.owed()
	switch {
	case waiting == 0 && !owed && len(st.s.looks) == 0:
		st.s.wantOffers = false
		if !st.s.Suppressed {
			st.s.Suppressed = true
			st.send(Suppress{})
		}
	case (ready || owed || len(st.s.looks) > 0) && (st.s.Suppressed || st.s.wantOffers || !st.now.Before(st.s.reviveNext)):
		if st.s.reviveDue.Sub(st.now) > (reviveBurst-1)*reviveInterval {
			st.s.wantOffers = true
			break
		}
		if st.s.reviveDue.Before(st.now) {
			st.s.reviveDue = st.now
		}
		st.s.reviveDue = st.s.reviveDue.Add(reviveInterval)
		st.s.Suppressed, st.s.wantOffers, st.s.revived = false, false, st.now
		// What a brake holds back now has its offers declined, and needs them again when it may go.
		st.s.reviveNext = st.now.Add(st.askAgain(waiting, owed))
		if !held.IsZero() && held.Before(st.s.reviveNext) {
			st.s.reviveNext = held
		}
		st.constrain(true)
		st.send(Revive{})
		return
	}
	if len(st.s.constrained) > 0 && waiting > 0 {
		st.constrain(false)
	}
}

// demand counts the tasks that wait, and says whether one of them may be placed now, and when the
// first of those may that a brake holds back; zero for none.
func (st *step) demand() (waiting int, ready bool, held time.Time) {
	look := func(b *brake) {
		switch {
		case !b.holds(st.now):
			ready = true
		case held.IsZero() || b.until.Before(held):
			held = b.until
		}
	}
	it := st.s.clusters.Root().Iterator()
	for _, c, ok := it.Next(); ok; _, c, ok = it.Next() {
		n := c.waiting.Len()
		if c.Paused {
			continue
		}
		waiting += n
		if c.waitingJobManagers > 0 {
			look(&c.jobManagerBrake)
		}
		if n > c.waitingJobManagers && len(c.jobManagers) > 0 {
			look(&c.taskManagerBrake)
		}
	}
	return waiting, ready, held
}

func (st *step) send(a Action) { st.sends = append(st.sends, a) }

func (st *step) answer(request uint64, err error) {
	st.answers = append(st.answers, Answer{Request: request, Err: err})
}

// save puts a record on the list of this step; a later value for a key replaces the earlier.
func (st *step) save(key string, value any) {
	if i, ok := st.saved[key]; ok {
		st.saves[i].Value = value
		return
	}
	if st.saved == nil {
		st.saved = make(map[string]int)
	}
	st.saved[key] = len(st.saves)
	st.saves = append(st.saves, Record{Key: key, Value: value})
}

// Keys of records.
const (
	FrameworkKey  = "framework"
	ClusterPrefix = "cluster/"
	TaskPrefix    = "task/"
	// ReservationPrefix is followed by the id of the reservation.
	ReservationPrefix = "reservation/"
)

func (st *step) saveFramework() {
	f := st.s.Framework
	st.save(FrameworkKey, &f)
}

func (st *step) saveCluster(c *Cluster) {
	r := c.ClusterRecord
	st.save(ClusterPrefix+c.Spec.Name, &r)
}

// edit returns the step's own copy of a cluster, nil when there is none of that name.
func (st *step) edit(name string) *Cluster {
	if c, ok := st.edited[name]; ok {
		return c
	}
	old, ok := st.clusters.Get([]byte(name))
	if !ok {
		return nil
	}
	c := *old
	return st.adopt(&c)
}

// adopt makes c the cluster of its name; c belongs to this step.
func (st *step) adopt(c *Cluster) *Cluster {
	if st.edited == nil {
		st.edited = make(map[string]*Cluster)
	}
	st.edited[c.Spec.Name] = c
	st.order = append(st.order, c.Spec.Name)
	st.clusters.Insert([]byte(c.Spec.Name), c)
	return c
}

// note adds an entry to a cluster's history.
func (st *step) note(c *Cluster, kind, format string, args ...any) {
	n := wire.Note{Time: st.now, Type: kind, Message: fmt.Sprintf(format, args...)}
	from := max(0, len(c.notes)-maxNotes+1)
	c.notes = append(slices.Clone(c.notes[from:]), n)
	st.send(Tell{Cluster: c.Spec.Name, Note: n})
}

// prefix is what the ids of all tasks of the cluster begin with.
func (c *Cluster) prefix() string { return c.Spec.Name + "-" + c.Nonce + "-" }

// newID numbers a task of a role.
func (c *Cluster) newID(role spec.TaskKind) string {
	c.NextTask++
	short := "tm"
	if role == spec.JobManagerTask {
		short = "jm"
	}
	return fmt.Sprintf("%s%s-%d", c.prefix(), short, c.NextTask)
}

// tasksOf returns the tasks of a cluster, in the order of their ids.
func (st *step) tasksOf(c *Cluster) []*task.Task {
	var tasks []*task.Task
	st.tasks.Root().WalkPrefix([]byte(c.prefix()), func(_ []byte, t *task.Task) bool {
		tasks = append(tasks, t)
		return false
	})
	return tasks
}

// setTask stores a task and keeps the counts of its cluster. The caller hands over a fresh copy.
func (st *step) setTask(t *task.Task) {
	st.save(TaskPrefix+t.ID, t)
	st.indexTask(t)
}

// indexTask keeps the indexes and the counts for a task whose record is stored already.
func (st *step) indexTask(t *task.Task) {
	c := st.edit(t.Cluster)
	if old, ok := st.tasks.Get([]byte(t.ID)); ok {
		st.count(c, old, -1)
	}
	st.tasks.Insert([]byte(t.ID), t)
	st.count(c, t, +1)
}

// removeTask forgets a task.
func (st *step) removeTask(id string) {
	if old, ok := st.tasks.Get([]byte(id)); ok {
		st.count(st.edit(old.Cluster), old, -1)
		st.tasks.Delete([]byte(id))
		st.free(old)
	}
	st.save(TaskPrefix+id, nil)
}

func (st *step) count(c *Cluster, t *task.Task, d int) {
	key := []byte(t.ID)
	if d < 0 {
		st.killing.Delete(key)
		st.unreachable.Delete(key)
	} else {
		if t.Goal == task.Released {
			st.killing.Insert(key, struct{}{})
		}
		if t.State == task.Unreachable {
			st.unreachable.Insert(key, struct{}{})
		}
	}
	if t.Goal == task.Released {
		c.releasing += d
	}
	if t.Kind == spec.JobManagerTask {
		c.jobManagers = slices.DeleteFunc(slices.Clone(c.jobManagers), func(id string) bool { return id == t.ID })
		if d > 0 {
			c.jobManagers = append(c.jobManagers, t.ID)
		}
		return
	}
	if t.Goal == task.Launched {
		c.taskManagers += d
		if t.State == task.Running {
			c.running += d
		}
	}
}

// task returns a copy of a task that the caller may change and hand to setTask.
func (st *step) task(id string) (*task.Task, bool) {
	t, ok := st.tasks.Get([]byte(id))
	if !ok {
		return nil, false
	}
	c := *t
	return &c, true
}
