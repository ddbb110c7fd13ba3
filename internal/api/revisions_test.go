package api_test

import (
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

const secretive = `{"name":"demo","kind":"session","flinkConfiguration":{"a.b":"%","s3.secret-key":"hidden"}}`

// TestRevisions changes a spec, looks at what it was, and has it again.
func TestRevisions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.json("POST", "/v1/clusters?reason=a+start", strings.ReplaceAll(secretive, "%", "1"), 201)
	w.json("PUT", "/v1/clusters/demo?reason=more", strings.ReplaceAll(secretive, "%", "2"), 200)
	a := w.json("GET", "/v1/clusters/demo/revisions", "", 200)
	list := into[wire.Revisions](t, a).Revisions
	if len(list) != 2 || list[0].Number != 2 || list[0].Reason != "more" || list[1].Reason != "a start" || list[0].Kind != wire.OperationUpdate {
		t.Fatalf("revisions: %s", a.body)
	}
	if c := list[0].Changes; len(c) != 1 || c[0].From != `"1"` || c[0].To != `"2"` {
		t.Fatalf("changes: %s", a.body)
	}
	a = w.json("GET", "/v1/clusters/demo/revisions/1", "", 200)
	if r := into[wire.RevisionSpec](t, a); r.Spec.FlinkConfiguration["a.b"] != "1" || strings.Contains(a.body, "hidden") {
		t.Fatalf("revision 1: %s", a.body)
	}
	a = w.json("GET", "/v1/clusters/demo/revisions/1/diff", "", 200)
	if d := into[wire.RevisionDiff](t, a); d.From != 1 || d.To != 2 || len(d.Changes) != 1 || strings.Contains(a.body, "hidden") {
		t.Fatalf("diff: %s", a.body)
	}
	w.do("GET", "/v1/clusters/demo/revisions/1/diff?to=9", "").wantFault(t, 404, fault.NotFound, `no revision "9"`)
	w.do("GET", "/v1/clusters/none/revisions", "").wantFault(t, 404, fault.NotFound, "none")

	json := []string{"Content-Type", "application/json"}
	w.do("PUT", "/v1/clusters/demo/revisions/1/tag", `{"tag":"7"}`, json...).wantFault(t, 422, fault.Invalid, "tag")
	w.json("PUT", "/v1/clusters/demo/revisions/1/tag", `{"tag":"good"}`, 200)
	w.do("POST", "/v1/clusters/demo/revert", `{"revision":"bad"}`, json...).wantFault(t, 404, fault.NotFound, "bad")
	w.do("POST", "/v1/clusters/demo/revert", `{"revision":"good","state":"own"}`, json...).wantFault(t, 422, fault.Invalid, "a session has no state")
	w.do("POST", "/v1/clusters/demo/revert", `{"revision":"2"}`, json...).wantFault(t, 409, fault.Conflict, "nothing to revert")
	w.json("POST", "/v1/clusters/demo/revert?reason=slow", `{"revision":"good"}`, 202)
	list = into[wire.Revisions](t, w.json("GET", "/v1/clusters/demo/revisions", "", 200)).Revisions
	if list[0].Number != 3 || list[0].Of != 1 || list[0].Kind != wire.OperationRevert || list[0].Reason != "slow" {
		t.Fatalf("reverted: %+v", list[0])
	}
	// The secret is there again, and not its mask.
	if sp := w.loop.View().RevisionsOf("demo")[2].Spec; sp.FlinkConfiguration["s3.secret-key"] != "hidden" || sp.FlinkConfiguration["a.b"] != "1" {
		t.Fatalf("spec after the revert: %v", sp.FlinkConfiguration)
	}
}

// TestLostUpdate refuses a change of what somebody else has changed.
func TestLostUpdate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	json := "Content-Type=application/json"
	send := func(method, path, body, match string) answered {
		kind, media, _ := strings.Cut(json, "=")
		return w.do(method, path, body, kind, media, "If-Match", match)
	}
	first, second := strings.ReplaceAll(secretive, "%", "1"), strings.ReplaceAll(secretive, "%", "2")
	send("PUT", "/v1/clusters/demo", first, "*").wantFault(t, 412, fault.Precondition, "there is no cluster")
	w.json("POST", "/v1/clusters", first, 201)
	tag := w.json("GET", "/v1/clusters/demo", "", 200).Header.Get("ETag")
	if a := send("PUT", "/v1/clusters/demo", second, tag); a.StatusCode != 200 || a.Header.Get("ETag") != `"2"` {
		t.Fatalf("put with %s: %d %s", tag, a.StatusCode, a.body)
	}
	send("PUT", "/v1/clusters/demo", first, tag).wantFault(t, 412, fault.Precondition, "is at generation 2, and 1 was expected")
	send("POST", "/v1/clusters/demo/restart", "", tag).wantFault(t, 412, fault.Precondition, "is at generation 2")
	send("POST", "/v1/clusters/demo/revert", `{"revision":"1"}`, tag).wantFault(t, 412, fault.Precondition, "is at generation 2")
	send("PUT", "/v1/clusters/demo", first, "x").wantFault(t, 422, fault.Invalid, "If-Match")
	send("DELETE", "/v1/clusters/demo", "", `"2"`).wantFault(t, 422, fault.Invalid, "If-Match")
	w.do("PUT", "/v1/clusters/demo?reason=a%0Ab", first, "Content-Type", "application/json").wantFault(t, 422, fault.Invalid, "reason")
	// The same spec again is no change, and no lost update.
	if a := send("PUT", "/v1/clusters/demo", second, `"2"`); a.StatusCode != 200 || a.Header.Get("ETag") != `"2"` {
		t.Fatalf("the same again: %d %s", a.StatusCode, a.body)
	}
}
