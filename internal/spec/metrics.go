package spec

import (
	"fmt"
	"slices"
)

// Metrics say how the metrics of a cluster are read.
type Metrics struct {
	// Prometheus turns Flink's PrometheusReporter on in every JobManager and TaskManager, each on a port of its own.
	Prometheus bool `json:"prometheus,omitempty"`
	// Unlisted leaves the cluster out of the service's own metrics.
	Unlisted bool `json:"unlisted,omitempty"`
}

const (
	// PrometheusPort names the port of the reporter that Metrics.Prometheus turns on.
	PrometheusPort = "prometheus"
	// PrometheusReporter begins the Flink options of that reporter.
	PrometheusReporter = "metrics.reporter.prometheus."
	// prometheusNumber is the number of the port where the address of a task is its own: the default of Flink.
	prometheusNumber = 9249
)

// withReporter adds the port of the reporter to those of a role.
func (s Spec) withReporter(e Exposure, role TaskKind) Exposure {
	if s.Metrics.Prometheus {
		p := Port{Name: PrometheusPort, Option: PrometheusReporter + "port", Protocol: "tcp"}
		if s.NetworkOf(role).Mode == ContainerNetwork {
			p.ContainerPort = prometheusNumber
		}
		e.Ports = append(slices.Clip(e.Ports), p)
	}
	return e
}

// checkMetrics refuses what says the same as metrics.prometheus once more.
func (s Spec) checkMetrics() []problem {
	var checks []problem
	if !s.Metrics.Prometheus {
		return nil
	}
	for _, option := range []string{"port", "class", "factory.class"} {
		_, twice := s.FlinkConfiguration[PrometheusReporter+option]
		checks = append(checks, problem{twice, "flinkConfiguration." + PrometheusReporter + option, "is set by metrics.prometheus: remove one of them"})
	}
	for field, e := range map[string]Exposure{"jobManager": s.JobManager.Exposure, "taskManager": s.TaskManager.Exposure} {
		for i, p := range e.Ports {
			twice := p.Name == PrometheusPort || p.Option == PrometheusReporter+"port" || p.ContainerPort == prometheusNumber
			checks = append(checks, problem{twice, fmt.Sprintf("%s.ports[%d]", field, i), "is the port that metrics.prometheus adds: remove one of them"})
		}
	}
	return checks
}
