package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/api"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

const session = `{"name":"demo","kind":"session","taskManagers":{"count":1}}`

func TestService(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for path, want := range map[string]string{
		"/v1/health":        `{"healthy":true,"role":"leader","connected":false}`,
		"/metrics":          "up 1",
		"/v1/clusters":      `{"clusters":[]}`,
		"/v1/artifacts":     `{"artifacts":[]}`,
		"/v1/debug/offers":  `{"offers":[]}`,
		"/v1/debug/state":   `"clusters":[],"tasks":[],"waiting":[],"agents":[],"reservations":[],"leftovers":[]}`,
		"/v1/openapi.yaml":  string(firstLine(t, w.do("GET", "/v1/openapi.yaml", "").body)),
		"/v1/version":       `"version":"1.0.0","commit":"0123456789ab","go":"go1.`,
		"/v1/service":       `"leader":true,"leaderUrl":"http://127.0.0.1:1","roles":["*"],"flink":[{"name":"2.3.0","version":"2.3.0"`,
		"/":                 "<!DOCTYPE html>",
		"/page/nothing.css": `{"code":"not_found"`,
		"/v1/nothing":       `{"code":"not_found"`,
	} {
		a := w.do("GET", path, "")
		if !strings.Contains(a.body, want) {
			t.Errorf("GET %s: want %s in it, got %d %s", path, want, a.StatusCode, a.body)
		}
		if a.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("GET %s has no nosniff", path)
		}
	}
}

func firstLine(t *testing.T, s string) string {
	t.Helper()
	line, _, _ := strings.Cut(s, "\n")
	if !strings.HasPrefix(line, "openapi: 3") {
		t.Fatalf("the document begins with %q", line)
	}
	return line
}

func TestUnhealthy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.Healthy = func() error { return errors.New("the loop stands still") } })
	a := w.do("GET", "/v1/health", "")
	want := `{"healthy":false,"role":"leader","connected":false,"code":"unavailable","message":"the loop stands still"}`
	if a.StatusCode != http.StatusServiceUnavailable || strings.TrimSpace(a.body) != want {
		t.Fatalf("got %d %s", a.StatusCode, a.body)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	if _, err := api.New(api.Options{}); err == nil {
		t.Fatal("New() without a core: want an error")
	}
	newWorld(t, func(o *api.Options) {
		open := *o
		open.Admit = nil
		if _, err := api.New(open); err == nil || !strings.Contains(err.Error(), "Admit") {
			t.Errorf("New() that would admit every spec: error %v", err)
		}
	})
}

// TestHealthTellsPeople checks that the health names the registration, and that a lost one is no reason to restart.
func TestHealthTellsPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.loop.Post(state.Subscribed{FrameworkID: "f-1", Master: "127.0.0.1:5050"})
	w.poll("the registration", func(s *state.State) bool { return s.Connected })
	a := w.json("GET", "/v1/health", "", http.StatusOK)
	if want := `{"healthy":true,"role":"leader","connected":true,"master":"127.0.0.1:5050","frameworkId":"f-1"}`; strings.TrimSpace(a.body) != want {
		t.Fatalf("want %s, got %s", want, a.body)
	}
	w.loop.Post(state.Disconnected{})
	w.poll("the loss of the master", func(s *state.State) bool { return !s.Connected })
	if a := w.json("GET", "/v1/health", "", http.StatusOK); !strings.Contains(a.body, `"healthy":true,"role":"leader","connected":false`) {
		t.Fatalf("without a master: %s", a.body)
	}
}

