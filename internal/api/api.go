// Package api owns the HTTP surface of the service: routes, the reading and checking of
// requests, the shape of answers and errors, the proxy to Flink's web UI and REST API, the files
// of sandboxes, and the page at the root.
//
// It keeps no state and decides nothing: reads are answered from the published view, writes are
// posted as events, and an answer comes when what it says was saved. It refuses to guess at
// input: what is malformed, unknown, duplicate, too large or too deep is an error that names the
// place. It never shows the value of a secret.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flink-on-mesos/flink-service/internal/api/audited"
	"github.com/flink-on-mesos/flink-service/internal/api/happened"
	"github.com/flink-on-mesos/flink-service/internal/api/revisions"
	"github.com/flink-on-mesos/flink-service/internal/api/scaling"
	"github.com/flink-on-mesos/flink-service/internal/api/sdk"
	"github.com/flink-on-mesos/flink-service/internal/api/snapshots"
	"github.com/flink-on-mesos/flink-service/internal/artifact"
	"github.com/flink-on-mesos/flink-service/internal/audit"
	"github.com/flink-on-mesos/flink-service/internal/auth"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/report"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Core is what the API reads and writes.
type Core interface {
	// View returns the state as last published. It never changes.
	View() *state.State
	// Do posts the event that build makes for a request id, and waits until what it asks for was saved.
	Do(ctx context.Context, build func(request uint64) state.Event) error
}

// Flink is a Flink version that clusters can be started with.
type Flink struct {
	// Name is what a cluster asks for in flinkVersion: the version, and the variant if there is one.
	Name    string `json:"name"`
	Version string `json:"version"`
	Variant string `json:"variant,omitempty"`
	// SHA256 is the hash of the distribution's archive, Size its length in bytes.
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	// Missing are the jars of Flink's own release that this one does not have.
	Missing []string `json:"missing,omitempty"`
	// Kept says that it is there for the clusters that were created with it, and new ones get another.
	Kept bool `json:"kept,omitempty"`
}

// Options configure an API. Core, Artifacts, Admit, Events and Log are required.
type Options struct {
	Core      Core
	Artifacts *artifact.Store
	// Admit makes a spec that can be stored out of one that was sent; stored is the spec of the cluster now, or the zero
	// value. Its error names every problem.
	Admit func(sent, stored spec.Spec) (admitted spec.Spec, notes []string, err error)
	// Import makes a spec of the files of flink-mesos; nil when there is nothing that can.
	Import func(wire.OldFiles) (wire.Imported, error)
	// Nonce makes the part of a new cluster's task ids that no earlier cluster of its name has; nil means a random one.
	Nonce func() string
	// Tokens are those that requests must carry; with none everybody may do everything.
	Tokens auth.Tokens
	// Flinks are the versions that can be started, the default one first.
	Flinks []Flink
	// Version and Commit name the build.
	Version, Commit string
	// FrameworkName and Roles are those of the registration with Mesos.
	FrameworkName string
	Roles         []string
	// Leader is the URL of the instance that leads, for people; empty when it is not known.
	Leader string
	// Journal returns the last entries of the journal that contain a text, the oldest first, each as JSON and without
	// secrets: at most limit, and at most maxBytes together. Nil means that none is kept.
	Journal func(text string, limit, maxBytes int) ([]json.RawMessage, error)
	// Audit takes who asked for what; nil for nobody.
	Audit *audit.Log
	// Metrics answers /metrics; nil means that there are none.
	Metrics http.Handler
	// Gatherer reads the same metrics for /v1/metrics; nil means that there are none.
	Gatherer prometheus.Gatherer
	// Transport reaches JobManagers; nil means a direct one, without any proxy. What users send passes through it to
	// whatever runs in a cluster, so it must add no credentials.
	Transport http.RoundTripper
	// JobManagers finds the way to one JobManager, which is asked over HTTPS when it is Secure; nil means Transport for all.
	JobManagers func(jm task.Task) (http.RoundTripper, error)
	// AgentTransport reaches agents; nil means Transport.
	AgentTransport http.RoundTripper
	// StallTimeout ends a proxied request when no data in either direction for so long;
	// 0 means 2 minutes.
	StallTimeout time.Duration
	// CallTimeout bounds the reading of a body and the waiting for a write to be saved; 0 means 30 seconds.
	CallTimeout time.Duration
	// Healthy returns an error when a restart of the process would help; nil means always healthy.
	Healthy func() error
	// History returns what the plots of the page show; nil means that nothing is kept.
	History func() wire.History
	// Events has what happened.
	Events happened.Log
	// Autoscaler runs the autoscaler; nil where none runs.
	Autoscaler scaling.Autoscaler
	// Problems returns what an operator must correct while the service runs; nil for nothing.
	Problems func() []wire.Problem
	// Removed says that a service that is uninstalled has removed its state; nil means that it has not.
	Removed func() bool
	Log     *slog.Logger
}

