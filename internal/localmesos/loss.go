package localmesos

import (
	"fmt"
	"maps"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/registry"
)

// An agent is lost in one of two ways, which frameworks see differently (recorded: testdata/04-*.jsonl):
//
//   - Its process ends. The master sees the connection close and rescinds the agent's offers at once. Tasks of
//     frameworks without checkpoint end with it; those with checkpoint run on.
//   - Its machine fails. Nothing closes the connection: offers stay, calls are accepted and have no effect, and the
//     tasks are gone without a word.
//
// In both cases the master pings the agent, and marks it unreachable after Options.MaxAgentPingTimeouts pings
// without an answer. Only a process comes back, with the tasks that still run.

// LoseAgent ends the process of an agent, as SIGKILL does; ReturnAgent starts it again.
func (m *Master) LoseAgent(name string) error { return m.lose(name, false) }

// KillAgent fails the machine of an agent: its tasks are gone and it does not answer. The error says so when it had
// failed before; a machine may fail whose agent's process has ended already.
func (m *Master) KillAgent(name string) error { return m.lose(name, true) }

func (m *Master) lose(name string, machine bool) error {
	m.mu.Lock()
	a, err := m.registry.Agent(name)
	if err != nil {
		m.mu.Unlock()
		return err
	}
	if a.Killed || !a.Connected && !machine {
		m.mu.Unlock()
		return fmt.Errorf("agent %s is lost already", a.ID)
	}
	answered := a.Connected
	if a.Killed = machine; !machine {
		m.disconnect(a)
	}
	if answered {
		m.awaitPings(a)
	}
	m.mu.Unlock()
	if machine {
		return a.Close()
	}
	return nil
}

// disconnect is what the master does when the connection to an agent closes (Master::exited).
func (m *Master) disconnect(a *registry.Agent) {
	a.Connected = false
	m.rescind(a)
	id := mesos.AgentID{Value: a.ID}
	for _, t := range a.SortedTasks() {
		stopTimer(t.Retry)
		if registry.Terminal(*t.State) || t.Framework.Info.GetCheckpoint() {
			continue
		}
		message, reason := "Agent "+a.Hostname+" disconnected", mesos.REASON_AGENT_DISCONNECTED
		m.end(t, mesos.TaskStatus{TaskID: t.Info.TaskID, AgentID: &id, State: mesos.TASK_LOST.Enum(), Message: &message, Reason: &reason})
		a.Runtime.Kill(t.Info.TaskID.Value, nil)
	}
}

// awaitPings has the master give up an agent that stopped answering just now. The master pings an agent in regular
// intervals from its registration on; the first ping after the loss is the first without an answer, and each is
// waited for as long as an interval (master/master.cpp, SlaveObserver).
func (m *Master) awaitPings(a *registry.Agent) {
	interval := m.o.AgentPingTimeout
	if interval <= 0 {
		m.markUnreachable(a)
		return
	}
	next := interval - time.Since(a.Registered)%interval
	a.Observer = time.AfterFunc(next+time.Duration(m.o.MaxAgentPingTimeouts)*interval, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.registry.Agents[a.ID] == a && !m.closed && !a.Unreachable && (a.Killed || !a.Connected) {
			m.markUnreachable(a)
		}
	})
}

// markUnreachable gives up an agent (Master::__removeSlave).
func (m *Master) markUnreachable(a *registry.Agent) {
	a.Connected, a.Unreachable, a.Lost, a.Kills = false, true, time.Now(), nil
	for _, t := range a.SortedTasks() {
		m.partition(a, t)
	}
	m.rescind(a)
	m.failure(a)
}

// partition reports a task of an unreachable agent: as unreachable to those who know the difference, as lost to the
// others. The master lists it among the unreachable tasks in both cases.
func (m *Master) partition(a *registry.Agent, t *registry.Task) {
	stopTimer(t.Retry)
	if registry.Terminal(*t.State) {
		return
	}
	state, message, reason := mesos.TASK_UNREACHABLE, "health check timed out", mesos.REASON_AGENT_REMOVED
	if !t.Framework.Can(mesos.FrameworkInfo_Capability_PARTITION_AWARE) {
		state = mesos.TASK_LOST
	}
	m.setUnreachable(t, mesos.TaskStatus{
		TaskID: t.Info.TaskID, AgentID: &mesos.AgentID{Value: a.ID}, State: &state, Message: &message, Reason: &reason,
		UnreachableTime: &mesos.TimeInfo{Nanoseconds: a.Lost.UnixNano()},
	})
}

// setUnreachable reports a task whose agent cannot be asked and keeps it among those.
func (m *Master) setUnreachable(t *registry.Task, s mesos.TaskStatus) {
	t.State = s.State
	t.Statuses = append(t.Statuses, m.tell(t.Framework, s))
	delete(t.Framework.Tasks, t.Info.TaskID.Value)
	t.Framework.Unreachable[t.Info.TaskID.Value] = t
}

