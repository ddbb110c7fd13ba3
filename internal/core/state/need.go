package state

import (
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// Need turns the resources of a role into what an agent must offer.
func (s *State) Need(c *Cluster, role spec.TaskKind, r spec.Resources) offer.Need {
	n := offer.Need{
		CPUs:      offer.ToMilli(r.CPUs),
		Mem:       offer.Milli(r.Memory.MiBCeil() * 1000),
		Disk:      offer.Milli(r.Disk.MiBCeil() * 1000),
		GPUs:      offer.Milli(r.GPUs) * 1000,
		Other:     offer.ToMilli(r.NetworkBandwidth),
		OtherName: r.NetworkResource,
		Ports:     len(s.hostPorts(c, role)),
		Role:      c.Spec.Role,
		Reserve:   role == spec.JobManagerTask && c.Spec.JobManager.Reserve,
		Revocable: role == spec.TaskManagerTask && c.Spec.TaskManager.Revocable,
	}
	for i, v := range r.PersistentVolumes[:min(len(r.PersistentVolumes), len(n.Volumes))] {
		n.Volumes[i] = offer.Volume{Path: v.ContainerPath, Size: offer.Milli(v.Size.MiBCeil() * 1000), Source: sources[v.Type]}
	}
	return n
}

// sources are what agents call the types of disk.
var sources = map[spec.DiskType]string{spec.PathDisk: offer.PathSource, spec.MountDisk: offer.MountSource}
