package localmesos

import (
	"strings"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/resources"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/protocol"
)

// launch checks a task against what is left of the offers and starts it.
func (m *Master) launch(f *framework, a *agent, left *mesos.Resources, info mesos.TaskInfo, problem string) {
	if problem != "" {
		m.refuseTask(f, info, f.dropped(), mesos.REASON_INVALID_OFFERS, "Task launched with invalid offers: "+problem)
		return
	}
	info.Resources = withoutRole(info.Resources)
	if text := m.checkTask(f, a, *left, &info); text != "" {
		m.refuseTask(f, info, mesos.TASK_ERROR, mesos.REASON_TASK_INVALID, text)
		return
	}
	*left = left.Minus(info.Resources...)
	t := &task{info: info, framework: f, agentID: a.id, state: mesos.TASK_STAGING.Enum()}
	f.tasks[info.TaskID.Value] = t
	a.tasks[t] = true
	a.used = a.used.Plus(mesos.Resources(info.Resources).Clone().Unallocate()...)
	fw := f.info
	m.wg.Go(func() {
		a.runtime.Launch(fw, info, func(s mesos.TaskStatus) { m.reported(a, f.id, s) })
	})
}

// withoutRole takes the role * off unreserved resources, as frameworks without
// RESERVATION_REFINEMENT write it.
func withoutRole(rs []mesos.Resource) mesos.Resources {
	out := mesos.Resources(rs).Clone()
	for i := range out {
		if out[i].Role != nil && *out[i].Role == "*" {
			out[i].Role = nil
		}
	}
	return out
}

// checkTask finds what the master refuses in a task.
func (m *Master) checkTask(f *framework, a *agent, left mesos.Resources, info *mesos.TaskInfo) string {
	if info.AgentID.Value != a.id {
		return "Task uses invalid agent " + info.AgentID.Value + " while agent " + a.id + " is expected"
	}
	if _, ok := f.tasks[info.TaskID.Value]; ok {
		return "Task has duplicate ID: " + info.TaskID.Value
	}
	if (info.Command == nil) == (info.Executor == nil) {
		return "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"
	}
	if id := info.TaskID.Value; id == "" || strings.ContainsAny(id, "/\\") || id == "." || id == ".." {
		return "Task ID '" + id + "' contains invalid characters"
	}
	if len(info.Resources) == 0 {
		return "Task uses no resources"
	}
	if name := mixed(info.Resources); name != "" {
		return "Task mixes revocable and non-revocable resources: Cannot use both revocable and non-revocable '" + name + "' at the same time"
	}
	if text := checkLimits(info); text != "" {
		return text
	}
	if !resources.ContainsAll(left, info.Resources) {
		return "Total resources " + text(info.Resources) + " required by task and its executor is more than available " + text(left)
	}
	return ""
}

// refuseTask reports a task that was never started. Such an update has no id and wants no
// acknowledgement.
func (m *Master) refuseTask(f *framework, info mesos.TaskInfo, state mesos.TaskState, reason mesos.TaskStatus_Reason, message string) {
	agentID := info.AgentID
	m.tell(f, mesos.TaskStatus{
		TaskID: info.TaskID, AgentID: &agentID, State: &state, Reason: &reason, Message: &message,
	})
}

// tell sends an update of the master's own making, and returns it as sent.
func (m *Master) tell(f *framework, s mesos.TaskStatus) mesos.TaskStatus {
	now := protocol.Seconds(time.Now())
	s.Source, s.Timestamp = mesos.SOURCE_MASTER.Enum(), &now
	m.deliver(f, s)
	return s
}

// deliver puts an update on the stream, through the injected faults.
func (m *Master) deliver(f *framework, s mesos.TaskStatus) {
	m.faults.update(&m.mu, func() {
		f.send(&scheduler.Event{Type: scheduler.Event_UPDATE, Update: &scheduler.Event_Update{Status: s}})
	})
}

// reported takes an update from an agent: it is kept until acknowledged and sent in order.
func (m *Master) reported(a *agent, frameworkID string, s mesos.TaskStatus) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.registry.agents[a.id] != a || a.killed {
		return
	}
	f := m.registry.frameworks[frameworkID]
	if f == nil {
		return
	}
	t := f.tasks[s.TaskID.Value]
	if t == nil || t.agentID != a.id {
		t = f.unreachable[s.TaskID.Value]
	}
	if t == nil || terminal(*t.state) && !t.unreachable() {
		return
	}
	agentID, executorID := mesos.AgentID{Value: a.id}, mesos.ExecutorID{Value: s.TaskID.Value}
	now := protocol.Seconds(time.Now())
	s.AgentID, s.Timestamp, s.UUID = &agentID, &now, protocol.NewUUIDBytes()
	if *s.State == mesos.TASK_DROPPED {
		s.State = f.dropped().Enum()
	}
	if a.draining && (*s.State == mesos.TASK_KILLING || *s.State == mesos.TASK_KILLED) {
		s.Reason = mesos.REASON_AGENT_DRAINING.Enum()
	}
	if s.ExecutorID == nil {
		s.ExecutorID = &executorID
	}
	t.unacknowledged = append(t.unacknowledged, s)
	if a.connected {
		m.observe(t, s)
	}
	if len(t.unacknowledged) == 1 {
		m.forward(t)
	}
}

// observe makes a status the latest known one, and frees the resources of a task that ended.
func (m *Master) observe(t *task, s mesos.TaskStatus) {
	t.state = s.State
	t.statuses = append(t.statuses, s)
	if terminal(*s.State) {
		m.recoverResources(t)
	}
}

