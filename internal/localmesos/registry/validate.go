package registry

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// CheckInfo finds what the master refuses in a FrameworkInfo.
func CheckInfo(info *mesos.FrameworkInfo, suppressed []string) string {
	multi := slices.ContainsFunc(info.Capabilities, func(c mesos.FrameworkInfo_Capability) bool {
		return c.Type == mesos.FrameworkInfo_Capability_MULTI_ROLE
	})
	if multi && info.Role != nil {
		return "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable"
	}
	if !multi && len(info.Roles) > 0 {
		return "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"
	}
	roles := RolesOf(info)
	for _, role := range roles {
		if text := checkRole(role); text != "" {
			return "'FrameworkInfo.roles' contains invalid role: " + text
		}
	}
	for _, role := range suppressed {
		if !slices.Contains(roles, role) {
			return "Suppressed roles { " + strings.Join(suppressed, ", ") + " } are not contained in the set of roles"
		}
	}
	if t := info.GetFailoverTimeout(); t > maxTimeout {
		return fmt.Sprintf("The framework failover_timeout (%g) is invalid", t)
	}
	return ""
}

// maxTimeout bounds failover_timeout: what fits in a Duration of nanoseconds.
const maxTimeout = 9.2e9

func checkRole(role string) string {
	switch {
	case role == "":
		return "Empty role name is invalid"
	case strings.HasPrefix(role, "/"):
		return "Role '" + role + "' cannot start with a slash"
	case strings.HasSuffix(role, "/"):
		return "Role '" + role + "' cannot end with a slash"
	case role == "." || role == "..":
		return "Role '" + role + "' is invalid"
	case strings.HasPrefix(role, "-"):
		return "Role '" + role + "' is invalid because it begins with a dash"
	case strings.ContainsAny(role, " \t\n\v\f\r\b"):
		return "Role '" + role + "' is invalid because it contains a whitespace or backspace character"
	}
	return ""
}

// Mixed returns the name of a resource that is there revocably and otherwise too.
func Mixed(rs mesos.Resources) string {
	revocable := map[string]bool{}
	for i := range rs {
		is := rs[i].Revocable != nil
		if was, ok := revocable[rs[i].Name]; ok && was != is {
			return rs[i].Name
		}
		revocable[rs[i].Name] = is
	}
	return ""
}

// CheckLimits finds what the master refuses in a task's limits.
func CheckLimits(info *mesos.TaskInfo) string {
	for name, limit := range info.Limits {
		sum := 0.0
		for _, r := range info.Resources {
			if r.Name == name {
				sum += r.GetScalar().GetValue()
			}
		}
		switch {
		case name != "cpus" && name != "mem":
			return "Only cpus and mem may be included in a task's resource limits"
		case name == "cpus" && sum == 0:
			return "When a CPU limit is specified, a CPU request must also be specified"
		case name == "mem" && sum == 0:
			return "When a memory limit is specified, a memory request must also be specified"
		case name == "cpus" && limit.Value < sum:
			return "The cpu limit must be greater than or equal to the cpu request"
		case limit.Value < sum:
			return "The memory limit must be greater than or equal to the memory request"
		}
	}
	return ""
}

// CheckReserve finds what is wrong with one reserved resource.
func (f *Framework) CheckReserve(r *mesos.Resource, role string) error {
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
	if p := f.Info.GetPrincipal(); p != "" && top.GetPrincipal() != p {
		return errors.New("a reserve operation was attempted by principal '" + p + "', which does not match '" + top.GetPrincipal() + "'")
	}
	for i := 1; i < len(r.Reservations); i++ {
		if !strings.HasPrefix(r.Reservations[i].GetRole(), r.Reservations[i-1].GetRole()+"/") {
			return errors.New("role '" + r.Reservations[i].GetRole() + "' is not a refinement of '" + r.Reservations[i-1].GetRole() + "'")
		}
	}
	return nil
}

// CheckUnreserve finds what is wrong with one resource whose reservation is to end.
func (f *Framework) CheckUnreserve(r *mesos.Resource, _ string) error {
	switch {
	case !r.IsDynamicallyReserved():
		return errors.New("resource is not dynamically reserved")
	case r.IsPersistentVolume():
		return errors.New("a dynamically reserved persistent volume cannot be unreserved directly")
	}
	return nil
}

// CheckVolume finds what is wrong with one volume.
func (f *Framework) CheckVolume(v *mesos.Resource, create bool) error {
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
	if p := f.Info.GetPrincipal(); create && p != "" && v.Disk.Persistence.GetPrincipal() != p {
		return errors.New("create volume operation attempted by principal '" + p + "', which does not match '" + v.Disk.Persistence.GetPrincipal() + "'")
	}
	return nil
}
