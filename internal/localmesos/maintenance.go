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
)

// Plan announces that an agent will be unavailable from a time on: its offers say so, and frameworks that use it get
// inverse offers. The zero time takes it back.
func (m *Master) Plan(name string, from time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, err := m.registry.agent(name)
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
func (m *Master) plan(a *agent, u *mesos.Unavailability) {
	m.rescind(a)
	a.unavailable = u
	for _, f := range m.registry.frameworks {
		delete(f.inverseFilters, a)
	}
	m.wg.Go(m.Allocate)
}

// announce sends inverse offers to those who use an agent that will be unavailable and have none to answer.
func (m *Master) announce() {
	for _, id := range slices.Sorted(maps.Keys(m.registry.frameworks)) {
		f := m.registry.frameworks[id]
		if f.stream == nil {
			continue
		}
		var offers []mesos.InverseOffer
		for _, id := range m.registry.order {
			a := m.registry.agents[id]
			if a == nil || !a.connected || a.unavailable == nil || a.inverse[f] != "" || !a.usedBy(f) || time.Now().Before(f.inverseFilters[a]) {
				continue
			}
			offers = append(offers, m.newInverse(f, a))
		}
		if len(offers) > 0 {
			f.send(&scheduler.Event{Type: scheduler.Event_INVERSE_OFFERS, InverseOffers: &scheduler.Event_InverseOffers{InverseOffers: offers}})
		}
	}
}

func (m *Master) newInverse(f *framework, a *agent) mesos.InverseOffer {
	id := fmt.Sprintf("%s-O%d", m.registry.id, m.registry.counts.offer)
	m.registry.counts.offer++
	if a.inverse == nil {
		a.inverse = make(map[*framework]string)
	}
	a.inverse[f] = id
	host, port := protocol.HostPort(a.address)
	path := "/slave(1)"
	return mesos.InverseOffer{
		OfferID: mesos.OfferID{Value: id}, FrameworkID: mesos.FrameworkID{Value: f.id}, AgentID: &mesos.AgentID{Value: a.id},
		URL:            &mesos.URL{Scheme: "http", Address: mesos.Address{Hostname: &a.hostname, IP: &host, Port: port}, Path: &path},
		Unavailability: *a.unavailable,
	}
}

// rescindInverse takes the inverse offers of an agent back that were not answered.
func (m *Master) rescindInverse(a *agent) {
	for _, id := range slices.Sorted(maps.Keys(m.registry.frameworks)) {
		f := m.registry.frameworks[id]
		if id := a.inverse[f]; id != "" {
			f.send(&scheduler.Event{
				Type:                scheduler.Event_RESCIND_INVERSE_OFFER,
				RescindInverseOffer: &scheduler.Event_RescindInverseOffer{InverseOfferID: mesos.OfferID{Value: id}},
			})
		}
	}
	a.inverse = nil
}

// answerInverse ends inverse offers. Whether a framework agrees is shown to operators only, and makes no difference.
func (m *Master) answerInverse(f *framework, ids []mesos.OfferID, filters *mesos.Filters) {
	for _, id := range ids {
		for _, a := range m.registry.agents {
			if a.inverse[f] != id.Value {
				continue
			}
			delete(a.inverse, f)
			if wait := refuse(filters); wait > 0 {
				if f.inverseFilters == nil {
					f.inverseFilters = make(map[*agent]time.Time)
				}
				f.inverseFilters[a] = time.Now().Add(wait)
			}
		}
	}
}

// Deactivate stops offering an agent's resources, or offers them again, as an operator's DEACTIVATE_AGENT and REACTIVATE_AGENT
// do. Its tasks run on.
func (m *Master) Deactivate(name string, on bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, err := m.registry.agent(name)
	if err != nil {
		return err
	}
	m.deactivate(a, on)
	return nil
}

func (m *Master) deactivate(a *agent, on bool) {
	a.deactivated = on
	if on {
		m.rescind(a)
		return
	}
	a.draining = false
}

// Drain deactivates an agent and has it end its tasks, as an operator's DRAIN_AGENT does; off, it is reactivated. The
// agent does not wait for frameworks; what it reports of KILLING and KILLED then has the reason
// REASON_AGENT_DRAINING (mesos, slave.cpp).
func (m *Master) Drain(name string, on bool) error {
	m.mu.Lock()
	a, err := m.registry.agent(name)
	if err != nil {
		m.mu.Unlock()
		return err
	}
	m.deactivate(a, on)
	a.draining = on
	var ids []string
	for _, t := range a.sorted() {
		if on && !terminal(*t.state) {
			ids = append(ids, t.info.TaskID.Value)
		}
	}
	m.mu.Unlock()
	for _, id := range ids {
		a.runtime.Kill(id, nil)
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
	for _, id := range m.registry.order {
		a := m.registry.agents[id]
		if a == nil {
			continue
		}
		var u *mesos.Unavailability
		for i := range s.Windows {
			if slices.ContainsFunc(s.Windows[i].MachineIDs, func(x mesos.MachineID) bool { return x.GetHostname() == a.hostname }) {
				u = &s.Windows[i].Unavailability
			}
		}
		if (u != nil) != (a.unavailable != nil) || u != nil && u.Start != a.unavailable.Start {
			m.plan(a, u)
		}
	}
}