// forward sends the first unacknowledged update, and again until it is acknowledged.
func (m *Master) forward(t *task) {
	stopTimer(t.retry)
	a := m.registry.agents[t.agentID]
	if len(t.unacknowledged) == 0 || m.closed {
		return
	}
	if a != nil && a.connected {
		m.deliver(t.framework, t.unacknowledged[0])
	}
	wait := min(m.o.AckRetry<<min(t.retries, 10), 10*time.Minute)
	t.retries++
	t.retry = time.AfterFunc(wait, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.forward(t)
	})
}

// resume sends the first unacknowledged update at once, and counts the delays anew: agents do so when they hear that
// a framework has subscribed again, and when they have registered again (TaskStatusUpdateManagerProcess::resume).
func (m *Master) resume(t *task) {
	t.retries = 0
	m.forward(t)
}

func (m *Master) acknowledge(f *framework, c *scheduler.Call_Acknowledge) {
	t := f.tasks[c.TaskID.Value]
	if t == nil || len(t.unacknowledged) == 0 || string(t.unacknowledged[0].UUID) != string(c.UUID) {
		return
	}
	acked := t.unacknowledged[0]
	t.unacknowledged, t.retries = t.unacknowledged[1:], 0
	stopTimer(t.retry)
	if terminal(*acked.State) {
		m.forget(t)
		return
	}
	m.forward(t)
}

// forget moves a task to the completed ones.
func (m *Master) forget(t *task) {
	stopTimer(t.retry)
	m.recoverResources(t)
	for _, list := range []map[string]*task{t.framework.tasks, t.framework.unreachable} {
		if list[t.info.TaskID.Value] == t {
			delete(list, t.info.TaskID.Value)
		}
	}
	if a := m.registry.agents[t.agentID]; a != nil {
		delete(a.tasks, t)
	}
	const kept = 1000
	t.framework.completed = append(t.framework.completed, t)
	if n := len(t.framework.completed); n > kept {
		t.framework.completed = t.framework.completed[n-kept:]
	}
}

func (m *Master) recoverResources(t *task) {
	if t.freed {
		return
	}
	t.freed = true
	if a := m.registry.agents[t.agentID]; a != nil {
		a.used = a.used.Minus(mesos.Resources(t.info.Resources).Clone().Unallocate()...)
	}
}

func (m *Master) kill(f *framework, c *scheduler.Call_Kill) {
	t := f.tasks[c.TaskID.Value]
	if t == nil {
		m.answerReconcile(f, c.TaskID, c.AgentID)
		return
	}
	a := m.registry.agents[t.agentID]
	if a == nil || c.AgentID != nil && c.AgentID.Value != a.id {
		return
	}
	if !a.connected { // It is told when it is back, unless it is given up before.
		if a.kills == nil {
			a.kills = make(map[string]*mesos.KillPolicy)
		}
		a.kills[c.TaskID.Value] = c.KillPolicy
		return
	}
	a.runtime.Kill(c.TaskID.Value, c.KillPolicy)
}

func (m *Master) reconcile(f *framework, c *scheduler.Call_Reconcile) {
	if len(c.Tasks) > 0 {
		for _, t := range c.Tasks {
			m.answerReconcile(f, t.TaskID, t.AgentID)
		}
		return
	}
	// Unreachable tasks are left out: who asks for them names them.
	for _, t := range f.tasks {
		m.answerReconcile(f, t.info.TaskID, &mesos.AgentID{Value: t.agentID})
	}
}

// answerReconcile says what is so of one task. Such an update has no id and wants no acknowledgement.
func (m *Master) answerReconcile(f *framework, id mesos.TaskID, agentID *mesos.AgentID) {
	s := mesos.TaskStatus{TaskID: id, AgentID: agentID, Reason: mesos.REASON_RECONCILIATION.Enum()}
	set := func(state mesos.TaskState, message string) {
		if !f.can(mesos.FrameworkInfo_Capability_PARTITION_AWARE) {
			state = mesos.TASK_LOST
		}
		message = "Reconciliation: " + message
		s.State, s.Message = &state, &message
	}
	var a *agent
	gone := false
	if agentID != nil {
		a, gone = m.registry.agents[agentID.Value], m.registry.gone[agentID.Value]
	}
	t := f.tasks[id.Value]
	switch {
	case t != nil:
		message := "Reconciliation: Latest task state"
		s.State, s.Message, s.AgentID = t.state, &message, &mesos.AgentID{Value: t.agentID}
		if last := t.fromAgent(); last != nil {
			s.ContainerStatus = last.ContainerStatus
		}
	case a != nil && !a.unreachable:
		set(mesos.TASK_GONE, "Task is unknown to the agent")
	case a != nil:
		set(mesos.TASK_UNREACHABLE, "Task is unreachable")
		s.UnreachableTime = &mesos.TimeInfo{Nanoseconds: a.lost.UnixNano()}
	case gone:
		set(mesos.TASK_GONE_BY_OPERATOR, "Task is gone")
	default:
		set(mesos.TASK_UNKNOWN, "Task is unknown")
	}
	m.tell(f, s)
}

// text prints resources as Mesos does: name(allocated: role):value; and so on.
func text(rs mesos.Resources) string {
	return strings.ReplaceAll(rs.Format(func(o *mesos.ResourcesFormatOptions) { o.ShowAllocated = true }), ";", "; ")
}