func TestRefusedRoutes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.json("POST", "/v1/clusters", session, http.StatusCreated)
	for _, c := range []struct {
		name, method, path string
		status             int
		code               fault.Code
		allow              string
	}{
		{"wrong method", "PATCH", "/v1/clusters", 405, fault.Invalid, "GET, HEAD, POST"},
		{"wrong method of one", "POST", "/v1/clusters/demo", 405, fault.Invalid, "DELETE, GET, HEAD, PUT"},
		{"wrong method of an action", "GET", "/v1/clusters/demo/restart", 405, fault.Invalid, "POST"},
		{"wrong method of health", "DELETE", "/v1/health", 405, fault.Invalid, "GET, HEAD"},
		{"slash at the end", "GET", "/v1/clusters/", 404, fault.NotFound, ""},
		{"two slashes", "GET", "/v1//clusters", 404, fault.NotFound, ""},
		{"dots", "GET", "/v1/x/../clusters", 404, fault.NotFound, ""},
		{"escaped dots", "GET", "/v1/x/%2e%2E/clusters", 404, fault.NotFound, ""},
		{"no cluster", "GET", "/v1/clusters/none", 404, fault.NotFound, ""},
		{"no cluster to restart", "POST", "/v1/clusters/none/restart", 404, fault.NotFound, ""},
		{"no cluster to delete", "DELETE", "/v1/clusters/none", 404, fault.NotFound, ""},
		{"no cluster with events", "GET", "/v1/clusters/none/events", 404, fault.NotFound, ""},
		{"no cluster to show", "GET", "/v1/clusters/none/ui/", 404, fault.NotFound, ""},
		{"no task", "POST", "/v1/clusters/demo/tasks/x/restart", 404, fault.NotFound, ""},
		{"no file", "GET", "/v1/clusters/demo/tasks/x/files/stdout", 404, fault.NotFound, ""},
		{"force", "DELETE", "/v1/clusters/demo?force=maybe", 422, fault.Invalid, ""},
		{"artifact outside", "GET", "/artifacts/../../etc/passwd", 404, fault.NotFound, ""},
		{"dots in the proxy", "GET", "/v1/clusters/demo/ui/../../x", 400, fault.Malformed, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := rawly(t, w.url, c.method, c.path)
			a.wantFault(t, c.status, c.code, "")
			if got := a.Header.Get("Allow"); got != c.allow {
				t.Fatalf("Allow: want %q, got %q", c.allow, got)
			}
		})
	}
}

// rawly sends a path as it is: net/http's client would clean nothing but url.Parse must not fail.
func rawly(t *testing.T, base, method, path string) answered {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	p, query, _ := strings.Cut(path, "?")
	u.Opaque, u.RawQuery = "//"+u.Host+p, query
	req := &http.Request{Method: method, URL: u, Host: u.Host, Header: http.Header{}}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answered{resp, string(data)}
}

// TestLife follows a cluster from its creation to its end.
func TestLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.json("POST", "/v1/clusters", session, http.StatusCreated)
	if got := a.Header.Get("Location"); got != "clusters/demo" {
		t.Fatalf("Location: %s", got)
	}
	d := into[wire.Description](t, a)
	if d.Status.State != wire.Created || d.Spec.FlinkVersion != "2.3.0" || d.Spec.TaskManager.Slots != 1 {
		t.Fatalf("not completed: %s", a.body)
	}
	w.json("POST", "/v1/clusters", session, http.StatusConflict)
	w.json("PUT", "/v1/clusters/other", session, http.StatusUnprocessableEntity)
	jm := w.up("demo", "http://127.0.0.1:1/slave(1)")
	w.json("PUT", "/v1/clusters/second", `{}`, http.StatusCreated)
	if a := w.json("GET", "/v1/clusters", "", http.StatusOK); len(into[struct{ Clusters []wire.Summary }](t, a).Clusters) != 2 {
		t.Fatalf("list: %s", a.body)
	}
	w.json("POST", "/v1/clusters/demo/tasks/"+jm.ID+"/restart", "", http.StatusAccepted)
	a = w.json("POST", "/v1/clusters/demo/restart", "", http.StatusAccepted)
	if d := into[wire.Description](t, a); d.Status.Generation != 2 || d.Spec.RestartNonce != 1 {
		t.Fatalf("restart: %s", a.body)
	}
	// A spec from a file, which knows nothing of the restart, is not another one.
	a = w.json("PUT", "/v1/clusters/demo", session, http.StatusOK)
	if d := into[wire.Description](t, a); d.Spec.RestartNonce != 1 || d.Status.Generation != 2 || a.Header.Get("ETag") != `"2"` {
		t.Fatalf("put: %s", a.body)
	}
	if a := w.json("GET", "/v1/clusters/demo/events", "", http.StatusOK); len(into[wire.Notes](t, a).Events) < 3 {
		t.Fatalf("events: %s", a.body)
	}
	w.json("DELETE", "/v1/clusters/demo", "", http.StatusAccepted)
	w.json("DELETE", "/v1/clusters/second", "", http.StatusAccepted)
	w.poll("the end of second", func(s *state.State) bool { return !has(s, "second") })
	d = into[wire.Description](t, w.json("GET", "/v1/clusters/demo", "", http.StatusOK))
	if d.Status.State != wire.Deleting {
		t.Fatalf("state: %s", d.Status.State)
	}
	for _, tk := range d.Tasks {
		w.loop.Post(state.Updated{TaskID: tk.ID, AgentID: "a-1", State: task.Killed})
	}
	w.poll("the end of demo", func(s *state.State) bool { return !has(s, "demo") })
	w.json("GET", "/v1/clusters/demo", "", http.StatusNotFound)
}

