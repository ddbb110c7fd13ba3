package localmesos

import (
	"fmt"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/resources"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/protocol"
)

// defaultRefuse is the filter of a decline that names none.
const defaultRefuse = 5 * time.Second

func (m *Master) newOffer(f *framework, a *agent, role string, free mesos.Resources) mesos.Offer {
	id := fmt.Sprintf("%s-O%d", m.registry.id, m.registry.counts.offer)
	m.registry.counts.offer++
	allocated := free.Clone().Allocate(role)
	p := &pendingOffer{id: id, framework: f, agent: a, role: role, resources: allocated}
	m.registry.offers[id], a.offers[id] = p, p
	a.offered = a.offered.Plus(free...)
	o := describeOffer(p)
	if !f.can(mesos.FrameworkInfo_Capability_RESERVATION_REFINEMENT) {
		o.Resources = protocol.WithRole(o.Resources) // The form of resources from before reservations were a stack.
	}
	return o
}

// take ends an offer and gives its resources back to the agent's free ones.
func (m *Master) take(o *pendingOffer) {
	delete(m.registry.offers, o.id)
	delete(o.agent.offers, o.id)
	o.agent.offered = o.agent.offered.Minus(o.resources.Clone().Unallocate()...)
}

func (m *Master) rescindAll(f *framework) {
	for _, o := range m.registry.offersOf(func(o *pendingOffer) bool { return o.framework == f }) {
		m.take(o)
	}
	for _, a := range m.registry.agents {
		delete(a.inverse, f)
	}
}

// rescind takes the offers of an agent back.
func (m *Master) rescind(a *agent) {
	for _, o := range a.pending() {
		m.rescindOffer(o)
	}
	m.rescindInverse(a)
}

func (m *Master) rescindOffer(o *pendingOffer) {
	m.take(o)
	o.framework.send(&scheduler.Event{Type: scheduler.Event_RESCIND, Rescind: &scheduler.Event_Rescind{OfferID: mesos.OfferID{Value: o.id}}})
}

func refuse(f *mesos.Filters) time.Duration {
	if f == nil || f.RefuseSeconds == nil {
		return defaultRefuse
	}
	return time.Duration(*f.RefuseSeconds * float64(time.Second))
}

// addFilter keeps resources from being offered again for a time. It lasts for an allocation interval at least,
// so that the next round of offers sees it (mesos, hierarchical.cpp).
func (m *Master) addFilter(f *framework, a *agent, role string, rs mesos.Resources, refuse time.Duration) {
	if refuse > 0 && len(rs) > 0 {
		until := time.Now().Add(max(refuse, m.shortestFilter))
		if f.filters == nil {
			f.filters = make(map[*agent][]filter)
		}
		f.filters[a] = append(f.filters[a], filter{role: role, resources: rs.Clone().Unallocate(), until: until})
	}
}

// decline makes one filter for each offer, not one for their sum: what several declined offers
// of an agent add up to is offered again at once, as by the real master.
func (m *Master) decline(f *framework, d *scheduler.Call_Decline) {
	for _, id := range d.OfferIDs {
		if o := m.registry.offers[id.Value]; o != nil && o.framework == f {
			m.take(o)
			m.addFilter(f, o.agent, o.role, o.resources, refuse(d.Filters))
		}
	}
}

func (m *Master) revive(f *framework, roles []string) {
	f.inverseFilters = nil
	if len(roles) == 0 {
		f.filters = nil
		clear(f.suppressed)
	}
	for _, role := range roles {
		for a, filters := range f.filters {
			f.filters[a] = slices.DeleteFunc(filters, func(x filter) bool { return x.role == role })
		}
		delete(f.suppressed, role)
	}
	// The real master, too, allocates on REVIVE without waiting for its interval to pass.
	m.wg.Go(m.Allocate)
}

func (m *Master) suppress(f *framework, roles []string) {
	if len(roles) == 0 {
		roles = f.roles()
	}
	for _, role := range roles {
		f.suppressed[role] = true
	}
}

// accept performs the operations on the offers, in order, and recovers what they leave.
func (m *Master) accept(f *framework, call *scheduler.Call_Accept) {
	var left, converted mesos.Resources
	var a *agent
	role, problem := "", ""
	for _, id := range call.OfferIDs {
		o := m.registry.offers[id.Value]
		switch {
		case o == nil || o.framework != f:
			problem = "Offer " + id.Value + " is no longer valid"
		case a != nil && o.agent != a:
			problem = "Aggregated offers must belong to one single agent. Offer " + id.Value + " uses agent " + o.agent.id + " and agent " + a.id
		case role != "" && o.role != role:
			problem = "Aggregated offers must be allocated to the same role. Offer " + id.Value + " uses role '" + o.role + "' but another is using role '" + role + "'"
		default:
			a, role = o.agent, o.role
			left = left.Plus(o.resources...)
		}
	}
	for _, id := range call.OfferIDs {
		if o := m.registry.offers[id.Value]; o != nil && o.framework == f {
			m.take(o)
		}
	}
	for i := range call.Operations {
		converted = append(converted, m.operate(f, a, &left, role, &call.Operations[i], problem)...)
	}
	if a == nil {
		return
	}
	// What was reserved or unreserved is not declined: it may be offered again at once in its new form.
	for _, r := range converted {
		if resources.ContainsAll(left, mesos.Resources{r}) {
			left = left.Minus(r)
		}
	}
	m.addFilter(f, a, role, left, refuse(call.Filters))
}

// operate performs one operation on what is left of the offers and returns what it converted.
func (m *Master) operate(f *framework, a *agent, left *mesos.Resources, role string, op *mesos.Offer_Operation, problem string) mesos.Resources {
	switch op.Type {
	case mesos.Offer_Operation_LAUNCH:
		for i := range op.GetLaunch().GetTaskInfos() {
			complete(op.Launch.TaskInfos[i].Resources, role)
			m.launch(f, a, left, op.Launch.TaskInfos[i], problem)
		}
	case mesos.Offer_Operation_LAUNCH_GROUP:
		for i := range op.GetLaunchGroup().TaskGroup.Tasks {
			t := op.LaunchGroup.TaskGroup.Tasks[i]
			m.refuseTask(f, t, mesos.TASK_ERROR, mesos.REASON_TASK_GROUP_INVALID, "Task groups are not supported by this master")
		}
	case mesos.Offer_Operation_RESERVE:
		if problem == "" {
			return m.reserve(f, a, left, role, op.GetReserve().GetResources(), true)
		}
	case mesos.Offer_Operation_UNRESERVE:
		if problem == "" {
			return m.reserve(f, a, left, role, op.GetUnreserve().GetResources(), false)
		}
	case mesos.Offer_Operation_CREATE:
		if problem == "" {
			return m.volumes(f, a, left, role, op.GetCreate().GetVolumes(), true)
		}
	case mesos.Offer_Operation_DESTROY:
		if problem == "" {
			return m.volumes(f, a, left, role, op.GetDestroy().GetVolumes(), false)
		}
	default: // Without an id such an operation is dropped without a word.
	}
	return nil
}

// complete says of resources that name no role that they are allocated to that of the offer: the master does so for
// schedulers from before MULTI_ROLE (protobuf::injectAllocationInfo), and for those that leave it out.
func complete(rs []mesos.Resource, role string) {
	for i := range rs {
		if rs[i].AllocationInfo == nil {
			rs[i].AllocationInfo = &mesos.Resource_AllocationInfo{Role: &role}
		}
	}
}
