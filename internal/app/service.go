// Package app puts the parts together and starts and stops them in order. It is the only place that knows all
// of them; it decides nothing.
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/flink-on-mesos/flink-service/internal/api"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/runner"
	"github.com/flink-on-mesos/flink-service/internal/config"
	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/history"
	"github.com/flink-on-mesos/flink-service/internal/jobmanager"
	"github.com/flink-on-mesos/flink-service/internal/launch"
	"github.com/flink-on-mesos/flink-service/internal/localmesos"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/standalone"
	"github.com/flink-on-mesos/flink-service/internal/loop"
	"github.com/flink-on-mesos/flink-service/internal/mesos"
	"github.com/flink-on-mesos/flink-service/internal/mesos/detect"
	"github.com/flink-on-mesos/flink-service/internal/probe"
	"github.com/flink-on-mesos/flink-service/internal/secretdir"
	"github.com/flink-on-mesos/flink-service/internal/sendfile"
	"github.com/flink-on-mesos/flink-service/internal/serviceaccount"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/store/records"
	"github.com/flink-on-mesos/flink-service/internal/tasklog"
)

// Options are what a Service needs beside its configuration.
type Options struct {
	Config  config.Config
	Version string
	Commit  string
	Log     *slog.Logger
	// Network is how the service listens and connects.
	Network Network
	// Store, when set, opens the state in the place of STATE_STORE: a store of this process alone.
	Store func() (store.Store, error)
	// Check, when set, sees each step of the core before its actions are performed; for tests.
	Check func(before *state.State, e state.Event, actions []state.Action, after *state.State)
	// Ready is told the URL of the service when it listens; nil for nobody.
	Ready func(url string)
}

// Service is one instance.
type Service struct {
	o        Options
	c        config.Config
	log      *slog.Logger
	listener net.Listener
	url      string
	// own is the address for the other instances.
	own      string
	registry *prometheus.Registry
	handler  *switchHandler
	local    *localmesos.Master
	// identity is the service account; nil for none.
	identity *serviceaccount.Identity
	// tls is for masters, agents, the login endpoint and Marathon.
	tls *tls.Config
	// others reaches the other instances of the service.
	others *http.Transport
	// steps are what was started; run is the one run.
	steps steps
	run   running
	// problems are what an operator must correct while the service runs.
	problems *problems
}

// New makes a service that listens and answers that it is starting. It needs Stop at its end, whether it ran or not; when New
// fails nothing is left of it.
func New(o Options) (*Service, error) {
	s := &Service{
		o: o, c: o.Config, log: o.Log, registry: prometheus.NewRegistry(), handler: newSwitchHandler(), steps: steps{log: o.Log},
		problems: newProblems(o.Log, o.Config.Warnings),
	}
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, start := range []func() error{s.identify, s.listen} {
		if err := start(); err != nil {
			return nil, errors.Join(err, s.steps.undo())
		}
	}
	return s, nil
}

// Run opens the state, waits to lead, and then runs clusters until ctx is done, Stop is called, or something that the service
// cannot live without fails. It can be called once. The tasks of clusters keep running after its end.
func (s *Service) Run(ctx context.Context) error {
	ctx, end, err := s.run.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	return s.lead(ctx)
}

// Stop ends Run, and then everything that New and Run started, the newest first and each in bounded time. It returns what could
// not be ended. Calling it again does nothing more and returns the same.
func (s *Service) Stop() error {
	s.run.stop()
	return s.steps.undo()
}

// Run makes a service, runs it, and stops it.
func Run(ctx context.Context, o Options) error {
	s, err := New(o)
	if err != nil {
		return err
	}
	err = s.Run(ctx)
	return errors.Join(err, s.Stop())
}

