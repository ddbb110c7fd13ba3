// Package mesos translates between the Mesos v1 scheduler API and the events and actions of
// the core. It keeps the subscription alive (leader, heartbeats, back-off) and sends
// calls in order from one goroutine. It decides nothing.
package mesos

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	mesosgo "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/extras/scheduler/controller"
	"github.com/mesos/mesos-go/api/v1/lib/extras/scheduler/eventrules"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli/httpsched"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// Framework is how we introduce ourselves to Mesos.
type Framework struct {
	Name string
	// User is the operating system user of tasks that name none.
	User  string
	Roles []string
	// Principal is who we say we are; empty for a master without authentication.
	Principal string
	// FailoverTimeout is how long the master keeps our tasks without us; above 0.
	FailoverTimeout time.Duration
	WebUIURL        string
	// GPUs declares that we know how to leave agents with GPUs to those who need them.
	GPUs bool
}

// Options configure a Scheduler.
type Options struct {
	Framework Framework
	// Masters returns the addresses to try, best first, as URLs of the scheduler API.
	Masters func(context.Context) ([]string, error)
	// FrameworkID returns the id that the state holds; empty for a new framework.
	FrameworkID func() string
	// Plan says how a task is started.
	Plan func(state.Launch) (task.Template, error)
	// Post delivers an event to the owner of the state. It may block.
	Post func(state.Event)
	// TLS is for masters reached by https.
	TLS *tls.Config
	// Dial connects to a master; nil for the network of the machine.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Authenticate adds credentials to a request; nil for none.
	Authenticate func(*http.Request) error
	// Authorize wraps the transport of every call, for credentials that are renewed; nil for none.
	Authorize func(http.RoundTripper) http.RoundTripper
	// HeartbeatIntervals is how many silent intervals end a connection; 5 when 0.
	HeartbeatIntervals int
	// BackoffMin and BackoffMax bound the wait between connections; 100 ms and 15 s when 0.
	BackoffMin, BackoffMax time.Duration
	Registerer             prometheus.Registerer
	Log                    *slog.Logger
}

func (o *Options) validate() error {
	var problems []error
	check := func(ok bool, what string) {
		if !ok {
			problems = append(problems, errors.New("mesos: "+what))
		}
	}
	check(o.Framework.Name != "", "Framework.Name is empty")
	check(len(o.Framework.Roles) > 0, "Framework.Roles is empty; use * for the default role")
	check(o.Framework.FailoverTimeout > 0, "Framework.FailoverTimeout must be above 0, or a restart would end every task")
	check(o.Masters != nil && o.FrameworkID != nil && o.Plan != nil && o.Post != nil, "Masters, FrameworkID, Plan and Post are required")
	check(o.Log != nil && o.Registerer != nil, "Log and Registerer are required")
	if o.HeartbeatIntervals == 0 {
		o.HeartbeatIntervals = 5
	}
	if o.BackoffMin == 0 {
		o.BackoffMin = 100 * time.Millisecond
	}
	if o.BackoffMax == 0 {
		o.BackoffMax = 15 * time.Second
	}
	return errors.Join(problems...)
}

// Scheduler keeps one subscription alive and sends calls on it.
type Scheduler struct {
	o       Options
	queue   *queue
	metrics *metrics
	// resubscribe is signalled when the state has forgotten a removed framework id.
	resubscribe chan struct{}
	// tornDown says that the framework was ended on our own request.
	tornDown atomic.Bool
	// constraints go with each UPDATE_FRAMEWORK. Only the goroutine that sends calls knows them.
	constraints []state.RoleConstraints
}

// New returns a Scheduler that is not connected yet.
func New(o Options) (*Scheduler, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &Scheduler{o: o, queue: newQueue(), metrics: newMetrics(o.Registerer), resubscribe: make(chan struct{}, 1)}, nil
}

// ErrReplaced says that another scheduler subscribed with our framework id.
var ErrReplaced = errors.New("another scheduler has subscribed with our framework id: two services run under one name; stop one of them, or give them ZooKeeper as a state store so that one waits for the other")

// errRemoved says that the master will not take the framework id again.
var errRemoved = errors.New("framework removed")

// Run subscribes, and subscribes again after every loss, until ctx is done. It returns
// ErrReplaced when going on would fight with another scheduler.
func (s *Scheduler) Run(ctx context.Context) error {
	backoff := s.o.BackoffMin
	for ctx.Err() == nil {
		began := time.Now()
		subscribed, err := s.connect(ctx)
		if ctx.Err() != nil {
			break
		}
		s.o.Post(state.Disconnected{Reason: err.Error()})
		switch {
		case errors.Is(err, ErrReplaced):
			return err
		case errors.Is(err, errRemoved), s.tornDown.Load():
			select {
			case <-s.resubscribe:
			case <-ctx.Done():
				return nil
			}
			backoff = s.o.BackoffMin
			continue
		case subscribed && time.Since(began) > s.o.BackoffMax:
			backoff = s.o.BackoffMin
		}
		wait := backoff/2 + rand.N(backoff)
		s.o.Log.Warn("not connected to the Mesos master", "error", err, "retry", wait.Round(time.Millisecond))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
		backoff = min(2*backoff, s.o.BackoffMax)
	}
	return nil //nolint:nilerr // Being told to stop is no error.
}

