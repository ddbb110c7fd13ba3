package localmesos

import (
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/gogo/protobuf/proto"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/master"
)

// operator serves /api/v1 of the master.
func (m *Master) operator(w http.ResponseWriter, r *http.Request) {
	if m.notReady(w, r) {
		return
	}
	if _, ok := m.principal(r); !ok {
		m.unauthorized(w, "mesos-master-readwrite")
		return
	}
	call := new(master.Call)
	if !readOperatorCall(w, r, call) {
		return
	}
	response := &master.Response{}
	switch call.GetType() {
	case master.Call_GET_HEALTH:
		response.Type, response.GetHealth = master.Response_GET_HEALTH, &master.Response_GetHealth{Healthy: true}
	case master.Call_GET_VERSION:
		response.Type, response.GetVersion = master.Response_GET_VERSION, &master.Response_GetVersion{VersionInfo: m.versionInfo()}
	case master.Call_GET_MASTER:
		started := seconds(m.started)
		response.Type = master.Response_GET_MASTER
		response.GetMaster = &master.Response_GetMaster{MasterInfo: m.masterInfo(), StartTime: &started, ElectedTime: &started}
	case master.Call_GET_AGENTS, master.Call_GET_FRAMEWORKS, master.Call_GET_TASKS, master.Call_GET_EXECUTORS, master.Call_GET_STATE:
		m.mu.Lock()
		m.describe(call.GetType(), response)
		m.mu.Unlock()
	case master.Call_TEARDOWN:
		if call.Teardown == nil {
			plain(w, http.StatusBadRequest, "Failed to validate master::Call: Expecting 'teardown' to be present")
			return
		}
		if err := m.Teardown(call.Teardown.FrameworkID.Value); err != nil {
			plain(w, http.StatusBadRequest, err.Error())
		}
		return
	case master.Call_GET_MAINTENANCE_SCHEDULE:
		m.mu.Lock()
		response.Type = master.Response_GET_MAINTENANCE_SCHEDULE
		response.GetMaintenanceSchedule = &master.Response_GetMaintenanceSchedule{Schedule: m.schedule()}
		m.mu.Unlock()
	case master.Call_UPDATE_MAINTENANCE_SCHEDULE, master.Call_DRAIN_AGENT, master.Call_DEACTIVATE_AGENT, master.Call_REACTIVATE_AGENT:
		if err := m.maintain(call); err != nil {
			plain(w, http.StatusBadRequest, err.Error())
		}
		return
	case master.Call_LIST_FILES, master.Call_READ_FILE:
		// A master has no sandboxes, and this one writes no log file.
		plain(w, http.StatusNotFound, "")
		return
	case master.Call_UNKNOWN:
		plain(w, http.StatusBadRequest, "Failed to validate master::Call: Expecting 'type' to be present")
		return
	default:
		plain(w, http.StatusNotImplemented, "The local master does not perform "+call.GetType().String())
		return
	}
	answer(w, r, response)
}

// readOperatorCall decodes a call in either media type, or answers why not.
func readOperatorCall(w http.ResponseWriter, r *http.Request, call proto.Message) bool {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		plain(w, http.StatusMethodNotAllowed, "405 Method Not Allowed. Expecting one of { 'POST' }, but received '"+r.Method+"'.")
		return false
	}
	media := r.Header.Get("Content-Type")
	switch media {
	case "":
		plain(w, http.StatusBadRequest, "Expecting 'Content-Type' to be present")
		return false
	case mediaJSON, mediaProtobuf:
	default:
		plain(w, http.StatusUnsupportedMediaType, "Expecting 'Content-Type' of application/json or application/x-protobuf")
		return false
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxCall))
	if err != nil {
		plain(w, http.StatusBadRequest, "Failed to read body: "+err.Error())
		return false
	}
	if media == mediaProtobuf {
		if err := proto.Unmarshal(body, call); err != nil {
			plain(w, http.StatusBadRequest, "Failed to parse body into Call protobuf")
			return false
		}
		return true
	}
	if text := checkJSON(body); text != "" {
		plain(w, http.StatusBadRequest, text)
		return false
	}
	if err := json.Unmarshal(body, call); err != nil {
		if unknownType(err) {
			return true // The type stays UNKNOWN.
		}
		plain(w, http.StatusBadRequest, "Failed to convert JSON into Call protobuf: "+err.Error())
		return false
	}
	return true
}

