package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/spec"
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
	_, err = c.Events(ctx, "demo", "")
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
