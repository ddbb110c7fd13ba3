package localmesos

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// UpdateFaults say what happens to status updates on their way to frameworks.
type UpdateFaults struct {
	// Duplicate, Drop and Delay are probabilities from 0 to 1. A dropped update comes again when
	// it is not acknowledged; a delayed one may be overtaken.
	Duplicate float64 `json:"duplicate,omitempty"`
	Drop      float64 `json:"drop,omitempty"`
	Delay     float64 `json:"delay,omitempty"`
	// DelayBy is the longest delay, in milliseconds.
	DelayBy int `json:"delayByMillis,omitempty"`
	// Seed makes the choices repeatable.
	Seed uint64 `json:"seed,omitempty"`
}

// faults are those injected now; guarded by Master.mu.
type faults struct {
	updates UpdateFaults
	random  *rand.Rand
	silent  bool
	// redirect is the address of another leader; notReady a status and text for every call.
	redirect       string
	notReady       int
	notReadyReason string
}

// update sends an update through the faults: with send, under the lock of the caller, or later with the lock of
// its own.
func (f *faults) update(lock sync.Locker, send func()) {
	u := f.updates
	if f.random == nil || u == (UpdateFaults{Seed: u.Seed}) {
		send()
		return
	}
	if f.random.Float64() < u.Drop {
		return
	}
	if f.random.Float64() < u.Duplicate {
		send()
	}
	if f.random.Float64() < u.Delay {
		time.AfterFunc(time.Duration(f.random.IntN(max(1, u.DelayBy)))*time.Millisecond, func() {
			lock.Lock()
			defer lock.Unlock()
			send()
		})
		return
	}
	send()
}

// DisturbUpdates sets what happens to status updates from now on.
func (m *Master) DisturbUpdates(u UpdateFaults) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults.updates, m.faults.random = u, rand.New(rand.NewPCG(u.Seed, 1))
}

// silent says whether events are held back.
func (m *Master) silent() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.faults.silent
}

// Silence holds back every event, heartbeats as well, with connections open, or lets them go again.
func (m *Master) Silence(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults.silent = on
	if on {
		return
	}
	for _, f := range m.frameworks {
		if f.stream != nil {
			select {
			case f.stream.ready <- struct{}{}:
			default:
			}
		}
	}
}

// DropStreams ends every open stream, as a broken connection does.
func (m *Master) DropStreams() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.frameworks {
		if f.stream != nil {
			f.stream.close()
		}
	}
}

// LoseAgent makes the master lose an agent, as when its process fails; ReturnAgent brings it back. Tasks of
// frameworks with checkpoint run on; those of others end with TASK_LOST at once, as recorded from a real agent.
func (m *Master) LoseAgent(name string) error { return m.lose(name, false) }

// KillAgent ends an agent and all its tasks for good, as when its machine fails.
func (m *Master) KillAgent(name string) error { return m.lose(name, true) }

func (m *Master) lose(name string, kill bool) error {
	m.mu.Lock()
	a, err := m.agent(name)
	if err != nil {
		m.mu.Unlock()
		return err
	}
	if !a.connected && (!kill || a.killed) {
		m.mu.Unlock()
		return fmt.Errorf("agent %s is lost already", a.id)
	}
	if !a.connected { // Now its machine fails, too.
		a.killed = true
		m.mu.Unlock()
		return a.close()
	}
	a.connected, a.killed, a.lost = false, kill, time.Now()
	m.rescind(a)
	for _, t := range a.sorted() {
		m.partition(a, t)
	}
	m.failure(a)
	m.mu.Unlock()
	if kill {
		return a.close()
	}
	return nil
}

// partition reports a task of a lost agent: unreachable to those who know the difference,
// lost to the others, for whom it is killed should it come back.
func (m *Master) partition(a *agent, t *task) {
	stopTimer(t.retry)
	if terminal(*t.state) {
		return
	}
	id := mesos.AgentID{Value: a.id}
	if !t.framework.info.GetCheckpoint() {
		// Executors of such a framework end with their agent's process.
		message, reason := "Agent "+a.hostname+" disconnected", mesos.REASON_AGENT_DISCONNECTED
		m.end(t, mesos.TaskStatus{TaskID: t.info.TaskID, AgentID: &id, State: mesos.TASK_LOST.Enum(), Message: &message, Reason: &reason})
		a.runtime.Kill(t.info.TaskID.Value, nil)
		return
	}
	state, message, reason := mesos.TASK_UNREACHABLE, "health check timed out", mesos.REASON_AGENT_REMOVED
	s := mesos.TaskStatus{TaskID: t.info.TaskID, AgentID: &id, State: &state, Message: &message, Reason: &reason}
	if !t.framework.can(mesos.FrameworkInfo_Capability_PARTITION_AWARE) {
		state = mesos.TASK_LOST
		m.end(t, s)
		a.killOrDoom(t)
		return
	}
	s.UnreachableTime = &mesos.TimeInfo{Nanoseconds: a.lost.UnixNano()}
	t.state = &state
	t.statuses = append(t.statuses, m.tell(t.framework, s))
}

