package decide

import (
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/cluster"
)

// hostPorts names the ports that a task takes of an offer, in their order: none when its address is its own.
func (s *State) hostPorts(c *Cluster, role cluster.Role) []string {
	if c.Spec.NetworkOf(role).Mode == cluster.ContainerNetwork {
		return nil
	}
	names := s.Options.TaskManagerPorts
	if role == cluster.JobManagerRole {
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
func (st *step) ports(c *Cluster, role cluster.Role, taken []uint64) map[string]int {
	if c.Spec.NetworkOf(role).Mode == cluster.ContainerNetwork {
		return c.Spec.ContainerPorts(role)
	}
	ports := make(map[string]int, len(taken))
	for i, name := range st.s.hostPorts(c, role) {
		ports[name] = int(taken[i])
	}
	return ports
}

// ownNetwork names the network on which the tasks of a role have their own address; empty for the agent's.
func ownNetwork(c *Cluster, role cluster.Role) string {
	if n := c.Spec.NetworkOf(role); n.Mode == cluster.ContainerNetwork {
		return n.Name
	}
	return ""
}

// awaitsAddress says that the TaskManagers of a cluster wait for the address of their JobManager.
func (s *State) awaitsAddress(c *Cluster) bool {
	if ownNetwork(c, cluster.JobManagerRole) == "" || len(c.jobManagers) == 0 {
		return false
	}
	jm, ok := s.tasks.Get([]byte(c.jobManagers[len(c.jobManagers)-1]))
	return ok && !reachable(c, jm)
}

// reachable says whether the address of a JobManager is known, or not needed because ZooKeeper has it.
func reachable(c *Cluster, jm *cluster.Task) bool {
	return c.Spec.HighAvailability() || c.Spec.HostOf(jm) != ""
}

// address takes over the address that a status told of a task on a network of its own, and says whether
// it is news.
func (st *step) address(c *Cluster, t *cluster.Task, was cluster.TaskState, e Updated) bool {
	if t.Network == "" {
		return false
	}
	if e.Address == "" && t.Address == "" && t.Role == cluster.JobManagerRole && t.State == cluster.Running && was != t.State {
		st.note(c, "NoAddress", "JobManager %s runs on the network %s and Mesos did not tell its address: the service cannot reach it",
			t.ID, t.Network)
	}
	if e.Address == "" || e.Address == t.Address {
		return false
	}
	t.Address = e.Address
	if t.Role == cluster.JobManagerRole {
		st.s.wantOffers = true // Its TaskManagers have waited for this.
	}
	return true
}
