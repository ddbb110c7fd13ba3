package api

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/api/sdk"
	"github.com/flink-on-mesos/flink-service/internal/auth"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// Who may do what, when there are tokens:
//
//   - nothing is asked for: the page itself, which holds no data; /v1/health, which Marathon asks; the end of a browser's
//     session; and /artifacts/…, whose paths cannot be guessed and which Mesos' fetcher asks without any header.
//   - read: every other GET, also of Flink's REST API, but for those that change something there.
//   - operate: the changes of Flink's REST API, uploads, and restarts.
//   - admin: everything else. A spec says which commands run as which user on the agents, so that creating,
//     changing and deleting clusters is for administrators.
//
// A new route is for administrators to change and for readers to read until it is named here.

// operations are the paths of our own whose POST is for operators.
var operations = regexp.MustCompile(`^/v1/(artifacts|clusters/[^/]+/(snapshots|(tasks/[^/]+/)?(restart|replace|suspend|resume))|snapshots/[^/]+/(pin|unpin|verify)|plans/[^/]+/(restart|start|stop|interrupt|continue)|pod/[^/]+/(restart|replace))$`)

// questions are the paths whose POST changes nothing.
var questions = regexp.MustCompile(`^/v1/clusters/[^/]+/autoscaler/replay$`)

// needs is the scope that a request takes.
func needs(r *http.Request) auth.Scope {
	path := r.URL.EscapedPath()
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if p, ok := proxyPath(path); ok {
		return needsAtFlink(r.Method, p.rest)
	}
	switch {
	case reads && (path == "/" || path == "/v1/health" || strings.HasPrefix(path, "/page/")):
		return auth.None
	case path == "/v1/session" && r.Method == http.MethodDelete:
		return auth.None // It has a browser forget what it knows.
	case path == "/v1/session" && r.Method == http.MethodPost:
		return auth.Read
	case reads, r.Method == http.MethodOptions, r.Method == http.MethodPost && (path == "/v1/import" || questions.MatchString(path)):
		return auth.Read // An import creates nothing.
	case r.Method == http.MethodPost && operations.MatchString(path):
		return auth.Operate
	}
	return auth.Admin
}

// needsAtFlink is the scope that a request to Flink's REST API takes. Some of its GETs change something: the plan
// of a jar runs the jar's main method, and jobs/:id/yarn-cancel and yarn-stop end a job (for YARN's proxy, which
// passes nothing but GET). What cannot be read is taken for such a one.
func needsAtFlink(method, rest string) auth.Scope {
	plain, err := url.PathUnescape(rest)
	if err != nil {
		return auth.Admin
	}
	var jars, plan, yarn, end bool
	segments := strings.FieldsFunc(strings.ToLower(plain), func(r rune) bool { return strings.ContainsRune("/?#;", r) })
	for i, s := range segments {
		jars = jars || s == "jars"
		plan = plan || s == "plan"
		yarn = yarn || strings.HasPrefix(s, "yarn-")
		end = end || s == "cluster" && i == len(segments)-1
	}
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		if jars && plan || yarn {
			return auth.Operate
		}
		return auth.Read
	case http.MethodDelete:
		if end {
			return auth.Admin // DELETE /cluster ends the cluster.
		}
	}
	return auth.Operate
}

// authorize lets a request through when its token has the scope that it needs.
func (a *API) authorize(next http.Handler) http.Handler {
	if a.o.Tokens.Open() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if need := needs(r); need > auth.None && !a.askedOfRemoval(r) {
			token := tokenOf(r)
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

// tokenOf finds the token of a request: as a bearer token; as DC/OS writes it (token=…), which clients made for Admin
// Router send; or as the password of whatever user, because that is what a browser can send when somebody opens
// Flink's page or a file by a link. Empty when there is none.
func tokenOf(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	header := r.Header.Get("Authorization")
	if token, ok := strings.CutPrefix(header, "token="); ok {
		return token
	}
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
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
	return a.o.Tokens.Open() || max(a.o.Tokens.Scope(tokenOf(r)), a.sessionScope(r, auth.Read)) >= auth.Read
}
