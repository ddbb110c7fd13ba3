package mesos

import (
	"net"
	"strconv"
	"strings"
	"time"

	mesosgo "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/redact"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

func masterAddress(m *mesosgo.MasterInfo) string {
	a := m.GetAddress()
	host := a.GetHostname()
	if host == "" {
		host = a.GetIP()
	}
	if host == "" {
		return ""
	}
	return net.JoinHostPort(host, strconv.Itoa(int(a.GetPort())))
}

// updateFrom reads a status. Getters of unset optional enums return the first value of the
// enum, so the pointers are looked at.
func updateFrom(s *mesosgo.TaskStatus) state.Updated {
	u := state.Updated{
		TaskID: s.TaskID.Value, State: task.State(strings.TrimPrefix(s.GetState().String(), "TASK_")),
		Message: redact.Text(s.GetMessage()), UUID: s.UUID, // The fetcher names the URIs that it cannot get.
	}
	if s.AgentID != nil {
		u.AgentID = s.AgentID.Value
	}
	if s.Source != nil {
		u.Source = s.Source.String()
	}
	for _, n := range s.GetContainerStatus().GetNetworkInfos() {
		for _, a := range n.IPAddresses {
			if u.Address == "" {
				u.Address = a.GetIPAddress()
			}
		}
	}
	if s.Reason != nil {
		u.Reason = s.Reason.String()
	}
	return u
}

func offersFrom(in []mesosgo.Offer) []offer.Offer {
	out := make([]offer.Offer, len(in))
	for i := range in {
		o := &in[i]
		out[i] = offer.Offer{
			ID: o.ID.Value, AgentID: o.AgentID.Value, Hostname: o.Hostname, Endpoint: endpoint(o.URL),
			Resources: make([]offer.Resource, 0, len(o.Resources)),
		}
		if f := o.Domain.GetFaultDomain(); f != nil {
			out[i].Region, out[i].Zone = f.Region.Name, f.Zone.Name
		}
		if len(o.Attributes) > 0 {
			out[i].Attributes = make(map[string]string, len(o.Attributes))
			for _, a := range o.Attributes {
				if _, ok := out[i].Attributes[a.Name]; !ok { // Of several with one name the first counts.
					out[i].Attributes[a.Name] = attribute(&a)
				}
			}
		}
		if u := o.Unavailability; u != nil {
			out[i].Unavailable = time.Unix(0, u.Start.Nanoseconds)
		}
		for j := range o.Resources {
			out[i].Resources = append(out[i].Resources, resourceFrom(&o.Resources[j], o.AllocationInfo.GetRole()))
		}
	}
	return out
}

// inverseFrom reads announcements of maintenance.
func inverseFrom(in []mesosgo.InverseOffer) state.InverseOffered {
	e := state.InverseOffered{Offers: make([]state.InverseOffer, len(in))}
	for i := range in {
		e.Offers[i] = state.InverseOffer{ID: in[i].OfferID.Value, Unavailable: time.Unix(0, in[i].Unavailability.Start.Nanoseconds)}
		if in[i].AgentID != nil {
			e.Offers[i].AgentID = in[i].AgentID.Value
		}
	}
	return e
}

func endpoint(u *mesosgo.URL) string {
	if u == nil {
		return ""
	}
	host := u.Address.GetIP()
	if host == "" {
		host = u.Address.GetHostname()
	}
	return u.Scheme + "://" + net.JoinHostPort(host, strconv.Itoa(int(u.Address.Port))) + u.GetPath()
}

// attribute writes an attribute's value in Marathon's form, which placement rules compare with.
func attribute(a *mesosgo.Attribute) string {
	switch a.Type {
	case mesosgo.SCALAR:
		return constraint.FormatScalar(a.Scalar.GetValue())
	case mesosgo.RANGES:
		var ranges []constraint.Range
		for _, r := range a.Ranges.GetRange() {
			ranges = append(ranges, constraint.Range{Begin: r.Begin, End: r.End})
		}
		return constraint.FormatRanges(ranges)
	case mesosgo.SET:
		return constraint.FormatSet(a.Set.GetItem())
	case mesosgo.TEXT:
		return a.Text.GetValue()
	}
	return ""
}

func resourceFrom(r *mesosgo.Resource, offerRole string) offer.Resource {
	out := offer.Resource{Name: r.Name, AllocationRole: r.GetAllocationInfo().GetRole(), Revocable: r.Revocable != nil}
	if out.AllocationRole == "" {
		out.AllocationRole = offerRole
	}
	if r.Scalar != nil {
		out.Scalar = offer.ToMilli(r.Scalar.Value)
	}
	for _, p := range r.Ranges.GetRange() {
		out.Ranges = append(out.Ranges, offer.Range{Begin: p.Begin, End: p.End})
	}
	for i := range r.Reservations {
		v := &r.Reservations[i]
		level := offer.Reservation{Role: v.GetRole(), Principal: v.GetPrincipal()}
		if v.Type != nil {
			level.Dynamic = *v.Type == mesosgo.Resource_ReservationInfo_DYNAMIC
		}
		if labels := v.Labels.GetLabels(); len(labels) > 0 {
			level.Labels = make(map[string]string, len(labels))
			for _, l := range labels {
				level.Labels[l.Key] = l.GetValue()
			}
		}
		out.Reservations = append(out.Reservations, level)
	}
	out.Disk, out.Foreign = diskFrom(r.Disk)
	out.Foreign = out.Foreign || r.ProviderID != nil || r.Shared != nil || r.Set != nil
	return out
}

// diskFrom reads what a disk is made of, and says whether there is more to it than resourceTo writes.
func diskFrom(d *mesosgo.Resource_DiskInfo) (*offer.Disk, bool) {
	if d == nil {
		return nil, false
	}
	out := &offer.Disk{}
	if s := d.Source; s != nil {
		switch s.Type {
		case mesosgo.Resource_DiskInfo_Source_PATH:
			out.Source, out.Root = offer.PathSource, s.GetPath().GetRoot()
		case mesosgo.Resource_DiskInfo_Source_MOUNT:
			out.Source, out.Root = offer.MountSource, s.GetMount().GetRoot()
		case mesosgo.Resource_DiskInfo_Source_BLOCK, mesosgo.Resource_DiskInfo_Source_RAW, mesosgo.Resource_DiskInfo_Source_UNKNOWN:
			return out, true
		}
		if s.ID != nil || s.Vendor != nil || s.Profile != nil || s.Metadata != nil {
			return out, true
		}
	}
	if d.Persistence != nil {
		out.Volume, out.Principal = d.Persistence.ID, d.Persistence.GetPrincipal()
		out.ContainerPath = d.GetVolume().GetContainerPath()
	}
	return out, false
}

func diskTo(d *offer.Disk) *mesosgo.Resource_DiskInfo {
	if d == nil {
		return nil
	}
	out := &mesosgo.Resource_DiskInfo{}
	var root *string
	if d.Root != "" {
		root = &d.Root
	}
	switch d.Source {
	case offer.PathSource:
		out.Source = &mesosgo.Resource_DiskInfo_Source{Type: mesosgo.Resource_DiskInfo_Source_PATH, Path: &mesosgo.Resource_DiskInfo_Source_Path{Root: root}}
	case offer.MountSource:
		out.Source = &mesosgo.Resource_DiskInfo_Source{Type: mesosgo.Resource_DiskInfo_Source_MOUNT, Mount: &mesosgo.Resource_DiskInfo_Source_Mount{Root: root}}
	}
	if d.Volume != "" {
		out.Persistence = &mesosgo.Resource_DiskInfo_Persistence{ID: d.Volume}
		if d.Principal != "" {
			out.Persistence.Principal = &d.Principal
		}
		out.Volume = &mesosgo.Volume{ContainerPath: d.ContainerPath, Mode: mesosgo.RW.Enum()}
	}
	return out
}

// resourceTo writes a piece of an offer as Mesos knows it: the same allocation and the same
// stack of reservations, or the master would not find it in the offer.
func resourceTo(p *offer.Piece) mesosgo.Resource {
	role := p.AllocationRole
	out := mesosgo.Resource{Name: p.Name, Disk: diskTo(p.Disk)}
	if p.Revocable {
		out.Revocable = &mesosgo.Resource_RevocableInfo{}
	}
	if role != "" {
		out.AllocationInfo = &mesosgo.Resource_AllocationInfo{Role: &role}
	}
	if len(p.Ranges) > 0 {
		out.Type = mesosgo.RANGES.Enum()
		out.Ranges = &mesosgo.Value_Ranges{}
		for _, r := range p.Ranges {
			out.Ranges.Range = append(out.Ranges.Range, mesosgo.Value_Range{Begin: r.Begin, End: r.End})
		}
	} else {
		out.Type = mesosgo.SCALAR.Enum()
		out.Scalar = &mesosgo.Value_Scalar{Value: p.Scalar.Float()}
	}
	for _, v := range p.Reservations {
		kind := mesosgo.Resource_ReservationInfo_STATIC
		if v.Dynamic {
			kind = mesosgo.Resource_ReservationInfo_DYNAMIC
		}
		role := v.Role
		info := mesosgo.Resource_ReservationInfo{Type: &kind, Role: &role}
		if v.Principal != "" {
			principal := v.Principal
			info.Principal = &principal
		}
		info.Labels = labels(v.Labels)
		out.Reservations = append(out.Reservations, info)
	}
	return out
}

func resourcesTo(pieces []offer.Piece) []mesosgo.Resource {
	out := make([]mesosgo.Resource, len(pieces))
	for i := range pieces {
		out[i] = resourceTo(&pieces[i])
	}
	return out
}
