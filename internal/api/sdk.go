package api

import (
	"maps"
	"net/http"
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/api/query"
	"github.com/flink-on-mesos/flink-service/internal/api/sdk"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// pod finds a pod by name, or by the id of its task.
func (a *API) pod(r *http.Request) (sdk.Pod, error) {
	p, ok := sdk.FindPod(a.o.Core.View(), r.PathValue("pod"))
	if !ok {
		return p, fault.New(fault.NotFound, "unknown pod %q", query.Shorten(r.PathValue("pod")))
	}
	return p, nil
}

func (a *API) listPods(w http.ResponseWriter, _ *http.Request) error {
	names := []string{}
	for _, p := range sdk.Pods(a.o.Core.View()) {
		names = append(names, p.Name)
	}
	return answer(w, http.StatusOK, names)
}

func (a *API) podStatuses(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, http.StatusOK, map[string]any{"service": a.o.FrameworkName, "pods": sdk.PodTypes(a.o.Core.View())})
}

func (a *API) podStatus(w http.ResponseWriter, r *http.Request) error {
	p, err := a.pod(r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, p)
}

func (a *API) podInfo(w http.ResponseWriter, r *http.Request) error {
	p, err := a.pod(r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, p.Info())
}

// restartPod has a new task take the place of the pod's: Mesos has no other way of restarting one.
func (a *API) restartPod(w http.ResponseWriter, r *http.Request) error {
	return a.newPod(w, r, false)
}

// replacePod does the same, and gives up what is reserved for the pod on its agent.
func (a *API) replacePod(w http.ResponseWriter, r *http.Request) error {
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
	if err := a.restartOne(r.Context(), p.Cluster, p.Current.ID, replace); err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]any{"pod": p.Name, "tasks": []string{p.Name}})
}

// pausePod refuses pause and resume.
func (a *API) pausePod(_ http.ResponseWriter, r *http.Request) error {
	if _, err := a.pod(r); err != nil {
		return err
	}
	return fault.New(fault.Conflict, "pods cannot be paused: Flink treats a paused process as lost; restart the pod, or change the cluster")
}

func (a *API) endpoints() map[string]sdk.Endpoint {
	return sdk.Endpoints(a.o.Core.View(), a.o.Leader, a.o.FrameworkName)
}

func (a *API) listEndpoints(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, http.StatusOK, append([]string{}, slices.Sorted(maps.Keys(a.endpoints()))...))
}

func (a *API) describeEndpoint(w http.ResponseWriter, r *http.Request) error {
	e, ok := a.endpoints()[r.PathValue("endpoint")]
	if !ok {
		return fault.New(fault.NotFound, "unknown endpoint %q; GET /v1/endpoints lists the endpoints", query.Shorten(r.PathValue("endpoint")))
	}
	return answer(w, http.StatusOK, e)
}

// frameworkID answers a list of one id. Cosmos takes an error for the end of an uninstallation.
func (a *API) frameworkID(w http.ResponseWriter, _ *http.Request) error {
	id := view.Service(a.o.Core.View()).FrameworkID
	if id == "" {
		return fault.New(fault.NotFound, "the service is not registered with Mesos")
	}
	return answer(w, http.StatusOK, []string{id})
}

func (a *API) listProperties(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, http.StatusOK, slices.Sorted(maps.Keys(sdk.Properties(a.o.Core.View()))))
}

func (a *API) property(w http.ResponseWriter, r *http.Request) error {
	v, ok := sdk.Properties(a.o.Core.View())[r.PathValue("property")]
	if !ok {
		return fault.New(fault.NotFound, "unknown property %q; GET /v1/state/properties lists the properties", query.Shorten(r.PathValue("property")))
	}
	return answer(w, http.StatusOK, v)
}

func (a *API) metricsJSON(w http.ResponseWriter, _ *http.Request) error {
	if a.o.Gatherer == nil {
		return fault.New(fault.NotFound, "this service does not expose metrics")
	}
	m, err := sdk.MetricsOf(a.o.Core.View(), a.o.Gatherer)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, m)
}

func (a *API) target() (string, sdk.Configuration, error) {
	return sdk.Target(a.o.Core.View(), a.o.FrameworkName, a.o.Version)
}

// targetID answers a list of one id: only the present configuration is kept.
func (a *API) targetID(w http.ResponseWriter, _ *http.Request) error {
	id, _, err := a.target()
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, []string{id})
}

// describeConfiguration answers the present configuration, or its id to who asks for targetId.
func (a *API) describeConfiguration(w http.ResponseWriter, r *http.Request) error {
	if r.PathValue("id") == "targetId" {
		return a.targetID(w, r)
	}
	id, c, err := a.target()
	if err != nil {
		return err
	}
	if asked := r.PathValue("id"); asked != "target" && asked != id {
		return fault.New(fault.NotFound, "unknown configuration %q: the current one is %s", query.Shorten(asked), id)
	}
	return answer(w, http.StatusOK, c)
}
