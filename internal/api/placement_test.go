package api_test

import (
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// TestPlacement asks what would fit, from what was offered and from what is offered now.
func TestPlacement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.json("POST", "/v1/clusters", session, 201)
	const path = "/v1/clusters/demo/placement"
	w.do("GET", path+"?refresh=true", "").wantFault(t, 503, fault.Unavailable, "no connection to the Mesos master")
	w.do("GET", path+"?refresh=maybe", "").wantFault(t, 422, fault.Invalid, "is not a boolean")
	w.do("GET", path+"?taskManagers=10001", "").wantFault(t, 422, fault.Invalid, "from 1 to 10000")
	w.up("demo", "http://127.0.0.1:1/slave(1)")
	fit := into[wire.Fit](t, w.json("GET", path+"?taskManagers=100", "", 200))
	if fit.Fit != 6 || len(fit.Agents) != 1 || fit.Agents[0].TaskManagers != 6 || len(fit.Blocked) != 1 || fit.Blocked[0].What != "cpus" {
		t.Fatalf("of 8 cpus are left: %+v", fit)
	}
	// Mesos offers nothing now.
	fit = into[wire.Fit](t, w.json("GET", path+"?taskManagers=100&refresh=true", "", 200))
	if fit.Fit != 0 || fit.KnownAgents != 1 || len(fit.Blocked) != 1 || fit.Blocked[0].What != "unseen" {
		t.Fatalf("nothing is offered: %+v", fit)
	}
}
