// Package report is what a master shows to operators: the answers of the v1 operator API (describe.go), and the
// endpoints from before it, /state, /slaves and /metrics/snapshot (state.go).
package report

import (
	"maps"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mesos_maintenance "github.com/mesos/mesos-go/api/v1/lib/maintenance"
	"github.com/mesos/mesos-go/api/v1/lib/master"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/protocol"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/registry"
)

// View is what a master shows to operators. Whoever uses it holds the lock of the registry.
type View struct {
	Registry *registry.State
	Info     *mesos.MasterInfo
	Started  time.Time
	// AllocationInterval is the flag --allocation_interval.
	AllocationInterval time.Duration
}

// VersionInfo is Version in the form of the v1 API.
func (v *View) VersionInfo() mesos.VersionInfo {
	date, user, built := v.Started.UTC().Format("2006-01-02 15:04:05 UTC"), "", float64(v.Started.Unix())
	return mesos.VersionInfo{Version: v.Info.GetVersion(), BuildDate: &date, BuildTime: &built, BuildUser: &user}
}

// Version is /version. The build that it speaks of is that of this process's start: there is no other.
func (v *View) Version() map[string]any {
	return map[string]any{
		"version": v.Info.GetVersion(), "build_user": "",
		"build_date": v.Started.UTC().Format("2006-01-02 15:04:05 UTC"), "build_time": float64(v.Started.Unix()),
	}
}

