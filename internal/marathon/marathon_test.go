package marathon_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/marathon"
	"github.com/flink-on-mesos/flink-service/internal/serviceaccount"
	"github.com/flink-on-mesos/flink-service/internal/testkit/iam"
)

// server answers as Marathon 1.11 does, for the calls that are made here. A deployment lasts until it is ended.
type server struct {
	t *testing.T

	mu          sync.Mutex
	app         map[string]any // nil when it was removed
	deployments []string
	serial      int
	broken      int
	requests    []string
}

// document is our app as Marathon answers it: with networks, secrets and a reference to one.
const document = `{
  "id": "/analytics/flink", "cmd": "exec ./flink-service", "cpus": 0.5, "mem": 512, "disk": 4096, "instances": 1,
  "networks": [{"mode": "host"}], "container": {"type": "MESOS"}, "portDefinitions": [{"port": 10101, "name": "api", "protocol": "tcp"}],
  "secrets": {"service-account": {"source": "flink/sa"}}, "env": {"A": "b", "CREDENTIAL": {"secret": "service-account"}},
  "labels": {"DCOS_SERVICE_NAME": "analytics/flink"}, "fetch": [{"uri": "http://host/a.tgz", "extract": true}], "uris": ["http://host/a.tgz"],
  "version": "2026-01-01T00:00:00.000Z", "versionInfo": {"lastScalingAt": "2026-01-01T00:00:00.000Z"},
  "tasksStaged": 0, "tasksRunning": 1, "tasksHealthy": 1, "tasksUnhealthy": 0, "deployments": [], "tasks": [{"id": "t"}]
}`

func newServer(t *testing.T) (*server, *httptest.Server) {
	t.Helper()
	s := &server{t: t}
	if err := json.Unmarshal([]byte(document), &s.app); err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return s, h
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r.Method+" "+r.URL.RequestURI())
	path := strings.TrimPrefix(r.URL.Path, "/service/marathon")
	switch {
	case s.broken > 0:
		s.broken--
		s.answer(w, http.StatusServiceUnavailable, map[string]any{"message": "no leader is elected"})
	case path == "/v2/deployments":
		list := []any{}
		for _, id := range s.deployments {
			list = append(list, map[string]any{"id": id, "version": "v", "steps": []any{map[string]any{"actions": []any{map[string]any{"action": "ScaleApplication", "app": "/analytics/flink"}}}}})
		}
		s.answer(w, http.StatusOK, list)
	case path != "/v2/apps/analytics/flink" || s.app == nil:
		s.answer(w, http.StatusNotFound, map[string]any{"message": "App '/analytics/flink' does not exist"})
	case r.Method == http.MethodGet:
		s.answer(w, http.StatusOK, map[string]any{"app": s.app})
	case len(s.deployments) > 0 && r.URL.Query().Get("force") != "true":
		s.answer(w, http.StatusConflict, map[string]any{
			"message": "App is locked by one or more deployments. Override with the option '?force=true'.", "deployments": []any{map[string]any{"id": s.deployments[0]}},
		})
	case r.Method == http.MethodDelete:
		s.app = nil
		s.deploy(w)
	case r.Method == http.MethodPut:
		s.put(w, r)
	default:
		s.answer(w, http.StatusMethodNotAllowed, nil)
	}
}

func (s *server) put(w http.ResponseWriter, r *http.Request) {
	var change map[string]any
	if err := json.NewDecoder(r.Body).Decode(&change); err != nil {
		s.answer(w, http.StatusBadRequest, map[string]any{"message": "Invalid JSON"})
		return
	}
	if n, ok := change["mem"].(float64); ok && n < 32 {
		s.answer(w, http.StatusUnprocessableEntity, map[string]any{
			"message": "Object is not valid", "details": []any{map[string]any{"path": "/mem", "errors": []any{"got 1.0, expected 32.0 or more"}}},
		})
		return
	}
	if r.URL.Query().Get("partialUpdate") == "false" {
		s.app = map[string]any{}
	}
	for name, value := range change {
		if value != nil {
			s.app[name] = value
		}
	}
	s.deploy(w)
}

func (s *server) deploy(w http.ResponseWriter) {
	s.serial++
	id := fmt.Sprintf("deployment-%d", s.serial)
	s.deployments = []string{id}
	s.answer(w, http.StatusOK, map[string]any{"version": "2026-01-02T00:00:00.000Z", "deploymentId": id})
}

func (s *server) answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.t.Error(err)
	}
}

// end ends every deployment.
func (s *server) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deployments = nil
}

