package launch_test

import (
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// TestReporter looks for what turns Flink's reporter on: its class in the configuration, and the port of each task.
func TestReporter(t *testing.T) {
	t.Parallel()
	p := planner(t)
	l := taskManager(t, "metrics: {prometheus: true}\nflinkConfiguration: {metrics.reporters: \"jmx, slf4j\"}\n")
	l.Task.Ports["prometheus"] = 31005
	plan, err := p.Plan(l)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(plan.Command, "-D metrics.reporter.prometheus.port=31005") || plan.Environment["PORT_PROMETHEUS"] != "31005" {
		t.Errorf("the port is not in the command or the environment: %s", plan.Command)
	}
	found := false
	for _, port := range plan.Discovery.Ports {
		found = found || port.Name == "prometheus" && port.Number == 31005
	}
	if !found {
		t.Errorf("the port is not in the discovery information: %+v", plan.Discovery.Ports)
	}
	config := p.Configuration(l.Spec, "aaaa")
	if got := config["metrics.reporter.prometheus.factory.class"]; got != "org.apache.flink.metrics.prometheus.PrometheusReporterFactory" {
		t.Errorf("the factory is %q", got)
	}
	if got := config["metrics.reporters"]; got != "jmx,slf4j,prometheus" {
		t.Errorf("the reporters are %q", got)
	}
	l.Spec.FlinkConfiguration, l.Spec.Metrics = nil, spec.Metrics{}
	if config := p.Configuration(l.Spec, "aaaa"); config["metrics.reporter.prometheus.factory.class"]+config["metrics.reporters"] != "" {
		t.Errorf("a reporter that nobody asked for: %v", config)
	}
	l = taskManager(t, "metrics: {prometheus: true}\ncontainer: {type: mesos, image: flink, network: {mode: container, name: dcos}}\n")
	if got := l.Spec.ContainerPorts(spec.TaskManagerTask)["prometheus"]; got != 9249 {
		t.Errorf("the port on a network of its own is %d", got)
	}
}
