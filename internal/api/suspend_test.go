package api_test

import (
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// stateOf waits until a cluster is in a state.
func (w *world) stateOf(name string, st wire.State) wire.Description {
	w.t.Helper()
	var d wire.Description
	w.poll(name+" is "+string(st), func(s *state.State) bool {
		d, _ = view.Describe(s, name)
		return d.Status.State == st
	})
	return d
}

// TestSuspend suspends and resumes a session, with jobs and without.
func TestSuspend(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.json("POST", "/v1/clusters", session, 201)
	w.do("POST", "/v1/clusters/demo/resume", "").wantFault(t, 409, fault.Conflict, "is not suspended")
	w.do("POST", "/v1/clusters/none/suspend", "").wantFault(t, 404, fault.NotFound, "none")
	w.do("POST", "/v1/clusters/none/resume", "").wantFault(t, 404, fault.NotFound, "none")

	jm := w.up("demo", "http://127.0.0.1:1/slave(1)")
	for query, part := range map[string]string{
		"":                                  "directory",
		"?savepoint=maybe":                  "savepoint",
		"?drain=perhaps":                    "drain",
		"?savepoint=false&drain=true":       "savepoint",
		"?savepoint=false&directory=file:/": "savepoint",
	} {
		w.do("POST", "/v1/clusters/demo/suspend"+query, "").wantFault(t, 422, fault.Invalid, part)
	}
	// Its jobs are stopped, and asked again it waits no more.
	d := into[wire.Description](t, w.json("POST", "/v1/clusters/demo/suspend?directory=file:/sp&drain=true", "", 202))
	if ch := d.Status.Change; ch == nil || !ch.Suspend || ch.Generation != 2 || !d.Spec.Suspended || d.Status.State == wire.Suspended {
		t.Errorf("while its jobs are stopped: %+v", d.Status)
	}
	// An earlier spec does not end the wait, and what was asked for is shown.
	w.json("PUT", "/v1/clusters/demo", `{"kind":"session","taskManagers":{"count":2},"suspended":true}`, 200)
	if d := w.stateOf("demo", d.Status.State); d.Status.Change == nil || d.Spec.TaskManagers.Count != 2 || d.Status.Generation != 3 {
		t.Errorf("after another change: %+v", d.Status)
	}
	w.json("POST", "/v1/clusters/demo/suspend?savepoint=false", "", 202)
	w.stateOf("demo", wire.Suspended)
	w.loop.Post(state.Updated{TaskID: jm.ID, AgentID: "a-1", State: task.Killed})
	w.json("POST", "/v1/clusters/demo/resume", "", 202)
	w.stateOf("demo", wire.Upgrading)

	// What runs nothing has nothing to stop, and a session without jobs needs no directory.
	w.json("POST", "/v1/clusters", `{"name":"idle","kind":"session","suspended":true}`, 201)
	w.stateOf("idle", wire.Suspended)
	w.json("POST", "/v1/clusters/idle/resume", "", 202)
	w.json("POST", "/v1/clusters/idle/suspend", "", 202)
	w.stateOf("idle", wire.Suspended)
}

// TestUpgradeModes refuses modes that would not do what they say.
func TestUpgradeModes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for spec, part := range map[string]string{
		`"job":{"jarURI":"file:///a.jar","parallelism":1,"upgradeMode":"rolling"}`:                                                                                     "rolling",
		`"job":{"jarURI":"file:///a.jar","parallelism":1,"upgradeMode":"savepoint"}`:                                                                                   "execution.checkpointing.savepoint-dir",
		`"job":{"jarURI":"file:///a.jar","parallelism":1,"upgradeMode":"last-state"}`:                                                                                  "execution.checkpointing.dir",
		`"job":{"jarURI":"file:///a.jar","parallelism":1,"savepointRedeployNonce":1}`:                                                                                  "job.initialSavepointPath",
		`"job":{"jarURI":"file:///a.jar","parallelism":1,"upgradeMode":"savepoint"},"flinkConfiguration":{"high-availability.type":"zookeeper"},"suspended":"perhaps"`: "suspended",
	} {
		w.do("POST", "/v1/clusters", `{"name":"app","kind":"application",`+spec+`}`, "Content-Type", "application/json").wantFault(t, 422, fault.Invalid, part)
	}
}

// TestSavepointOnDeletion deletes an application whose spec wants a savepoint before.
func TestSavepointOnDeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const head = `"kind":"application","job":{"jarURI":"file:///a.jar","parallelism":1,"snapshots":{"onDeletion":true`
	w.do("PUT", "/v1/clusters/app", `{`+head+`}}}`, "Content-Type", "application/json").wantFault(t, 422, fault.Invalid, "job.snapshots.onDeletion")
	w.json("PUT", "/v1/clusters/app", `{`+head+`,"directory":"file:/sp"}},"flinkConfiguration":{"kubernetes.operator.job.drain-on-savepoint-deletion":"true"}}`, 201)
	w.up("app", "http://127.0.0.1:1/slave(1)")
	w.json("DELETE", "/v1/clusters/app", "", 202)
	w.poll("the jobs of app are being stopped", func(s *state.State) bool {
		c, ok := s.Clusters.Get([]byte("app"))
		return ok && c.Rollout != nil && c.Rollout.Delete && c.Rollout.Stop == state.StopRequest{Directory: "file:/sp", Drain: true}
	})
	w.json("DELETE", "/v1/clusters/app?savepoint=false", "", 202)
	w.stateOf("app", wire.Deleting)
}
