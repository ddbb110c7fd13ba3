// Package attempt knows which requests ask for a change, who makes them, and what is kept of one that is refused.
package attempt

import (
	"context"
	"errors"
	"log/slog"
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

// maxReason bounds what is kept of the reason of a refusal, in bytes.
const maxReason = 500

// changes are the routes that ask for a change of a cluster, with what they ask for.
var changes = map[string]wire.OperationKind{
	"POST /v1/clusters":                                wire.OperationCreate,
	"PUT /v1/clusters/{name}":                          wire.OperationUpdate,
	"DELETE /v1/clusters/{name}":                       wire.OperationDelete,
	"POST /v1/clusters/{name}/restart":                 wire.OperationRestart,
	"POST /v1/clusters/{name}/suspend":                 wire.OperationSuspend,
	"POST /v1/clusters/{name}/resume":                  wire.OperationResume,
	"POST /v1/clusters/{name}/revert":                  wire.OperationRevert,
	"PUT /v1/clusters/{name}/revisions/{revision}/tag": wire.OperationTag,
	"POST /v1/clusters/{name}/tasks/{task}/restart":    wire.OperationRestartTask,
	"POST /v1/clusters/{name}/tasks/{task}/replace":    wire.OperationRestartTask,
	"POST /v1/clusters/{name}/snapshots":               wire.OperationSnapshot,
	"DELETE /v1/snapshots/{snapshot}":                  wire.OperationDispose,
	"POST /v1/snapshots/{snapshot}/pin":                wire.OperationPin,
	"POST /v1/snapshots/{snapshot}/unpin":              wire.OperationUnpin,
	"POST /v1/pod/{pod}/restart":                       wire.OperationRestartTask,
	"POST /v1/pod/{pod}/replace":                       wire.OperationRestartTask,
}

// key is where the context of a request has its Attempt.
type key struct{}

// Attempt is a request that may change something.
type Attempt struct {
	// By is who makes it.
	By wire.Actor
	// Cluster is the cluster that it is about, where the path does not name it.
	Cluster string
}

// With returns a request that is an attempt by somebody.
func With(r *http.Request, by wire.Actor) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), key{}, &Attempt{By: by}))
}

// Of is the attempt that a request makes. What a request only reads has an empty one.
func Of(ctx context.Context) *Attempt {
	if t, ok := ctx.Value(key{}).(*Attempt); ok {
		return t
	}
	return &Attempt{}
}

// recordTime bounds how long the answer of a refused request waits until it is recorded.
const recordTime = 2 * time.Second

// Core takes what is recorded.
type Core interface {
	View() *state.State
	Do(ctx context.Context, build func(request uint64) state.Event) error
}

// Record keeps a request that was answered with err with the operations, where Refused says so.
func Record(r *http.Request, core Core, log *slog.Logger, err error) {
	o, ok := Refused(r, core.View(), err)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), recordTime)
	defer cancel()
	if err := core.Do(ctx, func(request uint64) state.Event { return state.RequestRefused{Request: request, Operation: o} }); err != nil {
		log.Warn("a refused request may not be recorded", "kind", o.Kind, "cluster", o.Cluster, "error", err)
	}
}

// Refused is the operation that is kept of a request that was answered with err, if it asked for a change, was
// understood, and was refused because the state or the spec does not allow it (409, 412 and 422). Dry runs ask for no change.
func Refused(r *http.Request, s *state.State, err error) (o wire.Operation, ok bool) {
	e, known := errors.AsType[*fault.Error](err)
	kind, change := changes[strings.Replace(r.Pattern, "{command}", r.PathValue("command"), 1)]
	if !known || !change || !refusal(e.Code) || r.URL.Query().Get("dryRun") != "" {
		return o, false
	}
	t := Of(r.Context())
	o = wire.Operation{Kind: kind, By: t.By, Cluster: t.Cluster, Message: reason(e)}
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
	return o, true
}

func refusal(code fault.Code) bool {
	return code == fault.Conflict || code == fault.Precondition || code == fault.Invalid
}

// reason is the text of an error with its details, bounded and without secrets.
func reason(e *fault.Error) string {
	text := redact.Text(e.Error())
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "…"
	}
	return text
}
