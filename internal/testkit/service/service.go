// Package service runs the service's API, loop and core in one process, on a scripted Mesos and scripted Flinks, for
// tests of what speaks to the API. What it answers is what the service answers: only the ends of the wire are scripted.
//
// Inside a bubble of testing/synctest it runs in virtual time and is deterministic: ids are counted, and the script has a
// single goroutine. Outside it runs in real time, as fast as Options.Speed says.
package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flink-on-mesos/flink-service/internal/admit"
	"github.com/flink-on-mesos/flink-service/internal/api"
	"github.com/flink-on-mesos/flink-service/internal/artifact"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/runner"
	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/eventlog"
	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
	"github.com/flink-on-mesos/flink-service/internal/flink/driver"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/flinkmesos"
	"github.com/flink-on-mesos/flink-service/internal/jobmanager"
	"github.com/flink-on-mesos/flink-service/internal/journal"
	"github.com/flink-on-mesos/flink-service/internal/loop"
	"github.com/flink-on-mesos/flink-service/internal/redact"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/store/records"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/tasklog"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Options configure a Service.
type Options struct {
	// Dir takes artifacts and the journal.
	Dir string
	// Speed divides the times of the script and of the observation; 1 when 0.
	Speed int
	// Runs is how long a job runs that ends by itself; 3 s when 0. Speed does not change it.
	Runs time.Duration
	// Log takes what the parts say; nil for nobody.
	Log *slog.Logger
}

// Service is the running service. It is an http.Handler of its API.
type Service struct {
	o       Options
	loop    *loop.Loop
	api     *api.API
	script  *script
	mesos   *master
	watcher *jobmanager.Watcher
	journal *journal.Journal
	events  *eventlog.Log
	// autoscaler is started with the loop.
	autoscaler *runner.Runner
	closers    []func() error

	mu       sync.Mutex
	requests []string
	counted  counts
	nonces   uint64
}

// counts number what needs a number.
type counts struct{ jobs, jars, epochs int }

// versions are the Flink versions that clusters can be started with, the default first.
var versions = []api.Flink{ //nolint:gochecknoglobals // A constant.
	{Name: "2.3.0", Version: "2.3.0", SHA256: strings.Repeat("23", 32)}, {Name: "1.20.5", Version: "1.20.5", SHA256: strings.Repeat("12", 32)},
}

