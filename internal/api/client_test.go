package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/testkit/apiserver"
)

// TestClient lets the Go client do what commands do.
func TestClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, err := client.New(client.Options{BaseURL: w.url + "/", HTTP: &http.Client{Transport: http.DefaultTransport}})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	spec := spec.Spec{Name: "demo", Kind: spec.Session, TaskManagers: spec.TaskManagers{Count: 1}}
	_, err = c.CreateCluster(ctx, spec)
	must("create", err)
	if _, err = c.CreateCluster(ctx, spec); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Fatalf("create again: %v", err)
	}
	d, err := c.Cluster(ctx, "demo")
	must("describe", err)
	d.Spec.TaskManagers.Count = 3
	d, err = c.PutCluster(ctx, d.Spec)
	must("put", err)
	if d.Spec.TaskManagers.Count != 3 || d.Status.Generation != 2 {
		t.Fatalf("put: %+v", d)
	}
	list, err := c.Clusters(ctx)
	if must("list", err); len(list) != 1 || list[0].Wanted != 3 {
		t.Fatalf("list: %+v", list)
	}
	_, err = c.Events(ctx, "demo")
	must("events", err)
	_, err = c.Offers(ctx)
	must("offers", err)
	entries, err := c.Journal(ctx, 10, "demo")
	if must("journal", err); len(entries) != 1 || entries[0].Event != "Ticked" || len(entries[0].Actions) != 1 {
		t.Fatalf("journal: %+v", entries)
	}
	v, err := c.Version(ctx)
	if must("version", err); v.Version != "1.0.0" {
		t.Fatalf("version: %+v", v)
	}
	a, err := c.UploadArtifact(ctx, client.File{Name: "app.jar", Size: 3, Data: strings.NewReader("jar")})
	must("upload", err)
	kept, err := c.Artifacts(ctx)
	if must("artifacts", err); len(kept) != 1 || kept[0] != a {
		t.Fatalf("artifacts: %+v, uploaded %+v", kept, a)
	}
	must("delete artifact", c.DeleteArtifact(ctx, a.SHA256))
	fit, err := c.Placement(ctx, "demo", 3, false)
	must("placement", err)
	if fit.Cluster != "demo" || fit.TaskManagers != 3 {
		t.Fatalf("placement: %+v", fit)
	}
	must("restart", c.RestartCluster(ctx, "demo"))
	if _, err := c.Flink("demo").Jobs(ctx); err == nil || !client.Temporary(err) {
		t.Fatalf("jobs without a JobManager: %v", err)
	}
	must("delete", c.DeleteCluster(ctx, "demo", false))
	if err := c.DeleteCluster(ctx, "none", false); !client.NotFound(err) {
		t.Fatalf("delete what is not there: %v", err)
	}
}

// TestStandIn asks the stand-in that the commands are tested with for the same, and compares: the same status,
// and no field that we do not have.
func TestStandIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.loop.Post(state.Subscribed{FrameworkID: "f-1"})
	w.loop.Post(state.Offered{Offers: []offer.Offer{{ID: "o", AgentID: "a", Hostname: "h", Region: "r", Zone: "z", Resources: []offer.Resource{{Name: "cpus", Scalar: 100}}}}})
	w.poll("the offer", func(s *state.State) bool { return view.Service(s).Agents == 1 })
	stand := httptest.NewServer(apiserver.New())
	t.Cleanup(stand.Close)
	other := &world{t: t, url: stand.URL}
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/v1/health", ""},
		{"GET", "/v1/version", ""},
		{"GET", "/v1/service", ""},
		{"GET", "/v1/clusters", ""},
		{"GET", "/v1/artifacts", ""},
		{"GET", "/v1/debug/offers", ""},
		{"GET", "/v1/debug/journal?limit=10&contains=x", ""},
		{"GET", "/v1/debug/state", ""},
		{"POST", "/v1/clusters", session},
		{"POST", "/v1/clusters", session},
		{"POST", "/v1/clusters", `{`},
		{"POST", "/v1/clusters", `{"name":"UPPER"}`},
		{"PUT", "/v1/clusters/demo", session},
		{"PUT", "/v1/clusters/other", session},
		{"PUT", "/v1/clusters/fresh", strings.Replace(session, "demo", "fresh", 1)},
		{"GET", "/v1/clusters/demo", ""},
		{"GET", "/v1/clusters/demo/events", ""},
		{"GET", "/v1/clusters/demo/placement?taskManagers=2", ""},
		{"GET", "/v1/clusters/demo/placement?taskManagers=x", ""},
		{"GET", "/v1/clusters/none/placement", ""},
		{"GET", "/v1/clusters/none", ""},
		{"GET", "/v1/clusters/demo/tasks/none/files/stdout?offset=0&length=1", ""},
		{"POST", "/v1/clusters/demo/tasks/none/restart", ""},
		{"POST", "/v1/clusters/demo/tasks/none/replace", ""},
		{"POST", "/v1/clusters/demo/restart", ""},
		{"POST", "/v1/artifacts?name=a.jar", "x"},
		{"DELETE", "/v1/artifacts/" + strings.Repeat("0", 64), ""},
		{"GET", "/v1/nothing", ""},
		{"DELETE", "/v1/clusters/demo", ""},
	} {
		ours := w.do(c.method, c.path, c.body, "Content-Type", "application/json")
		theirs := other.do(c.method, c.path, c.body, "Content-Type", "application/json")
		if ours.StatusCode != theirs.StatusCode {
			t.Errorf("%s %s: we answer %d, the stand-in %d", c.method, c.path, ours.StatusCode, theirs.StatusCode)
		}
		for name, kind := range shape(t, theirs.body) {
			if got := shape(t, ours.body)[name]; got != kind {
				t.Errorf("%s %s: field %s is %q with us and %q with the stand-in", c.method, c.path, name, got, kind)
			}
		}
	}
}

// shape says which fields a JSON object has, and of what kind they are.
func shape(t *testing.T, body string) map[string]string {
	t.Helper()
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(body), &fields); err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	kinds := map[string]string{}
	for name, value := range fields {
		kind := map[byte]string{'{': "object", '[': "list", '"': "text", 't': "truth", 'f': "truth", 'n': "null"}[value[0]]
		if kind == "" {
			kind = "number"
		}
		kinds[name] = kind
	}
	return kinds
}
