package localmesos

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/protocol"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/registry"
)

// subscribe answers a SUBSCRIBE with a stream that stays open.
func (m *Master) subscribe(w http.ResponseWriter, r *http.Request, c *scheduler.Call, constraints *protocol.OfferConstraints) {
	if _, ok := r.Header["Mesos-Stream-Id"]; ok {
		protocol.Plain(w, http.StatusBadRequest, "Subscribe calls should not include the 'Mesos-Stream-Id' header")
		return
	}
	media, err := protocol.Accepts(r)
	if err != nil {
		protocol.Plain(w, http.StatusNotAcceptable, err.Error())
		return
	}
	if text := m.checkPrincipal(r, c.Subscribe.FrameworkInfo); text != "" {
		protocol.Plain(w, http.StatusBadRequest, "Failed to validate scheduler::Call: "+text)
		return
	}
	if who, _ := m.principal(r); who != "" && c.Subscribe.FrameworkInfo.Principal == nil {
		c.Subscribe.FrameworkInfo.Principal = &who
	}
	s := protocol.NewStream(media)
	m.mu.Lock()
	f, refusal := m.register(c.Subscribe, constraints, s)
	m.mu.Unlock()
	if refusal != "" {
		s.Send(failure(refusal))
		s.Close()
	}
	stop := make(chan struct{})
	if f != nil {
		m.wg.Go(func() { m.beat(s, stop) })
	}
	s.Serve(w, r, m.silent)
	close(stop)
	if f != nil {
		m.disconnected(f, s)
	}
}

func failure(message string) *scheduler.Event {
	return &scheduler.Event{Type: scheduler.Event_ERROR, Error: &scheduler.Event_Error{Message: message}}
}

// register takes a subscription, or says why not in the master's words.
func (m *Master) register(sub *scheduler.Call_Subscribe, constraints *protocol.OfferConstraints, s *protocol.Stream) (*registry.Framework, string) {
	info := *sub.FrameworkInfo
	if text := registry.CheckInfo(&info, sub.SuppressedRoles); text != "" {
		return nil, text
	}
	if text := constraints.Check(registry.RolesOf(&info)); text != "" {
		return nil, text
	}
	id := ""
	if info.ID != nil {
		id = info.ID.Value
	}
	if m.registry.Removed[id] {
		return nil, "Framework has been removed"
	}
	if id == "" {
		id = fmt.Sprintf("%s-%04d", m.registry.ID, m.registry.Counts.Framework)
		m.registry.Counts.Framework++
	}
	info.ID = &mesos.FrameworkID{Value: id}
	setDefaults(&info)
	f := m.registry.Frameworks[id]
	if f == nil {
		f = &registry.Framework{ID: id, Registered: time.Now(), Tasks: make(map[string]*registry.Task), Unreachable: make(map[string]*registry.Task)}
		m.registry.Frameworks[id] = f
	} else {
		stopTimer(f.Failover)
		m.rescindAll(f)
		if f.Stream != nil {
			f.Stream.Send(failure("Framework failed over"))
			f.Stream.Close()
		}
	}
	f.Info, f.Stream, f.Filters, f.InverseFilters, f.Reregistered = info, s, nil, nil, time.Now()
	f.Constraints = constraints
	f.Suppressed = make(map[string]bool)
	for _, role := range sub.SuppressedRoles {
		f.Suppressed[role] = true
	}
	beat := m.o.HeartbeatInterval.Seconds()
	f.Send(&scheduler.Event{Type: scheduler.Event_SUBSCRIBED, Subscribed: &scheduler.Event_Subscribed{
		FrameworkID: info.ID, HeartbeatIntervalSeconds: &beat, MasterInfo: m.masterInfo(),
	}})
	f.Send(&scheduler.Event{Type: scheduler.Event_HEARTBEAT})
	for _, id := range slices.Sorted(maps.Keys(f.Tasks)) {
		m.resume(f.Tasks[id])
	}
	return f, ""
}

// setDefaults writes the defaults of the protocol out, as the master shows them.
func setDefaults(info *mesos.FrameworkInfo) {
	if info.Checkpoint == nil {
		info.Checkpoint = new(bool)
	}
	if info.FailoverTimeout == nil {
		info.FailoverTimeout = new(float64)
	}
}

