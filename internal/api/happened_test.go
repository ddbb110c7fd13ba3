package api_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/api"
	"github.com/flink-on-mesos/flink-service/internal/auth"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// TestEventsOutliveTheCluster reads events by cluster and kind, from a cursor on, and after the deletion.
func TestEventsOutliveTheCluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.json("PUT", "/v1/clusters/demo", `{}`, http.StatusCreated)
	w.json("PUT", "/v1/clusters/other", `{}`, http.StatusCreated)
	all := into[wire.Events](t, w.json("GET", "/v1/events", "", http.StatusOK))
	if len(all.Events) != 2 || all.Events[0].Cluster != "other" || all.Events[1].Type != "Created" {
		t.Fatalf("the newest is not first: %+v", all)
	}
	one := into[wire.Events](t, w.json("GET", "/v1/events?after=0&limit=1", "", http.StatusOK))
	if len(one.Events) != 1 || one.Events[0].Cluster != "demo" || one.Cursor != "1" {
		t.Fatalf("the first page: %+v", one)
	}
	if next := into[wire.Events](t, w.json("GET", "/v1/events?after=1&cluster=other", "", http.StatusOK)); len(next.Events) != 1 || next.Cursor != all.Cursor {
		t.Fatalf("the second page: %+v", next)
	}
	w.json("DELETE", "/v1/clusters/demo", "", http.StatusAccepted)
	w.poll("the end of demo", func(s *state.State) bool { return !has(s, "demo") })
	left := into[wire.Notes](t, w.json("GET", "/v1/clusters/demo/events?kind=Created,Deleted", "", http.StatusOK))
	if len(left.Events) != 2 || left.Events[1].Type != "Deleted" {
		t.Fatalf("after the deletion: %+v", left)
	}
	w.do("GET", "/v1/clusters/none/events", "").wantFault(t, http.StatusNotFound, fault.NotFound, `there is no cluster "none"`)
	w.do("GET", "/v1/events?wait=1s", "").wantFault(t, http.StatusUnprocessableEntity, fault.Invalid, "needs after")
	w.do("GET", "/v1/events?after=0&wait=2m", "").wantFault(t, http.StatusUnprocessableEntity, fault.Invalid, "use a duration from 0s to 1m0s")
	// A cluster of the same name begins with its own events.
	w.json("PUT", "/v1/clusters/demo", `{}`, http.StatusCreated)
	if d := into[wire.Description](t, w.json("GET", "/v1/clusters/demo", "", http.StatusOK)); len(d.Events) != 1 {
		t.Fatalf("the new cluster has the events %+v", d.Events)
	}
}

// TestOperations follows an operation by long poll to its end.
func TestOperations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.json("POST", "/v1/clusters", session, http.StatusCreated)
	first := into[wire.Operations](t, w.json("GET", "/v1/operations", "", http.StatusOK))
	if len(first.Operations) != 1 || first.Operations[0].State != wire.OperationRunning || first.Operations[0].By.Address != "127.0.0.1" {
		t.Fatalf("after the creation: %+v", first)
	}
	got := make(chan wire.Operations, 1)
	go func() {
		got <- into[wire.Operations](t, w.do("GET", "/v1/operations?wait=30s&after="+first.Cursor, ""))
	}()
	jm := w.up("demo", "")
	w.poll("the second task", func(s *state.State) bool { return s.Tasks.Len() == 2 })
	for _, tk := range into[wire.Description](t, w.json("GET", "/v1/clusters/demo", "", http.StatusOK)).Tasks {
		w.loop.Post(state.Updated{TaskID: tk.ID, AgentID: "a-1", State: task.Running})
	}
	w.loop.Post(state.FlinkObserved{Cluster: "demo", JobManager: jm.ID, Flink: wire.Flink{TaskManagers: 1, SlotsTotal: 1}})
	select {
	case o := <-got:
		if len(o.Operations) != 1 || o.Operations[0].ID != 1 || o.Operations[0].State != wire.OperationSucceeded || o.Operations[0].Ended.IsZero() {
			t.Fatalf("the end of the creation: %+v", o)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the long poll did not end")
	}
	w.json("PUT", "/v1/clusters/demo", strings.Replace(session, `"count":1`, `"count":2`, 1), http.StatusOK)
	if o := into[wire.Operation](t, w.json("GET", "/v1/operations/2", "", http.StatusOK)); o.From != 1 || o.To != 2 {
		t.Errorf("the update: %+v", o)
	}
	w.do("GET", "/v1/operations/77", "").wantFault(t, http.StatusNotFound, fault.NotFound, `there is no operation "77"`)
	w.do("GET", "/v1/operations?state=done", "").wantFault(t, http.StatusUnprocessableEntity, fault.Invalid, "is not a state of operations")
	w.do("GET", "/v1/clusters/none/operations", "").wantFault(t, http.StatusNotFound, fault.NotFound, `there is no cluster "none"`)
}

// TestActor checks who is named in an operation, and that a secret that changes is named without its value.
func TestActor(t *testing.T) {
	t.Parallel()
	tokens, err := auth.Parse("read:0123456789abcdef admin:fedcba9876543210 admin:aaaabbbbccccdddd")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(o *api.Options) { o.Tokens = tokens })
	send := func(method, path, body string) answered {
		return w.do(method, path, body, "Content-Type", "application/json", "Authorization", "Bearer aaaabbbbccccdddd", "X-Forwarded-For", "10.1.2.3, 10.0.0.1")
	}
	send("PUT", "/v1/clusters/demo", `{"environment": {"DB_PASSWORD": "first"}}`)
	send("PUT", "/v1/clusters/demo", `{"environment": {"DB_PASSWORD": "second"}}`)
	a := send("GET", "/v1/operations/2", "")
	o := into[wire.Operation](t, a)
	if diff := cmp.Diff(wire.Actor{Name: "admin-2", Address: "10.1.2.3 by way of 127.0.0.1"}, o.By); diff != "" {
		t.Errorf("by (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]wire.SpecChange{{Field: "environment.DB_PASSWORD", From: `"******"`, To: `"******"`}}, o.Changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	open := newWorld(t)
	payload := base64.RawURLEncoding.EncodeToString([]byte(`{"uid":"alice","exp":1}`))
	open.do("PUT", "/v1/clusters/demo", `{}`, "Content-Type", "application/json", "Authorization", "token=e30."+payload+".c2ln")
	if o := into[wire.Operation](t, open.json("GET", "/v1/operations/1", "", http.StatusOK)); o.By.User != "alice" || o.By.Name != "" {
		t.Errorf("by %+v, want alice", o.By)
	}
}
