package state

import (
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// hostPorts names the ports that a task takes of an offer, in their order: none when its address is its own.
func (s *State) hostPorts(c *Cluster, role spec.TaskKind) []string {
	if c.Spec.NetworkOf(role).Mode == spec.ContainerNetwork {
		return nil
	}
	names := s.Options.TaskManagerPorts
	if role == spec.JobManagerTask {
		names = s.Options.JobManagerPorts
	}
	for _, p := range c.Spec.ExposureOf(role).Ports {
		if !slices.Contains(names, p.Name) {
			names = append(slices.Clip(names), p.Name)
		}
	}
	return names
}

// Ports are the numbers by name that a task gets.
func (tx *Tx) Ports(c *Cluster, role spec.TaskKind, taken []uint64) map[string]int {
	if c.Spec.NetworkOf(role).Mode == spec.ContainerNetwork {
		return c.Spec.ContainerPorts(role)
	}
	ports := make(map[string]int, len(taken))
	for i, name := range tx.State.hostPorts(c, role) {
		ports[name] = int(taken[i])
	}
	return ports
}

// OwnNetwork names the network on which the tasks of a role have their own address; empty for the agent's.
func OwnNetwork(c *Cluster, role spec.TaskKind) string {
	if n := c.Spec.NetworkOf(role); n.Mode == spec.ContainerNetwork {
		return n.Name
	}
	return ""
}

// AwaitsAddress says that the TaskManagers of a cluster wait for the address of their JobManager.
func (s *State) AwaitsAddress(c *Cluster) bool {
	if OwnNetwork(c, spec.JobManagerTask) == "" || len(c.JobManagers) == 0 {
		return false
	}
	jm, ok := s.Tasks.Get([]byte(c.JobManagers[len(c.JobManagers)-1]))
	return ok && !Reachable(c, jm)
}

// Reachable says whether the address of a JobManager is known, or not needed because ZooKeeper has it.
func Reachable(c *Cluster, jm *task.Task) bool {
	return c.Spec.HighAvailability() || task.HostOf(c.Spec, jm) != ""
}
