// Package apiserver is a stand-in for the service's HTTP API, for tests of its clients. It
// behaves: clusters come up phase by phase, jobs run and end, files have bytes. It is
// deterministic: time passes by one second with each request, and each look at a cluster or job moves it
// one step on, so tests neither sleep nor race.
//
// What happens follows from what is asked for, as with the real one. Its agents have 8 cpus
// and 16 GiB each: a task that needs more waits for ever. A jar called throws.jar throws in its main
// method, fails.jar fails while it runs, endless.jar never ends, cancelled.jar is cancelled; every
// other jar finishes. It is used by tests only.
package apiserver

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/flinkmesos"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Start is the time of the first request.
var Start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) //nolint:gochecknoglobals // A constant.

// Server is the stand-in. The zero value is not usable; see New.
type Server struct {
	mux       *http.ServeMux
	mu        sync.Mutex
	now       time.Time
	clusters  map[string]*state
	artifacts map[string]artifact
	files     map[string]string
	jobs      int
	jars      int
	requests  []string
}

// artifact is an uploaded file, without its bytes.
type artifact struct {
	SHA256 string `json:"sha256"`
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	URI    string `json:"uri"`
}

// New returns a stand-in without clusters.
func New() *Server {
	s := &Server{
		mux:       http.NewServeMux(),
		now:       Start,
		clusters:  map[string]*state{},
		artifacts: map[string]artifact{},
		files:     map[string]string{},
	}
	s.routes()
	return s
}

// Now returns the stand-in's time, for clocks of tests.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// Requests lists what was asked for: method and path with query.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Append adds text to a file of a task's sandbox.
func (s *Server) Append(task, file, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[task+"/"+file] += text
}

// ServeHTTP implements http.Handler. One request is served at a time.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(time.Second)
	s.requests = append(s.requests, r.Method+" "+r.URL.RequestURI())
	s.mux.ServeHTTP(w, r)
}

// routes fills the mux with the routes of the API.
func (s *Server) routes() {
	handle := func(pattern string, h func(*http.Request) (int, any, error)) {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			status, body, err := h(r)
			if err != nil {
				answerError(w, err)
				return
			}
			if name := r.Method + " " + r.URL.Path; status == http.StatusCreated && name == "POST /v1/clusters" {
				w.Header().Set("Location", "/v1/clusters/"+body.(wire.Description).Name)
			}
			answer(w, status, body)
		})
	}
	handle("GET /v1/health", func(*http.Request) (int, any, error) {
		return http.StatusOK, map[string]any{"healthy": true}, nil
	})
	handle("GET /v1/version", func(*http.Request) (int, any, error) {
		return http.StatusOK, map[string]string{"version": "1.0.0", "commit": "0123456789ab", "go": "go1.26.0"}, nil
	})
	handle("GET /v1/service", s.service)
	handle("GET /v1/clusters", s.list)
	handle("POST /v1/clusters", s.create)
	handle("GET /v1/clusters/{name}", s.describe)
	handle("PUT /v1/clusters/{name}", s.put)
	handle("DELETE /v1/clusters/{name}", s.remove)
	handle("POST /v1/clusters/{name}/restart", s.restart)
	handle("POST /v1/clusters/{name}/suspend", s.suspend)
	handle("POST /v1/clusters/{name}/resume", s.resume)
	handle("GET /v1/clusters/{name}/events", s.events)
	handle("GET /v1/clusters/{name}/placement", s.placement)
	handle("POST /v1/clusters/{name}/tasks/{task}/restart", s.restartTask)
	handle("POST /v1/clusters/{name}/tasks/{task}/replace", s.restartTask)
	s.mux.HandleFunc("GET /v1/clusters/{name}/tasks/{task}/files/{path...}", s.file)
	s.mux.HandleFunc("/v1/clusters/{name}/ui/{path...}", s.ui)
	handle("POST /v1/import", func(r *http.Request) (int, any, error) {
		var files wire.OldFiles
		if err := json.NewDecoder(r.Body).Decode(&files); err != nil {
			return 0, nil, fault.New(fault.Malformed, "%v", err)
		}
		imported, err := flinkmesos.Import(files)
		if imported.Spec.Role == "prod" {
			imported.Problems = []fault.Detail{{Field: "role", Message: "prod is not a role of this service: use *"}}
		}
		return http.StatusOK, imported, err
	})
	handle("POST /v1/artifacts", s.upload)
	handle("GET /v1/artifacts", func(*http.Request) (int, any, error) {
		list := []artifact{}
		for _, key := range sorted(s.artifacts) {
			list = append(list, s.artifacts[key])
		}
		return http.StatusOK, map[string]any{"artifacts": list}, nil
	})
	handle("DELETE /v1/artifacts/{sha256}", s.removeArtifact)
	handle("GET /v1/debug/offers", s.offers)
	s.sdkRoutes(handle)
	handle("GET /v1/debug/journal", s.journal)
	handle("GET /v1/debug/state", s.debugState)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			answerError(w, fault.New(fault.NotFound, "there is no route %s %s", r.Method, r.URL.Path))
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintln(w, "<!DOCTYPE html><title>Flink</title>")
	})
}

