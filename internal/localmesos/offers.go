package localmesos

import (
	"fmt"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/resources"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/protocol"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/registry"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/report"
)

// defaultRefuse is the filter of a decline that names none.
const defaultRefuse = 5 * time.Second

func (m *Master) newOffer(f *registry.Framework, a *registry.Agent, role string, free mesos.Resources) mesos.Offer {
	id := fmt.Sprintf("%s-O%d", m.registry.ID, m.registry.Counts.Offer)
	m.registry.Counts.Offer++
	allocated := free.Clone().Allocate(role)
	p := &registry.Offer{ID: id, Framework: f, Agent: a, Role: role, Resources: allocated}
	m.registry.Offers[id], a.Offers[id] = p, p
	a.Offered = a.Offered.Plus(free...)
	o := report.Offer(p)
	if !f.Can(mesos.FrameworkInfo_Capability_RESERVATION_REFINEMENT) {
		o.Resources = protocol.WithRole(o.Resources) // The form of resources from before reservations were a stack.
	}
	return o
}

// take ends an offer and gives its resources back to the agent's free ones.
func (m *Master) take(o *registry.Offer) {
	delete(m.registry.Offers, o.ID)
	delete(o.Agent.Offers, o.ID)
	o.Agent.Offered = o.Agent.Offered.Minus(o.Resources.Clone().Unallocate()...)
}

func (m *Master) rescindAll(f *registry.Framework) {
	for _, o := range m.registry.OffersOf(func(o *registry.Offer) bool { return o.Framework == f }) {
		m.take(o)
	}
	for _, a := range m.registry.Agents {
		delete(a.Inverse, f)
	}
}

// rescind takes the offers of an agent back.
func (m *Master) rescind(a *registry.Agent) {
	for _, o := range a.PendingOffers() {
		m.rescindOffer(o)
	}
	m.rescindInverse(a)
}

func (m *Master) rescindOffer(o *registry.Offer) {
	m.take(o)
	o.Framework.Send(&scheduler.Event{Type: scheduler.Event_RESCIND, Rescind: &scheduler.Event_Rescind{OfferID: mesos.OfferID{Value: o.ID}}})
}

func refuse(f *mesos.Filters) time.Duration {
	if f == nil || f.RefuseSeconds == nil {
		return defaultRefuse
	}
	return time.Duration(*f.RefuseSeconds * float64(time.Second))
}

// addFilter keeps resources from being offered again for a time. It lasts for an allocation interval at least,
// so that the next round of offers sees it (mesos, hierarchical.cpp).
func (m *Master) addFilter(f *registry.Framework, a *registry.Agent, role string, rs mesos.Resources, refuse time.Duration) {
	if refuse > 0 && len(rs) > 0 {
		until := time.Now().Add(max(refuse, m.shortestFilter))
		if f.Filters == nil {
			f.Filters = make(map[*registry.Agent][]registry.Filter)
		}
		f.Filters[a] = append(f.Filters[a], registry.Filter{Role: role, Resources: rs.Clone().Unallocate(), Until: until})
	}
}

// decline makes one filter for each offer, not one for their sum: what several declined offers
// of an agent add up to is offered again at once, as by the real master.
func (m *Master) decline(f *registry.Framework, d *scheduler.Call_Decline) {
	for _, id := range d.OfferIDs {
		if o := m.registry.Offers[id.Value]; o != nil && o.Framework == f {
			m.take(o)
			m.addFilter(f, o.Agent, o.Role, o.Resources, refuse(d.Filters))
		}
	}
}

func (m *Master) revive(f *registry.Framework, roles []string) {
	f.InverseFilters = nil
	if len(roles) == 0 {
		f.Filters = nil
		clear(f.Suppressed)
	}
	for _, role := range roles {
		for a, filters := range f.Filters {
			f.Filters[a] = slices.DeleteFunc(filters, func(x registry.Filter) bool { return x.Role == role })
		}
		delete(f.Suppressed, role)
	}
	// The real master, too, allocates on REVIVE without waiting for its interval to pass.
	m.wg.Go(m.Allocate)
}

func (m *Master) suppress(f *registry.Framework, roles []string) {
	if len(roles) == 0 {
		roles = f.Roles()
	}
	for _, role := range roles {
		f.Suppressed[role] = true
	}
}

// accept performs the operations on the offers, in order, and recovers what they leave.
func (m *Master) accept(f *registry.Framework, call *scheduler.Call_Accept) {
	var left, converted mesos.Resources
	var a *registry.Agent
	role, problem := "", ""
	for _, id := range call.OfferIDs {
		o := m.registry.Offers[id.Value]
		switch {
		case o == nil || o.Framework != f:
			problem = "Offer " + id.Value + " is no longer valid"
		case a != nil && o.Agent != a:
			problem = "Aggregated offers must belong to one single agent. Offer " + id.Value + " uses agent " + o.Agent.ID + " and agent " + a.ID
		case role != "" && o.Role != role:
			problem = "Aggregated offers must be allocated to the same role. Offer " + id.Value + " uses role '" + o.Role + "' but another is using role '" + role + "'"
		default:
			a, role = o.Agent, o.Role
			left = left.Plus(o.Resources...)
		}
	}
	for _, id := range call.OfferIDs {
		if o := m.registry.Offers[id.Value]; o != nil && o.Framework == f {
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
func (m *Master) operate(f *registry.Framework, a *registry.Agent, left *mesos.Resources, role string, op *mesos.Offer_Operation, problem string) mesos.Resources {
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
