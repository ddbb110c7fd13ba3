package localmesos

import (
	"errors"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/resources"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/executor"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/registry"
)

// reserve pushes a reservation onto resources of the offer, or pops it. What the real master refuses is dropped
// without a word, as an operation without an id is (master/validation.cpp).
func (m *Master) reserve(f *registry.Framework, a *registry.Agent, left *mesos.Resources, role string, rs mesos.Resources, push bool) mesos.Resources {
	rs = rs.Clone()
	complete(rs, role)
	check := f.CheckUnreserve
	if push {
		check = f.CheckReserve
	}
	for i := range rs {
		if err := check(&rs[i], role); err != nil {
			m.o.Log.Warn("operation dropped", "framework", f.ID, "agent", a.ID, "error", err)
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
func (m *Master) convert(a *registry.Agent, left *mesos.Resources, from, to mesos.Resources) mesos.Resources {
	if !resources.ContainsAll(*left, from) {
		m.o.Log.Warn("operation dropped", "agent", a.ID, "error", "the offers do not hold "+text(from))
		return nil
	}
	*left = left.Minus(from...).Plus(to...)
	a.Total = a.Total.Minus(from.Clone().Unallocate()...).Plus(to.Clone().Unallocate()...)
	return to
}

// volumes makes persistent volumes of disks of the offer, or disks of volumes.
func (m *Master) volumes(f *registry.Framework, a *registry.Agent, left *mesos.Resources, role string, vs mesos.Resources, create bool) mesos.Resources {
	vs = vs.Clone()
	complete(vs, role)
	for i := range vs {
		err := f.CheckVolume(&vs[i], create)
		if err == nil && create && a.HasVolume(&vs[i]) {
			err = errors.New("persistence ID '" + vs[i].Disk.Persistence.ID + "' is not unique")
		}
		if err != nil {
			m.o.Log.Warn("operation dropped", "framework", f.ID, "agent", a.ID, "error", err)
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
	keeper, ok := a.Runtime.(executor.Volumes)
	if done == nil || !ok {
		return done
	}
	for _, v := range vs {
		perform := keeper.DestroyVolume
		if create {
			perform = keeper.CreateVolume
		}
		if err := perform(v); err != nil {
			m.o.Log.Error("persistent volume", "agent", a.ID, "error", err)
		}
	}
	return done
}
