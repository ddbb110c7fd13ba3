package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/oklog/run"

	"github.com/flink-on-mesos/flink-service/internal/admit"
	"github.com/flink-on-mesos/flink-service/internal/artifact"
	"github.com/flink-on-mesos/flink-service/internal/artifact/replica"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/runner"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/flink/appcds"
	"github.com/flink-on-mesos/flink-service/internal/flink/driver"
	"github.com/flink-on-mesos/flink-service/internal/flink/requirement"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/history"
	"github.com/flink-on-mesos/flink-service/internal/jobmanager"
	"github.com/flink-on-mesos/flink-service/internal/launch"
	"github.com/flink-on-mesos/flink-service/internal/loop"
	"github.com/flink-on-mesos/flink-service/internal/mesos"
	"github.com/flink-on-mesos/flink-service/internal/metrics"
	"github.com/flink-on-mesos/flink-service/internal/probe"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// components are what runs while this instance leads.
type components struct {
	recordings
	service   *Service
	artifacts *artifact.Store
	// replicator brings uploads from other instances, which others lists.
	replicator *replica.Replicator
	others     func(context.Context) ([]string, error)
	flinks     distributions
	admission  *admit.Admission
	planner    *launch.Planner
	connector  *jobmanager.Connector
	scheduler  *mesos.Scheduler
	watcher    *jobmanager.Watcher
	prober     *probe.Prober
	loop       *loop.Loop
	handler    handler
	history    *history.History
	// statsd reports the metrics; nil for nobody.
	statsd     *metrics.StatsD
	autoscaler *runner.Runner
	// initial creates the first cluster; nil when there is nothing to do.
	initial func(context.Context) error
	// uninstall removes the service; nil when it is to stay.
	uninstall func(context.Context) error
	// registered says that there was a framework id when this instance began to lead.
	registered bool
	// problems are what an operator must correct while the service runs.
	problems *problems
	// removed says that the uninstallation is complete.
	removed atomic.Bool
}

// errDeposed says that another instance may lead now.
var errDeposed = errors.New("the lock of the state is lost: another instance leads, or ZooKeeper cannot be reached; this one ends, and Marathon starts it again")

// run runs the parts until ctx is done, the lease is lost, or one of them fails.
func (p *components) run(ctx context.Context, lost <-chan struct{}) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var g run.Group
	g.Add(func() error {
		select {
		case <-ctx.Done():
			return nil
		case <-lost:
			return errDeposed
		}
	}, func(error) { cancel() })
	g.Add(func() error { return p.loop.Run(ctx) }, func(error) { cancel() })
	g.Add(func() error { return p.history.Run(ctx, p.loop.View) }, func(error) { cancel() })
	if p.uninstall == nil { // Else the record is to be removed with the rest of the state.
		g.Add(func() error { return p.events.Run(ctx) }, func(error) { cancel() })
		g.Add(func() error { return p.autoscaler.Run(ctx) }, func(error) { cancel() })
	}
	if p.uninstall == nil || p.registered {
		g.Add(func() error { return p.scheduler.Run(ctx) }, func(error) { cancel() })
	}
	if p.statsd != nil {
		g.Add(func() error { return p.statsd.Run(ctx) }, func(error) { cancel() })
	}
	g.Add(func() error { p.replicator.Supply(ctx, p.others, p.missing); return nil }, func(error) { cancel() })
	for _, once := range []func(context.Context) error{p.initial, p.uninstall} {
		if once == nil {
			continue
		}
		g.Add(func() error {
			if err := once(ctx); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		}, func(error) { cancel() })
	}
	p.service.handler.set(p.handler)
	p.service.log.Info("service is ready", "url", p.service.url, "framework", p.service.c.Framework.Name, "flink", p.versions())
	return deposed(g.Run())
}

// deposed is the error of a run that ended with err: the same words for the operator, whether the lock's loss was
// noticed by itself or by a write that was refused because of it.
func deposed(err error) error {
	if errors.Is(err, store.ErrFenced) {
		return fmt.Errorf("%w (%w)", errDeposed, err)
	}
	return err
}

func (p *components) versions() string {
	var list []string
	for _, d := range p.flinks {
		if !slices.Contains(list, d.Name()) {
			list = append(list, d.Name())
		}
	}
	return strings.Join(list, ",")
}

// distribution tells the planner where the tasks of a cluster fetch their Flink.
func (p *components) distribution(s spec.Spec) (launch.Distribution, error) {
	d, pinned, err := p.flinks.of(s)
	if err != nil {
		return launch.Distribution{}, err
	}
	if !pinned {
		p.service.log.Warn("the Flink that the cluster was created with is not here; it gets the one in its place",
			"cluster", s.Name, "created", s.FlinkDistribution, "instead", spec.JoinDistribution(d.Name(), d.SHA256))
	}
	found := launch.Distribution{Version: d.Version, URI: p.service.url + d.Path}
	for _, c := range d.Classes {
		found.Classes = append(found.Classes, launch.Classes{Role: c.Role, File: appcds.SandboxFile(c.Archive), URI: p.service.url + c.Path})
	}
	found.Optional, err = p.optional(d, s)
	return found, err
}

