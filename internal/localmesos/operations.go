package localmesos

import (
	"errors"
	"slices"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/resources"
)

// Volumes is what a Runtime also is that keeps the files of persistent volumes.
type Volumes interface {
	// CreateVolume makes an empty volume.
	CreateVolume(volume mesos.Resource) error
	// DestroyVolume removes a volume with its files.
	DestroyVolume(volume mesos.Resource) error
}

// reserve pushes a reservation onto resources of the offer, or pops it. What the real master refuses is dropped
// without a word, as an operation without an id is (master/validation.cpp).
func (m *Master) reserve(f *framework, a *agent, left *mesos.Resources, role string, rs mesos.Resources, push bool) mesos.Resources {
	rs = rs.Clone()
	complete(rs, role)
	check := f.checkUnreserve
	if push {
		check = f.checkReserve
	}
	for i := range rs {
		if err := check(&rs[i], role); err != nil {
			m.o.Log.Warn("operation dropped", "framework", f.id, "agent", a.id, "error", err)
			return nil
		}
	}
	from, to := rs, rs.PopReservation()
	if push {
		from, to = to, from
	}
	return m.convert(a, left, from, to)
}

// convert puts one form of resources in the place of another, when the offer holds them.
func (m *Master) convert(a *agent, left *mesos.Resources, from, to mesos.Resources) mesos.Resources {
	if !resources.ContainsAll(*left, from) {
		m.o.Log.Warn("operation dropped", "agent", a.id, "error", "the offers do not hold "+text(from))
		return nil
	}
	*left = left.Minus(from...).Plus(to...)
	a.total = a.total.Minus(from.Clone().Unallocate()...).Plus(to.Clone().Unallocate()...)
	return to
}

// checkReserve finds what is wrong with one reserved resource.
func (f *framework) checkReserve(r *mesos.Resource, role string) error {
	switch {
	case !r.IsDynamicallyReserved():
		return errors.New("resource is not dynamically reserved")
	case r.Revocable != nil:
		return errors.New("dynamically reserved resource cannot be created from revocable resources")
	case r.ReservationRole() != role:
		return errors.New("a reserve operation was attempted for a resource with role '" + r.ReservationRole() + "', but the resource was allocated to role '" + role + "'")
	case role == "*":
		return errors.New(`role "*" cannot be reserved`)
	}
	top := r.Reservations[len(r.Reservations)-1]
	if p := f.info.GetPrincipal(); p != "" && top.GetPrincipal() != p {
		return errors.New("a reserve operation was attempted by principal '" + p + "', which does not match '" + top.GetPrincipal() + "'")
	}
	for i := 1; i < len(r.Reservations); i++ {
		if !strings.HasPrefix(r.Reservations[i].GetRole(), r.Reservations[i-1].GetRole()+"/") {
			return errors.New("role '" + r.Reservations[i].GetRole() + "' is not a refinement of '" + r.Reservations[i-1].GetRole() + "'")
		}
	}
	return nil
}

func (f *framework) checkUnreserve(r *mesos.Resource, _ string) error {
	switch {
	case !r.IsDynamicallyReserved():
		return errors.New("resource is not dynamically reserved")
	case r.IsPersistentVolume():
		return errors.New("a dynamically reserved persistent volume cannot be unreserved directly")
	}
	return nil
}

// volumes makes persistent volumes of disks of the offer, or disks of volumes.
func (m *Master) volumes(f *framework, a *agent, left *mesos.Resources, role string, vs mesos.Resources, create bool) mesos.Resources {
	vs = vs.Clone()
	complete(vs, role)
	for i := range vs {
		err := f.checkVolume(&vs[i], create)
		if err == nil && create && a.hasVolume(&vs[i]) {
			err = errors.New("persistence ID '" + vs[i].Disk.Persistence.ID + "' is not unique")
		}
		if err != nil {
			m.o.Log.Warn("operation dropped", "framework", f.id, "agent", a.id, "error", err)
			return nil
		}
	}
	disks := vs.Clone()
	for i := range disks {
		if source := disks[i].Disk.Source; source != nil {
			disks[i].Disk = &mesos.Resource_DiskInfo{Source: source}
		} else {
			disks[i].Disk = nil
		}
	}
	from, to := vs, disks
	if create {
		from, to = to, from
	}
	done := m.convert(a, left, from, to)
	keeper, ok := a.runtime.(Volumes)
	if done == nil || !ok {
		return done
	}
	for _, v := range vs {
		perform := keeper.DestroyVolume
		if create {
			perform = keeper.CreateVolume
		}
		if err := perform(v); err != nil {
			m.o.Log.Error("persistent volume", "agent", a.id, "error", err)
		}
	}
	return done
}

// checkVolume finds what is wrong with one volume.
func (f *framework) checkVolume(v *mesos.Resource, create bool) error {
	switch {
	case !v.IsPersistentVolume() || v.Name != "disk":
		return errors.New("not a persistent volume: 'persistence' is not set in DiskInfo")
	case v.Revocable != nil:
		return errors.New("persistent volumes cannot be created from revocable resources")
	case v.IsUnreserved():
		return errors.New("persistent volumes cannot be created from unreserved resources")
	case v.Disk.Volume == nil:
		return errors.New("expecting 'volume' to be set for persistent volume")
	case v.Disk.Volume.HostPath != nil:
		return errors.New("expecting 'host_path' to be unset for persistent volume")
	case v.Disk.Volume.GetMode() == mesos.RO:
		return errors.New("read-only persistent volume not supported")
	}
	// A volume may be destroyed by others than who made it.
	if p := f.info.GetPrincipal(); create && p != "" && v.Disk.Persistence.GetPrincipal() != p {
		return errors.New("create volume operation attempted by principal '" + p + "', which does not match '" + v.Disk.Persistence.GetPrincipal() + "'")
	}
	return nil
}

// hasVolume says whether a volume of the id and the role is on the agent already.
func (a *agent) hasVolume(v *mesos.Resource) bool {
	return slices.ContainsFunc(a.total, func(r mesos.Resource) bool {
		return r.IsPersistentVolume() && r.Disk.Persistence.ID == v.Disk.Persistence.ID && r.ReservationRole() == v.ReservationRole()
	})
}