func has(s *state.State, name string) bool {
	_, ok := view.Spec(s, name)
	return ok
}

func TestDeleteWithJobs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.json("POST", "/v1/clusters", session, http.StatusCreated)
	jm := w.up("demo", "")
	w.loop.Post(state.FlinkObserved{Cluster: "demo", JobManager: jm.ID, Flink: wire.Flink{JobsRunning: 2}})
	w.poll("the observation", func(s *state.State) bool {
		d, _ := view.Describe(s, "demo")
		return d.Status.Flink != nil
	})
	w.do("DELETE", "/v1/clusters/demo", "").wantFault(t, 409, fault.Conflict, `cluster "demo" has 2 running jobs: stop or cancel them first, or delete the cluster with ?force=true`)
	w.json("DELETE", "/v1/clusters/demo?force=true", "", http.StatusAccepted)
}

// TestMasked checks that secrets are not shown and survive describe, edit, put.
func TestMasked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secret := `{"name":"demo","flinkConfiguration":{"security.ssl.rest.keystore-password":"hunter2","a":"b"},"environment":{"DB_PASSWORD":"hunter3","X":"1"}}`
	a := w.json("POST", "/v1/clusters", secret, http.StatusCreated)
	for _, path := range []string{"/v1/clusters/demo", "/v1/clusters", "/v1/clusters/demo/events"} {
		if got := w.do("GET", path, ""); strings.Contains(a.body+got.body, "hunter") {
			t.Fatalf("a secret is in %s or %s", a.body, got.body)
		}
	}
	d := into[wire.Description](t, a)
	want := map[string]string{"security.ssl.rest.keystore-password": "******", "a": "b"}
	if diff := cmp.Diff(want, d.Spec.FlinkConfiguration); diff != "" {
		t.Fatalf("configuration (-want +got):\n%s", diff)
	}
	edited := strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(secret, "hunter2", "******"), "hunter3", "******"), `"a":"b"`, `"a":"c"`)
	if a := w.json("PUT", "/v1/clusters/demo", edited, http.StatusOK); strings.Contains(a.body, "hunter") {
		t.Fatalf("a secret is in %s", a.body)
	}
	stored, _ := view.Spec(w.loop.View(), "demo")
	want = map[string]string{"security.ssl.rest.keystore-password": "hunter2", "a": "c"}
	if diff := cmp.Diff(want, stored.FlinkConfiguration); diff != "" {
		t.Fatalf("stored configuration (-want +got):\n%s", diff)
	}
	if got := stored.Environment["DB_PASSWORD"]; got != "hunter3" {
		t.Fatalf("stored environment: %q", got)
	}
	w.json("POST", "/v1/clusters/demo/restart", "", http.StatusAccepted)
	if stored, _ := view.Spec(w.loop.View(), "demo"); stored.FlinkConfiguration["security.ssl.rest.keystore-password"] != "hunter2" {
		t.Fatal("a restart lost the secret")
	}
	w.do("POST", "/v1/clusters", strings.Replace(edited, "demo", "fresh", 1), "Content-Type", "application/json").
		wantFault(t, 422, fault.Invalid, "flinkConfiguration.security.ssl.rest.keystore-password: is masked")
}

// TestForeignPages checks that another site's page cannot change anything.
func TestForeignPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.json("POST", "/v1/clusters", session, http.StatusCreated)
	for _, c := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"not a browser", nil, 202},
		{"our page", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://gateway"}, 202},
		{"our page, older browser", []string{"Origin", w.url}, 202},
		{"our page behind a gateway, older browser", []string{"Origin", "https://gateway", "X-Forwarded-Host", "gateway"}, 202},
		{"another site", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil"}, 403},
		{"another site, older browser", []string{"Origin", "https://evil"}, 403},
		{"a sandboxed frame", []string{"Origin", "null"}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, path := range []string{"/v1/clusters/demo/restart"} {
				if a := w.do("POST", path, "", c.headers...); a.StatusCode != c.status {
					t.Fatalf("want %d, got %d %s", c.status, a.StatusCode, a.body)
				}
			}
			// Without a JobManager what is let through is answered with 503.
			for path, acts := range map[string]bool{"jars/x/plan": true, "jobs/0/yarn-cancel": true, "jobs/0/plan": false, "": false} {
				a := w.do("GET", "/v1/clusters/demo/ui/"+path, "", c.headers...)
				if want := acts && c.status == http.StatusForbidden; want != (a.StatusCode == http.StatusForbidden) {
					t.Errorf("GET %s: %d %s", path, a.StatusCode, a.body)
				}
			}
		})
	}
}