// optional lists the jars of opt that a cluster names: the plugins that are not in the archive, and the one for Python.
func (p *components) optional(d distribution, s spec.Spec) ([]launch.Optional, error) {
	var all []launch.Optional
	add := func(artifactName, directory string, jobManager bool) error {
		jar, uri, ok, err := d.optional(context.Background(), artifactName, p.artifacts)
		if ok {
			all = append(all, launch.Optional{File: directory + "/" + path.Base(jar.Path), URI: p.service.url + uri, JobManager: jobManager})
		}
		return err
	}
	for _, name := range s.Plugins {
		if d.Loads(name) || requirement.Fetches(s, "plugins", name+"/") {
			continue
		}
		if err := add("flink-"+name, "plugins/"+name, false); err != nil {
			return nil, err
		}
	}
	if s.Job != nil && s.Job.Python != "" && !requirement.Fetches(s, "opt", "flink-python") {
		if err := add("flink-python", "opt", true); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// overlayKind is the kind of artifact that is made from a cluster's spec when a task fetches it.
const overlayKind = "overlay"

func (p *components) overlayURI(name string) (string, error) {
	path, err := p.artifacts.RenderedPath(overlayKind, name, "overlay.tgz", time.Now().Add(p.service.c.Flink.ArtifactURLs))
	return p.service.url + path, err
}

func (p *components) renderOverlay(_ context.Context, name string) ([]byte, time.Time, error) {
	vw := p.loop.View()
	spec, ok := view.RunningSpec(vw, name)
	if !ok {
		return nil, time.Time{}, fault.New(fault.NotFound, "there is no cluster %q", name)
	}
	content, err := p.planner.Overlay(spec, view.Nonce(vw, name))
	return content, time.Time{}, err
}

// artifactURI is where a task fetches an uploaded artifact. Uploads are users' own, so the path expires.
func (p *components) artifactURI(u spec.ArtifactURI) (string, error) {
	if _, err := p.artifacts.Stat(u.SHA256); err != nil {
		return "", p.replicator.Explain(u.SHA256, err)
	}
	path, err := p.artifacts.SignedPath(u.SHA256, u.Name, time.Now().Add(p.service.c.Flink.ArtifactURLs))
	return p.service.url + path, err
}

// observe asks a JobManager's REST API what is so.
func (p *components) observe(ctx context.Context, jm task.Task) (wire.Flink, error) {
	c, err := p.rest(jm)
	if err != nil {
		return wire.Flink{}, err
	}
	return jobmanager.Observe(ctx, c, p.loop.View, jm)
}

// taskManagers lists those that a JobManager has registered.
func (p *components) taskManagers(ctx context.Context, jm task.Task) ([]rest.TaskManager, error) {
	c, err := p.rest(jm)
	if err != nil {
		return nil, err
	}
	return c.TaskManagers(ctx)
}

// rest is the client of a JobManager's REST API.
func (p *components) rest(jm task.Task) (*rest.Client, error) { return p.restFor(jm, 5*time.Second) }

// restFor is the same with another bound of each request.
func (p *components) restFor(jm task.Task, timeout time.Duration) (*rest.Client, error) {
	transport, err := p.connector.Transport(jm)
	if err != nil {
		return nil, err
	}
	return rest.New(rest.Options{URL: jobmanager.RESTURL(jm), HTTP: &http.Client{Transport: transport}, Timeout: timeout})
}

// dial makes the conversation with the driver of a JobManager.
func (p *components) dial(jm task.Task) (jobmanager.Exchange, error) {
	port, ok := jm.Ports[flink.PortDriver]
	if !ok {
		return nil, fmt.Errorf("task %s has no port %s", jm.ID, flink.PortDriver)
	}
	token := p.planner.Token(jm.Cluster, view.Nonce(p.loop.View(), jm.Cluster))
	secure, err := p.connector.TLS(jm)
	if err != nil {
		return nil, err
	}
	client, err := driver.New(driver.Options{Address: net.JoinHostPort(jm.Host(), strconv.Itoa(port)), Token: driver.Token(token), TLS: secure, Dial: p.service.o.Network.Dial})
	if err != nil {
		return nil, err
	}
	return driver.NewExchange(driver.ExchangeOptions{
		Client: client, Log: p.service.log.With("part", "driver", "cluster", jm.Cluster),
		OnWanted: func(w driver.Wanted) { p.loop.Post(jobmanager.WorkersWanted(jm, w)) },
		Report:   func() driver.Report { return jobmanager.Report(p.loop.View(), jm.Cluster) },
	})
}
