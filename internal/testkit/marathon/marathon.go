// Package marathon is a stand-in for Marathon with one agent below it: it keeps apps of one instance, as the REST API
// changes them, and runs their commands as Mesos does (files fetched, a sandbox, the user, the variables of Marathon and
// Mesos, ports), checks their health, and starts them anew when they end. It is used by tests only.
//
// It refuses apps of several instances. It does not validate an app beyond what it must know to run it.
package marathon

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/runtime"
)

// Options configure a Server.
type Options struct {
	// WorkDir is where the sandboxes are; users of apps must be able to reach it.
	WorkDir string
	// Secrets are the secret store: values by path.
	Secrets map[string]string
}

// Server is one Marathon.
type Server struct {
	// URL is its address.
	URL     string
	t       testing.TB
	o       Options
	runtime *runtime.Runtime

	mu          sync.Mutex
	apps        map[string]*app
	deployments map[string]string // the ids of those under way, and their apps
	serial      int
}

// Start starts a Marathon without apps, which ends with the test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	r, err := runtime.New(runtime.Options{AgentID: "agent", WorkDir: o.WorkDir})
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, o: o, runtime: r, apps: map[string]*app{}, deployments: map[string]string{}}
	h := httptest.NewServer(s)
	s.URL = h.URL
	t.Cleanup(func() {
		h.Close()
		s.mu.Lock()
		apps := slices.Collect(maps.Values(s.apps))
		s.mu.Unlock()
		for _, a := range apps {
			a.end()
		}
		if err := r.Close(); err != nil {
			t.Errorf("end Marathon's agent: %v", err)
		}
	})
	return s
}

// ServeHTTP implements http.Handler: the part of Marathon's REST API that concerns single apps and deployments.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, isApp := strings.CutPrefix(r.URL.Path, "/v2/apps/")
	id = "/" + strings.Trim(id, "/")
	switch {
	case r.URL.Path == "/v2/deployments" && r.Method == http.MethodGet:
		s.listDeployments(w)
	case r.URL.Path == "/v2/apps" && r.Method == http.MethodPost:
		s.change(w, r, "")
	case !isApp:
		refuse(w, http.StatusNotFound, "there is nothing at "+r.URL.Path)
	case r.Method == http.MethodGet:
		s.describe(w, id)
	case r.Method == http.MethodPut || r.Method == http.MethodPatch:
		s.change(w, r, id)
	case r.Method == http.MethodDelete:
		s.destroy(w, r, id)
	default:
		refuse(w, http.StatusMethodNotAllowed, r.Method+" is not for "+r.URL.Path)
	}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // The client may be gone.
}

func refuse(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]any{"message": message})
}

func (s *Server) listDeployments(w http.ResponseWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []any{}
	for id, app := range s.deployments {
		list = append(list, map[string]any{"id": id, "affectedApps": []string{app}})
	}
	answer(w, http.StatusOK, list)
}

func (s *Server) describe(w http.ResponseWriter, id string) {
	s.mu.Lock()
	a := s.apps[id]
	if a == nil {
		s.mu.Unlock()
		refuse(w, http.StatusNotFound, fmt.Sprintf("App '%s' does not exist", id))
		return
	}
	document := maps.Clone(a.document)
	document["version"] = a.version
	deployments := []any{}
	for _, d := range s.under(id) {
		deployments = append(deployments, map[string]any{"id": d})
	}
	document["deployments"] = deployments
	s.mu.Unlock()
	a.tell(document)
	answer(w, http.StatusOK, map[string]any{"app": document})
}

// under lists the deployments of an app that are under way. The caller holds the lock.
func (s *Server) under(id string) (all []string) {
	for d, app := range s.deployments {
		if app == id {
			all = append(all, d)
		}
	}
	return all
}

// locked answers 409 when a deployment of the app is under way and the request does not force it away, which it does
// otherwise. The caller holds the lock.
func (s *Server) locked(w http.ResponseWriter, r *http.Request, id string) bool {
	running := s.under(id)
	if len(running) > 0 && r.URL.Query().Get("force") != "true" {
		deployments := []any{}
		for _, d := range running {
			deployments = append(deployments, map[string]any{"id": d})
		}
		answer(w, http.StatusConflict, map[string]any{
			"message": "App is locked by one or more deployments. Override with the option '?force=true'. View details at '/v2/deployments/<DEPLOYMENT_ID>'.", "deployments": deployments,
		})
		return true
	}
	for _, d := range running {
		delete(s.deployments, d)
	}
	return false
}

