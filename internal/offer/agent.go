package offer

import (
	"slices"
	"time"
)

// Agent is what is left of the offers of one agent to one role while tasks are placed on it.
type Agent struct {
	ID       string
	Hostname string
	// Endpoint is the agent's own HTTP address.
	Endpoint string
	Role     string
	OfferIDs []string
	// Attributes, Region, Zone and Unavailable are what placement rules look at, as offered.
	Attributes   map[string]string
	Region, Zone string
	Unavailable  time.Time
	// resources are in the order in which they are used up: reserved before unreserved, so that
	// what others may have is left to them.
	resources []Resource
	used      bool
}

// NewAgent merges offers, which must all be of one agent and made to one role.
func NewAgent(offers ...Offer) *Agent {
	a := &Agent{
		ID: offers[0].AgentID, Hostname: offers[0].Hostname, Endpoint: offers[0].Endpoint, Attributes: offers[0].Attributes,
		Region: offers[0].Region, Zone: offers[0].Zone, Unavailable: offers[0].Unavailable,
	}
	n := 0
	for i := range offers {
		n += len(offers[i].Resources)
	}
	a.resources = make([]Resource, 0, n)
	for i := range offers {
		a.OfferIDs = append(a.OfferIDs, offers[i].ID)
		for _, r := range offers[i].Resources {
			a.Role = r.AllocationRole
			if len(r.Reservations) > 0 {
				a.resources = append(a.resources, r)
			}
		}
	}
	for i := range offers {
		for _, r := range offers[i].Resources {
			if len(r.Reservations) == 0 {
				a.resources = append(a.resources, r)
			}
		}
	}
	return a
}

// Used says that a placement was taken.
func (a *Agent) Used() bool { return a.used }

// Free returns the amount of a scalar, or the number of ports, that is left for any task.
func (a *Agent) Free(name string) Milli { return a.free(name, false) }

func (a *Agent) free(name string, revocable bool) Milli {
	var sum Milli
	for i := range a.resources {
		r := &a.resources[i]
		if r.Name == name && r.usable(revocable) {
			sum += r.amount()
		}
	}
	return sum
}

// usable says whether any task may have the resource. A dynamic reservation with labels belongs to whoever put them
// there, as the SDK services of DC/OS and Marathon do with theirs, and a disk of its own is used when asked for.
func (r *Resource) usable(revocable bool) bool {
	return r.Disk == nil && !r.Foreign && r.Revocable == revocable && !r.labelled()
}

// labelled says whether the reservation on top is a dynamic one with labels.
func (r *Resource) labelled() bool {
	n := len(r.Reservations)
	return n > 0 && r.Reservations[n-1].Dynamic && len(r.Reservations[n-1].Labels) > 0
}

// revocably says whether a need takes the revocable resources of a kind: all of what it needs of the kind or nothing,
// because Mesos lets no task mix them.
func (a *Agent) revocably(n *Need, w scalar) bool {
	return n.Revocable && w.name != "disk" && a.free(w.name, true) >= w.amount
}

func (r *Resource) amount() Milli {
	if len(r.Ranges) == 0 {
		return r.Scalar
	}
	var n uint64
	for _, p := range r.Ranges {
		n += p.End - p.Begin + 1
	}
	return Milli(n * 1000)
}

// Left returns what is left, as one offer.
func (a *Agent) Left() Offer {
	return Offer{
		AgentID: a.ID, Hostname: a.Hostname, Endpoint: a.Endpoint, Resources: a.resources,
		Attributes: a.Attributes, Region: a.Region, Zone: a.Zone, Unavailable: a.Unavailable,
	}
}

// Lacks returns the first thing that the agent lacks for the need, if there is one.
func (a *Agent) Lacks(n Need) (Reason, bool) {
	if n.Role != "" && n.Role != a.Role {
		return Reason{What: "role", Detail: "offered to role " + a.Role + ", wanted for " + n.Role}, true
	}
	for _, w := range n.scalars() {
		if w.amount > 0 && !a.revocably(&n, w) {
			if free := a.Free(w.name); free < w.amount {
				return Reason{What: w.name, Wanted: w.amount, Offered: free}, true
			}
		}
	}
	if n.Ports > 0 {
		wanted := Milli(n.Ports) * 1000
		if free := a.Free("ports"); free < wanted {
			return Reason{What: "ports", Wanted: wanted, Offered: free}, true
		}
	}
	if len(n.volumes()) > 0 {
		trial := *a
		trial.resources = slices.Clone(a.resources)
		_, r, ok := trial.takeNew(n, 0, Holder{})
		return r, !ok
	}
	return Reason{}, false
}