// TestArtifacts checks that an artifact that a cluster uses stays, and that a spec names only what is there.
func TestArtifacts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.do("POST", "/v1/artifacts?name=app.jar", "PK bytes", "Content-Type", "application/octet-stream")
	if a.StatusCode != http.StatusCreated {
		t.Fatalf("upload: %d %s", a.StatusCode, a.body)
	}
	up := into[struct {
		SHA256, Name, URI, MediaType, Created string
		Size                                  int64
		Public                                bool
	}](t, a)
	spec := `{"name":"app","kind":"application","job":{"jarURI":"` + up.URI + `"}}`
	w.do("POST", "/v1/clusters", strings.Replace(spec, up.SHA256[:8], "00000000", 1), "Content-Type", "application/json").
		wantFault(t, 422, fault.Invalid, "job.jarURI: ")
	w.json("POST", "/v1/clusters", spec, http.StatusCreated)
	w.do("DELETE", "/v1/artifacts/"+up.SHA256, "").wantFault(t, 409, fault.Conflict, "cluster app")
	w.json("DELETE", "/v1/clusters/app", "", http.StatusAccepted)
	if a := w.do("DELETE", "/v1/artifacts/"+up.SHA256, ""); a.StatusCode != http.StatusNoContent {
		t.Fatalf("delete: %d %s", a.StatusCode, a.body)
	}
	w.do("POST", "/v1/artifacts?name=big.jar", strings.Repeat("x", 5<<20)).wantFault(t, 413, fault.TooLarge, "")
}

// TestStopped checks the answer when the loop does not take events any more.
func TestStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.Core = stopped{o.Core} })
	a := w.do("POST", "/v1/clusters", session, "Content-Type", "application/json")
	a.wantFault(t, 503, fault.Unavailable, "stopping")
	if a.Header.Get("Retry-After") == "" {
		t.Fatal("no Retry-After")
	}
}

// stopped is a core whose loop has ended.
type stopped struct{ api.Core }

func (stopped) Do(_ context.Context, build func(uint64) state.Event) error {
	build(1)
	return fault.New(fault.Unavailable, "the service is stopping")
}

// TestPanic checks that a bug is one failed request.
func TestPanic(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) {
		o.Admit = func(spec.Spec, spec.Spec) (spec.Spec, []string, error) { panic("a bug") }
	})
	w.do("POST", "/v1/clusters", session, "Content-Type", "application/json").wantFault(t, 500, fault.Internal, "internal error")
	w.json("GET", "/v1/health", "", 200)
}

// TestImport makes a spec of old files, says what this service would refuse of it, and creates a cluster of it as it is.
func TestImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	read := func(body string) wire.Imported {
		t.Helper()
		a := w.do("POST", "/v1/import", body, "Content-Type", "application/json")
		if a.StatusCode != http.StatusOK {
			t.Fatalf("POST /v1/import = %d %s", a.StatusCode, a.body)
		}
		var got wire.Imported
		if err := json.Unmarshal([]byte(a.body), &got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	got := read(`{"flinkConf":"taskmanager.numberOfTaskSlots: 2\nmy.password: s3","marathonApp":"{\"id\":\"/old/one\",\"cmd\":\"mesos-appmaster.sh\"}"}`)
	if len(got.Problems) > 0 || got.Spec.Name != "one" || got.Spec.TaskManager.Slots != 2 || got.Spec.FlinkConfiguration["my.password"] != "s3" {
		t.Fatalf("imported %+v", got)
	}
	spec, err := json.Marshal(got.Spec)
	if err != nil {
		t.Fatal(err)
	}
	if a := w.do("POST", "/v1/clusters", string(spec), "Content-Type", "application/json"); a.StatusCode != http.StatusCreated {
		t.Errorf("the spec is not taken as it is: %d %s", a.StatusCode, a.body)
	}
	got = read(`{"configYAML":"mesos.resourcemanager.framework.role: none"}`)
	if len(got.Problems) != 1 || got.Problems[0].Field != "role" {
		t.Errorf("problems are %+v, want one of the role", got.Problems)
	}
	for body, status := range map[string]int{`{}`: 422, `{"configYAML":"[a"}`: 422, `{"x":1}`: 422, `[`: 400} {
		if a := w.do("POST", "/v1/import", body, "Content-Type", "application/json"); a.StatusCode != status {
			t.Errorf("POST %s = %d, want %d", body, a.StatusCode, status)
		}
	}
}
