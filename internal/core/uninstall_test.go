package core_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// uninstaller folds events into a state and keeps what was stored, as the player of scenarios does.
type uninstaller struct {
	t *testing.T
	*player
}

// after steps once and returns the actions, a line each, without notes.
func (u uninstaller) after(e state.Event) []string {
	u.t.Helper()
	var lines []string
	for line := range strings.Lines(u.step(u.t, e)) {
		if !strings.HasPrefix(line, "note ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func (u uninstaller) want(e state.Event, lines ...string) {
	u.t.Helper()
	if diff := cmp.Diff(lines, u.after(e)); diff != "" {
		u.t.Fatalf("%#v mismatch (-want +got):\n%s", e, diff)
	}
}

// begin returns a service with a running cluster, started again to be uninstalled.
func begin(t *testing.T) uninstaller {
	t.Helper()
	u := uninstaller{t, newPlayer()}
	u.after(state.Subscribed{FrameworkID: "fw-1"})
	spec := spec.Spec{
		Name: "demo", Kind: spec.Session, Allocation: spec.Static,
		JobManager: spec.JobManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}, Replicas: 1},
	}
	u.after(state.PutCluster{Request: 1, Spec: spec, Nonce: "aaaa"})
	u.after(state.Offered{Offers: offersOf(t, "o1 a1 h1 cpus=8 mem=8192 ports=31000-31099")})
	u.after(state.Updated{TaskID: "demo-aaaa-jm-1", AgentID: "a1", State: task.Running})
	u.restartUninstalling()
	return u
}

// left counts what is stored beside the operations, which outlive their clusters.
func (u uninstaller) left() int {
	n := 0
	for key := range u.stored {
		if !strings.HasPrefix(key, state.OperationPrefix) {
			n++
		}
	}
	return n
}

// restartUninstalling is a new process that is told to uninstall.
func (u uninstaller) restartUninstalling() {
	u.restart()
	u.state.Options.Uninstall = true
}

func TestUninstall(t *testing.T) {
	t.Parallel()
	u := begin(t)
	u.want(state.Ticked{}, "save operation/0000000000000000001 operation/0000000000000000002 cluster/demo task/demo-aaaa-jm-1",
		"operation 1 create of demo superseded: operation 2 took its place", "operation 2 delete of demo running", "unwatch demo", "kill demo-aaaa-jm-1 on a1")
	u.want(state.Subscribed{FrameworkID: "fw-1"}, "save task/demo-aaaa-jm-1", "reconcile [demo-aaaa-jm-1]", "kill demo-aaaa-jm-1 on a1", "suppress")
	u.want(state.PutCluster{Request: 2, Spec: spec.Spec{Name: "late"}}, "answer error: the service is being uninstalled; nothing new is taken")
	if got := view.Uninstalling(&u.state); got.Done() || got.Clusters != 1 || got.Tasks != 1 || !got.Registered {
		t.Errorf("in between: %+v", got)
	}
	u.want(state.Updated{TaskID: "demo-aaaa-jm-1", AgentID: "a1", State: task.Killed, UUID: []byte("u")},
		"save -task/demo-aaaa-jm-1 operation/0000000000000000002 -cluster/demo", "unwatch demo demo-aaaa-jm-1", "operation 2 delete of demo succeeded", "ack demo-aaaa-jm-1")
	u.want(state.Ticked{}, "teardown")
	u.want(state.Ticked{}, "nothing") // It is on its way.
	u.now = u.now.Add(11 * time.Second)
	u.want(state.Ticked{}, "teardown")
	u.want(state.TornDown{}, "save -framework")
	if got := view.Uninstalling(&u.state); !got.Done() || u.left() != 0 {
		t.Errorf("at the end: %+v, stored %v", got, u.stored)
	}
	u.want(state.Ticked{}, "nothing")
}

// TestUninstallTornDownBefore meets a master that tore the framework down before that could be saved.
func TestUninstallTornDownBefore(t *testing.T) {
	t.Parallel()
	u := begin(t)
	u.want(state.FrameworkRemoved{Message: "Framework has been removed"},
		"save -framework -task/demo-aaaa-jm-1 operation/0000000000000000001 operation/0000000000000000002 -cluster/demo",
		"operation 1 create of demo superseded: operation 2 took its place", "operation 2 delete of demo running", "unwatch demo",
		"operation 2 delete of demo succeeded")
	if got := view.Uninstalling(&u.state); !got.Done() || u.left() != 0 {
		t.Errorf("at the end: %+v, stored %v", got, u.stored)
	}
}
