package api

import (
	"net/http"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/api/access"
	"github.com/flink-on-mesos/flink-service/internal/api/asked"
	"github.com/flink-on-mesos/flink-service/internal/api/attempt"
	"github.com/flink-on-mesos/flink-service/internal/api/audited"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// withActor returns the request with who makes it, when it may change something.
func (a *API) withActor(r *http.Request) *http.Request {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return r
	}
	return asked.With(attempt.With(r, asked.By(r, a.tokenName(r))))
}

// tokenName is the name of the token that a request carries, or that its session stands for; empty for none.
func (a *API) tokenName(r *http.Request) string {
	token := access.Token(r)
	if token != "" {
		return a.o.Tokens.Name(token)
	}
	c, err := r.Cookie(a.sessionCookie())
	if err != nil {
		return ""
	}
	return a.o.Tokens.SessionName(c.Value, time.Now())
}

// about is what the audit record tells of a request.
func (a *API) about(r *http.Request) audited.Request {
	return audited.Request{By: asked.By(r, a.tokenName(r)), Cluster: access.Cluster(r.URL.EscapedPath()), Need: access.Needs(r)}
}

// auditRecord answers the newest entries of the audit record.
func (a *API) auditRecord(w http.ResponseWriter, r *http.Request) error {
	if a.audited == nil {
		return fault.New(fault.NotFound, "this service keeps no audit record")
	}
	entries, err := a.audited.List(r)
	return answerOr(w, map[string]any{"entries": entries}, err)
}
