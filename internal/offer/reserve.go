package offer

import (
	"slices"
	"strings"
)

// Labels of a reservation of ours. What is above the first dot of a volume's id is said there too, because a volume
// on a disk that was reserved for our role already has no labels of ours.
const (
	LabelFramework   = "flink_framework"
	LabelCluster     = "flink_cluster"
	LabelReservation = "flink_reservation"
)

// Holder is whom something is reserved for.
type Holder struct {
	// Framework is the id of the framework that reserved it, and Reservation that of the reservation.
	Framework, Reservation string
	// Cluster is for people who look at the agent.
	Cluster string
	// Principal is who reserves; empty for a master that asks for none.
	Principal string
}

func (h Holder) labels() map[string]string {
	return map[string]string{LabelFramework: h.Framework, LabelReservation: h.Reservation, LabelCluster: h.Cluster}
}

// volume is the id of the holder's volume at a path. Mesos wants it to be unique for the role on the agent.
func (h Holder) volume(path string) string { return h.Framework + "." + h.Reservation + "." + path }

// Holder returns whom of our services the resource is reserved for, if it is for any.
func (r *Resource) holder() (Holder, bool) {
	if r.labelled() {
		top := &r.Reservations[len(r.Reservations)-1]
		h := Holder{Framework: top.Labels[LabelFramework], Reservation: top.Labels[LabelReservation], Cluster: top.Labels[LabelCluster], Principal: top.Principal}
		return h, h.Framework != "" && h.Reservation != ""
	}
	if r.Disk != nil && r.Disk.Volume != "" {
		if part := strings.SplitN(r.Disk.Volume, ".", 3); len(part) == 3 {
			return Holder{Framework: part[0], Reservation: part[1], Principal: r.Disk.Principal}, true
		}
	}
	return Holder{}, false
}

// Held says whether anything in the offers is reserved for a holder.
func Held(offers []Offer) bool {
	for i := range offers {
		for j := range offers[i].Resources {
			if _, ok := offers[i].Resources[j].holder(); ok {
				return true
			}
		}
	}
	return false
}

// Holders returns whom of our services resources of the agent are reserved for, each once.
func (a *Agent) Holders() []Holder {
	var all []Holder
	for i := range a.resources {
		h, ok := a.resources[i].holder()
		if ok && !slices.ContainsFunc(all, func(o Holder) bool { return o.Framework == h.Framework && o.Reservation == h.Reservation }) {
			all = append(all, h)
		}
	}
	return all
}

func (r *Resource) heldBy(h Holder) bool {
	got, ok := r.holder()
	return ok && got.Framework == h.Framework && got.Reservation == h.Reservation
}

// TakeNew takes what the need asks for as Take does, and says what of it is to be reserved for the holder and which
// volumes are to be made.
func (a *Agent) TakeNew(n Need, seed uint64, h Holder) (Placement, Reason, bool) {
	if r, lacks := a.Lacks(n); lacks {
		return Placement{}, r, false
	}
	p, r, ok := a.takeNew(n, seed, h)
	a.used = a.used || ok
	return p, r, ok
}

// takeNew leaves the agent with less when it fails.
func (a *Agent) takeNew(n Need, seed uint64, h Holder) (Placement, Reason, bool) {
	var p Placement
	for _, v := range n.volumes() {
		disk, found := a.takeDisk(v)
		if !found {
			return p, Reason{What: "volume", Wanted: v.Size, Offered: a.largestDisk(v)}, false
		}
		reserved := a.reserve(disk, h, &p)
		d := Disk{}
		if reserved.Disk != nil {
			d = *reserved.Disk
		}
		d.Volume, d.Principal, d.ContainerPath = h.volume(v.Path), h.Principal, v.Path
		reserved.Disk = &d
		p.Create = append(p.Create, reserved)
		p.Pieces = append(p.Pieces, reserved)
	}
	for _, w := range n.scalars() {
		revocable := a.revocably(&n, w)
		pieces, missing := a.takeScalar(w.name, w.amount, func(r *Resource) bool { return r.usable(revocable) })
		if missing > 0 {
			return p, Reason{What: w.name, Wanted: w.amount, Offered: w.amount - missing}, false
		}
		for _, piece := range pieces {
			if n.Reserve {
				piece = a.reserve(piece, h, &p)
			}
			p.Pieces = append(p.Pieces, piece)
		}
	}
	if n.Ports > 0 {
		a.takePorts(n.Ports, seed, &p)
	}
	return p, Reason{}, true
}

// reserve returns the piece as it is when it is reserved for the holder. What is reserved for the very role already
// stays as it is: Mesos refines a reservation for a role below its own only.
func (a *Agent) reserve(piece Piece, h Holder, p *Placement) Piece {
	if n := len(piece.Reservations); n > 0 && piece.Reservations[n-1].Role == a.Role {
		return piece
	}
	piece.Reservations = append(slices.Clip(piece.Reservations), Reservation{Role: a.Role, Dynamic: true, Principal: h.Principal, Labels: h.labels()})
	p.Reserve = append(p.Reserve, piece)
	return piece
}