// Start runs a service without clusters, and returns when it is connected to its Mesos: three agents of 8 cpus and 16 GiB.
func Start(o Options) (*Service, error) {
	if o.Dir == "" {
		return nil, errors.New("service: Dir is required")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Speed = max(o.Speed, 1)
	s := &Service{o: o, script: newScript(o.Speed), nonces: firstNonce}
	if err := s.wire(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- s.loop.Run(ctx) }()
	scaled := make(chan error, 1)
	go func() {
		time.Sleep(s.script.scaled(311 * time.Millisecond)) // It looks at moments at which nothing else happens.
		scaled <- s.autoscaler.Run(ctx)
	}()
	s.closers = append(s.closers, func() error { cancel(); return errors.Join(<-ran, <-scaled) }, func() error { s.script.close(); return nil })
	s.mesos.subscribe()
	for !view.Service(s.loop.View()).Connected {
		time.Sleep(700 * time.Microsecond) // No multiple of it is a time of the script.
	}
	return s, nil
}

// Close ends everything, and says what a master would complain about.
func (s *Service) Close() error {
	var err error
	for _, v := range slices.Backward(s.closers) {
		err = errors.Join(err, v())
	}
	return err
}

// wire makes the parts, as package app does.
func (s *Service) wire() error {
	post := func(e state.Event) { s.loop.Post(e) }
	s.mesos = newMaster(s, post)
	var err error
	if s.journal, err = journal.New(journal.Options{Dir: s.journalDir(), Masked: redact.ForJournal, Log: s.o.Log}); err != nil {
		return err
	}
	s.closers = append(s.closers, s.journal.Close)
	s.watcher, err = jobmanager.New(jobmanager.Options{
		Observe: s.observe, Wanted: func(name string) bool { return view.Doubted(s.loop.View(), name) }, Dial: s.dial, REST: s.rest, Post: post,
		Busy: s.script.scaled(250 * time.Millisecond), Idle: s.script.scaled(2 * time.Second), Log: s.o.Log,
	})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() error { s.watcher.Close(); return nil })
	logs, err := tasklog.New(tasklog.Options{Transport: s.mesos.network})
	if err != nil {
		return err
	}
	kept := store.NewMemory()
	if s.events, err = eventlog.New(eventlog.Options{Store: kept}); err != nil {
		return err
	}
	began := time.Now()
	s.journal.Begin(began, state.Stored{})
	doing := jobs{s.watcher, func(e state.Event) { go post(e) }, logs}
	s.loop, err = loop.New(loop.Options{
		State: core.New(state.Options{}, state.Stored{}, began), Saver: records.Saver{Store: kept}, Mesos: s.mesos, Flink: flinkSide{s.watcher},
		Jobs: doing, Snapshots: doing, Probe: doing, Tick: s.script.scaled(500 * time.Millisecond), Jitter: func() float64 { return 0.5 }, Observe: s.journal.Observe,
		Registerer: prometheus.NewRegistry(), Recorder: s.events, Log: s.o.Log,
	})
	if err != nil {
		return err
	}
	if err := s.autoscale(kept); err != nil {
		return err
	}
	artifacts, err := artifact.New(artifact.Options{
		Dir: filepath.Join(s.o.Dir, "artifacts"), Prefix: strings.Repeat("p", 22), Key: bytes.Repeat([]byte("k"), 32), MaxUpload: 1 << 30, Log: s.o.Log,
		InUse: func(sha string) []string { return api.ArtifactUsers(s.loop.View(), sha) },
	})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, artifacts.Close)
	s.api, err = api.New(api.Options{
		Core: s.loop, Artifacts: artifacts, Events: s.events, Autoscaler: s.autoscaler, Admit: admission(artifacts).Admit, Import: flinkmesos.Import, Log: s.o.Log, Nonce: s.nonce,
		Flinks: versions, Version: "1.0.0", Commit: "0123456789ab", FrameworkName: "flink", Roles: []string{"*"},
		Leader: "http://10.0.0.9:8080", Transport: s.mesos.network,
		Journal: func(text string, limit, maxBytes int) ([]json.RawMessage, error) {
			return journal.Tail(s.journalDir(), text, limit, maxBytes)
		},
	})
	return err
}

// autoscale makes what runs the autoscaler.
func (s *Service) autoscale(kept store.Store) (err error) {
	s.autoscaler, err = runner.New(runner.Options{
		View: s.loop.View, Do: s.loop.Do, Store: kept, Registerer: prometheus.NewRegistry(), Log: s.o.Log,
		REST:          func(jm task.Task, _ time.Duration) (*rest.Client, error) { return s.rest(jm) },
		Configuration: func(sp spec.Spec, _ string) map[string]string { return flink.Configuration(sp, nil) },
	})
	return err
}

// admission is what the service offers to clusters.
func admission(artifacts *artifact.Store) *admit.Admission {
	return admit.New(admit.Options{
		Defaults: spec.Defaults{Allocation: spec.Dynamic, FlinkVersion: versions[0].Version, Role: "*"},
		Rules:    spec.Rules{Roles: []string{"*"}, Constraints: true},
		Flink: func(s spec.Spec) (dist.Manifest, error) {
			for _, v := range versions {
				if dist.Matches(v.Version, s.FlinkVersion) {
					return dist.Manifest{Version: v.Version, SHA256: v.SHA256, Libraries: []dist.Library{{Path: "lib/" + dist.DriverName}}}, nil
				}
			}
			return dist.Manifest{}, fmt.Errorf("there is no Flink %s; there is 2.3.0, 1.20.5", s.FlinkVersion)
		},
		Artifact: func(u spec.ArtifactURI) error {
			_, err := artifacts.Stat(u.SHA256)
			return err
		},
	})
}

