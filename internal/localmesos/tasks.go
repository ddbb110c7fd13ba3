package localmesos

import (
	"strings"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/resources"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/protocol"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/registry"
)

// launch checks a task against what is left of the offers and starts it.
func (m *Master) launch(f *registry.Framework, a *registry.Agent, left *mesos.Resources, info mesos.TaskInfo, problem string) {
	if problem != "" {
		m.refuseTask(f, info, f.Dropped(), mesos.REASON_INVALID_OFFERS, "Task launched with invalid offers: "+problem)
		return
	}
	info.Resources = withoutRole(info.Resources)
	if text := m.checkTask(f, a, *left, &info); text != "" {
		m.refuseTask(f, info, mesos.TASK_ERROR, mesos.REASON_TASK_INVALID, text)
		return
	}
	*left = left.Minus(info.Resources...)
	t := &registry.Task{Info: info, Framework: f, AgentID: a.ID, State: mesos.TASK_STAGING.Enum()}
	f.Tasks[info.TaskID.Value] = t
	a.Tasks[t] = true
	a.Used = a.Used.Plus(mesos.Resources(info.Resources).Clone().Unallocate()...)
	fw := f.Info
	m.wg.Go(func() {
		a.Runtime.Launch(fw, info, func(s mesos.TaskStatus) { m.reported(a, f.ID, s) })
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
func (m *Master) checkTask(f *registry.Framework, a *registry.Agent, left mesos.Resources, info *mesos.TaskInfo) string {
	if info.AgentID.Value != a.ID {
		return "Task uses invalid agent " + info.AgentID.Value + " while agent " + a.ID + " is expected"
	}
	if _, ok := f.Tasks[info.TaskID.Value]; ok {
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
	if name := registry.Mixed(info.Resources); name != "" {
		return "Task mixes revocable and non-revocable resources: Cannot use both revocable and non-revocable '" + name + "' at the same time"
	}
	if text := registry.CheckLimits(info); text != "" {
		return text
	}
	if !resources.ContainsAll(left, info.Resources) {
		return "Total resources " + text(info.Resources) + " required by task and its executor is more than available " + text(left)
	}
	return ""
}

// refuseTask reports a task that was never started. Such an update has no id and wants no
// acknowledgement.
func (m *Master) refuseTask(f *registry.Framework, info mesos.TaskInfo, state mesos.TaskState, reason mesos.TaskStatus_Reason, message string) {
	agentID := info.AgentID
	m.tell(f, mesos.TaskStatus{
		TaskID: info.TaskID, AgentID: &agentID, State: &state, Reason: &reason, Message: &message,
	})
}

// tell sends an update of the master's own making, and returns it as sent.
func (m *Master) tell(f *registry.Framework, s mesos.TaskStatus) mesos.TaskStatus {
	now := protocol.Seconds(time.Now())
	s.Source, s.Timestamp = mesos.SOURCE_MASTER.Enum(), &now
	m.deliver(f, s)
	return s
}

// deliver puts an update on the stream, through the injected faults.
func (m *Master) deliver(f *registry.Framework, s mesos.TaskStatus) {
	m.faults.update(&m.mu, func() {
		f.Send(&scheduler.Event{Type: scheduler.Event_UPDATE, Update: &scheduler.Event_Update{Status: s}})
	})
}

// reported takes an update from an agent: it is kept until acknowledged and sent in order.
func (m *Master) reported(a *registry.Agent, frameworkID string, s mesos.TaskStatus) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.registry.Agents[a.ID] != a || a.Killed {
		return
	}
	f := m.registry.Frameworks[frameworkID]
	if f == nil {
		return
	}
	t := f.Tasks[s.TaskID.Value]
	if t == nil || t.AgentID != a.ID {
		t = f.Unreachable[s.TaskID.Value]
	}
	if t == nil || registry.Terminal(*t.State) && !t.Unreachable() {
		return
	}
	agentID, executorID := mesos.AgentID{Value: a.ID}, mesos.ExecutorID{Value: s.TaskID.Value}
	now := protocol.Seconds(time.Now())
	s.AgentID, s.Timestamp, s.UUID = &agentID, &now, protocol.NewUUIDBytes()
	if *s.State == mesos.TASK_DROPPED {
		s.State = f.Dropped().Enum()
	}
	if a.Draining && (*s.State == mesos.TASK_KILLING || *s.State == mesos.TASK_KILLED) {
		s.Reason = mesos.REASON_AGENT_DRAINING.Enum()
	}
	if s.ExecutorID == nil {
		s.ExecutorID = &executorID
	}
	t.Unacknowledged = append(t.Unacknowledged, s)
	if a.Connected {
		m.observe(t, s)
	}
	if len(t.Unacknowledged) == 1 {
		m.forward(t)
	}
}

// observe makes a status the latest known one, and frees the resources of a task that ended.
func (m *Master) observe(t *registry.Task, s mesos.TaskStatus) {
	t.State = s.State
	t.Statuses = append(t.Statuses, s)
	if registry.Terminal(*s.State) {
		m.recoverResources(t)
	}
}

// forward sends the first unacknowledged update, and again until it is acknowledged.
func (m *Master) forward(t *registry.Task) {
	stopTimer(t.Retry)
	a := m.registry.Agents[t.AgentID]
	if len(t.Unacknowledged) == 0 || m.closed {
		return
	}
	if a != nil && a.Connected {
		m.deliver(t.Framework, t.Unacknowledged[0])
	}
	wait := min(m.o.AckRetry<<min(t.Retries, 10), 10*time.Minute)
	t.Retries++
	t.Retry = time.AfterFunc(wait, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.forward(t)
	})
}

// resume sends the first unacknowledged update at once, and counts the delays anew: agents do so when they hear that
// a framework has subscribed again, and when they have registered again (TaskStatusUpdateManagerProcess::resume).
func (m *Master) resume(t *registry.Task) {
	t.Retries = 0
	m.forward(t)
}

func (m *Master) acknowledge(f *registry.Framework, c *scheduler.Call_Acknowledge) {
	t := f.Tasks[c.TaskID.Value]
	if t == nil || len(t.Unacknowledged) == 0 || string(t.Unacknowledged[0].UUID) != string(c.UUID) {
		return
	}
	acked := t.Unacknowledged[0]
	t.Unacknowledged, t.Retries = t.Unacknowledged[1:], 0
	stopTimer(t.Retry)
	if registry.Terminal(*acked.State) {
		m.forget(t)
		return
	}
	m.forward(t)
}

// forget moves a task to the completed ones.
func (m *Master) forget(t *registry.Task) {
	stopTimer(t.Retry)
	m.recoverResources(t)
	for _, list := range []map[string]*registry.Task{t.Framework.Tasks, t.Framework.Unreachable} {
		if list[t.Info.TaskID.Value] == t {
			delete(list, t.Info.TaskID.Value)
		}
	}
	if a := m.registry.Agents[t.AgentID]; a != nil {
		delete(a.Tasks, t)
	}
	const kept = 1000
	t.Framework.Completed = append(t.Framework.Completed, t)
	if n := len(t.Framework.Completed); n > kept {
		t.Framework.Completed = t.Framework.Completed[n-kept:]
	}
}

func (m *Master) recoverResources(t *registry.Task) {
	if t.Freed {
		return
	}
	t.Freed = true
	if a := m.registry.Agents[t.AgentID]; a != nil {
		a.Used = a.Used.Minus(mesos.Resources(t.Info.Resources).Clone().Unallocate()...)
	}
}

func (m *Master) kill(f *registry.Framework, c *scheduler.Call_Kill) {
	t := f.Tasks[c.TaskID.Value]
	if t == nil {
		m.answerReconcile(f, c.TaskID, c.AgentID)
		return
	}
	a := m.registry.Agents[t.AgentID]
	if a == nil || c.AgentID != nil && c.AgentID.Value != a.ID {
		return
	}
	if !a.Connected { // It is told when it is back, unless it is given up before.
		if a.Kills == nil {
			a.Kills = make(map[string]*mesos.KillPolicy)
		}
		a.Kills[c.TaskID.Value] = c.KillPolicy
		return
	}
	a.Runtime.Kill(c.TaskID.Value, c.KillPolicy)
}

func (m *Master) reconcile(f *registry.Framework, c *scheduler.Call_Reconcile) {
	if len(c.Tasks) > 0 {
		for _, t := range c.Tasks {
			m.answerReconcile(f, t.TaskID, t.AgentID)
		}
		return
	}
	// Unreachable tasks are left out: who asks for them names them.
	for _, t := range f.Tasks {
		m.answerReconcile(f, t.Info.TaskID, &mesos.AgentID{Value: t.AgentID})
	}
}

// answerReconcile says what is so of one task. Such an update has no id and wants no acknowledgement.
func (m *Master) answerReconcile(f *registry.Framework, id mesos.TaskID, agentID *mesos.AgentID) {
	s := mesos.TaskStatus{TaskID: id, AgentID: agentID, Reason: mesos.REASON_RECONCILIATION.Enum()}
	set := func(state mesos.TaskState, message string) {
		if !f.Can(mesos.FrameworkInfo_Capability_PARTITION_AWARE) {
			state = mesos.TASK_LOST
		}
		message = "Reconciliation: " + message
		s.State, s.Message = &state, &message
	}
	var a *registry.Agent
	gone := false
	if agentID != nil {
		a, gone = m.registry.Agents[agentID.Value], m.registry.Gone[agentID.Value]
	}
	t := f.Tasks[id.Value]
	switch {
	case t != nil:
		message := "Reconciliation: Latest task state"
		s.State, s.Message, s.AgentID = t.State, &message, &mesos.AgentID{Value: t.AgentID}
		if last := t.FromAgent(); last != nil {
			s.ContainerStatus = last.ContainerStatus
		}
	case a != nil && !a.Unreachable:
		set(mesos.TASK_GONE, "Task is unknown to the agent")
	case a != nil:
		set(mesos.TASK_UNREACHABLE, "Task is unreachable")
		s.UnreachableTime = &mesos.TimeInfo{Nanoseconds: a.Lost.UnixNano()}
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
