package localmesos

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

// agent is a registered agent.
type agent struct {
	id, hostname, address string
	region, zone          string
	attributes            []mesos.Attribute
	registered            time.Time
	// total, used and offered are without allocation.
	total, used, offered mesos.Resources
	tasks                map[*task]bool
	offers               map[string]*pendingOffer
	runtime              executor.Runtime
	// connected: the master has a connection to the agent's process. unreachable: the master gave the agent up.
	// killed: its machine is gone, which the master may not know yet.
	connected, unreachable, killed bool
	// observer fires when the agent has left too many pings unanswered.
	observer *time.Timer
	// doomed are tasks of frameworks that ended, and kills those that their frameworks killed, while the agent was
	// not connected: they are killed when it comes back.
	doomed []string
	kills  map[string]*mesos.KillPolicy
	// deactivated agents are not offered; draining ones end their tasks as well.
	deactivated, draining bool
	lost                  time.Time
	// unavailable is what operators plan; nil for nothing.
	unavailable *mesos.Unavailability
	// inverse are the inverse offers that were sent and not answered, by framework.
	inverse map[*framework]string
}

func (a *agent) close() error {
	if err := a.runtime.Close(); err != nil {
		return fmt.Errorf("close agent %s: %w", a.id, err)
	}
	return nil
}

// sorted lists the tasks of an agent, so that what is done to them is repeatable.
func (a *agent) sorted() []*task {
	return slices.SortedFunc(maps.Keys(a.tasks), func(x, y *task) int {
		return cmp.Or(cmp.Compare(x.framework.id, y.framework.id), cmp.Compare(x.info.TaskID.Value, y.info.TaskID.Value))
	})
}

// killOrDoom ends a task that nobody waits for any more, at once or when its agent comes back.
func (a *agent) killOrDoom(t *task) {
	if a.connected {
		a.runtime.Kill(t.info.TaskID.Value, nil)
		return
	}
	a.doomed = append(a.doomed, t.info.TaskID.Value)
}

// usedBy says whether resources of the agent are allocated or offered to the framework.
func (a *agent) usedBy(f *framework) bool {
	for t := range a.tasks {
		if t.framework == f && !t.freed {
			return true
		}
	}
	for _, o := range a.offers {
		if o.framework == f {
			return true
		}
	}
	return false
}

// hasVolume says whether a volume of the id and the role is on the agent already.
func (a *agent) hasVolume(v *mesos.Resource) bool {
	return slices.ContainsFunc(a.total, func(r mesos.Resource) bool {
		return r.IsPersistentVolume() && r.Disk.Persistence.ID == v.Disk.Persistence.ID && r.ReservationRole() == v.ReservationRole()
	})
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

// pending lists the offers of an agent in the order in which they were made.
func (a *agent) pending() []*pendingOffer {
	return inOrder(slices.Collect(maps.Values(a.offers)))
}

// place is where the agent is, for the constraints of offers.
func (a *agent) place() protocol.Place {
	return protocol.Place{Hostname: a.hostname, Region: a.region, Zone: a.zone, Attributes: a.attributes}
}
