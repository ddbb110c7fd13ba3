package metrics

import (
	"cmp"
	"net"
	"strconv"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// Target is an entry of Prometheus' HTTP service discovery.
type Target struct {
	// Targets are host:port.
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// Targets lists the ports of the running tasks that a metric reporter for Prometheus listens on: those whose option is
// metrics.reporter.NAME.port. The labels are cluster, role (jobmanager or taskmanager), task, agent (Mesos' id of it),
// host, and team when the spec has that label. Show says whether a cluster is listed; nil lists all.
func Targets(s *state.State, show func(spec.Spec) bool) []Target {
	found := []Target{}
	it := s.Tasks.Root().Iterator()
	for _, t, ok := it.Next(); ok; _, t, ok = it.Next() {
		c, known := s.Clusters.Get([]byte(t.Cluster))
		if !known || t.State != task.Running || t.Host() == "" || show != nil && !show(c.RequestedSpec()) {
			continue
		}
		for _, p := range c.Spec.ExposureOf(t.Kind).Ports {
			number, taken := t.Ports[p.Name]
			if !taken || !scrapable(c.Spec, p.Option) {
				continue
			}
			labels := map[string]string{"cluster": t.Cluster, "role": string(t.Kind), "task": t.ID, "agent": t.AgentID, "host": t.Hostname}
			if team := c.Spec.Labels[TeamLabel]; team != "" {
				labels["team"] = team
			}
			found = append(found, Target{Targets: []string{net.JoinHostPort(t.Host(), strconv.Itoa(number))}, Labels: labels})
		}
	}
	return found
}

// scrapable says whether a reporter for Prometheus listens on the port of an option: JMX, too, has a port.
func scrapable(s spec.Spec, option string) bool {
	rest, ok := strings.CutPrefix(option, "metrics.reporter.")
	name, found := strings.CutSuffix(rest, ".port")
	if !ok || !found || name == "" || strings.Contains(name, ".") {
		return false
	}
	c := s.FlinkConfiguration
	factory := cmp.Or(c["metrics.reporter."+name+".factory.class"], c["metrics.reporter."+name+".class"], "prometheus")
	return strings.Contains(strings.ToLower(factory), "prometheus")
}
