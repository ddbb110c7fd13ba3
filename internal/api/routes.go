package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/api/access"
	"github.com/flink-on-mesos/flink-service/internal/api/query"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// handler answers a request, or returns an error that was not answered yet.
type handler func(w http.ResponseWriter, r *http.Request) error

// route is one line of the surface. An empty method means any.
type route struct {
	method, pattern string
	handle          handler
}

// routes is the whole surface below the ServeMux. The artifact server and the proxy stand before
// it (see dispatch), because they look at paths as they were sent.
func (a *API) routes() []route {
	return append(a.revisionRoutes(), []route{
		{http.MethodGet, "/v1/health", a.health},
		{http.MethodGet, "/v1/version", a.version},
		{http.MethodGet, "/v1/service", a.service},
		{http.MethodPost, "/v1/session", a.beginSession},
		{http.MethodDelete, "/v1/session", a.endSession},
		{http.MethodGet, "/v1/openapi.yaml", a.openapi},
		{http.MethodGet, "/metrics", a.metrics},
		{http.MethodGet, "/v1/clusters", a.listClusters},
		{http.MethodPost, "/v1/clusters", a.createCluster},
		{http.MethodGet, "/v1/clusters/{name}", a.describeCluster},
		{http.MethodPut, "/v1/clusters/{name}", a.putCluster},
		{http.MethodDelete, "/v1/clusters/{name}", a.deleteCluster},
		{http.MethodPost, "/v1/clusters/{name}/restart", a.restartCluster},
		{http.MethodPost, "/v1/clusters/{name}/suspend", a.suspendCluster},
		{http.MethodPost, "/v1/clusters/{name}/resume", a.resumeCluster},
		{http.MethodGet, "/v1/clusters/{name}/events", a.events},
		{http.MethodGet, "/v1/clusters/{name}/operations", a.operations},
		{http.MethodGet, "/v1/clusters/{name}/placement", a.placement},
		{http.MethodGet, "/v1/clusters/{name}/autoscaler", a.scaling.Status},
		{http.MethodGet, "/v1/clusters/{name}/autoscaler/history", a.scaling.History},
		{http.MethodPost, "/v1/clusters/{name}/autoscaler/replay", a.scaling.Replay},
		{http.MethodPost, "/v1/clusters/{name}/tasks/{task}/restart", a.restartTask},
		{http.MethodPost, "/v1/clusters/{name}/tasks/{task}/replace", a.replaceTask},
		{http.MethodGet, "/v1/clusters/{name}/tasks/{task}/files/{path...}", a.sandboxFile},
		{http.MethodPost, "/v1/import", a.importFiles},
		{http.MethodPost, "/v1/artifacts", a.upload},
		{http.MethodGet, "/v1/artifacts", a.o.Artifacts.ServeList},
		{http.MethodDelete, "/v1/artifacts/{sha256}", a.o.Artifacts.ServeDelete},
		{http.MethodGet, "/v1/events", a.allEvents},
		{http.MethodGet, "/v1/snapshots", a.listSnapshots},
		{http.MethodGet, "/v1/snapshots/{snapshot}", a.describeSnapshot},
		{http.MethodDelete, "/v1/snapshots/{snapshot}", a.deleteSnapshot},
		{http.MethodPost, "/v1/snapshots/{snapshot}/{command}", a.commandSnapshot},
		{http.MethodGet, "/v1/clusters/{name}/snapshots", a.clusterSnapshots},
		{http.MethodPost, "/v1/clusters/{name}/snapshots", a.createSnapshot},
		{http.MethodGet, "/v1/operations", a.operations},
		{http.MethodGet, "/v1/operations/{operation}", a.operation},
		{http.MethodGet, "/v1/history", a.history},
		{http.MethodGet, "/v1/audit", a.auditRecord},
		{http.MethodGet, "/v1/debug/offers", a.offers},
		{http.MethodGet, "/v1/debug/state", a.debugState},
		{http.MethodGet, "/v1/debug/journal", a.journal},
		{http.MethodGet, "/v1/plans", a.sdk.ListPlans},
		{http.MethodGet, "/v1/plans/{plan}", a.sdk.DescribePlan},
		{http.MethodPost, "/v1/plans/{plan}/{command}", a.sdk.CommandPlan},
		{http.MethodGet, "/v1/pod", a.sdk.ListPods},
		{http.MethodGet, "/v1/pod/status", a.sdk.PodStatuses},
		{http.MethodGet, "/v1/pod/{pod}/status", a.sdk.PodStatus},
		{http.MethodGet, "/v1/pod/{pod}/info", a.sdk.PodInfo},
		{http.MethodPost, "/v1/pod/{pod}/restart", a.sdk.RestartPod},
		{http.MethodPost, "/v1/pod/{pod}/replace", a.sdk.ReplacePod},
		{http.MethodPost, "/v1/pod/{pod}/pause", a.sdk.PausePod},
		{http.MethodPost, "/v1/pod/{pod}/resume", a.sdk.PausePod},
		{http.MethodGet, "/v1/endpoints", a.sdk.ListEndpoints},
		{http.MethodGet, "/v1/endpoints/{endpoint}", a.sdk.DescribeEndpoint},
		{http.MethodGet, "/v1/state/frameworkId", a.sdk.FrameworkID},
		{http.MethodGet, "/v1/state/properties", a.sdk.ListProperties},
		{http.MethodGet, "/v1/state/properties/{property}", a.sdk.Property},
		{http.MethodGet, "/v1/metrics", a.sdk.MetricsJSON},
		{http.MethodGet, "/v1/metrics/prometheus", a.metrics},
		{http.MethodGet, "/v1/prometheus/targets", a.sdk.PrometheusTargets},
		{http.MethodGet, "/v1/configurations", a.sdk.TargetID},
		{http.MethodGet, "/v1/configurations/{id}", a.sdk.DescribeConfiguration},
		{http.MethodGet, "/{$}", a.page},
		{http.MethodGet, "/page/{file}", a.page},
	}...)
}

