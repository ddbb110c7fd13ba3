package localmesos

import (
	"cmp"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/resources"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/registry"
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
	made := make(map[*registry.Framework][]mesos.Offer)
	var order []*registry.Framework
	for _, id := range m.registry.Order {
		a := m.registry.Agents[id]
		if a == nil || !a.Connected || a.Deactivated {
			continue
		}
		rest := a.Total.Minus(a.Used...).Minus(a.Offered...)
		if len(rest) == 0 {
			continue
		}
		r.sort()
		for _, c := range r.candidates {
			free := freeFor(rest, c.role, c.framework.Can(mesos.FrameworkInfo_Capability_REVOCABLE_RESOURCES))
			if len(free) == 0 || c.framework.Constraints.Excludes(a.Place(), c.role) || c.framework.Filtered(a, c.role, free, r.now) || hasGPU(free) && !c.framework.Can(mesos.FrameworkInfo_Capability_GPU_RESOURCES) {
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
		f.Send(&scheduler.Event{Type: scheduler.Event_OFFERS, Offers: &scheduler.Event_Offers{Offers: made[f]}})
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
	framework *registry.Framework
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
		framework *registry.Framework
		role      string
	}
	held, ofRole := make(map[key]*quantity), make(map[string]*quantity)
	count := func(f *registry.Framework, role string, rs mesos.Resources) {
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
	for _, a := range m.registry.Agents {
		r.total.add(a.Total)
	}
	for _, f := range m.registry.Frameworks {
		for _, t := range f.Tasks {
			if !t.Freed {
				count(f, t.Role(), t.Info.Resources)
			}
		}
	}
	for _, o := range m.registry.Offers {
		count(o.Framework, o.Role, o.Resources)
	}
	for _, f := range m.registry.Frameworks {
		if f.Stream == nil {
			continue
		}
		for _, role := range f.Roles() {
			if !f.Suppressed[role] {
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
			cmp.Compare(a.held.share(r.total), b.held.share(r.total)), cmp.Compare(a.framework.ID, b.framework.ID),
		)
	})
}
