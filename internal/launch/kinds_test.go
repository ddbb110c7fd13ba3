package launch_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// jobManager is the launch of a JobManager from a spec in YAML.
func jobManager(t *testing.T, text string) state.Launch {
	t.Helper()
	l := taskManager(t, text)
	l.JobManager = nil
	l.Task = task.Task{
		ID: "demo-aaaa-jm-0", Cluster: "demo", Kind: spec.JobManagerTask, Hostname: "agent", Resources: l.Spec.JobManager.Resources,
		Ports: map[string]int{"rest": 31001, "rpc": 31002, "blob": 31003, "metrics": 31004, "driver": 31005},
	}
	return l
}

var mainClass = regexp.MustCompile(`\S+ClusterEntrypoint`)

// TestEntryPoints looks at what a JobManager runs, for every kind of cluster and allocation.
func TestEntryPoints(t *testing.T) {
	t.Parallel()
	const (
		application = "kind: application\njob: {jarURI: 'http://h/a.jar', entryClass: a.Main, args: [--x, '1 2'], initialSavepointPath: 'file:///s', allowNonRestoredState: true}\n"
		jar         = "kind: job\njob: {jarURI: 'http://h/a.jar', entryClass: a.Main, args: [--x, '1 2'], initialSavepointPath: 'file:///s', allowNonRestoredState: true}\n"
		graph       = "kind: job\njob: {jobGraphURI: 'http://h/g', initialSavepointPath: 'file:///s', allowNonRestoredState: true}\n"
		driver      = "org.flinkonmesos.driver.Mesos"
		restore     = " --fromSavepoint file:///s --allowNonRestoredState"
		program     = restore + " --job-classname a.Main -- --x '1 2'"
	)
	tests := []struct {
		name, spec string
		class      string
		// driver says whether the JobManager has the driver, static that it asks for no TaskManagers; end is how the command ends.
		driver, static bool
		end            string
	}{
		{name: "static session", spec: "allocation: static", class: "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"},
		{name: "dynamic session", spec: "allocation: dynamic", class: driver + "SessionClusterEntrypoint", driver: true},
		{name: "static application", spec: application + "allocation: static", class: driver + "ApplicationClusterEntrypoint", driver: true, static: true, end: program},
		{name: "dynamic application", spec: application + "allocation: dynamic", class: driver + "ApplicationClusterEntrypoint", driver: true, end: program},
		{name: "static job of a jar", spec: jar + "allocation: static", class: driver + "ApplicationClusterEntrypoint", driver: true, static: true, end: program},
		{name: "dynamic job of a jar", spec: jar + "allocation: dynamic", class: driver + "ApplicationClusterEntrypoint", driver: true, end: program},
		{name: "static job of a graph", spec: graph + "allocation: static", class: driver + "JobClusterEntrypoint", driver: true, static: true, end: restore},
		{name: "dynamic job of a graph", spec: graph + "allocation: dynamic", class: driver + "JobClusterEntrypoint", driver: true, end: restore},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := jobManager(t, tt.spec)
			p, err := planner(t).Plan(l)
			if err != nil {
				t.Fatal(err)
			}
			if got := mainClass.FindString(p.Command); got != tt.class {
				t.Errorf("the main class is %s, want %s", got, tt.class)
			}
			for what, want := range map[string]bool{
				"mesos.driver.port=31005": tt.driver, "mesos.driver.token-file=conf/driver-token": tt.driver, "-D mesos.allocation=static": tt.static,
			} {
				if strings.Contains(p.Command, what) != want {
					t.Errorf("%s is in the command: %t, want %t\n%s", what, !want, want, p.Command)
				}
			}
			if !strings.HasSuffix(p.Command, tt.end) {
				t.Errorf("the command does not end with %q:\n%s", tt.end, p.Command)
			}
			if _, there := overlay(t, l.Spec)["conf/driver-token"]; there != tt.driver {
				t.Errorf("the token is in the overlay: %t, want %t", there, tt.driver)
			}
		})
	}
}