// revisionRoutes are those about what a cluster's spec was.
func (a *API) revisionRoutes() []route {
	return []route{
		{http.MethodGet, "/v1/clusters/{name}/revisions", a.revisions.List},
		{http.MethodGet, "/v1/clusters/{name}/revisions/{revision}", a.revisions.Describe},
		{http.MethodGet, "/v1/clusters/{name}/revisions/{revision}/diff", a.revisions.Diff},
		{http.MethodPut, "/v1/clusters/{name}/revisions/{revision}/tag", a.revisions.Tag},
		{http.MethodPost, "/v1/clusters/{name}/revert", a.revisions.Revert},
	}
}

// Routes lists the surface as "METHOD pattern", in order, with the routes that stand before the
// mux; ANY stands for every method.
func (a *API) Routes() []string {
	list := []string{"GET /artifacts/{path...}", "ANY /v1/clusters/{name}/ui/{path...}"}
	for _, r := range a.routes() {
		list = append(list, r.method+" "+r.pattern)
	}
	slices.Sort(list)
	return list
}

// dispatch is the order in which a request finds its handler.
func (a *API) dispatch() http.Handler {
	mux := http.NewServeMux()
	allowed := map[string][]string{}
	for _, r := range a.routes() {
		mux.Handle(r.method+" "+r.pattern, a.answering(r.handle))
		allowed[r.pattern] = append(allowed[r.pattern], r.method)
		if r.method == http.MethodGet {
			allowed[r.pattern] = append(allowed[r.pattern], http.MethodHead)
		}
	}
	for pattern, methods := range allowed {
		mux.Handle(pattern, a.answering(methodNotAllowed(methods)))
	}
	mux.Handle("/", a.answering(noRoute))
	exact := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The mux would redirect to the cleaned path, which is another one below a prefix.
		if unclean(r.URL.EscapedPath()) {
			a.answering(noRoute).ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
	return a.o.Artifacts.Route(a.authorize(a.routeProxy(exact)))
}

// unclean says whether a path has empty or dotted segments, escaped or not.
func unclean(escaped string) bool {
	if !strings.HasPrefix(escaped, "/") {
		return true
	}
	segments := strings.Split(escaped[1:], "/")
	for i, s := range segments {
		if s == "" && i < len(segments)-1 || access.Dotted(s) {
			return true
		}
	}
	return false
}

func noRoute(_ http.ResponseWriter, r *http.Request) error {
	return fault.New(fault.NotFound, "unknown route %s %s; GET /v1/openapi.yaml lists the routes", query.Shorten(r.Method), query.Shorten(r.URL.Path))
}

// methodNotAllowed refuses a method that a path does not know.
func methodNotAllowed(methods []string) handler {
	methods = slices.Clone(methods)
	slices.Sort(methods)
	allow := strings.Join(methods, ", ")
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Allow", allow)
		return &statusError{status: http.StatusMethodNotAllowed, err: fault.New(fault.Invalid,
			"method %s is not for %s: use %s", query.Shorten(r.Method), query.Shorten(r.URL.Path), allow)}
	}
}
