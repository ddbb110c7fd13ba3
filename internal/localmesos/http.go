package localmesos

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/protocol"
)

// handler is everything the port of the master serves, the agents' part included: they share it.
func (m *Master) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v1/scheduler", m.scheduler)
	mux.HandleFunc("/master/api/v1/scheduler", m.scheduler)
	for _, prefix := range []string{"", "/master"} {
		mux.HandleFunc(prefix+"/api/v1", m.operator)
		mux.HandleFunc(prefix+"/health", func(http.ResponseWriter, *http.Request) {})
		mux.HandleFunc(prefix+"/redirect", m.redirect)
		mux.HandleFunc(prefix+"/state", m.reading(func() any { return m.view().State() }))
		mux.HandleFunc(prefix+"/slaves", m.reading(func() any { return m.view().Slaves() }))
		mux.HandleFunc(prefix+"/teardown", m.teardown)
	}
	for _, prefix := range []string{"", "/slave(1)"} {
		mux.HandleFunc(prefix+"/version", func(w http.ResponseWriter, _ *http.Request) { protocol.WriteJSON(w, m.view().Version()) })
	}
	mux.HandleFunc("/slave(1)/health", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/metrics/snapshot", m.authenticated(func() any { return m.view().Metrics() }))
	mux.HandleFunc("/slave(1)/api/v1", m.sandboxes().Operator)
	for _, prefix := range []string{"", "/slave(1)"} {
		mux.HandleFunc(prefix+"/files/read", m.sandboxes().Read)
		mux.HandleFunc(prefix+"/files/browse", m.sandboxes().Browse)
		mux.HandleFunc(prefix+"/files/download", m.sandboxes().Download)
	}
	mux.HandleFunc("POST /localmesos/faults", m.inject)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		protocol.Plain(w, http.StatusNotFound, "404 Not Found.")
	})
	return mux
}

// reading serves a part of the state as JSON, by a leader only.
func (m *Master) reading(read func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !m.notReady(w, r) {
			m.authenticated(read)(w, r)
		}
	}
}

// authenticated serves a part of the state as JSON, by any master.
func (m *Master) authenticated(read func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, ok := m.principal(r); !ok {
			m.unauthorized(w, "mesos-master-readonly")
			return
		}
		m.mu.Lock()
		v := read()
		m.mu.Unlock()
		protocol.WriteJSON(w, v)
	}
}

func (m *Master) redirect(w http.ResponseWriter, r *http.Request) {
	if m.notReady(w, r) {
		return
	}
	w.Header().Set("Location", "//"+m.address)
	w.WriteHeader(http.StatusTemporaryRedirect)
}

// notReady answers for a master that does not lead: with the leader's address (without a scheme,
// as the real one writes it), or with the reason why there is none.
func (m *Master) notReady(w http.ResponseWriter, r *http.Request) bool {
	m.mu.Lock()
	leader, status, reason := m.faults.redirect, m.faults.notReady, m.faults.notReadyReason
	m.mu.Unlock()
	switch {
	case status != 0:
		protocol.Plain(w, status, reason)
		return true
	case leader != "":
		location := "//" + leader
		if r.URL.Path != "/redirect" && r.URL.Path != "/master/redirect" {
			location += "/master" + strings.TrimPrefix(r.URL.RequestURI(), "/master")
		}
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusTemporaryRedirect)
		return true
	}
	return false
}

// principal checks basic authentication and returns who it is; nobody when none is asked for.
func (m *Master) principal(r *http.Request) (string, bool) {
	if m.o.Principal == "" {
		return "", true
	}
	user, secret, ok := r.BasicAuth()
	want, known := m.o.Principals[user]
	if user == m.o.Principal {
		want, known = m.o.Secret, true
	}
	return user, ok && known && subtle.ConstantTimeCompare([]byte(secret), []byte(want)) == 1
}