// answer writes a response in the media type that the request accepts.
func answer(w http.ResponseWriter, r *http.Request, response proto.Message) {
	media, err := accepts(r)
	if err != nil {
		plain(w, http.StatusNotAcceptable, err.Error())
		return
	}
	data, err := encode(response, media)
	if err != nil {
		plain(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", media)
	_, _ = w.Write(data) // The client may be gone.
}

func (m *Master) versionInfo() mesos.VersionInfo {
	date, user, built := m.started.UTC().Format("2006-01-02 15:04:05 UTC"), "", float64(m.started.Unix())
	return mesos.VersionInfo{Version: Version, BuildDate: &date, BuildTime: &built, BuildUser: &user}
}

// describe fills the part of the state that was asked for.
func (m *Master) describe(what master.Call_Type, to *master.Response) {
	switch what {
	case master.Call_GET_AGENTS:
		to.Type, to.GetAgents = master.Response_GET_AGENTS, m.describeAgents()
	case master.Call_GET_FRAMEWORKS:
		to.Type, to.GetFrameworks = master.Response_GET_FRAMEWORKS, m.describeFrameworks()
	case master.Call_GET_TASKS:
		to.Type, to.GetTasks = master.Response_GET_TASKS, m.describeTasks()
	case master.Call_GET_EXECUTORS:
		to.Type, to.GetExecutors = master.Response_GET_EXECUTORS, describeExecutors()
	case master.Call_GET_STATE:
		to.Type = master.Response_GET_STATE
		to.GetState = &master.Response_GetState{
			GetTasks: m.describeTasks(), GetExecutors: describeExecutors(),
			GetFrameworks: m.describeFrameworks(), GetAgents: m.describeAgents(),
		}
	default: // It is called with those above.
	}
}

// describeExecutors lists none: those of command tasks are not shown by a real master either.
func describeExecutors() *master.Response_GetExecutors {
	return &master.Response_GetExecutors{Executors: []master.Response_GetExecutors_Executor{}}
}

// agentCapabilities are those of an agent of Version.
var agentCapabilities = []mesos.AgentInfo_Capability{
	{Type: mesos.AgentInfo_Capability_MULTI_ROLE},
	{Type: mesos.AgentInfo_Capability_HIERARCHICAL_ROLE},
	{Type: mesos.AgentInfo_Capability_RESERVATION_REFINEMENT},
	{Type: mesos.AgentInfo_Capability_RESOURCE_PROVIDER},
	{Type: mesos.AgentInfo_Capability_RESIZE_VOLUME},
	{Type: mesos.AgentInfo_Capability_AGENT_OPERATION_FEEDBACK},
	{Type: mesos.AgentInfo_Capability_AGENT_DRAINING},
	{Type: taskResourceLimits},
}

// taskResourceLimits is the capability TASK_RESOURCE_LIMITS, which mesos-go has no name for.
const taskResourceLimits mesos.AgentInfo_Capability_Type = 8

func (m *Master) describeAgents() *master.Response_GetAgents {
	all := &master.Response_GetAgents{Agents: []master.Response_GetAgents_Agent{}, RecoveredAgents: []mesos.AgentInfo{}}
	for _, id := range m.order {
		a := m.agents[id]
		if a == nil || a.unreachable {
			continue
		}
		_, port := hostPort(a.address)
		deactivated, pid := a.deactivated, "slave(1)@"+a.address
		d := master.Response_GetAgents_Agent{
			AgentInfo: mesos.AgentInfo{
				Hostname: a.hostname, Port: &port, Resources: a.total, Attributes: a.attributes,
				ID: &mesos.AgentID{Value: a.id},
			},
			Active: !a.deactivated && a.connected, Deactivated: &deactivated, Version: Version, PID: &pid,
			RegisteredTime: nanoseconds(a.registered), Capabilities: agentCapabilities,
			TotalResources: withRole(a.total), AllocatedResources: withRole(a.allocated()), OfferedResources: withRole(a.inOffers()),
		}
		if a.region != "" {
			d.AgentInfo.Domain = domain(a.region, a.zone)
		}
		a.describeDrain(&d)
		all.Agents = append(all.Agents, d)
	}
	return all
}

// allocated are the resources of an agent's tasks with the roles that they are allocated to.
func (a *agent) allocated() mesos.Resources {
	var rs mesos.Resources
	for _, t := range a.sorted() {
		if !t.freed {
			rs = rs.Plus(t.info.Resources...)
		}
	}
	return rs
}

func (a *agent) inOffers() mesos.Resources {
	var rs mesos.Resources
	for _, o := range a.pending() {
		rs = rs.Plus(o.resources...)
	}
	return rs
}

// withRole writes unreserved resources as the operator API does, with the role that the
// scheduler API leaves out.
func withRole(rs mesos.Resources) []mesos.Resource {
	out := rs.Clone()
	role := "*"
	for i := range out {
		if len(out[i].Reservations) == 0 {
			out[i].Role = &role
		}
	}
	return out
}

func nanoseconds(t time.Time) *mesos.TimeInfo { return &mesos.TimeInfo{Nanoseconds: t.UnixNano()} }

func (m *Master) describeFrameworks() *master.Response_GetFrameworks {
	all := &master.Response_GetFrameworks{
		Frameworks: []master.Response_GetFrameworks_Framework{}, CompletedFrameworks: []master.Response_GetFrameworks_Framework{},
	}
	for _, id := range sortedKeys(m.frameworks) {
		f := m.frameworks[id]
		d := f.describe()
		var used, offered mesos.Resources
		for _, t := range f.tasks {
			if !t.freed {
				used = used.Plus(t.info.Resources...)
			}
		}
		for _, o := range m.offersOf(func(o *pendingOffer) bool { return o.framework == f }) {
			offered = offered.Plus(o.resources...)
			d.Offers = append(d.Offers, m.offer(o))
		}
		d.AllocatedResources, d.OfferedResources = withRole(used), withRole(offered)
		all.Frameworks = append(all.Frameworks, d)
	}
	for _, f := range m.completed {
		all.CompletedFrameworks = append(all.CompletedFrameworks, f.describe())
	}
	return all
}

func (f *framework) describe() master.Response_GetFrameworks_Framework {
	d := master.Response_GetFrameworks_Framework{
		FrameworkInfo: f.info, Active: f.stream != nil, Connected: f.stream != nil,
		RegisteredTime: nanoseconds(f.registered), ReregisteredTime: nanoseconds(f.reregistered),
	}
	if !f.unregistered.IsZero() {
		d.UnregisteredTime = nanoseconds(f.unregistered)
	}
	return d
}

func (m *Master) describeTasks() *master.Response_GetTasks {
	all := &master.Response_GetTasks{Tasks: []mesos.Task{}, UnreachableTasks: []mesos.Task{}, CompletedTasks: []mesos.Task{}}
	for _, id := range sortedKeys(m.frameworks) {
		f := m.frameworks[id]
		for _, id := range sortedKeys(f.tasks) {
			all.Tasks = append(all.Tasks, f.tasks[id].describe())
		}
		f.describeEnded(all)
	}
	for _, f := range m.completed {
		f.describeEnded(all)
	}
	return all
}

// describeEnded adds the tasks of which the master hears no more.
func (f *framework) describeEnded(all *master.Response_GetTasks) {
	for _, id := range sortedKeys(f.unreachable) {
		all.UnreachableTasks = append(all.UnreachableTasks, f.unreachable[id].describe())
	}
	for _, t := range f.completed {
		all.CompletedTasks = append(all.CompletedTasks, t.describe())
	}
}

func (t *task) describe() mesos.Task {
	d := mesos.Task{
		Name: t.info.Name, TaskID: t.info.TaskID, FrameworkID: mesos.FrameworkID{Value: t.framework.id}, AgentID: mesos.AgentID{Value: t.agentID},
		State: t.state, Resources: t.info.Resources, Statuses: t.statuses,
		Labels: t.info.Labels, Discovery: t.info.Discovery, Container: t.info.Container,
		HealthCheck: t.info.HealthCheck, KillPolicy: t.info.KillPolicy, User: t.info.GetCommand().User,
	}
	if s := t.fromAgent(); s != nil {
		d.StatusUpdateState, d.StatusUpdateUUID = s.State, s.UUID
	}
	return d
}