// validate checks what is required and fills in what is not.
func (o *Options) validate() error {
	if o.Core == nil || o.Artifacts == nil || o.Admit == nil || o.Events == nil || o.Log == nil {
		return errors.New("api: Core, Artifacts, Admit, Events and Log are required")
	}
	if o.StallTimeout < 0 || o.CallTimeout < 0 {
		return fmt.Errorf("api: StallTimeout %s and CallTimeout %s must not be negative", o.StallTimeout, o.CallTimeout)
	}
	if o.StallTimeout == 0 {
		o.StallTimeout = 2 * time.Minute
	}
	if o.CallTimeout == 0 {
		o.CallTimeout = 30 * time.Second
	}
	if o.Nonce == nil {
		o.Nonce = Nonce
	}
	if o.Removed == nil {
		o.Removed = func() bool { return false }
	}
	if o.History == nil {
		o.History = func() wire.History {
			return wire.History{Samples: []wire.Sample{}, Recoveries: []wire.Recovery{}}
		}
	}
	if o.Problems == nil {
		o.Problems = func() []wire.Problem { return nil }
	}
	if o.Healthy == nil {
		o.Healthy = func() error { return nil }
	}
	if o.Transport == nil {
		o.Transport = &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			MaxIdleConnsPerHost: 8,
			MaxIdleConns:        64,
			IdleConnTimeout:     time.Minute,
			DisableCompression:  true,
		}
	}
	if o.JobManagers == nil {
		o.JobManagers = func(task.Task) (http.RoundTripper, error) { return o.Transport, nil }
	}
	if o.AgentTransport == nil {
		o.AgentTransport = o.Transport
	}
	return nil
}

// API is the http.Handler of the service. It is safe for use by several goroutines.
type API struct {
	o       Options
	handler http.Handler
	// happened answers events and operations.
	happened *happened.Happened
	// sdk has the handlers for tools of DC/OS SDK services.
	sdk *sdk.API
	// audited writes the audit record; nil when there is none.
	audited *audited.Audited
	// snapshots answers what savepoints and checkpoints there are.
	snapshots snapshots.Snapshots
	// revisions answers which specs clusters had.
	revisions revisions.API
	// scaling answers what the autoscaler knows.
	scaling scaling.Scaling
	// writes holds one token: whoever has it may read a spec, change it and put it back.
	writes chan struct{}
	// silent has, by cluster, the address of a JobManager that did not answer the last request.
	silent sync.Map
}

// New returns the API. It makes no call and starts nothing.
func New(o Options) (*API, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	a := &API{o: o, writes: make(chan struct{}, 1)}
	a.happened = happened.New(happened.Options{View: o.Core.View, Log: o.Events, Problems: o.Problems})
	a.sdk = sdk.New(sdk.Options{
		View: o.Core.View, Write: a.write, Restart: a.restart, RestartTask: a.restartOne, Answer: answer,
		Problems: o.Problems, Removed: o.Removed, Gatherer: o.Gatherer, Name: o.FrameworkName, Version: o.Version, Leader: o.Leader,
	})
	a.snapshots = snapshots.Snapshots{View: o.Core.View, Write: a.write}
	a.revisions = revisions.API{
		View: o.Core.View, Write: a.write, Exclusive: a.exclusive, Admit: o.Admit, Nonce: o.Nonce, Stop: stopFor,
		Answer: answerOr, Accepted: a.accepted,
		ReadTag: func(w http.ResponseWriter, r *http.Request) (wire.TagRequest, error) {
			return readDocument[wire.TagRequest](a, w, r, "the tag")
		},
		ReadRevert: func(w http.ResponseWriter, r *http.Request) (wire.RevertRequest, error) {
			return readDocument[wire.RevertRequest](a, w, r, "the request")
		},
	}
	a.scaling = scaling.Scaling{Autoscaler: o.Autoscaler, Answer: answer, Read: func(w http.ResponseWriter, r *http.Request) (report.ReplayRequest, error) {
		return readDocument[report.ReplayRequest](a, w, r, "the request")
	}}
	a.handler = a.guard(a.dispatch())
	if o.Audit != nil {
		a.audited = audited.New(o.Audit, o.Log)
		a.handler = a.audited.Handler(a.handler, a.about)
	}
	return a, nil
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }
