package registry

import (
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/resources"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/protocol"
)

// Framework is a registered framework.
type Framework struct {
	ID                         string
	Info                       mesos.FrameworkInfo
	Registered                 time.Time
	Reregistered, Unregistered time.Time
	Stream                     *protocol.Stream
	Failover                   *time.Timer
	Suppressed                 map[string]bool
	Filters                    map[*Agent][]Filter
	// InverseFilters say until when maintenance of an agent is not announced again.
	InverseFilters map[*Agent]time.Time
	// Constraints say which agents are offered; nil for all.
	Constraints *protocol.OfferConstraints
	// Tasks are those that run or may still be acknowledged, Unreachable those of agents that are unreachable.
	Tasks, Unreachable map[string]*Task
	Completed          []*Task
}

// Can says whether the framework has a capability.
func (f *Framework) Can(c mesos.FrameworkInfo_Capability_Type) bool {
	return slices.ContainsFunc(f.Info.Capabilities, func(x mesos.FrameworkInfo_Capability) bool { return x.Type == c })
}

// Roles are those whose resources the framework may be offered.
func (f *Framework) Roles() []string { return RolesOf(&f.Info) }

// RolesOf are the roles of a framework, in either form.
func RolesOf(info *mesos.FrameworkInfo) []string {
	if len(info.Roles) > 0 {
		return info.Roles
	}
	return []string{info.GetRole()}
}

// Send delivers an event when the framework is subscribed.
func (f *Framework) Send(e *scheduler.Event) {
	if f.Stream != nil {
		f.Stream.Send(e)
	}
}

// Dropped is the state of a task that never started: TASK_LOST for those who do not know better.
func (f *Framework) Dropped() mesos.TaskState {
	if f.Can(mesos.FrameworkInfo_Capability_PARTITION_AWARE) {
		return mesos.TASK_DROPPED
	}
	return mesos.TASK_LOST
}

// Filtered says whether filters of the framework keep free resources of an agent from being offered to a role.
func (f *Framework) Filtered(a *Agent, role string, free mesos.Resources, now time.Time) bool {
	filters := slices.DeleteFunc(f.Filters[a], func(x Filter) bool { return !now.Before(x.Until) })
	if len(filters) == 0 {
		delete(f.Filters, a)
		return false
	}
	f.Filters[a] = filters
	return slices.ContainsFunc(filters, func(x Filter) bool { return x.Role == role && resources.ContainsAll(x.Resources, free) })
}

// Filter keeps an agent's resources from being offered to a role again.
type Filter struct {
	Role string
	// Resources are without allocation; what is contained in them is not offered.
	Resources mesos.Resources
	Until     time.Time
}

// UnregisteredSeconds is when the framework ended, in seconds since 1970; 0 when it has not.
func (f *Framework) UnregisteredSeconds() float64 {
	if f.Unregistered.IsZero() {
		return 0
	}
	return protocol.Seconds(f.Unregistered)
}