// end reports the end of a task that its agent does not report any more.
func (m *Master) end(t *task, s mesos.TaskStatus) {
	t.state = s.State
	t.statuses = append(t.statuses, m.tell(t.framework, s))
	m.forget(t)
}

// ReturnAgent brings a lost agent back with the tasks that still run on it.
func (m *Master) ReturnAgent(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, err := m.agent(name)
	if err != nil {
		return err
	}
	if a.connected {
		return fmt.Errorf("agent %s is connected", a.id)
	}
	if a.killed {
		return fmt.Errorf("agent %s was killed: its machine does not come back", a.id)
	}
	a.connected = true
	for _, id := range a.doomed {
		a.runtime.Kill(id, nil)
	}
	a.doomed = nil
	for _, t := range a.sorted() {
		if len(t.unacknowledged) > 0 {
			m.observe(t, t.unacknowledged[len(t.unacknowledged)-1])
			m.resume(t)
			continue
		}
		state, message, reason := mesos.TASK_STAGING, "Unreachable agent re-reregistered", mesos.REASON_AGENT_REREGISTERED
		id := mesos.AgentID{Value: a.id}
		s := mesos.TaskStatus{TaskID: t.info.TaskID, AgentID: &id, State: &state, Message: &message, Reason: &reason}
		if last := t.fromAgent(); last != nil {
			state, s.ContainerStatus = *last.State, last.ContainerStatus
		}
		t.state = &state
		t.statuses = append(t.statuses, m.tell(t.framework, s))
	}
	return nil
}

// RemoveAgent removes an agent for good with its tasks, as an operator's MARK_AGENT_GONE does.
func (m *Master) RemoveAgent(name string) error {
	return m.remove(name, func(_ *agent, f *framework) (mesos.TaskState, string, mesos.TaskStatus_Reason) {
		state := mesos.TASK_GONE_BY_OPERATOR
		if !f.can(mesos.FrameworkInfo_Capability_PARTITION_AWARE) {
			state = mesos.TASK_LOST
		}
		return state, "Agent has been marked gone", mesos.REASON_AGENT_REMOVED_BY_OPERATOR
	})
}

// UnregisterAgent removes an agent that was asked to leave with SIGUSR1.
func (m *Master) UnregisterAgent(name string) error {
	return m.remove(name, func(a *agent, _ *framework) (mesos.TaskState, string, mesos.TaskStatus_Reason) {
		return mesos.TASK_LOST, "Agent " + a.hostname + " removed: the agent unregistered", mesos.REASON_AGENT_REMOVED
	})
}

func (m *Master) remove(name string, why func(*agent, *framework) (mesos.TaskState, string, mesos.TaskStatus_Reason)) error {
	m.mu.Lock()
	a, err := m.agent(name)
	if err != nil {
		m.mu.Unlock()
		return err
	}
	a.connected, a.lost = false, time.Now()
	m.rescind(a)
	id := mesos.AgentID{Value: a.id}
	for _, t := range a.sorted() {
		state, message, reason := why(a, t.framework)
		m.end(t, mesos.TaskStatus{TaskID: t.info.TaskID, AgentID: &id, State: &state, Message: &message, Reason: &reason})
	}
	m.failure(a)
	delete(m.agents, a.id)
	m.mu.Unlock()
	return a.close()
}

// Failover makes the process a newly elected master: streams end, offers and filters are
// forgotten, and tasks are known again from the agents, which register anew at once.
func (m *Master) Failover() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.offers = make(map[string]*pendingOffer)
	for _, a := range m.agents {
		a.offered, a.inverse = nil, nil
	}
	for _, f := range m.frameworks {
		f.filters, f.inverseFilters = nil, nil
		if f.stream != nil {
			f.stream.close()
		}
	}
}

// Redirect makes the master answer every call with the address of another leader; empty ends it.
func (m *Master) Redirect(address string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults.redirect = address
}

// NotReady makes the master answer every call with a status and a text, as one that has not
// recovered yet does; 0 ends it.
func (m *Master) NotReady(status int, reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults.notReady, m.faults.notReadyReason = status, reason
}

// Teardown removes a framework, as an operator does.
func (m *Master) Teardown(frameworkID string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.frameworks[frameworkID]
	if f == nil {
		return fmt.Errorf("No framework found with specified ID") //nolint:staticcheck,revive // The master's words.
	}
	m.removeFramework(f)
	return nil
}