func client(t *testing.T, url string, transport http.RoundTripper) *marathon.Client {
	t.Helper()
	c, err := marathon.New(marathon.Options{URL: url, AppID: "/analytics/flink", Transport: transport, Poll: 5 * time.Millisecond, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestApp(t *testing.T) {
	t.Parallel()
	_, h := newServer(t)
	app, err := client(t, h.URL+"/service/marathon/", nil).App(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := marathon.App{
		ID: "/analytics/flink", Version: "2026-01-01T00:00:00.000Z", Instances: 1, Running: 1, Healthy: 1,
		Labels: map[string]string{"DCOS_SERVICE_NAME": "analytics/flink"}, Deployments: []marathon.Deployment{},
	}
	if diff := cmp.Diff(want, app); diff != "" {
		t.Errorf("App() mismatch (-want +got):\n%s", diff)
	}
}

// TestLife suspends, resumes, changes and removes the app, each change following the one before.
func TestLife(t *testing.T) {
	t.Parallel()
	s, h := newServer(t)
	c := client(t, h.URL, nil)
	id, err := c.Suspend(t.Context(), false)
	if err != nil || s.app["instances"] != 0.0 || s.app["secrets"] == nil {
		t.Fatalf("suspend: %v, the app is %v", err, s.app)
	}
	_, err = c.Resume(t.Context(), 1, false)
	locked, ok := errors.AsType[*marathon.Locked](err)
	if !ok || len(locked.Deployments) != 1 || locked.Deployments[0] != id {
		t.Fatalf("while a deployment is under way: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Wait(t.Context(), id) }()
	s.mu.Lock()
	s.broken = 2 // A change of leaders does not end the waiting.
	s.mu.Unlock()
	select {
	case err := <-done:
		t.Fatalf("the waiting ended before the deployment: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	s.end()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := c.Resume(t.Context(), 1, false); err != nil || s.app["instances"] != 1.0 {
		t.Fatalf("resume: %v, the app is %v", err, s.app)
	}
	_, err = c.Update(t.Context(), func(app map[string]any) error {
		app["env"].(map[string]any)["SDK_UNINSTALL"] = "true"
		delete(app, "disk")
		return nil
	}, true)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	if err := json.Unmarshal([]byte(document), &want); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"disk", "uris", "version", "versionInfo", "tasksStaged", "tasksRunning", "tasksHealthy", "tasksUnhealthy", "deployments", "tasks"} {
		delete(want, name)
	}
	want["env"].(map[string]any)["SDK_UNINSTALL"] = "true"
	delete(s.app, "ports")        // go-marathon writes these two for
	delete(s.app, "dependencies") // the two calls before.
	if diff := cmp.Diff(want, s.app); diff != "" {
		t.Errorf("Update() mismatch (-want +got):\n%s", diff)
	}
	if _, err := c.Destroy(t.Context(), true); err != nil || s.app != nil {
		t.Fatalf("destroy: %v", err)
	}
	_, err = c.App(t.Context())
	if r, ok := errors.AsType[*marathon.Refused](err); !ok || r.Status != http.StatusNotFound {
		t.Errorf("after the removal: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s, h := newServer(t)
	c := client(t, h.URL, nil)
	_, err := c.Update(t.Context(), func(app map[string]any) error { app["mem"] = 1; return nil }, false)
	if err == nil || !strings.Contains(err.Error(), "/mem: got 1.0, expected 32.0 or more") {
		t.Errorf("422: %v", err)
	}
	if _, err := c.Update(t.Context(), func(app map[string]any) error { app["id"] = "/other"; return nil }, false); err == nil {
		t.Error("the app was renamed")
	}
	s.mu.Lock()
	s.broken = 1
	s.mu.Unlock()
	if _, err := c.App(t.Context()); err == nil || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "no leader is elected") {
		t.Errorf("503: %v", err)
	}
	if _, err := c.App(t.Context()); err != nil {
		t.Errorf("after a 503: %v", err)
	}
	for _, o := range []marathon.Options{{URL: "marathon.mesos:8080", AppID: "/a"}, {URL: "http://h", AppID: "/"}, {URL: "http://a,http://b", AppID: "/a"}} {
		if _, err := marathon.New(o); err == nil {
			t.Errorf("New(%+v) takes it", o)
		}
	}
	h.Close()
	if _, err := c.App(t.Context()); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("without a server: %v", err)
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	h := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(h.Close)
	c, err := marathon.New(marathon.Options{URL: h.URL, AppID: "/analytics/flink", Timeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.App(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// TestPassword sends a name and a password.
func TestPassword(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "ops" || password != "canary" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(h.Close)
	for password, good := range map[string]bool{"canary": true, "guess": false} {
		c, err := marathon.New(marathon.Options{URL: h.URL, AppID: "/analytics/flink", User: "ops", Password: password})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.App(t.Context()); (err == nil) != good || err != nil && (!strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), password)) {
			t.Errorf("with the password %s: %v", password, err)
		}
	}
}

// TestPut makes the app anew, as a whole.
func TestPut(t *testing.T) {
	t.Parallel()
	s, h := newServer(t)
	want := map[string]any{"id": "/analytics/flink", "cmd": "exec ./new", "networks": []any{map[string]any{"mode": "host"}}}
	if _, err := client(t, h.URL, nil).Put(t.Context(), want, false); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, s.app); diff != "" {
		t.Errorf("Put() mismatch (-want +got):\n%s", diff)
	}
}

// TestIdentity sends the token of a service account, and a new one when that is not taken.
func TestIdentity(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	auth := iam.New(iam.Options{})
	login := httptest.NewServer(auth)
	t.Cleanup(login.Close)
	h := httptest.NewServer(auth.Guard(s))
	t.Cleanup(h.Close)
	credential, err := auth.Create("flink", login.URL)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := serviceaccount.New(serviceaccount.Options{Credential: credential, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, h.URL, identity.RoundTripper(http.DefaultTransport))
	if _, err := c.Suspend(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if _, err := client(t, h.URL, nil).App(t.Context()); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("without a token: %v", err)
	}
}