type scalar struct {
	name   string
	amount Milli
}

func (n Need) scalars() [5]scalar {
	return [5]scalar{{"cpus", n.CPUs}, {"mem", n.Mem}, {"disk", n.Disk}, {"gpus", n.GPUs}, {n.OtherName, n.Other}}
}

// Take reserves what the need asks for. The ports are taken from a place among the free ones
// that seed chooses, so that a port that was just given back is rarely the next one handed out.
// It returns the reason, and takes nothing, when the agent lacks something.
func (a *Agent) Take(n Need, seed uint64) (Placement, Reason, bool) {
	if n.Reserved() {
		return a.TakeNew(n, seed, Holder{})
	}
	if r, lacks := a.Lacks(n); lacks {
		return Placement{}, r, false
	}
	var p Placement
	for _, w := range n.scalars() {
		revocable := a.revocably(&n, w)
		pieces, _ := a.takeScalar(w.name, w.amount, func(r *Resource) bool { return r.usable(revocable) })
		p.Pieces = append(p.Pieces, pieces...)
	}
	if n.Ports > 0 {
		a.takePorts(n.Ports, seed, &p)
	}
	a.used = true
	return p, Reason{}, true
}

// takeScalar takes an amount of the resources that may be used, and returns how much is missing.
func (a *Agent) takeScalar(name string, amount Milli, may func(*Resource) bool) ([]Piece, Milli) {
	var pieces []Piece
	for i := range a.resources {
		r := &a.resources[i]
		if amount <= 0 {
			break
		}
		if r.Name != name || r.Scalar <= 0 || !may(r) {
			continue
		}
		part := *r
		part.Scalar = min(amount, r.Scalar)
		r.Scalar -= part.Scalar
		amount -= part.Scalar
		pieces = append(pieces, Piece{Resource: part})
	}
	return pieces, max(0, amount)
}

// takePorts takes n ports, reserved ones first, each piece with the ranges of one resource.
func (a *Agent) takePorts(n int, seed uint64, p *Placement) {
	for i := range a.resources {
		r := &a.resources[i]
		if n == 0 {
			return
		}
		if r.Name != "ports" || !r.usable(false) {
			continue
		}
		total := uint64(r.amount() / 1000)
		if total == 0 {
			continue
		}
		k := min(uint64(n), total)
		part := *r
		part.Ranges = nil
		for j := range k {
			port := portAt(r.Ranges, (seed%total+j)%total)
			part.Ranges = addPort(part.Ranges, port)
			p.Ports = append(p.Ports, port)
		}
		for _, taken := range part.Ranges {
			r.Ranges = without(r.Ranges, taken)
		}
		n -= int(k)
		p.Pieces = append(p.Pieces, Piece{Resource: part})
	}
}

func portAt(ranges []Range, index uint64) uint64 {
	for _, r := range ranges {
		size := r.End - r.Begin + 1
		if index < size {
			return r.Begin + index
		}
		index -= size
	}
	panic("offer: port index beyond the ranges")
}

// addPort appends a port, growing the last range when it is its successor.
func addPort(ranges []Range, port uint64) []Range {
	if last := len(ranges) - 1; last >= 0 && ranges[last].End+1 == port {
		ranges[last].End = port
		return ranges
	}
	return append(ranges, Range{port, port})
}

// without returns the ranges less the ports of taken, which lies within one of them.
func without(ranges []Range, taken Range) []Range {
	out := make([]Range, 0, len(ranges)+1)
	for _, r := range ranges {
		if taken.End < r.Begin || taken.Begin > r.End {
			out = append(out, r)
			continue
		}
		if r.Begin < taken.Begin {
			out = append(out, Range{r.Begin, taken.Begin - 1})
		}
		if taken.End < r.End {
			out = append(out, Range{taken.End + 1, r.End})
		}
	}
	return out
}
