package registry

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/executor"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/protocol"
)

// Agent is a registered agent.
type Agent struct {
	ID, Hostname, Address string
	Region, Zone          string
	Attributes            []mesos.Attribute
	Registered            time.Time
	// Total, Used and Offered are without allocation.
	Total, Used, Offered mesos.Resources
	Tasks                map[*Task]bool
	Offers               map[string]*Offer
	Runtime              executor.Runtime
	// Connected: the master has a connection to the agent's process. Unreachable: the master gave the agent up.
	// Killed: its machine is gone, which the master may not know yet.
	Connected, Unreachable, Killed bool
	// Observer fires when the agent has left too many pings unanswered.
	Observer *time.Timer
	// Doomed are tasks of frameworks that ended, and kills those that their frameworks killed, while the agent was
	// not connected: they are killed when it comes back.
	Doomed []string
	Kills  map[string]*mesos.KillPolicy
	// Deactivated agents are not offered; draining ones end their tasks as well.
	Deactivated, Draining bool
	Lost                  time.Time
	// Unavailable is what operators plan; nil for nothing.
	Unavailable *mesos.Unavailability
	// Inverse are the inverse offers that were sent and not answered, by framework.
	Inverse map[*Framework]string
}

// Close ends the tasks of the agent and waits.
func (a *Agent) Close() error {
	if err := a.Runtime.Close(); err != nil {
		return fmt.Errorf("close agent %s: %w", a.ID, err)
	}
	return nil
}

// SortedTasks lists the tasks of an agent, so that what is done to them is repeatable.
func (a *Agent) SortedTasks() []*Task {
	return slices.SortedFunc(maps.Keys(a.Tasks), func(x, y *Task) int {
		return cmp.Or(cmp.Compare(x.Framework.ID, y.Framework.ID), cmp.Compare(x.Info.TaskID.Value, y.Info.TaskID.Value))
	})
}

// KillOrDoom ends a task that nobody waits for any more, at once or when its agent comes back.
func (a *Agent) KillOrDoom(t *Task) {
	if a.Connected {
		a.Runtime.Kill(t.Info.TaskID.Value, nil)
		return
	}
	a.Doomed = append(a.Doomed, t.Info.TaskID.Value)
}

// UsedBy says whether resources of the agent are allocated or offered to the framework.
func (a *Agent) UsedBy(f *Framework) bool {
	for t := range a.Tasks {
		if t.Framework == f && !t.Freed {
			return true
		}
	}
	for _, o := range a.Offers {
		if o.Framework == f {
			return true
		}
	}
	return false
}

// HasVolume says whether a volume of the id and the role is on the agent already.
func (a *Agent) HasVolume(v *mesos.Resource) bool {
	return slices.ContainsFunc(a.Total, func(r mesos.Resource) bool {
		return r.IsPersistentVolume() && r.Disk.Persistence.ID == v.Disk.Persistence.ID && r.ReservationRole() == v.ReservationRole()
	})
}

// Allocated are the resources of an agent's tasks with the roles that they are allocated to.
func (a *Agent) Allocated() mesos.Resources {
	var rs mesos.Resources
	for _, t := range a.SortedTasks() {
		if !t.Freed {
			rs = rs.Plus(t.Info.Resources...)
		}
	}
	return rs
}

// InOffers are the resources of the agent in offers that are out.
func (a *Agent) InOffers() mesos.Resources {
	var rs mesos.Resources
	for _, o := range a.PendingOffers() {
		rs = rs.Plus(o.Resources...)
	}
	return rs
}

// PendingOffers lists the offers of an agent in the order in which they were made.
func (a *Agent) PendingOffers() []*Offer {
	return inOrder(slices.Collect(maps.Values(a.Offers)))
}

// Place is where the agent is, for the constraints of offers.
func (a *Agent) Place() protocol.Place {
	return protocol.Place{Hostname: a.Hostname, Region: a.Region, Zone: a.Zone, Attributes: a.Attributes}
}