// checkPrincipal compares who calls with whom the framework says it is; either may be silent.
func (m *Master) checkPrincipal(r *http.Request, info *mesos.FrameworkInfo) string {
	who, ok := m.principal(r)
	if !ok || who == "" || info.GetPrincipal() == "" || who == info.GetPrincipal() {
		return ""
	}
	return fmt.Sprintf("Authenticated principal '%s' does not match principal '%s' set in `FrameworkInfo`", who, info.GetPrincipal())
}

func (m *Master) unauthorized(w http.ResponseWriter, realm string) {
	w.Header().Set("WWW-Authenticate", fmt.Sprintf("Basic realm=%q", realm))
	protocol.Plain(w, http.StatusUnauthorized, "401 Unauthorized.")
}

// teardown is the operator's POST /teardown with frameworkId=… in the body.
func (m *Master) teardown(w http.ResponseWriter, r *http.Request) {
	if m.notReady(w, r) {
		return
	}
	if _, ok := m.principal(r); !ok {
		m.unauthorized(w, "mesos-master-readwrite")
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		protocol.Plain(w, http.StatusMethodNotAllowed, fmt.Sprintf("405 Method Not Allowed. Expecting one of { 'POST' }, but received '%s'.", r.Method))
		return
	}
	id := r.PostFormValue("frameworkId")
	if id == "" {
		protocol.Plain(w, http.StatusBadRequest, "Missing 'frameworkId' query parameter in the request body")
		return
	}
	if err := m.Teardown(id); err != nil {
		protocol.Plain(w, http.StatusBadRequest, err.Error())
	}
}

// Injection is a fault that POST /localmesos/faults injects. Name is that of the Master's method.
type Injection struct {
	Name string `json:"name"`
	// Agent is the id or the number of an agent, for those faults that concern one.
	Agent string `json:"agent,omitempty"`
	// On switches Silence, Deactivate, Drain and Plan.
	On bool `json:"on,omitempty"`
	// Status and Text are those of NotReady; Text is the address for Redirect and the id for Teardown.
	Status int    `json:"status,omitempty"`
	Text   string `json:"text,omitempty"`
	// Updates are for DisturbUpdates.
	Updates UpdateFaults `json:"updates,omitzero"`
}

// Inject performs a fault.
func (m *Master) Inject(i Injection) error {
	switch i.Name {
	case "KillAgent":
		return m.KillAgent(i.Agent)
	case "LoseAgent":
		return m.LoseAgent(i.Agent)
	case "ReturnAgent":
		return m.ReturnAgent(i.Agent)
	case "RemoveAgent":
		return m.RemoveAgent(i.Agent)
	case "UnregisterAgent":
		return m.UnregisterAgent(i.Agent)
	case "Deactivate":
		return m.Deactivate(i.Agent, i.On)
	case "Drain":
		return m.Drain(i.Agent, i.On)
	case "Plan":
		from := time.Time{}
		if i.On {
			from = time.Now()
		}
		return m.Plan(i.Agent, from)
	case "Teardown":
		return m.Teardown(i.Text)
	case "Silence":
		m.Silence(i.On)
	case "DropStreams":
		m.DropStreams()
	case "Failover":
		m.Failover()
	case "Redirect":
		m.Redirect(i.Text)
	case "NotReady":
		m.NotReady(i.Status, i.Text)
	case "DisturbUpdates":
		m.DisturbUpdates(i.Updates)
	default:
		return fmt.Errorf("there is no fault %q", i.Name)
	}
	return nil
}

func (m *Master) inject(w http.ResponseWriter, r *http.Request) {
	var i Injection
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&i); err != nil {
		protocol.Plain(w, http.StatusBadRequest, err.Error())
		return
	}
	if err := m.Inject(i); err != nil {
		protocol.Plain(w, http.StatusBadRequest, err.Error())
		return
	}
	w.WriteHeader(http.StatusAccepted)
}
