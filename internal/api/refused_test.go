package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// TestRefusedRequests has changes refused, and finds each with who asked for it and why it was refused.
func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.json("POST", "/v1/clusters", session, http.StatusCreated)
	w.json("POST", "/v1/clusters", session, http.StatusConflict)
	w.json("PUT", "/v1/clusters/demo", `{"kind": "application"}`, http.StatusUnprocessableEntity)
	w.json("PUT", "/v1/clusters/demo?dryRun=true", `{"kind": "application"}`, http.StatusUnprocessableEntity)
	w.json("PUT", "/v1/clusters/fresh", `{"kind": "none"}`, http.StatusUnprocessableEntity)
	w.json("POST", "/v1/clusters/demo/resume", "", http.StatusConflict)
	w.json("POST", "/v1/clusters/demo/suspend?drain=maybe", "", http.StatusUnprocessableEntity)
	w.json("POST", "/v1/clusters/demo/snapshots", `{"kind": "savepoint"}`, http.StatusUnprocessableEntity)
	// What was not understood, or reads, is no attempt.
	w.json("PUT", "/v1/clusters/demo", `{`, http.StatusBadRequest)
	w.json("POST", "/v1/clusters/none/restart", "", http.StatusNotFound)
	w.json("GET", "/v1/events?wait=1s", "", http.StatusUnprocessableEntity)
	list := into[wire.Operations](t, w.json("GET", "/v1/operations?state=refused", "", http.StatusOK))
	var got []wire.Operation
	for _, o := range list.Operations {
		if o.Message == "" || o.Started.IsZero() || o.By.Address != "127.0.0.1" {
			t.Errorf("it does not say who, when and why: %+v", o)
		}
		got = append(got, wire.Operation{Cluster: o.Cluster, Kind: o.Kind, State: o.State})
	}
	want := []wire.Operation{
		{Cluster: "demo", Kind: wire.OperationSnapshot, State: wire.OperationRefused},
		{Cluster: "demo", Kind: wire.OperationSuspend, State: wire.OperationRefused},
		{Cluster: "demo", Kind: wire.OperationResume, State: wire.OperationRefused},
		{Cluster: "fresh", Kind: wire.OperationCreate, State: wire.OperationRefused},
		{Cluster: "demo", Kind: wire.OperationUpdate, State: wire.OperationRefused},
		{Cluster: "demo", Kind: wire.OperationCreate, State: wire.OperationRefused},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	if o := list.Operations[5]; !strings.Contains(o.Message, `a cluster "demo" exists already`) {
		t.Errorf("the reason of the creation: %q", o.Message)
	}
	// The history of a cluster that never was has what was refused.
	fresh := into[wire.Operations](t, w.json("GET", "/v1/clusters/fresh/operations", "", http.StatusOK))
	if len(fresh.Operations) != 1 || !strings.Contains(fresh.Operations[0].Message, "kind") {
		t.Errorf("of fresh: %+v", fresh)
	}
}