// connect tries the masters in turn until one takes the subscription, and returns when it ends.
func (s *Scheduler) connect(ctx context.Context) (subscribed bool, err error) {
	urls, err := s.o.Masters(ctx)
	if err != nil {
		return false, fmt.Errorf("find the Mesos master: %w", err)
	}
	if len(urls) == 0 {
		return false, errors.New("find the Mesos master: no master leads now")
	}
	for _, u := range urls {
		subscribed, err = s.subscription(ctx, u)
		if subscribed || ctx.Err() != nil || errors.Is(err, errRemoved) {
			return subscribed, err
		}
		err = fmt.Errorf("subscribe at %s: %w", u, err)
	}
	return false, err
}

// headerTimeout bounds the wait for the first byte of an answer: a master that is still
// recovering holds a SUBSCRIBE without answering.
const headerTimeout = 10 * time.Second

// subscription runs one connection from SUBSCRIBE to its end.
func (s *Scheduler) subscription(ctx context.Context, url string) (subscribed bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var transport *http.Transport
	cli := httpcli.New(
		httpcli.Endpoint(url),
		httpcli.Codec(s.codec()),
		httpcli.Do(httpcli.With(
			httpcli.Timeout(headerTimeout),
			httpcli.TLSConfig(s.o.TLS),
			httpcli.Transport(func(t *http.Transport) { t.DialContext, transport = s.o.Dial, t }),
			httpcli.WrapRoundTripper(s.authenticated),
			httpcli.WrapRoundTripper(accepted),
			httpcli.WrapRoundTripper(func(next http.RoundTripper) http.RoundTripper { return &leading{next: next} }),
		)),
	)
	defer transport.CloseIdleConnections()
	caller := httpsched.NewCaller(cli,
		httpsched.AllowReconnection(true),
		httpsched.MaxRedirects(0), // See leading.
		// No candidate of the library's own: Run goes on with the next master itself.
		httpsched.EndpointCandidates(func() string { return "" }),
	)
	c := &connection{s: s, caller: caller, end: cancel, provisional: s.o.FrameworkID() == "", watchdog: newWatchdog(func() {
		cancel(errors.New("the master was silent for too long"))
	})}
	defer c.watchdog.stop()
	err = controller.Run(ctx, s.frameworkInfo(), caller,
		controller.WithFrameworkID(s.o.FrameworkID),
		controller.WithEventHandler(eventrules.New(c.beat, s.metrics.event).Handle(c)),
		controller.WithSubscriptionTerminated(func(err error) {
			if err == nil {
				err = errors.New("the master closed the connection")
			}
			cancel(err)
		}),
	)
	c.stopSending()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	if err == nil {
		err = errors.New("the master closed the connection")
	}
	if c.fatal != nil {
		err = c.fatal
	}
	return c.subscribed, err
}

// authenticated adds credentials to every request.
func (s *Scheduler) authenticated(next http.RoundTripper) http.RoundTripper {
	if s.o.Authorize != nil {
		next = s.o.Authorize(next)
	}
	if s.o.Authenticate == nil {
		return next
	}
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		if err := s.o.Authenticate(r); err != nil {
			return nil, fmt.Errorf("authenticate with the Mesos master: %w", err)
		}
		return next.RoundTrip(r)
	})
}

// accepted has a call that the master answers with nothing be one that it accepted: it says 200 to UPDATE_FRAMEWORK, and
// the library then asks for content.
func accepted(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(r)
		if err == nil && resp.StatusCode == http.StatusOK && resp.Header.Get("Content-Type") == "" {
			resp.StatusCode = http.StatusAccepted
		}
		return resp, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// registrationTimeout is the failover timeout of a framework that has just got its id. The real one follows when the id
// is saved: a process that ends before that leaves a framework that nobody knows, and it is not to stay for a week.
const registrationTimeout = time.Minute

func (s *Scheduler) frameworkInfo() *mesosgo.FrameworkInfo {
	f := s.o.Framework
	timeout := f.FailoverTimeout.Seconds()
	if s.o.FrameworkID() == "" {
		timeout = min(timeout, registrationTimeout.Seconds())
	}
	checkpoint := true
	info := &mesosgo.FrameworkInfo{
		Name: f.Name, User: f.User, Roles: f.Roles,
		FailoverTimeout: &timeout, Checkpoint: &checkpoint,
	}
	if id := s.o.FrameworkID(); id != "" {
		info.ID = &mesosgo.FrameworkID{Value: id}
	}
	if f.Principal != "" {
		info.Principal = &f.Principal
	}
	if f.WebUIURL != "" {
		info.WebUiURL = &f.WebUIURL
	}
	types := []mesosgo.FrameworkInfo_Capability_Type{
		mesosgo.FrameworkInfo_Capability_MULTI_ROLE,
		mesosgo.FrameworkInfo_Capability_PARTITION_AWARE,
		mesosgo.FrameworkInfo_Capability_TASK_KILLING_STATE,
		mesosgo.FrameworkInfo_Capability_RESERVATION_REFINEMENT,
		mesosgo.FrameworkInfo_Capability_REGION_AWARE,
		// What is offered revocably is used only for those who asked for it.
		mesosgo.FrameworkInfo_Capability_REVOCABLE_RESOURCES,
	}
	if f.GPUs {
		types = append(types, mesosgo.FrameworkInfo_Capability_GPU_RESOURCES)
	}
	for _, t := range types {
		info.Capabilities = append(info.Capabilities, mesosgo.FrameworkInfo_Capability{Type: t})
	}
	return info
}

// removed says whether an ERROR event of the master means that the framework id is spent.
func removed(message string) bool {
	m := strings.ToLower(message)
	return strings.Contains(m, "framework has been removed") || strings.Contains(m, "framework is not allowed to subscribe") ||
		strings.Contains(m, "completed framework")
}