// beat sends heartbeats until the stream ends.
func (m *Master) beat(s *protocol.Stream, stop <-chan struct{}) {
	ticker := time.NewTicker(m.o.HeartbeatInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.Send(&scheduler.Event{Type: scheduler.Event_HEARTBEAT})
		case <-stop:
			return
		}
	}
}

// disconnected starts the failover timeout of a framework whose stream ended.
func (m *Master) disconnected(f *registry.Framework, s *protocol.Stream) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f.Stream != s || m.closed {
		return
	}
	f.Stream = nil
	m.rescindAll(f)
	timeout := time.Duration(max(0, f.Info.GetFailoverTimeout()) * float64(time.Second))
	f.Failover = time.AfterFunc(timeout, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.registry.Frameworks[f.ID] == f && f.Stream == nil && !m.closed {
			m.o.Log.Info("framework failover timeout has passed", "framework", f.ID)
			m.removeFramework(f)
		}
	})
}

// removeFramework ends a framework and all its tasks for good.
func (m *Master) removeFramework(f *registry.Framework) {
	m.registry.Removed[f.ID] = true
	delete(m.registry.Frameworks, f.ID)
	stopTimer(f.Failover)
	m.rescindAll(f)
	for _, t := range f.Tasks {
		stopTimer(t.Retry)
		m.recoverResources(t)
		if !registry.Terminal(*t.State) {
			m.endWithFramework(t)
		}
		if a := m.registry.Agents[t.AgentID]; a != nil {
			delete(a.Tasks, t)
			a.KillOrDoom(t)
		}
	}
	// What was unreachable stays so, but for its process.
	for _, t := range f.Unreachable {
		if a := m.registry.Agents[t.AgentID]; a != nil {
			m.recoverResources(t)
			delete(a.Tasks, t)
			a.KillOrDoom(t)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(f.Tasks)) {
		f.Completed = append(f.Completed, f.Tasks[id])
	}
	f.Tasks = nil
	if f.Stream != nil {
		f.Stream.Close()
		f.Stream = nil
	}
	const kept = 50 // as the real master's max_completed_frameworks
	f.Unregistered = time.Now()
	m.registry.Completed = append(m.registry.Completed, f)
	if n := len(m.registry.Completed); n > kept {
		m.registry.Completed = m.registry.Completed[n-kept:]
	}
}

// endWithFramework notes the end of a task that nobody is told any more.
func (m *Master) endWithFramework(t *registry.Task) {
	now, message := protocol.Seconds(time.Now()), "Framework "+t.Framework.ID+" removed"
	t.State = mesos.TASK_KILLED.Enum()
	t.Statuses = append(t.Statuses, mesos.TaskStatus{
		TaskID: t.Info.TaskID, AgentID: &mesos.AgentID{Value: t.AgentID}, State: t.State, Message: &message,
		Source: mesos.SOURCE_MASTER.Enum(), Reason: mesos.REASON_FRAMEWORK_REMOVED.Enum(), Timestamp: &now,
	})
}

// updateFramework takes a new FrameworkInfo without a new subscription.
func (m *Master) updateFramework(f *registry.Framework, u *scheduler.Call_UpdateFramework, constraints *protocol.OfferConstraints) (int, string) {
	if u.FrameworkInfo.ID == nil || u.FrameworkInfo.ID.Value != f.ID {
		return http.StatusBadRequest, "Failed to validate scheduler::Call: 'framework_id' differs from 'update_framework.framework_info.id'"
	}
	if text := registry.CheckInfo(&u.FrameworkInfo, u.SuppressedRoles); text != "" {
		return http.StatusBadRequest, text
	}
	if text := constraints.Check(registry.RolesOf(&u.FrameworkInfo)); text != "" {
		return http.StatusBadRequest, text
	}
	f.Constraints = constraints
	f.Info = u.FrameworkInfo
	setDefaults(&f.Info)
	for _, o := range m.registry.OffersOf(func(o *registry.Offer) bool { return o.Framework == f && !slices.Contains(f.Roles(), o.Role) }) {
		m.rescindOffer(o)
	}
	f.Suppressed = make(map[string]bool)
	for _, role := range u.SuppressedRoles {
		f.Suppressed[role] = true
	}
	return 0, ""
}