// service describes the framework.
func (s *Server) service(*http.Request) (int, any, error) {
	return http.StatusOK, map[string]any{
		"name": "flink", "frameworkId": "7c2a5c1e-6b1d-4f0e-9f4e-1d2c3b4a5f60-0001", "master": "http://10.0.0.1:5050",
		"connected": true, "suppressed": false, "reconciling": 0, "leader": true, "roles": []string{"flink", "*"},
		"clusters": len(s.clusters), "agents": 3,
		"flink": []map[string]string{
			{"version": "2.3.0", "sha256": strings.Repeat("23", 32)},
			{"version": "1.20.5", "sha256": strings.Repeat("12", 32)},
		},
	}, nil
}

// offers lists two outcomes.
func (s *Server) offers(*http.Request) (int, any, error) {
	return http.StatusOK, map[string]any{"offers": []map[string]any{
		{
			"time": Start, "offerIds": []string{"o-1"}, "agentId": "agent-1", "hostname": "agent1.example",
			"result": "accepted", "tasks": []string{"demo-jm-1"},
		},
		{
			"time": Start.Add(time.Second), "offerIds": []string{"o-2", "o-3"}, "agentId": "agent-2", "hostname": "agent2.example",
			"result": "declined", "reasons": []string{"cpus: 16 needed, 8 offered"},
		},
	}}, nil
}

// journal lists two entries, or those of them that contain a text.
func (s *Server) journal(r *http.Request) (int, any, error) {
	type entry struct {
		Time    time.Time      `json:"time"`
		Event   string         `json:"event"`
		Data    map[string]any `json:"data"`
		Actions []string       `json:"actions,omitempty"`
	}
	entries := []entry{
		{Start, "Subscribed", map[string]any{"FrameworkID": "f-1"}, []string{"save framework", "suppress"}},
		{Start.Add(time.Second), "Updated", map[string]any{"TaskID": "demo-jm-1", "State": "RUNNING"}, []string{"save task/demo-jm-1", "acknowledge demo-jm-1"}},
	}
	text := r.URL.Query().Get("contains")
	return http.StatusOK, map[string]any{"entries": slices.DeleteFunc(entries, func(e entry) bool {
		return !strings.Contains(fmt.Sprint(e), text)
	})}, nil
}

// debugState answers the tasks of the clusters, one more that waits, and an agent that is avoided.
func (s *Server) debugState(*http.Request) (int, any, error) {
	avoided := Start.Add(2 * time.Minute)
	d := wire.DebugState{
		Framework: wire.DebugFramework{ID: "7c2a5c1e-6b1d-4f0e-9f4e-1d2c3b4a5f60-0001"}, Master: "10.0.0.1:5050", Connected: true,
		Reconciliation: wire.DebugReconciliation{Open: []string{}, Implicit: Start.Add(15 * time.Minute)},
		Clusters:       []wire.DebugCluster{}, Tasks: []wire.DebugTask{},
		Waiting: []wire.DebugWaiting{{Cluster: "demo", Waiting: wire.Waiting{
			ID: "demo-x7k2-tm-9", Kind: spec.TaskManagerTask, Since: Start, Reason: "cpus: 4 wanted, the most that an agent has is 2.5",
		}}},
		Agents: []wire.DebugAgent{
			{ID: "a-S0", Hostname: "agent-0", Offered: &Start}, {ID: "a-S1", Hostname: "agent-1", Offered: &Start, Failures: 3, Avoided: &avoided}, {ID: "a-S2", Hostname: "agent-2", Draining: true},
		},
		Reservations: []task.Reservation{}, OrphanedHAData: []string{},
	}
	for _, name := range sorted(s.clusters) {
		c := s.clusters[name]
		tasks := s.tasks(c)
		d.Clusters = append(d.Clusters, wire.DebugCluster{Name: name, Nonce: "x7k2", State: wire.Stable, Generation: c.generation, JobManagers: []string{tasks[0].ID}, TaskManagers: len(tasks) - 1, Running: len(tasks) - 1})
		for _, t := range tasks {
			d.Tasks = append(d.Tasks, wire.DebugTask{Cluster: name, Generation: c.generation, TaskStatus: t})
		}
	}
	return http.StatusOK, d, nil
}

