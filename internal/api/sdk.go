package api

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/flink-on-mesos/flink-service/internal/api/query"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/redact"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// What else the tools of DC/OS SDK services and Cosmos ask: endpoints, the framework id, and configurations.

// endpoint is where something can be reached: host:port.
type endpoint struct {
	Address []string `json:"address"`
}

// endpoints are the service's own, and of each cluster the ports of its JobManagers that clients use.
func (a *API) endpoints() map[string]endpoint {
	all := map[string]endpoint{}
	if u, err := url.Parse(a.o.Leader); err == nil && u.Host != "" {
		all["api"] = endpoint{Address: []string{u.Host}}
	}
	a.eachPod(func(d wire.Description, t wire.TaskStatus) {
		if t.Kind != spec.JobManagerTask || t.Goal != task.Launched || t.State != task.Running {
			return
		}
		host := t.Hostname
		if t.Address != "" {
			host = t.Address
		}
		for _, port := range []string{"rest", "rpc"} {
			if n, ok := t.Ports[port]; ok {
				e := all[d.Name+"-"+port]
				e.Address = append(e.Address, net.JoinHostPort(host, strconv.Itoa(n)))
				all[d.Name+"-"+port] = e
			}
		}
	})
	return all
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

// configuration is everything that was asked for, without secrets.
type configuration struct {
	Name     string      `json:"name"`
	Version  string      `json:"version"`
	Clusters []spec.Spec `json:"clusters"`
}

// target is the present configuration and its id, which changes when it does.
func (a *API) target() (string, configuration, error) {
	vw := a.o.Core.View()
	c := configuration{Name: a.o.FrameworkName, Version: a.o.Version, Clusters: []spec.Spec{}}
	for _, name := range view.Names(vw) {
		if spec, ok := view.Spec(vw, name); ok {
			c.Clusters = append(c.Clusters, redact.Spec(spec))
		}
	}
	data, err := json.Marshal(c)
	if err != nil {
		return "", c, fmt.Errorf("encode the configuration: %w", err)
	}
	sum := sha256.Sum256(data)
	return planID("configuration", string(sum[:])), c, nil
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
