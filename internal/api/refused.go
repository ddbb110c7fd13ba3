package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/api/query"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/redact"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

const (
	// refusedTime bounds how long the answer of a refused request waits until it is recorded.
	refusedTime = 2 * time.Second
	// refusedMessage bounds what is kept of the reason, in bytes.
	refusedMessage = 500
)

// changes are the routes that ask for a change of a cluster, with what they ask for.
var changes = map[string]wire.OperationKind{
	"POST /v1/clusters":                             wire.OperationCreate,
	"PUT /v1/clusters/{name}":                       wire.OperationUpdate,
	"DELETE /v1/clusters/{name}":                    wire.OperationDelete,
	"POST /v1/clusters/{name}/restart":              wire.OperationRestart,
	"POST /v1/clusters/{name}/suspend":              wire.OperationSuspend,
	"POST /v1/clusters/{name}/resume":               wire.OperationResume,
	"POST /v1/clusters/{name}/tasks/{task}/restart": wire.OperationRestartTask,
	"POST /v1/clusters/{name}/tasks/{task}/replace": wire.OperationRestartTask,
	"POST /v1/clusters/{name}/snapshots":            wire.OperationSnapshot,
	"DELETE /v1/snapshots/{snapshot}":               wire.OperationDispose,
	"POST /v1/snapshots/{snapshot}/pin":             wire.OperationPin,
	"POST /v1/snapshots/{snapshot}/unpin":           wire.OperationUnpin,
	"POST /v1/pod/{pod}/restart":                    wire.OperationRestartTask,
	"POST /v1/pod/{pod}/replace":                    wire.OperationRestartTask,
}

// recordRefused keeps a change that was understood and refused, because the state or the spec does not allow it
// (409 and 422), with the operations. Dry runs ask for no change.
func (a *API) recordRefused(r *http.Request, err error) {
	e, ok := errors.AsType[*fault.Error](err)
	t := attemptOf(r.Context())
	if !ok || t == nil || e.Code != fault.Conflict && e.Code != fault.Invalid || r.URL.Query().Get("dryRun") != "" {
		return
	}
	pattern := strings.Replace(r.Pattern, "{command}", r.PathValue("command"), 1)
	kind, ok := changes[pattern]
	if _, own := errors.AsType[*statusError](err); !ok || own {
		return // Not a change, or its form was refused.
	}
	o := wire.Operation{Kind: kind, By: t.by, Cluster: t.cluster, Message: reason(e)}
	s := a.o.Core.View()
	switch {
	case r.PathValue("snapshot") != "":
		o.Subject = r.PathValue("snapshot")
		if n, ok := s.Snapshots.Get(o.Subject); ok {
			o.Cluster = n.Cluster
		}
	case r.PathValue("pod") != "":
		o.Subject = r.PathValue("pod")
	case r.PathValue("name") != "":
		o.Cluster, o.Subject = r.PathValue("name"), r.PathValue("task")
	}
	if _, exists := view.Spec(s, o.Cluster); !exists && kind == wire.OperationUpdate {
		o.Kind = wire.OperationCreate
	}
	o.Cluster, o.Subject = query.Shorten(o.Cluster), query.Shorten(o.Subject)
	ctx, cancel := context.WithTimeout(r.Context(), refusedTime)
	defer cancel()
	err = a.o.Core.Do(ctx, func(request uint64) state.Event {
		return state.RequestRefused{Request: request, Operation: o}
	})
	if err != nil {
		a.o.Log.Warn("a refused request may not be recorded", "kind", o.Kind, "cluster", o.Cluster, "error", err)
	}
}

// reason is the text of an error with its details, bounded and without secrets.
func reason(e *fault.Error) string {
	text := redact.Text(e.Error())
	if len(text) > refusedMessage {
		text = strings.ToValidUTF8(text[:refusedMessage], "") + "…"
	}
	return text
}
