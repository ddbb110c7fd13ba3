package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/protocol"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/registry"
)

// object is a JSON object of the endpoints that are older than the v1 API.
type object = map[string]any

// State is /state: the whole of the master in the old form, which people and tools still read.
func (v *View) State() any {
	info := v.Info
	active, inactive, unreachable := 0, 0, 0
	for _, a := range v.Registry.Agents {
		switch {
		case a.Unreachable:
			unreachable++
		case a.Draining || !a.Connected:
			inactive++
		default:
			active++
		}
	}
	frameworks, completed := []object{}, []object{}
	for _, id := range slices.Sorted(maps.Keys(v.Registry.Frameworks)) {
		frameworks = append(frameworks, v.frameworkObject(v.Registry.Frameworks[id]))
	}
	for _, f := range v.Registry.Completed {
		completed = append(completed, v.frameworkObject(f))
	}
	leader := object{"id": v.Registry.ID, "pid": info.GetPID(), "port": info.GetPort(), "hostname": info.GetHostname()}
	s := v.Version()
	if d := info.GetDomain().GetFaultDomain(); d != nil {
		leader["domain"] = domainObject(d.Region.Name, d.Zone.Name)
		s["domain"] = leader["domain"]
	}
	maps.Copy(s, object{
		"start_time": protocol.Seconds(v.Started), "elected_time": protocol.Seconds(v.Started), "id": v.Registry.ID, "pid": info.GetPID(), "hostname": info.GetHostname(),
		"capabilities": []string{"AGENT_UPDATE", "AGENT_DRAINING", "QUOTA_V2"}, "leader": info.GetPID(),
		"leader_info":      leader,
		"activated_slaves": float64(active), "deactivated_slaves": float64(inactive), "unreachable_slaves": float64(unreachable),
		"flags": object{"allocation_interval": v.AllocationInterval.String()}, "slaves": v.agentObjects(), "recovered_slaves": []object{},
		"frameworks": frameworks, "completed_frameworks": completed, "orphan_tasks": []object{}, "unregistered_frameworks": []object{},
	})
	return s
}

// Slaves is /slaves: the agents in the old form.
func (v *View) Slaves() any {
	return object{"slaves": v.agentObjects(), "recovered_slaves": []object{}}
}

func (v *View) agentObjects() []object {
	out := []object{}
	for _, id := range v.Registry.Order {
		a := v.Registry.Agents[id]
		if a == nil || a.Unreachable {
			continue
		}
		_, port := protocol.HostPort(a.Address)
		attributes := object{}
		for _, x := range a.Attributes {
			attributes[x.Name] = attributeValue(x)
		}
		o := object{
			"id": a.ID, "hostname": a.Hostname, "port": port, "attributes": attributes, "pid": "slave(1)@" + a.Address,
			"registered_time": protocol.Seconds(a.Registered), "resources": amounts(a.Total), "used_resources": amounts(a.Used),
			"offered_resources": amounts(a.Offered), "active": !a.Draining && a.Connected, "deactivated": a.Draining, "version": v.Info.GetVersion(), "capabilities": capabilityNames,
		}
		unreserved, reserved := mesos.Resources{}, object{}
		for _, r := range a.Total {
			if r.IsUnreserved() {
				unreserved = append(unreserved, r)
				continue
			}
			role := r.ReservationRole()
			if reserved[role] == nil {
				reserved[role] = amounts(slices.DeleteFunc(a.Total.Clone(), func(x mesos.Resource) bool {
					return x.IsUnreserved() || x.ReservationRole() != role
				}))
			}
		}
		o["unreserved_resources"], o["reserved_resources"] = amounts(unreserved), reserved
		if a.Region != "" {
			o["domain"] = domainObject(a.Region, a.Zone)
		}
		out = append(out, o)
	}
	return out
}

// capabilityNames are agentCapabilities as the old form lists them.
var capabilityNames = []string{
	"MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT", "RESOURCE_PROVIDER", "RESIZE_VOLUME",
	"AGENT_OPERATION_FEEDBACK", "AGENT_DRAINING", "TASK_RESOURCE_LIMITS",
}

// attributeValue is a number for a scalar, and text as in the agent's flags for all else.
func attributeValue(a mesos.Attribute) any {
	switch a.Type {
	case mesos.SCALAR:
		return a.GetScalar().GetValue()
	case mesos.RANGES:
		return rangesText(a.GetRanges().GetRange())
	default:
		return a.GetText().GetValue()
	}
}

