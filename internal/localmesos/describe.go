package localmesos

import (
	"maps"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mesos_maintenance "github.com/mesos/mesos-go/api/v1/lib/maintenance"
	"github.com/mesos/mesos-go/api/v1/lib/master"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/protocol"
)

// view is what a master shows to operators. Whoever uses it holds the lock of the registry.
type view struct {
	registry *registry
	info     *mesos.MasterInfo
	started  time.Time
	// allocationInterval is the flag --allocation_interval.
	allocationInterval time.Duration
}

func (v *view) versionInfo() mesos.VersionInfo {
	date, user, built := v.started.UTC().Format("2006-01-02 15:04:05 UTC"), "", float64(v.started.Unix())
	return mesos.VersionInfo{Version: v.info.GetVersion(), BuildDate: &date, BuildTime: &built, BuildUser: &user}
}

// The build that /version speaks of is that of this process's start: there is no other.
func (v *view) version() map[string]any {
	return map[string]any{
		"version": v.info.GetVersion(), "build_user": "",
		"build_date": v.started.UTC().Format("2006-01-02 15:04:05 UTC"), "build_time": float64(v.started.Unix()),
	}
}

// describe fills the part of the state that was asked for.
func (v *view) describe(what master.Call_Type, to *master.Response) {
	switch what {
	case master.Call_GET_AGENTS:
		to.Type, to.GetAgents = master.Response_GET_AGENTS, v.describeAgents()
	case master.Call_GET_FRAMEWORKS:
		to.Type, to.GetFrameworks = master.Response_GET_FRAMEWORKS, v.describeFrameworks()
	case master.Call_GET_TASKS:
		to.Type, to.GetTasks = master.Response_GET_TASKS, v.describeTasks()
	case master.Call_GET_EXECUTORS:
		to.Type, to.GetExecutors = master.Response_GET_EXECUTORS, describeExecutors()
	case master.Call_GET_STATE:
		to.Type = master.Response_GET_STATE
		to.GetState = &master.Response_GetState{
			GetTasks: v.describeTasks(), GetExecutors: describeExecutors(),
			GetFrameworks: v.describeFrameworks(), GetAgents: v.describeAgents(),
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

func (v *view) describeAgents() *master.Response_GetAgents {
	all := &master.Response_GetAgents{Agents: []master.Response_GetAgents_Agent{}, RecoveredAgents: []mesos.AgentInfo{}}
	for _, id := range v.registry.order {
		a := v.registry.agents[id]
		if a == nil || a.unreachable {
			continue
		}
		_, port := protocol.HostPort(a.address)
		deactivated, pid := a.deactivated, "slave(1)@"+a.address
		d := master.Response_GetAgents_Agent{
			AgentInfo: mesos.AgentInfo{
				Hostname: a.hostname, Port: &port, Resources: a.total, Attributes: a.attributes,
				ID: &mesos.AgentID{Value: a.id},
			},
			Active: !a.deactivated && a.connected, Deactivated: &deactivated, Version: v.info.GetVersion(), PID: &pid,
			RegisteredTime: protocol.Nanoseconds(a.registered), Capabilities: agentCapabilities,
			TotalResources: protocol.WithRole(a.total), AllocatedResources: protocol.WithRole(a.allocated()), OfferedResources: protocol.WithRole(a.inOffers()),
		}
		if a.region != "" {
			d.AgentInfo.Domain = protocol.Domain(a.region, a.zone)
		}
		describeDrain(a, &d)
		all.Agents = append(all.Agents, d)
	}
	return all
}

func (v *view) describeFrameworks() *master.Response_GetFrameworks {
	all := &master.Response_GetFrameworks{
		Frameworks: []master.Response_GetFrameworks_Framework{}, CompletedFrameworks: []master.Response_GetFrameworks_Framework{},
	}
	for _, id := range slices.Sorted(maps.Keys(v.registry.frameworks)) {
		f := v.registry.frameworks[id]
		d := describeFramework(f)
		var used, offered mesos.Resources
		for _, t := range f.tasks {
			if !t.freed {
				used = used.Plus(t.info.Resources...)
			}
		}
		for _, o := range v.registry.offersOf(func(o *pendingOffer) bool { return o.framework == f }) {
			offered = offered.Plus(o.resources...)
			d.Offers = append(d.Offers, describeOffer(o))
		}
		d.AllocatedResources, d.OfferedResources = protocol.WithRole(used), protocol.WithRole(offered)
		all.Frameworks = append(all.Frameworks, d)
	}
	for _, f := range v.registry.completed {
		all.CompletedFrameworks = append(all.CompletedFrameworks, describeFramework(f))
	}
	return all
}

func describeFramework(f *framework) master.Response_GetFrameworks_Framework {
	d := master.Response_GetFrameworks_Framework{
		FrameworkInfo: f.info, Active: f.stream != nil, Connected: f.stream != nil,
		RegisteredTime: protocol.Nanoseconds(f.registered), ReregisteredTime: protocol.Nanoseconds(f.reregistered),
	}
	if !f.unregistered.IsZero() {
		d.UnregisteredTime = protocol.Nanoseconds(f.unregistered)
	}
	return d
}

func (v *view) describeTasks() *master.Response_GetTasks {
	all := &master.Response_GetTasks{Tasks: []mesos.Task{}, UnreachableTasks: []mesos.Task{}, CompletedTasks: []mesos.Task{}}
	for _, id := range slices.Sorted(maps.Keys(v.registry.frameworks)) {
		f := v.registry.frameworks[id]
		for _, id := range slices.Sorted(maps.Keys(f.tasks)) {
			all.Tasks = append(all.Tasks, describeTask(f.tasks[id]))
		}
		describeEnded(f, all)
	}
	for _, f := range v.registry.completed {
		describeEnded(f, all)
	}
	return all
}

// describeEnded adds the tasks of which the master hears no more.
func describeEnded(f *framework, all *master.Response_GetTasks) {
	for _, id := range slices.Sorted(maps.Keys(f.unreachable)) {
		all.UnreachableTasks = append(all.UnreachableTasks, describeTask(f.unreachable[id]))
	}
	for _, t := range f.completed {
		all.CompletedTasks = append(all.CompletedTasks, describeTask(t))
	}
}

func describeTask(t *task) mesos.Task {
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

// describeDrain shows operators that an agent is drained, or was.
func describeDrain(a *agent, d *master.Response_GetAgents_Agent) {
	if !a.draining {
		return
	}
	state := mesos.DrainState_DRAINED
	for t := range a.tasks {
		if !terminal(*t.state) {
			state = mesos.DrainState_DRAINING
		}
	}
	d.DrainInfo = &mesos.DrainInfo{State: state}
}

// schedule is what is planned, a window for each agent.
func (v *view) schedule() mesos_maintenance.Schedule {
	s := mesos_maintenance.Schedule{Windows: []mesos_maintenance.Window{}}
	for _, id := range v.registry.order {
		if a := v.registry.agents[id]; a != nil && a.unavailable != nil {
			host, _ := protocol.HostPort(a.address)
			s.Windows = append(s.Windows, mesos_maintenance.Window{
				MachineIDs: []mesos.MachineID{{Hostname: &a.hostname, IP: &host}}, Unavailability: *a.unavailable,
			})
		}
	}
	return s
}

// offer is an offer as operators see it, and frameworks that know reservations as a stack.
func describeOffer(p *pendingOffer) mesos.Offer {
	a := p.agent
	host, port := protocol.HostPort(a.address)
	path := "/slave(1)"
	o := mesos.Offer{
		ID: mesos.OfferID{Value: p.id}, FrameworkID: mesos.FrameworkID{Value: p.framework.id}, AgentID: mesos.AgentID{Value: a.id},
		Hostname: a.hostname, Resources: p.resources, Attributes: a.attributes,
		AllocationInfo: &mesos.Resource_AllocationInfo{Role: &p.role},
		URL:            &mesos.URL{Scheme: "http", Address: mesos.Address{Hostname: &a.hostname, IP: &host, Port: port}, Path: &path},
	}
	if a.region != "" {
		o.Domain = protocol.Domain(a.region, a.zone)
	}
	o.Unavailability = a.unavailable
	return o
}
