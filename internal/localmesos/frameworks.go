package localmesos

import (
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/resources"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/protocol"
)

// framework is a registered framework.
type framework struct {
	id                         string
	info                       mesos.FrameworkInfo
	registered                 time.Time
	reregistered, unregistered time.Time
	stream                     *protocol.Stream
	failover                   *time.Timer
	suppressed                 map[string]bool
	filters                    map[*agent][]filter
	// inverseFilters say until when maintenance of an agent is not announced again.
	inverseFilters map[*agent]time.Time
	// constraints say which agents are offered; nil for all.
	constraints *protocol.OfferConstraints
	// tasks are those that run or may still be acknowledged, unreachable those of agents that are unreachable.
	tasks, unreachable map[string]*task
	completed          []*task
}

func (f *framework) can(c mesos.FrameworkInfo_Capability_Type) bool {
	return slices.ContainsFunc(f.info.Capabilities, func(x mesos.FrameworkInfo_Capability) bool { return x.Type == c })
}

// roles are those whose resources the framework may be offered.
func (f *framework) roles() []string { return rolesOf(&f.info) }

func rolesOf(info *mesos.FrameworkInfo) []string {
	if len(info.Roles) > 0 {
		return info.Roles
	}
	return []string{info.GetRole()}
}

// send delivers an event when the framework is subscribed.
func (f *framework) send(e *scheduler.Event) {
	if f.stream != nil {
		f.stream.Send(e)
	}
}

// dropped is the state of a task that never started: TASK_LOST for those who do not know better.
func (f *framework) dropped() mesos.TaskState {
	if f.can(mesos.FrameworkInfo_Capability_PARTITION_AWARE) {
		return mesos.TASK_DROPPED
	}
	return mesos.TASK_LOST
}

func (f *framework) filtered(a *agent, role string, free mesos.Resources, now time.Time) bool {
	filters := slices.DeleteFunc(f.filters[a], func(x filter) bool { return !now.Before(x.until) })
	if len(filters) == 0 {
		delete(f.filters, a)
		return false
	}
	f.filters[a] = filters
	return slices.ContainsFunc(filters, func(x filter) bool { return x.role == role && resources.ContainsAll(x.resources, free) })
}

// filter keeps an agent's resources from being offered to a role again.
type filter struct {
	role string
	// resources are without allocation; what is contained in them is not offered.
	resources mesos.Resources
	until     time.Time
}

func (f *framework) unregisteredSeconds() float64 {
	if f.unregistered.IsZero() {
		return 0
	}
	return protocol.Seconds(f.unregistered)
}