func rangesText(ranges []mesos.Value_Range) string {
	var parts []string
	for _, x := range ranges {
		parts = append(parts, fmt.Sprintf("%d-%d", x.Begin, x.End))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// amounts sums resources by name: numbers for scalars, text for ranges.
func amounts(rs mesos.Resources) object {
	out := object{"cpus": 0.0, "mem": 0.0, "disk": 0.0, "gpus": 0.0}
	var ranges []mesos.Value_Range
	for _, r := range rs {
		switch {
		case r.GetType() == mesos.SCALAR:
			sum, _ := out[r.Name].(float64)
			out[r.Name] = sum + r.GetScalar().GetValue()
		case r.Name == "ports":
			ranges = append(ranges, r.GetRanges().GetRange()...)
		}
	}
	if len(ranges) > 0 {
		out["ports"] = rangesText(ranges)
	}
	return out
}

func (v *View) frameworkObject(f *registry.Framework) object {
	tasks, unreachable, completed, offers := []object{}, []object{}, []object{}, []object{}
	var used, offered mesos.Resources
	for _, id := range slices.Sorted(maps.Keys(f.Tasks)) {
		t := f.Tasks[id]
		if !t.Freed {
			used = used.Plus(t.Info.Resources...)
		}
		tasks = append(tasks, taskObject(t))
	}
	for _, id := range slices.Sorted(maps.Keys(f.Unreachable)) {
		unreachable = append(unreachable, taskObject(f.Unreachable[id]))
	}
	for _, t := range f.Completed {
		completed = append(completed, taskObject(t))
	}
	for _, o := range v.Registry.OffersOf(func(o *registry.Offer) bool { return o.Framework == f }) {
		offered = offered.Plus(o.Resources...)
		offers = append(offers, object{
			"id": o.ID, "framework_id": f.ID, "slave_id": o.Agent.ID, "resources": amounts(o.Resources), "allocation_info": object{"role": o.Role},
		})
	}
	var capabilities []string
	for _, c := range f.Info.Capabilities {
		capabilities = append(capabilities, c.Type.String())
	}
	o := object{
		"id": f.ID, "name": f.Info.Name, "user": f.Info.User, "failover_timeout": f.Info.GetFailoverTimeout(), "checkpoint": f.Info.GetCheckpoint(),
		"hostname": f.Info.GetHostname(), "webui_url": f.Info.GetWebUiURL(), "roles": f.Roles(), "capabilities": capabilities,
		"active": f.Stream != nil, "connected": f.Stream != nil, "recovered": false,
		"registered_time": protocol.Seconds(f.Registered), "unregistered_time": f.UnregisteredSeconds(),
		"used_resources": amounts(used), "offered_resources": amounts(offered), "resources": amounts(used.Plus(offered...)),
		"tasks": tasks, "unreachable_tasks": unreachable, "completed_tasks": completed, "offers": offers, "executors": []object{}, "offer_constraints": object{},
	}
	if f.Info.Principal != nil {
		o["principal"] = *f.Info.Principal
	}
	return o
}

func taskObject(t *registry.Task) object {
	statuses := []object{}
	for _, s := range t.Statuses {
		o := object{"state": s.GetState().String(), "timestamp": s.GetTimestamp()}
		if s.ContainerStatus != nil {
			o["container_status"] = containerObject(s.ContainerStatus)
		}
		statuses = append(statuses, o)
	}
	o := object{
		"id": t.Info.TaskID.Value, "name": t.Info.Name, "framework_id": t.Framework.ID, "executor_id": "", "slave_id": t.AgentID,
		"state": t.State.String(), "resources": amounts(t.Info.Resources), "role": t.Role(), "statuses": statuses,
	}
	if u := t.Info.GetCommand().GetUser(); u != "" {
		o["user"] = u
	}
	if t.Info.Labels != nil {
		o["labels"] = t.Info.Labels.Labels
	}
	if t.Info.Discovery != nil {
		o["discovery"] = t.Info.Discovery
	}
	return o
}

// containerObject is a container's status without the pid, which the old form does not have.
func containerObject(c *mesos.ContainerStatus) object {
	o := object{}
	if c.ContainerID != nil {
		o["container_id"] = object{"value": c.ContainerID.Value}
	}
	networks := []object{}
	for _, n := range c.NetworkInfos {
		addresses := []object{}
		for _, a := range n.IPAddresses {
			addresses = append(addresses, object{"protocol": a.GetProtocol().String(), "ip_address": a.GetIPAddress()})
		}
		networks = append(networks, object{"ip_addresses": addresses})
	}
	if len(networks) > 0 {
		o["network_infos"] = networks
	}
	return o
}

func domainObject(region, zone string) object {
	return object{"fault_domain": object{"region": object{"name": region}, "zone": object{"name": zone}}}
}

// Metrics are the few numbers of /metrics/snapshot that say something here.
func (v *View) Metrics() any {
	running := 0
	for _, f := range v.Registry.Frameworks {
		for _, t := range f.Tasks {
			if *t.State == mesos.TASK_RUNNING {
				running++
			}
		}
	}
	return object{
		"master/elected": 1.0, "master/frameworks_active": float64(len(v.Registry.Frameworks)), "master/slaves_active": float64(len(v.Registry.Agents)),
		"master/outstanding_offers": float64(len(v.Registry.Offers)), "master/tasks_running": float64(running),
	}
}
