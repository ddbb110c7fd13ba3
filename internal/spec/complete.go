package spec

import (
	"cmp"
)

// Defaults are what the service adds to a spec that leaves it open.
type Defaults struct {
	// Allocation is used for every kind; empty means Dynamic.
	Allocation Allocation
	// FlinkVersion, Role and User fill the fields of the same name.
	FlinkVersion string
	Role         string
	User         string
}

// DefaultNetworkResource is the scalar that stands for network bandwidth where the spec names none.
const DefaultNetworkResource = "network_bandwidth"

// The sizes of a spec that names none. The memory is that of Flink's own default configuration file
// (flink-conf.yaml and config.yaml, *.memory.process.size).
const (
	DefaultJobManagerMemory  = 1600 * MiB
	DefaultTaskManagerMemory = 1728 * MiB
	DefaultJobManagerCPUs    = 1.0
)

// Complete returns the spec with every open field filled in, so that what is stored says all that
// matters and does not change with the defaults of a later release. A TaskManager gets one cpu for each
// slot. What is wrong stays wrong: Validate comes after.
func (s Spec) Complete(d Defaults) Spec {
	s.Kind = cmp.Or(s.Kind, Session)
	s.Allocation = cmp.Or(s.Allocation, d.Allocation, Dynamic)
	s.FlinkVersion = cmp.Or(s.FlinkVersion, d.FlinkVersion)
	s.Role = cmp.Or(s.Role, d.Role)
	s.User = cmp.Or(s.User, d.User)

	jm, tm := &s.JobManager, &s.TaskManager
	jm.Replicas = cmp.Or(jm.Replicas, 1)
	jm.CPUs = cmp.Or(jm.CPUs, DefaultJobManagerCPUs)
	jm.Memory = cmp.Or(jm.Memory, DefaultJobManagerMemory)
	tm.Slots = cmp.Or(tm.Slots, 1)
	tm.CPUs = cmp.Or(tm.CPUs, float64(tm.Slots))
	tm.Memory = cmp.Or(tm.Memory, DefaultTaskManagerMemory)
	for _, r := range []*Resources{&jm.Resources, &tm.Resources} {
		if r.NetworkBandwidth != 0 {
			r.NetworkResource = cmp.Or(r.NetworkResource, DefaultNetworkResource)
		}
		r.PersistentVolumes = completeVolumes(r.PersistentVolumes)
	}
	s.Overlays = s.Overlays.complete()
	s.TaskOptions, jm.TaskOptions, tm.TaskOptions = s.TaskOptions.complete(), jm.TaskOptions.complete(), tm.TaskOptions.complete()
	jm.Exposure, tm.Exposure = jm.Exposure.complete(), tm.Exposure.complete()
	jm.Constraints, tm.Constraints = orNone(jm.Constraints), orNone(tm.Constraints)

	if s.Job != nil {
		job := *s.Job
		job.Args = orNone(job.Args)
		job.Parallelism = cmp.Or(job.Parallelism, 1)
		s.Job = &job
	}
	return s
}

// orNone makes an empty list an absent one, which is what it becomes when it is stored.
func orNone[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}
