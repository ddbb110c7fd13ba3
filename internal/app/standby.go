package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/artifact"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/stale"
	"github.com/flink-on-mesos/flink-service/internal/store"
)

// handler serves everything of an instance that leads.
type handler = http.Handler

// switchHandler is the one handler of the listener: what it serves changes when the instance begins to lead.
type switchHandler struct{ current atomic.Pointer[http.Handler] }

func newSwitchHandler() *switchHandler {
	f := &switchHandler{}
	f.set(starting{})
	return f
}

func (f *switchHandler) set(h http.Handler) { f.current.Store(&h) }

// ServeHTTP implements http.Handler.
func (f *switchHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*f.current.Load()).ServeHTTP(w, r)
}

// newServer bounds what a slow or hostile client can hold. Bodies have no deadline here: uploads of many
// gigabytes are meant to work, and each handler bounds its own.
func newServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// health answers /v1/health of an instance that does not lead: it is well, and a restart would not help.
func health(w http.ResponseWriter, role string) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"healthy": true, "role": role}) // The client may be gone.
}

// starting answers while the state is opened.
type starting struct{}

func (starting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v1/health" {
		health(w, "starting")
		return
	}
	unavailable(w, "the service is starting; try again in a moment")
}

func unavailable(w http.ResponseWriter, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
	_ = json.NewEncoder(w).Encode(fault.New(fault.Unavailable, "%s", message)) // The client may be gone.
}

// standby passes every request on to the instance that leads.
type standby struct {
	leader atomic.Pointer[url.URL]
	proxy  *httputil.ReverseProxy
	stale  *stale.Answers
	// artifacts serves to other instances what was copied here; nil until the keys of the paths are known.
	artifacts atomic.Pointer[artifact.Store]
}

// forwarded marks a request that a standby passed on: should the leader be one no longer, it is not passed on again.
const forwarded = "X-Flink-Service-Forwarded"

func newStandby(transport http.RoundTripper) *standby {
	s := &standby{stale: stale.New()}
	s.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			if u := s.leader.Load(); u != nil {
				r.SetURL(u)
			}
			r.SetXForwarded()
			r.Out.Host = r.In.Host
			r.Out.Header.Set(forwarded, "1")
		},
		Transport:      transport,
		FlushInterval:  -1,
		ModifyResponse: s.stale.Note,
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, _ error) {
			if s.stale.Answer(w, r) {
				return
			}
			unavailable(w, "the leading instance does not answer; another takes over in a moment: try again")
		},
	}
	return s
}

func (s *standby) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/v1/health":
		health(w, "standby")
	case r.Header.Get(forwarded) != "" && strings.HasPrefix(r.URL.Path, "/artifacts/") && s.artifacts.Load() != nil:
		s.artifacts.Load().ServeHTTP(w, r)
	case s.leader.Load() == nil || r.Header.Get(forwarded) != "":
		if s.stale.Answer(w, r) {
			return
		}
		unavailable(w, "no instance leads right now; try again in a moment")
	default:
		s.proxy.ServeHTTP(w, r)
	}
}

// waitToLead stands by until this instance may write. Without an election it returns at once.
func (s *Service) waitToLead(ctx context.Context, st *openedState) (<-chan struct{}, func() error, error) {
	nothing := func() error { return nil }
	if st.zk == nil {
		return nil, nothing, nil
	}
	h := newStandby(s.others)
	follow, stop := context.WithCancel(ctx)
	defer stop()
	var last *url.URL // The last other instance that led.
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		err := st.zk.Follow(follow, func(info []byte) {
			u, err := url.Parse(string(info))
			if len(info) == 0 || err != nil || string(info) == s.own {
				u = nil
			}
			if u != nil {
				last = u
			}
			h.leader.Store(u)
		})
		if err != nil && follow.Err() == nil {
			s.log.Error("the leader is not known", "error", err)
		}
	}()
	s.handler.set(h)
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		s.copyFromLeader(follow, st, h)
	}()
	s.log.Info("standing by for the lock of the state")
	lost, release, err := st.lead(ctx, s.id(), s.own)
	stop()
	<-copied
	<-followed
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil, nothing, nil
	}
	if errors.Is(err, store.ErrRemoved) && s.c.Marathon.Uninstall {
		// The instance that led has removed the service. Nothing is left to do here until Marathon stops this process, which is
		// healthy meanwhile: an exit would only be followed by another start.
		s.log.Info("the service was removed by the other instance; this process waits to be stopped")
		h.leader.Store(last) // It leads no more, and still says that the removal is complete.
		<-ctx.Done()
		return nil, nothing, nil
	}
	if err != nil {
		return nil, nothing, err
	}
	return lost, release, nil
}

// id names this instance to operators.
func (s *Service) id() string {
	if s.c.Facts.TaskID != "" {
		return s.c.Facts.TaskID
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + " " + s.own
}
