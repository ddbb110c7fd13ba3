package localmesos

import (
	"cmp"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/resources"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

func (m *Master) allocateRegularly() {
	ticker := time.NewTicker(m.o.AllocationInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			m.Allocate()
		case <-m.done:
			return
		}
	}
}

// Allocate makes one round of offers now.
func (m *Master) Allocate() {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer m.announce()
	r := m.newRound()
	if len(r.candidates) == 0 {
		return
	}
	made := make(map[*framework][]mesos.Offer)
	var order []*framework
	for _, id := range m.registry.order {
		a := m.registry.agents[id]
		if a == nil || !a.connected || a.deactivated {
			continue
		}
		rest := a.total.Minus(a.used...).Minus(a.offered...)
		if len(rest) == 0 {
			continue
		}
		r.sort()
		for _, c := range r.candidates {
			free := freeFor(rest, c.role, c.framework.can(mesos.FrameworkInfo_Capability_REVOCABLE_RESOURCES))
			if len(free) == 0 || c.framework.constraints.Excludes(a.place(), c.role) || c.framework.filtered(a, c.role, free, r.now) || hasGPU(free) && !c.framework.can(mesos.FrameworkInfo_Capability_GPU_RESOURCES) {
				continue
			}
			o := m.newOffer(c.framework, a, c.role, free)
			if made[c.framework] == nil {
				order = append(order, c.framework)
			}
			made[c.framework] = append(made[c.framework], o)
			c.hold(free)
			rest = rest.Minus(free...)
		}
	}
	for _, f := range order {
		f.send(&scheduler.Event{Type: scheduler.Event_OFFERS, Offers: &scheduler.Event_Offers{Offers: made[f]}})
	}
}

// freeFor is what may be offered to a role: unreserved, or reserved for the role or a parent of it; revocable only
// for those who asked for that.
func freeFor(rest mesos.Resources, role string, revocable bool) mesos.Resources {
	var out mesos.Resources
	for i := range rest {
		if rest[i].Revocable != nil && !revocable {
			continue
		}
		if rest[i].IsUnreserved() || rest[i].IsAllocatableTo(role) {
			out = append(out, rest[i])
		}
	}
	return out
}

func hasGPU(rs mesos.Resources) bool {
	n, ok := resources.GPUs(rs...)
	return ok && n > 0
}

// round is one round of offers: the shares are counted once and kept while offers are made.
type round struct {
	now        time.Time
	total      quantity
	candidates []*candidate
}

// candidate is a role of a framework that wants offers.
type candidate struct {
	framework *framework
	role      string
	// held is what the framework holds in the role, and ofRole what all frameworks hold in it.
	held, ofRole *quantity
}

// quantity is of the resources that count for shares.
type quantity struct{ cpus, mem float64 }

func (q *quantity) add(rs mesos.Resources) {
	for i := range rs {
		switch rs[i].Name {
		case "cpus":
			q.cpus += rs[i].GetScalar().GetValue()
		case "mem":
			q.mem += rs[i].GetScalar().GetValue()
		}
	}
}

// share is the largest part of any resource, from 0 to 1.
func (q *quantity) share(of quantity) float64 {
	share := 0.0
	if of.cpus > 0 {
		share = q.cpus / of.cpus
	}
	if of.mem > 0 {
		share = max(share, q.mem/of.mem)
	}
	return share
}

func (c *candidate) hold(rs mesos.Resources) {
	c.held.add(rs)
	c.ofRole.add(rs)
}

// newRound counts what the roles of subscribed frameworks hold, offers included.
func (m *Master) newRound() *round {
	type key struct {
		framework *framework
		role      string
	}
	held, ofRole := make(map[key]*quantity), make(map[string]*quantity)
	count := func(f *framework, role string, rs mesos.Resources) {
		if held[key{f, role}] == nil {
			held[key{f, role}] = new(quantity)
		}
		if ofRole[role] == nil {
			ofRole[role] = new(quantity)
		}
		held[key{f, role}].add(rs)
		ofRole[role].add(rs)
	}
	r := &round{now: time.Now()}
	for _, a := range m.registry.agents {
		r.total.add(a.total)
	}
	for _, f := range m.registry.frameworks {
		for _, t := range f.tasks {
			if !t.freed {
				count(f, t.role(), t.info.Resources)
			}
		}
	}
	for _, o := range m.registry.offers {
		count(o.framework, o.role, o.resources)
	}
	for _, f := range m.registry.frameworks {
		if f.stream == nil {
			continue
		}
		for _, role := range f.roles() {
			if !f.suppressed[role] {
				count(f, role, nil)
				r.candidates = append(r.candidates, &candidate{f, role, held[key{f, role}], ofRole[role]})
			}
		}
	}
	return r
}

// sort puts the role with the lowest dominant share first, and in it the framework with the lowest.
func (r *round) sort() {
	if len(r.candidates) < 2 {
		return
	}
	slices.SortFunc(r.candidates, func(a, b *candidate) int {
		return cmp.Or(
			cmp.Compare(a.ofRole.share(r.total), b.ofRole.share(r.total)), cmp.Compare(a.role, b.role),
			cmp.Compare(a.held.share(r.total), b.held.share(r.total)), cmp.Compare(a.framework.id, b.framework.id),
		)
	})
}
