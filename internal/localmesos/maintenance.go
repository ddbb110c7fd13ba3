package localmesos

import (
	"fmt"
	"maps"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mesos_maintenance "github.com/mesos/mesos-go/api/v1/lib/maintenance"
	"github.com/mesos/mesos-go/api/v1/lib/master"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/protocol"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/registry"
)

// Plan announces that an agent will be unavailable from a time on: its offers say so, and frameworks that use it get
// inverse offers. The zero time takes it back.
func (m *Master) Plan(name string, from time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, err := m.registry.Agent(name)
	if err != nil {
		return err
	}
	var u *mesos.Unavailability
	if !from.IsZero() {
		u = &mesos.Unavailability{Start: mesos.TimeInfo{Nanoseconds: from.UnixNano()}}
	}
	m.plan(a, u)
	return nil
}

// plan changes the unavailability of an agent. Offers are taken back, so that frameworks learn it at once, and
// filters of inverse offers do not outlive the change (mesos, hierarchical.cpp: updateUnavailability).
func (m *Master) plan(a *registry.Agent, u *mesos.Unavailability) {
	m.rescind(a)
	a.Unavailable = u
	for _, f := range m.registry.Frameworks {
		delete(f.InverseFilters, a)
	}
	m.wg.Go(m.Allocate)
}

// announce sends inverse offers to those who use an agent that will be unavailable and have none to answer.
func (m *Master) announce() {
	for _, id := range slices.Sorted(maps.Keys(m.registry.Frameworks)) {
		f := m.registry.Frameworks[id]
		if f.Stream == nil {
			continue
		}
		var offers []mesos.InverseOffer
		for _, id := range m.registry.Order {
			a := m.registry.Agents[id]
			if a == nil || !a.Connected || a.Unavailable == nil || a.Inverse[f] != "" || !a.UsedBy(f) || time.Now().Before(f.InverseFilters[a]) {
				continue
			}
			offers = append(offers, m.newInverse(f, a))
		}
		if len(offers) > 0 {
			f.Send(&scheduler.Event{Type: scheduler.Event_INVERSE_OFFERS, InverseOffers: &scheduler.Event_InverseOffers{InverseOffers: offers}})
		}
	}
}

func (m *Master) newInverse(f *registry.Framework, a *registry.Agent) mesos.InverseOffer {
	id := fmt.Sprintf("%s-O%d", m.registry.ID, m.registry.Counts.Offer)
	m.registry.Counts.Offer++
	if a.Inverse == nil {
		a.Inverse = make(map[*registry.Framework]string)
	}
	a.Inverse[f] = id
	host, port := protocol.HostPort(a.Address)
	path := "/slave(1)"
	return mesos.InverseOffer{
		OfferID: mesos.OfferID{Value: id}, FrameworkID: mesos.FrameworkID{Value: f.ID}, AgentID: &mesos.AgentID{Value: a.ID},
		URL:            &mesos.URL{Scheme: "http", Address: mesos.Address{Hostname: &a.Hostname, IP: &host, Port: port}, Path: &path},
		Unavailability: *a.Unavailable,
	}
}

// rescindInverse takes the inverse offers of an agent back that were not answered.
func (m *Master) rescindInverse(a *registry.Agent) {
	for _, id := range slices.Sorted(maps.Keys(m.registry.Frameworks)) {
		f := m.registry.Frameworks[id]
		if id := a.Inverse[f]; id != "" {
			f.Send(&scheduler.Event{
				Type:                scheduler.Event_RESCIND_INVERSE_OFFER,
				RescindInverseOffer: &scheduler.Event_RescindInverseOffer{InverseOfferID: mesos.OfferID{Value: id}},
			})
		}
	}
	a.Inverse = nil
}

// answerInverse ends inverse offers. Whether a framework agrees is shown to operators only, and makes no difference.
func (m *Master) answerInverse(f *registry.Framework, ids []mesos.OfferID, filters *mesos.Filters) {
	for _, id := range ids {
		for _, a := range m.registry.Agents {
			if a.Inverse[f] != id.Value {
				continue
			}
			delete(a.Inverse, f)
			if wait := refuse(filters); wait > 0 {
				if f.InverseFilters == nil {
					f.InverseFilters = make(map[*registry.Agent]time.Time)
				}
				f.InverseFilters[a] = time.Now().Add(wait)
			}
		}
	}
}

// Deactivate stops offering an agent's resources, or offers them again, as an operator's DEACTIVATE_AGENT and REACTIVATE_AGENT
// do. Its tasks run on.
func (m *Master) Deactivate(name string, on bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, err := m.registry.Agent(name)
	if err != nil {
		return err
	}
	m.deactivate(a, on)
	return nil
}

func (m *Master) deactivate(a *registry.Agent, on bool) {
	a.Deactivated = on
	if on {
		m.rescind(a)
		return
	}
	a.Draining = false
}

// Drain deactivates an agent and has it end its tasks, as an operator's DRAIN_AGENT does; off, it is reactivated. The
// agent does not wait for frameworks; what it reports of KILLING and KILLED then has the reason
// REASON_AGENT_DRAINING (mesos, slave.cpp).
func (m *Master) Drain(name string, on bool) error {
	m.mu.Lock()
	a, err := m.registry.Agent(name)
	if err != nil {
		m.mu.Unlock()
		return err
	}
	m.deactivate(a, on)
	a.Draining = on
	var ids []string
	for _, t := range a.SortedTasks() {
		if on && !registry.Terminal(*t.State) {
			ids = append(ids, t.Info.TaskID.Value)
		}
	}
	m.mu.Unlock()
	for _, id := range ids {
		a.Runtime.Kill(id, nil)
	}
	return nil
}

// maintain performs an operator's call about agents that will not be there.
func (m *Master) maintain(call *master.Call) error {
	switch call.GetType() {
	case master.Call_UPDATE_MAINTENANCE_SCHEDULE:
		if call.UpdateMaintenanceSchedule == nil {
			return absent("update_maintenance_schedule")
		}
		m.setSchedule(call.UpdateMaintenanceSchedule.Schedule)
	case master.Call_DRAIN_AGENT:
		if call.DrainAgent == nil {
			return absent("drain_agent")
		}
		return m.Drain(call.DrainAgent.AgentID.Value, true)
	case master.Call_DEACTIVATE_AGENT:
		if call.DeactivateAgent == nil {
			return absent("deactivate_agent")
		}
		return m.Deactivate(call.DeactivateAgent.AgentID.Value, true)
	case master.Call_REACTIVATE_AGENT:
		if call.ReactivateAgent == nil {
			return absent("reactivate_agent")
		}
		return m.Deactivate(call.ReactivateAgent.AgentID.Value, false)
	default: // It is called with those above.
	}
	return nil
}

func absent(field string) error {
	return fmt.Errorf("Failed to validate master::Call: Expecting '%s' to be present", field) //nolint:staticcheck,revive // The master's words.
}

// setSchedule plans what the schedule says of each agent, and nothing for the others. Machines are meant by the host
// name of their agents.
func (m *Master) setSchedule(s mesos_maintenance.Schedule) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range m.registry.Order {
		a := m.registry.Agents[id]
		if a == nil {
			continue
		}
		var u *mesos.Unavailability
		for i := range s.Windows {
			if slices.ContainsFunc(s.Windows[i].MachineIDs, func(x mesos.MachineID) bool { return x.GetHostname() == a.Hostname }) {
				u = &s.Windows[i].Unavailability
			}
		}
		if (u != nil) != (a.Unavailable != nil) || u != nil && u.Start != a.Unavailable.Start {
			m.plan(a, u)
		}
	}
}
