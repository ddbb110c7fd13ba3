package decide

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

// ports are the numbers by name that a task gets.
func (st *step) ports(c *Cluster, role spec.TaskKind, taken []uint64) map[string]int {
	if c.Spec.NetworkOf(role).Mode == spec.ContainerNetwork {
		return c.Spec.ContainerPorts(role)
	}
	ports := make(map[string]int, len(taken))
	for i, name := range st.s.hostPorts(c, role) {
		ports[name] = int(taken[i])
	}
	return ports
}

// ownNetwork names the network on which the tasks of a role have their own address; empty for the agent's.
func ownNetwork(c *Cluster, role spec.TaskKind) string {
	if n := c.Spec.NetworkOf(role); n.Mode == spec.ContainerNetwork {
		return n.Name
	}
	return ""
}

// awaitsAddress says that the TaskManagers of a cluster wait for the address of their JobManager.
func (s *State) awaitsAddress(c *Cluster) bool {
	if ownNetwork(c, spec.JobManagerTask) == "" || len(c.jobManagers) == 0 {
		return false
	}
	jm, ok := s.tasks.Get([]byte(c.jobManagers[len(c.jobManagers)-1]))
	return ok && !reachable(c, jm)
}

// reachable says whether the address of a JobManager is known, or not needed because ZooKeeper has it.
func reachable(c *Cluster, jm *task.Task) bool {
	return c.Spec.HighAvailability() || task.HostOf(c.Spec, jm) != ""
}

// address takes over the address that a status told of a task on a network of its own, and says whether
// it is news.
func (st *step) address(c *Cluster, t *task.Task, was task.State, e Updated) bool {
	if t.Network == "" {
		return false
	}
	if e.Address == "" && t.Address == "" && t.Kind == spec.JobManagerTask && t.State == task.Running && was != t.State {
		st.note(c, "NoAddress", "JobManager %s runs on the network %s and Mesos did not tell its address: the service cannot reach it",
			t.ID, t.Network)
	}
	if e.Address == "" || e.Address == t.Address {
		return false
	}
	t.Address = e.Address
	if t.Kind == spec.JobManagerTask {
		st.s.wantOffers = true // Its TaskManagers have waited for this.
	}
	return true
}