// listen takes the port first: a second service on the same port stops here and disturbs nothing.
func (s *Service) listen() error {
	l, err := s.o.Network.listen(s.c.HTTP.Listen)
	if err != nil {
		return fmt.Errorf("LISTEN: %w", err)
	}
	s.listener = l
	port := l.Addr().(*net.TCPAddr).Port
	s.url, s.own = s.c.HTTP.URL(port), s.c.HTTP.Instance(port)
	server := newServer(s.handler, s.log)
	serve := func(l net.Listener) error { return server.Serve(sendfile.Listen(l)) }
	if s.c.HTTP.CertificateFile != "" {
		pair, err := listenerCertificate(s.c.HTTP)
		if err != nil {
			return errors.Join(fmt.Errorf("LISTEN_CERTIFICATE_FILE: %w", err), l.Close())
		}
		// HTTP/1.1 only: the deadlines of requests that stand still are those of a connection.
		server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
		server.Protocols = new(http.Protocols)
		server.Protocols.SetHTTP1(true)
		serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	}
	done := make(chan error, 1)
	go func() { done <- serve(l) }()
	s.steps.add("the listener", func() error {
		defer s.others.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			_ = server.Close() // Long answers, such as followed logs, end now.
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return nil
}

// lead takes the state, and runs the components while this instance leads.
func (s *Service) lead(ctx context.Context) error {
	if err := os.MkdirAll(s.c.State.DataDir, 0o700); err != nil {
		return fmt.Errorf("DATA_DIR: %w", err)
	}
	st, err := s.openState(ctx)
	if err != nil {
		return err
	}
	s.steps.add("the state", st.Close)
	if s.o.Ready != nil {
		s.o.Ready(s.url)
	}
	lost, release, err := s.waitToLead(ctx, st)
	if err != nil || lost == nil && ctx.Err() != nil {
		return err
	}
	s.steps.add("the lock of the state", release)
	stored, k, err := load(ctx, st)
	if err != nil {
		return err
	}
	master, err := s.masters()
	if err != nil {
		return err
	}
	p, err := s.assemble(ctx, st, stored, k, master)
	if err != nil {
		return err
	}
	return p.run(ctx, lost)
}

// masters finds the master, and starts it when it is to be local.
func (s *Service) masters() (func(context.Context) ([]string, error), error) {
	address := s.c.Mesos.Master
	if address == "local" {
		settings, err := standalone.Load()
		if err != nil {
			return nil, err
		}
		if _, set := os.LookupEnv(standalone.Prefix + "_LISTEN"); !set {
			settings.Listen = "127.0.0.1:0"
		}
		if settings.WorkDir == "" {
			settings.WorkDir = filepath.Join(s.c.State.DataDir, "localmesos")
		}
		s.local, err = standalone.Start(settings, s.log.With("part", "localmesos"))
		if err != nil {
			return nil, err
		}
		s.steps.add("local Mesos", s.local.Close)
		address = s.local.Address()
		s.log.Info("local Mesos is ready; its tasks end with this process", "master", address, "agents", settings.Agents)
	}
	return mesos.Masters(address, s.c.Mesos.Scheme, detect.Leader)
}

// framework is how we introduce ourselves.
func (s *Service) framework() mesos.Framework {
	f := mesos.Framework{
		Name: s.c.Framework.Name, User: s.c.Framework.User, Roles: s.c.Mesos.Roles, Principal: s.c.Mesos.Principal,
		FailoverTimeout: s.c.Framework.FailoverTimeout, WebUIURL: s.c.Framework.WebUIURL, GPUs: true,
	}
	if f.WebUIURL == "" {
		f.WebUIURL = s.url + "/"
	}
	if f.User == "" {
		if u, err := user.Current(); err == nil {
			f.User = u.Username
		}
	}
	return f
}

// openFlinks finds the distributions that clusters may have.
func (s *Service) openFlinks(ctx context.Context, p *components, stored state.Stored) (distributions, error) {
	if s.c.Marathon.Uninstall && s.c.Marathon.UninstallSavepoints == "" {
		return nil, nil // What is only to be removed needs no Flink.
	}
	dir := filepath.Join(s.c.State.DataDir, "flink")
	flinks, err := findDistributions(ctx, s.c.Flink.Distributions, dir, p.artifacts, s.log)
	if fault.CodeOf(err) == fault.Invalid {
		// Without a Flink nothing can be launched, but what runs is looked after.
		p.problems.add("FLINK_DISTRIBUTIONS", oneLine(err))
	} else if err != nil {
		return nil, err
	}
	return flinks.keep(filepath.Join(dir, "kept"), stored, p.artifacts, s.log)
}

// newPlanner makes what works out how a task is started.
func (s *Service) newPlanner(ctx context.Context, p *components, k keys) (*launch.Planner, error) {
	java, err := s.javaArchive(ctx, p.artifacts)
	if err != nil {
		return nil, err
	}
	return launch.New(launch.Options{
		Distribution: p.distribution, OverlayURI: p.overlayURI, ArtifactURI: p.artifactURI, Key: k.Signing, Secret: secretdir.Dir(s.c.Flink.SecretsDir).Read,
		KillGrace: s.c.Timing.KillGrace, ZooKeeper: s.c.Flink.ZooKeeper, StorageDir: s.c.Flink.HAStorageDir, JavaHome: s.c.Flink.JavaHome, JavaArchive: java,
		HadoopDirectory: s.c.Flink.HadoopDirectory, Inherited: s.c.Flink.Inherited(os.Environ()),
	})
}

// newScheduler makes the side that speaks to Mesos.
func (s *Service) newScheduler(p *components, masters func(context.Context) ([]string, error)) (*mesos.Scheduler, error) {
	return mesos.New(mesos.Options{
		Framework: s.framework(), Masters: masters, TLS: s.tls, Dial: s.o.Network.Dial, Plan: p.planner.Plan, Authenticate: s.authenticate(), Authorize: s.authorized,
		FrameworkID: func() string { return p.loop.View().Framework.ID }, Post: func(e state.Event) { p.loop.Post(e) },
		Registerer: s.registry, Log: s.log.With("part", "mesos"),
	})
}

// newSide makes the side that speaks to Flink.
func (s *Service) newSide(p *components) (*flinkSide, error) {
	var err error
	p.watcher, err = jobmanager.New(jobmanager.Options{
		Observe: p.observe, Wanted: func(name string) bool { return view.Doubted(p.loop.View(), name) }, Dial: p.dial, REST: p.rest, Post: func(e state.Event) { p.loop.Post(e) }, Log: s.log.With("part", "jobmanager"),
	})
	if err != nil {
		return nil, err
	}
	logs, err := tasklog.New(tasklog.Options{Transport: s.authorized(s.transport())})
	if err != nil {
		return nil, err
	}
	side := newFlinkSide(p, p.watcher, logs)
	s.steps.add("the connections to JobManagers", side.Close)
	return side, nil
}

// newAutoscaler makes what runs the autoscaler.
func (s *Service) newAutoscaler(p *components, st store.Store, k keys) (*runner.Runner, error) {
	return runner.New(runner.Options{
		View: p.loop.View, Do: p.loop.Do, REST: p.restFor, Configuration: p.planner.Configuration, Store: st, Stored: k.autoscaler, Zone: time.Local,
		Registerer: s.registry, Log: s.log.With("part", "autoscaler"),
	})
}

// assemble makes the parts that need the state.
func (s *Service) assemble(ctx context.Context, st *openedState, stored state.Stored, k keys, masters func(context.Context) ([]string, error)) (*components, error) {
	p := &components{service: s, problems: s.problems, history: history.New(), others: func(ctx context.Context) ([]string, error) { return st.others(ctx, s.own) }}
	var err error
	p.artifacts, err = s.openArtifacts(k, s.registry, func(sha string) []string { return api.ArtifactUsers(p.loop.View(), sha) })
	if err != nil {
		return nil, err
	}
	s.steps.add("the artifacts", p.artifacts.Close)
	p.replicator = s.newReplicator(p.artifacts)
	if p.flinks, err = s.openFlinks(ctx, p, stored); err != nil {
		return nil, err
	}
	if p.planner, err = s.newPlanner(ctx, p, k); err != nil {
		return nil, err
	}
	p.artifacts.Handle(overlayKind, p.renderOverlay)
	p.connector = jobmanager.NewConnector(jobmanager.ConnectorOptions{
		View: func() *state.State { return p.loop.View() }, Authority: p.planner.Authority, Secret: secretdir.Dir(s.c.Flink.SecretsDir).Read,
		Dial: s.o.Network.dialer(5 * time.Second),
	})
	s.steps.add("idle connections to JobManagers", p.connector.Close)

	began := time.Now()
	st0 := core.New(CoreOptions(s.c), stored, began)
	if err := p.openRecords(st, stored, k, began); err != nil {
		return nil, err
	}
	if p.scheduler, err = s.newScheduler(p, masters); err != nil {
		return nil, err
	}
	side, err := s.newSide(p)
	if err != nil {
		return nil, err
	}
	p.prober, err = probe.New(probe.Options{Dial: s.o.Network.dialer(5 * time.Second), TaskManagers: p.taskManagers, Post: func(e state.Event) { p.loop.Post(e) }})
	if err != nil {
		return nil, err
	}
	s.steps.add("the questions to unreachable tasks", p.prober.Close)
	p.loop, err = loop.New(loop.Options{
		State: st0, Saver: records.Saver{Store: st}, Mesos: p.scheduler, Flink: side, Jobs: side, Snapshots: side, Probe: p.prober, Registerer: s.registry, Log: s.log, Recorder: p.events,
		Observe: p.journal.Observe, Check: s.o.Check,
	})
	if err != nil {
		return nil, err
	}
	if p.autoscaler, err = s.newAutoscaler(p, st, k); err != nil {
		return nil, err
	}
	p.registered = stored.Framework.ID != ""
	if s.c.Marathon.Uninstall {
		p.uninstall = func(ctx context.Context) error { return p.removeService(ctx, st, side) }
	} else {
		p.initial = func(ctx context.Context) error {
			return p.createInitial(ctx, st, k, len(stored.Clusters) == 0 && !k.Initial)
		}
	}
	p.admission = p.newAdmission()
	p.handler, err = p.newHandler()
	return p, err
}

// defaults complete what a cluster's spec leaves open.
func (s *Service) defaults(flinks distributions) spec.Defaults {
	version := s.c.Flink.DefaultVersion
	if d, err := flinks.pick(version); err == nil {
		version = d.Name()
	}
	return spec.Defaults{
		Allocation: spec.Allocation(s.c.Flink.DefaultAllocation), FlinkVersion: version, Role: s.c.Mesos.Roles[0], User: s.c.Framework.User,
	}
}
