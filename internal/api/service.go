package api

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"runtime"

	"github.com/flink-on-mesos/flink-service/internal/api/query"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

//go:embed openapi.yaml
var openapiDocument []byte

// healthAnswer is the answer of /v1/health. An unhealthy one is an error of the API too.
type healthAnswer struct {
	Healthy bool `json:"healthy"`
	// Role is leader here; an instance that does not lead yet answers standby or starting.
	Role string `json:"role"`
	// Connected says whether there is a registration with Mesos right now, Master and FrameworkID with whom and as what.
	Connected   bool       `json:"connected"`
	Master      string     `json:"master,omitempty"`
	FrameworkID string     `json:"frameworkId,omitempty"`
	Code        fault.Code `json:"code,omitempty"`
	Message     string     `json:"message,omitempty"`
	// Problems are what an operator must correct; Message has them as one text.
	Problems []wire.Problem `json:"problems,omitempty"`
}

// health fails only when a restart of the process would help: Marathon acts on it. The rest is for people: a
// master that is away is no reason to restart.
func (a *API) health(w http.ResponseWriter, r *http.Request) error {
	s := view.Service(a.o.Core.View())
	h := healthAnswer{Healthy: true, Role: "leader", Connected: s.Connected}
	if a.known(r) { // The health needs no token; addresses and ids do.
		h.Master, h.FrameworkID = s.Master, s.FrameworkID
		h.Problems = a.o.Problems()
		h.Message = wire.Problems(h.Problems)
	}
	if err := a.o.Healthy(); err != nil {
		h.Healthy, h.Code, h.Message = false, fault.Unavailable, err.Error()
		return answer(w, http.StatusServiceUnavailable, h)
	}
	return answer(w, http.StatusOK, h)
}

func (a *API) version(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, http.StatusOK, struct {
		Version string `json:"version"`
		Commit  string `json:"commit"`
		Go      string `json:"go"`
	}{a.o.Version, a.o.Commit, runtime.Version()})
}

// serviceAnswer is the answer of /v1/service.
type serviceAnswer struct {
	Name string `json:"name"`
	view.ServiceView
	// Leader says that this instance leads, which every instance that answers does; LeaderURL is its address.
	Leader    bool     `json:"leader"`
	LeaderURL string   `json:"leaderUrl,omitempty"`
	Roles     []string `json:"roles"`
	Flink     []Flink  `json:"flink"`
	// Problems are what an operator must correct, and Problem is the same as one text; empty for nothing.
	Problem  string         `json:"problem,omitempty"`
	Problems []wire.Problem `json:"problems,omitempty"`
}

func (a *API) service(w http.ResponseWriter, _ *http.Request) error {
	s := serviceAnswer{
		Name: a.o.FrameworkName, ServiceView: view.Service(a.o.Core.View()), Leader: true, LeaderURL: a.o.Leader,
		Roles: a.o.Roles, Flink: a.o.Flinks,
	}
	s.Problems = a.o.Problems()
	s.Problem = wire.Problems(s.Problems)
	if s.Flink == nil {
		s.Flink = []Flink{}
	}
	return answer(w, http.StatusOK, s)
}

// offers answers what became of the last offers, the newest last.
func (a *API) offers(w http.ResponseWriter, _ *http.Request) error {
	list := view.Outcomes(a.o.Core.View())
	if list == nil {
		list = []state.Outcome{}
	}
	return answer(w, http.StatusOK, map[string]any{"offers": list})
}

// debugState answers what the decisions are made from.
func (a *API) debugState(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, http.StatusOK, view.Debug(a.o.Core.View()))
}

// history answers what the plots of the page show.
func (a *API) history(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, http.StatusOK, a.o.History())
}

// Bounds of one look into the journal.
const (
	journalDefault = 100
	journalMost    = 10_000
	// journalBytes bounds the entries of one answer. The whole ring is little larger.
	journalBytes = 16 << 20
)

// journal answers the last events and actions of the core, the newest last.
func (a *API) journal(w http.ResponseWriter, r *http.Request) error {
	limit, err := query.Number(r, "limit", journalDefault, 1, journalMost)
	if err != nil {
		return err
	}
	text := r.URL.Query().Get("contains")
	if len(text) > 256 {
		return query.Invalid("contains", "is %d bytes long, the limit is 256", len(text))
	}
	if a.o.Journal == nil {
		return fault.New(fault.NotFound, "this service does not keep a journal")
	}
	entries, err := a.o.Journal(text, int(limit), journalBytes)
	if err != nil {
		return err
	}
	if entries == nil {
		entries = []json.RawMessage{}
	}
	return answer(w, http.StatusOK, map[string]any{"entries": entries})
}

func (a *API) openapi(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Cache-Control", "no-cache")
	within(w)
	_, _ = w.Write(openapiDocument) // The client may be gone.
	return nil
}

func (a *API) metrics(w http.ResponseWriter, r *http.Request) error {
	if a.o.Metrics == nil {
		return fault.New(fault.NotFound, "this service does not expose metrics")
	}
	within(w)
	a.o.Metrics.ServeHTTP(w, r)
	return nil
}

// upload takes a file, and refuses at once what announces more than the store keeps.
func (a *API) upload(w http.ResponseWriter, r *http.Request) error {
	return a.o.Artifacts.ServeUpload(w, r)
}
