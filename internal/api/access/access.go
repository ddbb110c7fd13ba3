// Package access says what a request is about: which scope it takes, whose token it carries, and to which cluster it goes.
// It reads the request alone.
package access

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/auth"
)

// Who may do what, when there are tokens:
//
//   - nothing is asked for: the page itself, which holds no data; /v1/health, which Marathon asks; the end of a browser's
//     session; and /artifacts/…, whose paths cannot be guessed and which Mesos' fetcher asks without any header.
//   - read: every other GET, also of Flink's REST API, but for those that change something there, and for the audit record.
//   - operate: the changes of Flink's REST API, uploads, and restarts.
//   - admin: everything else. A spec says which commands run as which user on the agents, so that creating,
//     changing and deleting clusters is for administrators.
//
// A new route is for administrators to change and for readers to read until it is named here.

// operations are the paths of our own whose POST is for operators.
var operations = regexp.MustCompile(`^/v1/(artifacts|clusters/[^/]+/(snapshots|(tasks/[^/]+/)?(restart|replace|suspend|resume))|snapshots/[^/]+/(pin|unpin|verify)|plans/[^/]+/(restart|start|stop|interrupt|continue)|pod/[^/]+/(restart|replace))$`)

// questions are the paths whose POST changes nothing.
var questions = regexp.MustCompile(`^/v1/clusters/[^/]+/autoscaler/replay$`)

// Needs is the scope that a request takes.
func Needs(r *http.Request) auth.Scope {
	path := r.URL.EscapedPath()
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if p, ok := ProxyPath(path); ok {
		return needsAtFlink(r.Method, p.Rest)
	}
	switch {
	case path == "/v1/audit":
		return auth.Admin
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

// Token finds the token of a request: as a bearer token; as DC/OS writes it (token=…), which clients made for Admin
// Router send; or as the password of whatever user, because that is what a browser can send when somebody opens
// Flink's page or a file by a link. Empty when there is none.
func Token(r *http.Request) string {
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

// SameOrigin says whether the browser tells that a page of our own origin sends the request: by Sec-Fetch-Site, which it
// sends over HTTPS and to this machine only, else by Origin, else by Referer.
func SameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	from := r.Header.Get("Origin")
	if from == "" {
		from = r.Header.Get("Referer")
	}
	u, err := url.Parse(from)
	return err == nil && u.Host != "" && (strings.EqualFold(u.Host, r.Host) || strings.EqualFold(u.Host, r.Header.Get("X-Forwarded-Host")))
}

// Foreign says whether a browser made the request for a page of another origin, and the request could
// change something. A login by cookie in a gateway before us would otherwise lend itself to any page.
func Foreign(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		if Needs(r) <= auth.Read {
			return false // But for a few GETs of Flink's REST API, which act.
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "cross-site", "same-site":
		return true
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) && !strings.EqualFold(u.Host, r.Header.Get("X-Forwarded-Host"))
}

// Proxied is where a request is to go.
type Proxied struct {
	// Name is the cluster.
	Name string
	// Rest is the escaped path at the JobManager, beginning with one slash.
	Rest string
	// Bare says that the slash after ui is missing.
	Bare bool
}

// ProxyPath takes the path of a request apart, as it was sent: a job's or a metric's name may hold escaped slashes.
func ProxyPath(escaped string) (Proxied, bool) {
	below, ok := strings.CutPrefix(escaped, "/v1/clusters/")
	if !ok {
		return Proxied{}, false
	}
	segment, below, ok := strings.Cut(below, "/")
	if !ok {
		return Proxied{}, false
	}
	name, err := url.PathUnescape(segment)
	if err != nil || segment == "" || Dotted(segment) {
		return Proxied{}, false
	}
	if below == "ui" {
		return Proxied{Name: name, Bare: true}, true
	}
	rest, ok := strings.CutPrefix(below, "ui/")
	if !ok {
		return Proxied{}, false
	}
	// An address with a slash at its end makes Flink's client send two.
	return Proxied{Name: name, Rest: "/" + strings.TrimLeft(rest, "/")}, true
}

// Dotted says whether a segment, escaped or not, is one of "." and "..".
func Dotted(segment string) bool {
	if len(segment) > len("%2e%2e") {
		return false
	}
	plain := strings.ReplaceAll(strings.ToLower(segment), "%2e", ".")
	return plain == "." || plain == ".."
}

// Cluster is the cluster in the path of a request; empty when there is none.
func Cluster(escaped string) string {
	below, ok := strings.CutPrefix(escaped, "/v1/clusters/")
	if !ok {
		return ""
	}
	segment, _, _ := strings.Cut(below, "/")
	name, err := url.PathUnescape(segment)
	if err != nil {
		return segment
	}
	return name
}