// free says whether a disk may become the volume.
func (v Volume) free(r *Resource) bool {
	if r.Name != "disk" || r.Foreign || r.Revocable || r.labelled() || r.Scalar <= 0 {
		return false
	}
	if r.Disk == nil {
		return v.Source == ""
	}
	return r.Disk.Volume == "" && r.Disk.Source == v.Source
}

// takeDisk takes the disk of a volume, which must come from one resource: the first that is large enough, or the
// smallest such when it is taken as a whole.
func (a *Agent) takeDisk(v Volume) (Piece, bool) {
	var best *Resource
	for i := range a.resources {
		r := &a.resources[i]
		if v.free(r) && r.Scalar >= v.Size && (best == nil || v.Source == MountSource && r.Scalar < best.Scalar) {
			best = r
		}
	}
	if best == nil {
		return Piece{}, false
	}
	part := *best
	if v.Source != MountSource {
		part.Scalar = v.Size
	}
	best.Scalar -= part.Scalar
	return Piece{Resource: part}, true
}

func (a *Agent) largestDisk(v Volume) Milli {
	var most Milli
	for i := range a.resources {
		if r := &a.resources[i]; v.free(r) {
			most = max(most, r.Scalar)
		}
	}
	return most
}

// TakeHeld takes what the need asks for, and what of it is reserved for the holder from that. It takes nothing when
// a volume is not there or anything else is missing.
func (a *Agent) TakeHeld(n Need, seed uint64, h Holder) (Placement, Reason, bool) {
	before := slices.Clone(a.resources)
	p, r, ok := a.takeHeld(n, seed, h)
	if !ok {
		a.resources = before
		return Placement{}, r, false
	}
	a.used = true
	return p, Reason{}, true
}

func (a *Agent) takeHeld(n Need, seed uint64, h Holder) (Placement, Reason, bool) {
	var p Placement
	if n.Role != "" && n.Role != a.Role {
		return p, Reason{What: "role", Detail: "offered to role " + a.Role + ", wanted for " + n.Role}, false
	}
	for _, v := range n.volumes() {
		i := slices.IndexFunc(a.resources, func(r Resource) bool {
			return r.Scalar >= v.Size && r.Disk != nil && r.Disk.Volume == h.volume(v.Path) && r.Disk.Source == v.Source
		})
		if i < 0 {
			return p, Reason{What: "volume", Detail: "the volume " + v.Path + " of the reservation " + h.Reservation + " is not offered"}, false
		}
		p.Pieces = append(p.Pieces, Piece{Resource: a.resources[i]})
		a.resources[i].Scalar = 0
	}
	for _, w := range n.scalars() {
		revocable := a.revocably(&n, w)
		amount := w.amount
		if n.Reserve {
			var pieces []Piece
			pieces, amount = a.takeScalar(w.name, amount, func(r *Resource) bool { return r.Disk == nil && r.heldBy(h) })
			p.Pieces = append(p.Pieces, pieces...)
		}
		pieces, missing := a.takeScalar(w.name, amount, func(r *Resource) bool { return r.usable(revocable) })
		if missing > 0 {
			return p, Reason{What: w.name, Wanted: w.amount, Offered: w.amount - missing}, false
		}
		p.Pieces = append(p.Pieces, pieces...)
	}
	if wanted := Milli(n.Ports) * 1000; wanted > 0 {
		if free := a.Free("ports"); free < wanted {
			return p, Reason{What: "ports", Wanted: wanted, Offered: free}, false
		}
		a.takePorts(n.Ports, seed, &p)
	}
	return p, Reason{}, true
}

// GiveBack takes everything that is reserved for the holder: the volumes to be destroyed and then the pieces whose
// reservation is to be ended. What others reserved stays reserved.
func (a *Agent) GiveBack(h Holder) (destroy, unreserve []Piece) {
	rest := make([]Resource, 0, len(a.resources))
	for _, r := range a.resources {
		if !r.heldBy(h) || r.Scalar <= 0 {
			rest = append(rest, r)
			continue
		}
		if r.Disk != nil && r.Disk.Volume != "" {
			destroy = append(destroy, Piece{Resource: r})
			d := Disk{Source: r.Disk.Source, Root: r.Disk.Root}
			r.Disk = nil
			if d.Source != "" {
				r.Disk = &d
			}
		}
		if r.labelled() {
			unreserve = append(unreserve, Piece{Resource: r})
		}
	}
	a.resources = rest
	a.used = a.used || len(destroy)+len(unreserve) > 0
	return destroy, unreserve
}
