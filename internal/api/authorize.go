package api

import (
	"net/http"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/api/access"
	"github.com/flink-on-mesos/flink-service/internal/api/sdk"
	"github.com/flink-on-mesos/flink-service/internal/auth"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// authorize lets a request through when its token has the scope that it needs.
func (a *API) authorize(next http.Handler) http.Handler {
	if a.o.Tokens.Open() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if need := access.Needs(r); need > auth.None && !a.askedOfRemoval(r) {
			token := access.Token(r)
			scope := a.o.Tokens.Scope(token)
			if token == "" && r.URL.EscapedPath() != "/v1/session" {
				scope = a.sessionScope(r, need)
			}
			switch {
			case token == "" && scope == auth.None:
				a.challenge(w, r, fault.New(fault.Unauthorized, "authentication required: send the token as Authorization: Bearer …"))
				return
			case scope == auth.None:
				a.challenge(w, r, fault.New(fault.Unauthorized, "unknown token"))
				return
			case scope < need:
				a.refuse(w, r, fault.New(fault.Forbidden, "scope %s is not sufficient: a token with scope %s is required", scope, need))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// askedOfRemoval says whether the request asks how far the removal of the service is. Cosmos does, which has no token of
// ours, and the answer holds nothing but numbers.
func (a *API) askedOfRemoval(r *http.Request) bool {
	return r.Method == http.MethodGet && r.URL.EscapedPath() == "/v1/plans/"+sdk.Deploy && view.Uninstalling(a.o.Core.View()).Asked
}

// challenge refuses a request without a good token. A browser that opens a page is let ask for a password; our own
// page, which asks by itself, is not.
func (a *API) challenge(w http.ResponseWriter, r *http.Request, err error) {
	w.Header().Add("WWW-Authenticate", `Bearer realm="flink"`)
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode == "navigate" || mode == "" && strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Add("WWW-Authenticate", `Basic realm="flink: any user, the token as password", charset="UTF-8"`)
	}
	w.Header().Set("Connection", "close") // The rest of the request's body is of no use.
	a.refuse(w, r, err)
}

// known says whether the request may see what readers see.
func (a *API) known(r *http.Request) bool {
	return a.o.Tokens.Open() || max(a.o.Tokens.Scope(access.Token(r)), a.sessionScope(r, auth.Read)) >= auth.Read
}
