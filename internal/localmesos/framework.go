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
func (m *Master) register(sub *scheduler.Call_Subscribe, constraints *protocol.OfferConstraints, s *protocol.Stream) (*framework, string) {
	info := *sub.FrameworkInfo
	if text := checkInfo(&info, sub.SuppressedRoles); text != "" {
		return nil, text
	}
	if text := constraints.Check(rolesOf(&info)); text != "" {
		return nil, text
	}
	id := ""
	if info.ID != nil {
		id = info.ID.Value
	}
	if m.registry.removed[id] {
		return nil, "Framework has been removed"
	}
	if id == "" {
		id = fmt.Sprintf("%s-%04d", m.registry.id, m.registry.counts.framework)
		m.registry.counts.framework++
	}
	info.ID = &mesos.FrameworkID{Value: id}
	setDefaults(&info)
	f := m.registry.frameworks[id]
	if f == nil {
		f = &framework{id: id, registered: time.Now(), tasks: make(map[string]*task), unreachable: make(map[string]*task)}
		m.registry.frameworks[id] = f
	} else {
		stopTimer(f.failover)
		m.rescindAll(f)
		if f.stream != nil {
			f.stream.Send(failure("Framework failed over"))
			f.stream.Close()
		}
	}
	f.info, f.stream, f.filters, f.inverseFilters, f.reregistered = info, s, nil, nil, time.Now()
	f.constraints = constraints
	f.suppressed = make(map[string]bool)
	for _, role := range sub.SuppressedRoles {
		f.suppressed[role] = true
	}
	beat := m.o.HeartbeatInterval.Seconds()
	f.send(&scheduler.Event{Type: scheduler.Event_SUBSCRIBED, Subscribed: &scheduler.Event_Subscribed{
		FrameworkID: info.ID, HeartbeatIntervalSeconds: &beat, MasterInfo: m.masterInfo(),
	}})
	f.send(&scheduler.Event{Type: scheduler.Event_HEARTBEAT})
	for _, id := range slices.Sorted(maps.Keys(f.tasks)) {
		m.resume(f.tasks[id])
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
func (m *Master) disconnected(f *framework, s *protocol.Stream) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f.stream != s || m.closed {
		return
	}
	f.stream = nil
	m.rescindAll(f)
	timeout := time.Duration(max(0, f.info.GetFailoverTimeout()) * float64(time.Second))
	f.failover = time.AfterFunc(timeout, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.registry.frameworks[f.id] == f && f.stream == nil && !m.closed {
			m.o.Log.Info("framework failover timeout has passed", "framework", f.id)
			m.removeFramework(f)
		}
	})
}

// removeFramework ends a framework and all its tasks for good.
func (m *Master) removeFramework(f *framework) {
	m.registry.removed[f.id] = true
	delete(m.registry.frameworks, f.id)
	stopTimer(f.failover)
	m.rescindAll(f)
	for _, t := range f.tasks {
		stopTimer(t.retry)
		m.recoverResources(t)
		if !terminal(*t.state) {
			m.endWithFramework(t)
		}
		if a := m.registry.agents[t.agentID]; a != nil {
			delete(a.tasks, t)
			a.killOrDoom(t)
		}
	}
	// What was unreachable stays so, but for its process.
	for _, t := range f.unreachable {
		if a := m.registry.agents[t.agentID]; a != nil {
			m.recoverResources(t)
			delete(a.tasks, t)
			a.killOrDoom(t)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(f.tasks)) {
		f.completed = append(f.completed, f.tasks[id])
	}
	f.tasks = nil
	if f.stream != nil {
		f.stream.Close()
		f.stream = nil
	}
	const kept = 50 // as the real master's max_completed_frameworks
	f.unregistered = time.Now()
	m.registry.completed = append(m.registry.completed, f)
	if n := len(m.registry.completed); n > kept {
		m.registry.completed = m.registry.completed[n-kept:]
	}
}

// endWithFramework notes the end of a task that nobody is told any more.
func (m *Master) endWithFramework(t *task) {
	now, message := protocol.Seconds(time.Now()), "Framework "+t.framework.id+" removed"
	t.state = mesos.TASK_KILLED.Enum()
	t.statuses = append(t.statuses, mesos.TaskStatus{
		TaskID: t.info.TaskID, AgentID: &mesos.AgentID{Value: t.agentID}, State: t.state, Message: &message,
		Source: mesos.SOURCE_MASTER.Enum(), Reason: mesos.REASON_FRAMEWORK_REMOVED.Enum(), Timestamp: &now,
	})
}

// updateFramework takes a new FrameworkInfo without a new subscription.
func (m *Master) updateFramework(f *framework, u *scheduler.Call_UpdateFramework, constraints *protocol.OfferConstraints) (int, string) {
	if u.FrameworkInfo.ID == nil || u.FrameworkInfo.ID.Value != f.id {
		return http.StatusBadRequest, "Failed to validate scheduler::Call: 'framework_id' differs from 'update_framework.framework_info.id'"
	}
	if text := checkInfo(&u.FrameworkInfo, u.SuppressedRoles); text != "" {
		return http.StatusBadRequest, text
	}
	if text := constraints.Check(rolesOf(&u.FrameworkInfo)); text != "" {
		return http.StatusBadRequest, text
	}
	f.constraints = constraints
	f.info = u.FrameworkInfo
	setDefaults(&f.info)
	for _, o := range m.registry.offersOf(func(o *pendingOffer) bool { return o.framework == f && !slices.Contains(f.roles(), o.role) }) {
		m.rescindOffer(o)
	}
	f.suppressed = make(map[string]bool)
	for _, role := range u.SuppressedRoles {
		f.suppressed[role] = true
	}
	return 0, ""
}