// placement fills the three agents up with TaskManagers.
func (s *Server) placement(r *http.Request) (int, any, error) {
	c, err := s.find(r)
	if err != nil {
		return 0, nil, err
	}
	more, err := strconv.Atoi(cmp.Or(r.URL.Query().Get("taskManagers"), "1"))
	if err != nil || more < 1 || more > 10000 {
		return 0, nil, fault.New(fault.Invalid, "taskManagers: give a whole number from 1 to 10000")
	}
	cpus := max(1, c.spec.TaskManager.CPUs)
	fit := wire.Fit{
		Cluster: c.spec.Name, TaskManagers: more, Needs: fmt.Sprintf("%v cpus, 1728 MiB mem, 3 ports", cpus),
		KnownAgents: 3, Oldest: Start, Newest: Start.Add(time.Second), Agents: []wire.FitAgent{}, Blocked: []wire.FitBlock{},
	}
	for i := 1; i <= 3 && fit.Fit < more; i++ {
		n := min(more-fit.Fit, int(agentCPUs/cpus))
		fit.Fit += n
		fit.Agents = append(fit.Agents, wire.FitAgent{
			AgentID: fmt.Sprintf("agent-%d", i), Hostname: fmt.Sprintf("agent%d.example", i), Zone: "a", TaskManagers: n, Seen: Start,
		})
	}
	if fit.Fit < more {
		fit.Blocked = append(fit.Blocked, wire.FitBlock{
			What: "cpus", Agents: 3, Hosts: []string{"agent1.example", "agent2.example", "agent3.example"},
			Message: fmt.Sprintf("%v wanted, at most 0 left on one of them", cpus),
		})
	}
	return http.StatusOK, fit, nil
}

// file serves bytes of a sandbox file.
func (s *Server) file(w http.ResponseWriter, r *http.Request) {
	c, err := s.find(r)
	if err != nil {
		answerError(w, err)
		return
	}
	task := r.PathValue("task")
	if !slices.ContainsFunc(s.tasks(c), func(t wire.TaskStatus) bool { return t.ID == task }) {
		answerError(w, fault.New(fault.NotFound, "cluster %s has no task %s", c.spec.Name, task))
		return
	}
	path := r.PathValue("path")
	text, ok := s.files[task+"/"+path]
	switch {
	case !ok && path == "stdout":
		text = "Starting " + task + "\nThe process is up.\n"
	case !ok:
		answerError(w, fault.New(fault.NotFound, "task %s has no file %s", task, path))
		return
	}
	query := r.URL.Query()
	offset, err := strconv.Atoi(query.Get("offset"))
	if err != nil || offset < 0 {
		answerError(w, fault.New(fault.Invalid, "offset: give a whole number from 0 on"))
		return
	}
	length, err := strconv.Atoi(query.Get("length"))
	if err != nil || length < 1 {
		answerError(w, fault.New(fault.Invalid, "length: give a whole number above 0"))
		return
	}
	offset = min(offset, len(text))
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, text[offset:min(len(text), offset+length)])
}

// upload keeps the hash and the size of a file.
func (s *Server) upload(r *http.Request) (int, any, error) {
	name := r.URL.Query().Get("name")
	if name == "" {
		return 0, nil, fault.New(fault.Invalid, "name: give the file's name")
	}
	if r.ContentLength < 0 {
		return 0, nil, fault.New(fault.Invalid, "the upload has no length: gateways would buffer it")
	}
	hash := sha256.New()
	n, err := io.Copy(hash, r.Body)
	if err != nil {
		return 0, nil, fault.New(fault.Malformed, "the upload ended early: %v", err)
	}
	sum := hex.EncodeToString(hash.Sum(nil))
	a := artifact{SHA256: sum, Name: name, Size: n, URI: "artifact:" + sum + "/" + name}
	s.artifacts[sum] = a
	return http.StatusCreated, a, nil
}

// removeArtifact deletes a file that no cluster uses.
func (s *Server) removeArtifact(r *http.Request) (int, any, error) {
	sum := r.PathValue("sha256")
	if _, ok := s.artifacts[sum]; !ok {
		return 0, nil, fault.New(fault.NotFound, "there is no artifact %s", sum)
	}
	for _, name := range sorted(s.clusters) {
		if job := s.clusters[name].spec.Job; job != nil && strings.Contains(job.JarURI, sum) {
			return 0, nil, fault.New(fault.Conflict, "cluster %s uses artifact %s: delete the cluster first", name, sum)
		}
	}
	delete(s.artifacts, sum)
	return http.StatusNoContent, nil, nil
}

// answer writes JSON.
func answer(w http.ResponseWriter, status int, body any) {
	if body == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // The client is a test's; it sees what is missing.
}

// answerError writes an error as the API does.
func answerError(w http.ResponseWriter, err error) {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		e = fault.New(fault.Internal, "internal error")
	}
	status := map[fault.Code]int{
		fault.Invalid: 422, fault.Malformed: 400, fault.NotFound: 404, fault.Conflict: 409, fault.TooLarge: 413,
		fault.Unauthorized: 401, fault.Forbidden: 403, fault.Unavailable: 503, fault.Upstream: 502, fault.Internal: 500,
	}[e.Code]
	answer(w, status, e)
}

// sorted returns the keys of a map in order.
func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