// end reports the end of a task that its agent does not report any more.
func (m *Master) end(t *registry.Task, s mesos.TaskStatus) {
	t.State = s.State
	t.Statuses = append(t.Statuses, m.tell(t.Framework, s))
	m.forget(t)
}

// ReturnAgent starts the process of a lost agent again, which finds the tasks that still run. All of them are known
// again, those of frameworks without PARTITION_AWARE too (Master::__reregisterSlave).
func (m *Master) ReturnAgent(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, err := m.registry.Agent(name)
	if err != nil {
		return err
	}
	if a.Killed {
		return fmt.Errorf("agent %s was killed: its machine does not come back", a.ID)
	}
	if a.Connected {
		return fmt.Errorf("agent %s is connected", a.ID)
	}
	stopTimer(a.Observer)
	known := !a.Unreachable
	a.Connected, a.Unreachable = true, false
	for _, id := range a.Doomed {
		a.Runtime.Kill(id, nil)
	}
	for _, id := range slices.Sorted(maps.Keys(a.Kills)) {
		a.Runtime.Kill(id, a.Kills[id])
	}
	a.Doomed, a.Kills = nil, nil
	for _, t := range a.SortedTasks() {
		m.reregister(a, t, known)
	}
	return nil
}

// reregister takes a task from an agent that has come back. Frameworks are told unless the master had known it all
// the time.
func (m *Master) reregister(a *registry.Agent, t *registry.Task, known bool) {
	delete(t.Framework.Unreachable, t.Info.TaskID.Value)
	t.Framework.Tasks[t.Info.TaskID.Value] = t
	if len(t.Unacknowledged) > 0 {
		m.observe(t, t.Unacknowledged[len(t.Unacknowledged)-1])
		m.resume(t)
		return
	}
	if known {
		return
	}
	state, message, reason := mesos.TASK_STAGING, "Unreachable agent re-reregistered", mesos.REASON_AGENT_REREGISTERED
	id := mesos.AgentID{Value: a.ID}
	s := mesos.TaskStatus{TaskID: t.Info.TaskID, AgentID: &id, State: &state, Message: &message, Reason: &reason}
	if last := t.FromAgent(); last != nil {
		state, s.ContainerStatus = *last.State, last.ContainerStatus
	}
	t.State = &state
	t.Statuses = append(t.Statuses, m.tell(t.Framework, s))
}

// RemoveAgent removes an agent for good with its tasks, as an operator's MARK_AGENT_GONE does. As on the real master
// the tasks of frameworks without PARTITION_AWARE are lost, and listed as unreachable unless the agent was so before.
func (m *Master) RemoveAgent(name string) error {
	return m.remove(name, func(a *registry.Agent) {
		m.registry.Gone[a.ID] = true
		for _, t := range a.SortedTasks() {
			state, message, reason := mesos.TASK_GONE_BY_OPERATOR, "Agent has been marked gone", mesos.REASON_AGENT_REMOVED_BY_OPERATOR
			take := m.end
			if !t.Framework.Can(mesos.FrameworkInfo_Capability_PARTITION_AWARE) {
				state, reason = mesos.TASK_LOST, mesos.REASON_AGENT_REMOVED
				if !a.Unreachable {
					take = m.setUnreachable
				}
			}
			take(t, mesos.TaskStatus{TaskID: t.Info.TaskID, AgentID: &mesos.AgentID{Value: a.ID}, State: &state, Message: &message, Reason: &reason})
		}
	})
}

// UnregisterAgent removes an agent that was asked to leave with SIGUSR1.
func (m *Master) UnregisterAgent(name string) error {
	return m.remove(name, func(a *registry.Agent) {
		message := "Agent " + a.Hostname + " removed: the agent unregistered"
		for _, t := range a.SortedTasks() {
			m.end(t, mesos.TaskStatus{
				TaskID: t.Info.TaskID, AgentID: &mesos.AgentID{Value: a.ID}, State: mesos.TASK_LOST.Enum(), Message: &message,
				Reason: mesos.REASON_AGENT_REMOVED.Enum(),
			})
		}
	})
}

func (m *Master) remove(name string, end func(*registry.Agent)) error {
	m.mu.Lock()
	a, err := m.registry.Agent(name)
	if err != nil {
		m.mu.Unlock()
		return err
	}
	stopTimer(a.Observer)
	a.Connected, a.Lost = false, time.Now()
	end(a)
	m.rescind(a)
	m.failure(a)
	delete(m.registry.Agents, a.ID)
	m.mu.Unlock()
	return a.Close()
}
