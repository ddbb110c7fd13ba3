package sdk

import (
	"maps"
	"net/http"
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/api/query"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/metrics"
)

// pod finds a pod by name, or by the id of its task.
func (a *API) pod(r *http.Request) (Pod, error) {
	p, ok := FindPod(a.o.View(), r.PathValue("pod"))
	if !ok {
		return p, fault.New(fault.NotFound, "unknown pod %q", query.Shorten(r.PathValue("pod")))
	}
	return p, nil
}

// ListPods answers the names of the pods.
func (a *API) ListPods(w http.ResponseWriter, _ *http.Request) error {
	names := []string{}
	for _, p := range Pods(a.o.View()) {
		names = append(names, p.Name)
	}
	return a.o.Answer(w, http.StatusOK, names)
}

// PodStatuses answers the tasks of all pods, by cluster and kind.
func (a *API) PodStatuses(w http.ResponseWriter, _ *http.Request) error {
	return a.o.Answer(w, http.StatusOK, map[string]any{"service": a.o.Name, "pods": PodTypes(a.o.View())})
}

// PodStatus answers the tasks of a pod.
func (a *API) PodStatus(w http.ResponseWriter, r *http.Request) error {
	p, err := a.pod(r)
	if err != nil {
		return err
	}
	return a.o.Answer(w, http.StatusOK, p)
}

// PodInfo answers the tasks of a pod in Mesos' words.
func (a *API) PodInfo(w http.ResponseWriter, r *http.Request) error {
	p, err := a.pod(r)
	if err != nil {
		return err
	}
	return a.o.Answer(w, http.StatusOK, p.Info())
}

// RestartPod has a new task take the place of the pod's: Mesos has no other way of restarting one.
func (a *API) RestartPod(w http.ResponseWriter, r *http.Request) error {
	return a.newPod(w, r, false)
}

// ReplacePod does the same, and gives up what is reserved for the pod on its agent.
func (a *API) ReplacePod(w http.ResponseWriter, r *http.Request) error {
	return a.newPod(w, r, true)
}

func (a *API) newPod(w http.ResponseWriter, r *http.Request, replace bool) error {
	p, err := a.pod(r)
	if err != nil {
		return err
	}
	if p.Current.ID == "" {
		return fault.New(fault.Conflict, "pod %s has no task to replace: it is being replaced, or waits for an agent", p.Name)
	}
	if err := a.o.RestartTask(r.Context(), p.Cluster, p.Current.ID, replace); err != nil {
		return err
	}
	return a.o.Answer(w, http.StatusOK, map[string]any{"pod": p.Name, "tasks": []string{p.Name}})
}

// PausePod refuses pause and resume.
func (a *API) PausePod(_ http.ResponseWriter, r *http.Request) error {
	if _, err := a.pod(r); err != nil {
		return err
	}
	return fault.New(fault.Conflict, "pods cannot be paused: Flink treats a paused process as lost; restart the pod, or change the cluster")
}

func (a *API) endpoints() map[string]Endpoint {
	return Endpoints(a.o.View(), a.o.Leader, a.o.Name)
}

// ListEndpoints answers the names of the endpoints.
func (a *API) ListEndpoints(w http.ResponseWriter, _ *http.Request) error {
	return a.o.Answer(w, http.StatusOK, append([]string{}, slices.Sorted(maps.Keys(a.endpoints()))...))
}

// DescribeEndpoint answers where an endpoint can be reached.
func (a *API) DescribeEndpoint(w http.ResponseWriter, r *http.Request) error {
	e, ok := a.endpoints()[r.PathValue("endpoint")]
	if !ok {
		return fault.New(fault.NotFound, "unknown endpoint %q; GET /v1/endpoints lists the endpoints", query.Shorten(r.PathValue("endpoint")))
	}
	return a.o.Answer(w, http.StatusOK, e)
}

// FrameworkID answers a list of one id. Cosmos takes an error for the end of an uninstallation.
func (a *API) FrameworkID(w http.ResponseWriter, _ *http.Request) error {
	id := view.Service(a.o.View()).FrameworkID
	if id == "" {
		return fault.New(fault.NotFound, "the service is not registered with Mesos")
	}
	return a.o.Answer(w, http.StatusOK, []string{id})
}

// ListProperties answers the names of the properties.
func (a *API) ListProperties(w http.ResponseWriter, _ *http.Request) error {
	return a.o.Answer(w, http.StatusOK, slices.Sorted(maps.Keys(Properties(a.o.View()))))
}

// Property answers a property.
func (a *API) Property(w http.ResponseWriter, r *http.Request) error {
	v, ok := Properties(a.o.View())[r.PathValue("property")]
	if !ok {
		return fault.New(fault.NotFound, "unknown property %q; GET /v1/state/properties lists the properties", query.Shorten(r.PathValue("property")))
	}
	return a.o.Answer(w, http.StatusOK, v)
}

// PrometheusTargets answers what Prometheus is to scrape of the clusters, as its HTTP service discovery reads it.
func (a *API) PrometheusTargets(w http.ResponseWriter, _ *http.Request) error {
	return a.o.Answer(w, http.StatusOK, metrics.Targets(a.o.View(), nil))
}

// MetricsJSON answers the metrics.
func (a *API) MetricsJSON(w http.ResponseWriter, _ *http.Request) error {
	if a.o.Gatherer == nil {
		return fault.New(fault.NotFound, "this service does not expose metrics")
	}
	m, err := MetricsOf(a.o.View(), a.o.Gatherer)
	if err != nil {
		return err
	}
	return a.o.Answer(w, http.StatusOK, m)
}

func (a *API) target() (string, Configuration, error) {
	return Target(a.o.View(), a.o.Name, a.o.Version)
}

// TargetID answers a list of one id: only the present configuration is kept.
func (a *API) TargetID(w http.ResponseWriter, _ *http.Request) error {
	id, _, err := a.target()
	if err != nil {
		return err
	}
	return a.o.Answer(w, http.StatusOK, []string{id})
}

// DescribeConfiguration answers the present configuration, or its id to who asks for targetId.
func (a *API) DescribeConfiguration(w http.ResponseWriter, r *http.Request) error {
	if r.PathValue("id") == "targetId" {
		return a.TargetID(w, r)
	}
	id, c, err := a.target()
	if err != nil {
		return err
	}
	if asked := r.PathValue("id"); asked != "target" && asked != id {
		return fault.New(fault.NotFound, "unknown configuration %q: the current one is %s", query.Shorten(asked), id)
	}
	return a.o.Answer(w, http.StatusOK, c)
}
