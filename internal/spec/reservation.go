package spec

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// DiskType says what a persistent volume is made of.
type DiskType string

// The types of disk that agents offer.
const (
	// RootDisk is a part of the agent's work directory.
	RootDisk DiskType = "root"
	// PathDisk is a part of another directory.
	PathDisk DiskType = "path"
	// MountDisk is a whole file system, which is never split.
	MountDisk DiskType = "mount"
)

// MaxPersistentVolumes bounds the volumes of one task.
const MaxPersistentVolumes = 4

// PersistentVolume is a directory that outlives its task.
type PersistentVolume struct {
	// ContainerPath is the name of the directory in the sandbox: one element, because Mesos makes no others.
	ContainerPath string `json:"containerPath"`
	// Size is what the volume has room for; a volume of type mount has all of its disk, which is at least that.
	Size Memory `json:"size"`
	// Type is root, path or mount; empty means root.
	Type DiskType `json:"type,omitempty"`
}

// Reserved are the resources of a role's tasks that are reserved where they run; Reserves says whether there are any.
func (s Spec) Reserved(role TaskKind) Resources {
	r := s.TaskManager.Resources
	if role == JobManagerTask {
		r = s.JobManager.Resources
		if s.JobManager.Reserve {
			r.Constraints, r.Limits = nil, nil
			return r
		}
	}
	return Resources{PersistentVolumes: r.PersistentVolumes}
}

// SameReserved says whether two reservations of these resources are interchangeable.
func (r Resources) SameReserved(other Resources) bool {
	return r.CPUs == other.CPUs && r.Memory == other.Memory && r.Disk == other.Disk && r.GPUs == other.GPUs &&
		r.NetworkBandwidth == other.NetworkBandwidth && r.NetworkResource == other.NetworkResource &&
		slices.Equal(r.PersistentVolumes, other.PersistentVolumes)
}

// Reserves says whether something is reserved for the tasks of a role.
func (s Spec) Reserves(role TaskKind) bool {
	return role == JobManagerTask && s.JobManager.Reserve || len(s.Reserved(role).PersistentVolumes) > 0
}

func completeVolumes(in []PersistentVolume) []PersistentVolume {
	var out []PersistentVolume
	for _, v := range in {
		v.Type = cmp.Or(v.Type, RootDisk)
		out = append(out, v)
	}
	return out
}

var volumeName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$`)

// sandboxNames are taken in a sandbox, by Mesos or by what the service puts there.
var sandboxNames = []string{"conf", "lib", "log", "logs", "stdout", "stderr", "usrlib", "volumes", "job.graph", "tmp"}

// checkReservations holds the checks of what is reserved (mesos, master/validation.cpp).
func (s Spec) checkReservations() []problem {
	checks := []problem{
		{s.JobManager.Reserve && s.Role == "*", "jobManager.reserve", "Mesos reserves nothing for the role *: set role to one that the service is registered for (MESOS_ROLES)"},
	}
	for _, role := range []struct {
		role  TaskKind
		field string
	}{{JobManagerTask, "jobManager"}, {TaskManagerTask, "taskManager"}} {
		r := s.TaskManager.Resources
		if role.role == JobManagerTask {
			r = s.JobManager.Resources
		}
		field := role.field + ".persistentVolumes"
		checks = append(checks,
			problem{len(r.PersistentVolumes) > 0 && s.Role == "*", field, "Mesos makes volumes for no role *: set role to one that the service is registered for (MESOS_ROLES)"},
			problem{len(r.PersistentVolumes) > MaxPersistentVolumes, field, fmt.Sprintf("has more than %d elements", MaxPersistentVolumes)},
		)
		for i, v := range r.PersistentVolumes {
			at := fmt.Sprintf("%s[%d]", field, i)
			same := func(o PersistentVolume) bool { return o.ContainerPath == v.ContainerPath }
			checks = append(checks,
				problem{!volumeName.MatchString(v.ContainerPath), at + ".containerPath", quote(v.ContainerPath) + " is not the name of a directory in the sandbox: Mesos takes no path; use letters, digits, dots, underscores and hyphens"},
				problem{slices.Contains(sandboxNames, v.ContainerPath) || strings.HasPrefix(v.ContainerPath, "flink"), at + ".containerPath", quote(v.ContainerPath) + " is taken in the sandbox: choose another name"},
				problem{slices.ContainsFunc(r.PersistentVolumes[:i], same), at + ".containerPath", quote(v.ContainerPath) + " is there twice"},
				problem{s.mounts(role.role, v.ContainerPath), at + ".containerPath", quote(v.ContainerPath) + " is a volume of the container already"},
				problem{v.Size < MiB || v.Size > MaxMemory, at + ".size", fmt.Sprintf("%s is out of range: use 1m to %s", v.Size, MaxMemory)},
				problem{!slices.Contains([]DiskType{RootDisk, PathDisk, MountDisk}, v.Type), at + ".type", quote(string(v.Type)) + " is not a type of disk: use root, path or mount"},
			)
		}
	}
	return checks
}

// mounts says whether a volume of the role's container has the path.
func (s Spec) mounts(role TaskKind, path string) bool {
	c := s.OptionsOf(role).Container
	return c != nil && slices.ContainsFunc(c.Volumes, func(v Volume) bool { return v.ContainerPath == path })
}