// Describe fills the part of the state that was asked for.
func (v *View) Describe(what master.Call_Type, to *master.Response) {
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

func (v *View) describeAgents() *master.Response_GetAgents {
	all := &master.Response_GetAgents{Agents: []master.Response_GetAgents_Agent{}, RecoveredAgents: []mesos.AgentInfo{}}
	for _, id := range v.Registry.Order {
		a := v.Registry.Agents[id]
		if a == nil || a.Unreachable {
			continue
		}
		_, port := protocol.HostPort(a.Address)
		deactivated, pid := a.Deactivated, "slave(1)@"+a.Address
		d := master.Response_GetAgents_Agent{
			AgentInfo: mesos.AgentInfo{
				Hostname: a.Hostname, Port: &port, Resources: a.Total, Attributes: a.Attributes,
				ID: &mesos.AgentID{Value: a.ID},
			},
			Active: !a.Deactivated && a.Connected, Deactivated: &deactivated, Version: v.Info.GetVersion(), PID: &pid,
			RegisteredTime: protocol.Nanoseconds(a.Registered), Capabilities: agentCapabilities,
			TotalResources: protocol.WithRole(a.Total), AllocatedResources: protocol.WithRole(a.Allocated()), OfferedResources: protocol.WithRole(a.InOffers()),
		}
		if a.Region != "" {
			d.AgentInfo.Domain = protocol.Domain(a.Region, a.Zone)
		}
		describeDrain(a, &d)
		all.Agents = append(all.Agents, d)
	}
	return all
}

func (v *View) describeFrameworks() *master.Response_GetFrameworks {
	all := &master.Response_GetFrameworks{
		Frameworks: []master.Response_GetFrameworks_Framework{}, CompletedFrameworks: []master.Response_GetFrameworks_Framework{},
	}
	for _, id := range slices.Sorted(maps.Keys(v.Registry.Frameworks)) {
		f := v.Registry.Frameworks[id]
		d := describeFramework(f)
		var used, offered mesos.Resources
		for _, t := range f.Tasks {
			if !t.Freed {
				used = used.Plus(t.Info.Resources...)
			}
		}
		for _, o := range v.Registry.OffersOf(func(o *registry.Offer) bool { return o.Framework == f }) {
			offered = offered.Plus(o.Resources...)
			d.Offers = append(d.Offers, Offer(o))
		}
		d.AllocatedResources, d.OfferedResources = protocol.WithRole(used), protocol.WithRole(offered)
		all.Frameworks = append(all.Frameworks, d)
	}
	for _, f := range v.Registry.Completed {
		all.CompletedFrameworks = append(all.CompletedFrameworks, describeFramework(f))
	}
	return all
}

func describeFramework(f *registry.Framework) master.Response_GetFrameworks_Framework {
	d := master.Response_GetFrameworks_Framework{
		FrameworkInfo: f.Info, Active: f.Stream != nil, Connected: f.Stream != nil,
		RegisteredTime: protocol.Nanoseconds(f.Registered), ReregisteredTime: protocol.Nanoseconds(f.Reregistered),
	}
	if !f.Unregistered.IsZero() {
		d.UnregisteredTime = protocol.Nanoseconds(f.Unregistered)
	}
	return d
}

func (v *View) describeTasks() *master.Response_GetTasks {
	all := &master.Response_GetTasks{Tasks: []mesos.Task{}, UnreachableTasks: []mesos.Task{}, CompletedTasks: []mesos.Task{}}
	for _, id := range slices.Sorted(maps.Keys(v.Registry.Frameworks)) {
		f := v.Registry.Frameworks[id]
		for _, id := range slices.Sorted(maps.Keys(f.Tasks)) {
			all.Tasks = append(all.Tasks, describeTask(f.Tasks[id]))
		}
		describeEnded(f, all)
	}
	for _, f := range v.Registry.Completed {
		describeEnded(f, all)
	}
	return all
}

// describeEnded adds the tasks of which the master hears no more.
func describeEnded(f *registry.Framework, all *master.Response_GetTasks) {
	for _, id := range slices.Sorted(maps.Keys(f.Unreachable)) {
		all.UnreachableTasks = append(all.UnreachableTasks, describeTask(f.Unreachable[id]))
	}
	for _, t := range f.Completed {
		all.CompletedTasks = append(all.CompletedTasks, describeTask(t))
	}
}

func describeTask(t *registry.Task) mesos.Task {
	d := mesos.Task{
		Name: t.Info.Name, TaskID: t.Info.TaskID, FrameworkID: mesos.FrameworkID{Value: t.Framework.ID}, AgentID: mesos.AgentID{Value: t.AgentID},
		State: t.State, Resources: t.Info.Resources, Statuses: t.Statuses,
		Labels: t.Info.Labels, Discovery: t.Info.Discovery, Container: t.Info.Container,
		HealthCheck: t.Info.HealthCheck, KillPolicy: t.Info.KillPolicy, User: t.Info.GetCommand().User,
	}
	if s := t.FromAgent(); s != nil {
		d.StatusUpdateState, d.StatusUpdateUUID = s.State, s.UUID
	}
	return d
}

// describeDrain shows operators that an agent is drained, or was.
func describeDrain(a *registry.Agent, d *master.Response_GetAgents_Agent) {
	if !a.Draining {
		return
	}
	state := mesos.DrainState_DRAINED
	for t := range a.Tasks {
		if !registry.Terminal(*t.State) {
			state = mesos.DrainState_DRAINING
		}
	}
	d.DrainInfo = &mesos.DrainInfo{State: state}
}

// Schedule is what is planned, a window for each agent.
func (v *View) Schedule() mesos_maintenance.Schedule {
	s := mesos_maintenance.Schedule{Windows: []mesos_maintenance.Window{}}
	for _, id := range v.Registry.Order {
		if a := v.Registry.Agents[id]; a != nil && a.Unavailable != nil {
			host, _ := protocol.HostPort(a.Address)
			s.Windows = append(s.Windows, mesos_maintenance.Window{
				MachineIDs: []mesos.MachineID{{Hostname: &a.Hostname, IP: &host}}, Unavailability: *a.Unavailable,
			})
		}
	}
	return s
}

// Offer is an offer as operators see it, and frameworks that know reservations as a stack.
func Offer(p *registry.Offer) mesos.Offer {
	a := p.Agent
	host, port := protocol.HostPort(a.Address)
	path := "/slave(1)"
	o := mesos.Offer{
		ID: mesos.OfferID{Value: p.ID}, FrameworkID: mesos.FrameworkID{Value: p.Framework.ID}, AgentID: mesos.AgentID{Value: a.ID},
		Hostname: a.Hostname, Resources: p.Resources, Attributes: a.Attributes,
		AllocationInfo: &mesos.Resource_AllocationInfo{Role: &p.Role},
		URL:            &mesos.URL{Scheme: "http", Address: mesos.Address{Hostname: &a.Hostname, IP: &host, Port: port}, Path: &path},
	}
	if a.Region != "" {
		o.Domain = protocol.Domain(a.Region, a.Zone)
	}
	o.Unavailability = a.Unavailable
	return o
}