func (s *Service) journalDir() string { return filepath.Join(s.o.Dir, "journal") }

// ServeHTTP implements http.Handler.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r.Method+" "+r.URL.RequestURI())
	s.mu.Unlock()
	s.api.ServeHTTP(w, r)
}

// Requests lists what was asked for: method and path with query.
func (s *Service) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// View is the state as last published.
func (s *Service) View() *state.State { return s.loop.View() }

// Append adds text to a file of a task's sandbox.
func (s *Service) Append(task, file, text string) { s.mesos.write(task, file, text) }

// nextJob and nextJar count over all clusters.
func (s *Service) nextJob() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counted.jobs++
	return s.counted.jobs
}

func (s *Service) nextJar() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counted.jars++
	return s.counted.jars
}

// epoch is the id of the next JobManager's leadership.
func (s *Service) epoch() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counted.epochs++
	return fmt.Sprintf("%04x0f1e2d3c4b5a", s.counted.epochs)
}

// firstNonce is x7k2, read with base 36.
const firstNonce = 1549442

// nonce counts with base 36.
func (s *Service) nonce() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := strconv.FormatUint(s.nonces, 36)
	s.nonces++
	return n
}

// rest is the client of a JobManager's REST API.
func (s *Service) rest(jm task.Task) (*rest.Client, error) {
	return rest.New(rest.Options{URL: jobmanager.RESTURL(jm), HTTP: &http.Client{Transport: s.mesos.network}, Timeout: 5 * time.Second})
}

func (s *Service) observe(ctx context.Context, jm task.Task) (wire.Flink, error) {
	c, err := s.rest(jm)
	if err != nil {
		return wire.Flink{}, err
	}
	return jobmanager.Observe(ctx, c, s.loop.View, jm)
}

// token is what scripted drivers want to see.
const token driver.Token = "token"

// dial makes the conversation with the driver of a JobManager.
func (s *Service) dial(jm task.Task) (jobmanager.Exchange, error) {
	client, err := driver.New(driver.Options{
		Address: net.JoinHostPort(jm.Host(), strconv.Itoa(jm.Ports[flink.PortDriver])), Token: token, Transport: s.mesos.network,
	})
	if err != nil {
		return nil, err
	}
	return driver.NewExchange(driver.ExchangeOptions{
		Client: client, Log: s.o.Log, Jitter: func() float64 { return 0.37 },
		OnWanted: func(w driver.Wanted) { s.loop.Post(jobmanager.WorkersWanted(jm, w)) },
		Report:   func() driver.Report { return jobmanager.Report(s.loop.View(), jm.Cluster) },
	})
}

// flinkSide are the conversations alone: nothing here is highly available.
type flinkSide struct{ *jobmanager.Watcher }

// Depose implements loop.Flink.
func (flinkSide) Depose(state.RevokeLeadership) {}

// Forget implements loop.Flink.
func (flinkSide) Forget(state.DeleteHAData) {}

// jobs performs the actions about jobs; there is no ZooKeeper, which therefore knows no checkpoint.
type jobs struct {
	*jobmanager.Watcher
	post func(state.Event)
	logs *tasklog.Reader
}

// FindLogError implements loop.Jobs.
func (j jobs) FindLogError(a state.FindLogError) {
	go func() {
		if text, err := j.logs.LastError(context.Background(), a.Endpoint, a.Sandbox); err == nil && text != "" {
			j.post(state.LogErrorFound{Cluster: a.Cluster, TaskID: a.TaskID, Error: text})
		}
	}()
}

// FindCheckpoint implements loop.Jobs.
func (j jobs) FindCheckpoint(a state.FindCheckpoint) {
	j.post(state.CheckpointFound{Cluster: a.Cluster, Submission: a.Submission})
}

// Probe implements loop.Prober: scripted tasks have no ports, and none answers.
func (j jobs) Probe(a state.Probe) { j.post(state.Probed{TaskID: a.Task.ID, Since: a.Since}) }
