package sdk

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Options are what the handlers need of the API. All but Gatherer are required.
type Options struct {
	// View returns the state as last published.
	View func() *state.State
	// Write posts the event that build makes for a request id, and waits until what it asks for was saved.
	Write func(ctx context.Context, build func(request uint64) state.Event) error
	// Restart replaces all tasks of a cluster.
	Restart func(ctx context.Context, cluster string) error
	// RestartTask replaces a task; replace releases what is reserved for it on its agent.
	RestartTask func(ctx context.Context, cluster, task string, replace bool) error
	// Answer writes v as JSON. Nothing was written when it returns an error.
	Answer func(w http.ResponseWriter, status int, v any) error
	// Problems returns what an operator must correct while the service runs.
	Problems func() []wire.Problem
	// Removed says that a service that is uninstalled has removed its state.
	Removed func() bool
	// Gatherer reads the metrics; nil means that there are none.
	Gatherer prometheus.Gatherer
	// Name is the framework's, Version that of the build, Leader the URL of the instance that leads.
	Name, Version, Leader string
}

// API has the handlers. Each answers a request, or returns an error that was not answered yet.
type API struct{ o Options }

// New returns the handlers.
func New(o Options) *API { return &API{o: o} }