// change makes an app or changes it: in part, unless partialUpdate=false says that the document is the whole.
func (s *Server) change(w http.ResponseWriter, r *http.Request, id string) {
	var change map[string]any
	d := json.NewDecoder(r.Body)
	d.UseNumber()
	if err := d.Decode(&change); err != nil {
		refuse(w, http.StatusBadRequest, "Invalid JSON")
		return
	}
	if id == "" {
		id, _ = change["id"].(string)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locked(w, r, id) {
		return
	}
	document := map[string]any{}
	a := s.apps[id]
	if a != nil && r.URL.Query().Get("partialUpdate") != "false" {
		document = maps.Clone(a.document)
	}
	for name, v := range change {
		if v != nil {
			document[name] = v
		}
	}
	document["id"] = id
	p, err := plan(document, s.o.Secrets)
	if err != nil {
		answer(w, http.StatusUnprocessableEntity, map[string]any{
			"message": "Object is not valid", "details": []any{map[string]any{"path": "/", "errors": []any{err.Error()}}},
		})
		return
	}
	if a == nil {
		a = &app{s: s, id: id}
		s.apps[id] = a
	}
	a.document, a.version = document, time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	p.version = a.version
	s.accept(w, a, func(done func()) { a.become(p, done) })
}

func (s *Server) destroy(w http.ResponseWriter, r *http.Request, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[id]
	if a == nil {
		refuse(w, http.StatusNotFound, fmt.Sprintf("App '%s' does not exist", id))
		return
	}
	if s.locked(w, r, id) {
		return
	}
	delete(s.apps, id)
	s.accept(w, a, func(done func()) {
		a.end()
		done()
	})
}

// accept begins a deployment and answers its id. The caller holds the lock.
func (s *Server) accept(w http.ResponseWriter, a *app, do func(done func())) {
	s.serial++
	deployment := "deployment-" + strconv.Itoa(s.serial)
	s.deployments[deployment] = a.id
	go do(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.deployments, deployment)
	})
	answer(w, http.StatusOK, map[string]any{"version": a.version, "deploymentId": deployment})
}

// find returns the app whose labels make it the service of a name.
func (s *Server) find(name string) *app {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.apps {
		if labels, _ := a.document["labels"].(map[string]any); labels["DCOS_SERVICE_NAME"] == name {
			return a
		}
	}
	return nil
}

// Service passes requests on to the running task of the app that has the labels of a service with this name, as Admin
// Router finds it: DCOS_SERVICE_NAME, DCOS_SERVICE_SCHEME and DCOS_SERVICE_PORT_INDEX.
func (s *Server) Service(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := s.find(name)
		if a == nil {
			http.Error(w, "404 Not Found", http.StatusNotFound)
			return
		}
		target := a.target()
		if target == nil {
			http.Error(w, "502 Bad Gateway", http.StatusBadGateway)
			return
		}
		proxy := httputil.ReverseProxy{
			Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target); r.SetXForwarded() },
			FlushInterval: -1,
			ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
				http.Error(w, "502 Bad Gateway", http.StatusBadGateway)
			},
		}
		proxy.ServeHTTP(w, r)
	})
}

// Sandbox is the directory of an app's newest task; empty when there has been none.
func (s *Server) Sandbox(id string) string {
	s.mu.Lock()
	a := s.apps[id]
	s.mu.Unlock()
	if a == nil {
		return ""
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	dir, _ := s.runtime.Sandbox(a.task)
	return dir
}

// target is where an app's task listens; nil when none runs.
func (a *app) target() *url.URL {
	a.mu.Lock()
	defer a.mu.Unlock()
	labels, _ := a.running.document["labels"].(map[string]any)
	index, err := strconv.Atoi(fmt.Sprint(labels["DCOS_SERVICE_PORT_INDEX"]))
	if !a.up || err != nil || index >= len(a.ports) {
		return nil
	}
	return &url.URL{Scheme: fmt.Sprint(labels["DCOS_SERVICE_SCHEME"]), Host: "127.0.0.1:" + strconv.Itoa(a.ports[index])}
}
