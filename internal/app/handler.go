package app

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/flink-on-mesos/flink-service/internal/admit"
	"github.com/flink-on-mesos/flink-service/internal/api"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
	"github.com/flink-on-mesos/flink-service/internal/flinkmesos"
	"github.com/flink-on-mesos/flink-service/internal/journal"
	"github.com/flink-on-mesos/flink-service/internal/metrics"
	"github.com/flink-on-mesos/flink-service/internal/secretdir"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// newHandler makes what a leading instance serves: the artifacts, and the API with its proxy and page.
func (p *components) newHandler() (handler, error) {
	s := p.service
	var flinks []api.Flink
	for _, d := range p.flinks {
		flinks = append(flinks, api.Flink{Name: d.Name(), Version: d.Version, Variant: d.Variant, SHA256: d.SHA256, Size: d.Size, Missing: d.Missing, Kept: d.kept})
	}
	if err := s.registry.Register(metrics.NewCollector(metrics.Options{View: p.loop.View, MaxSeries: s.c.Metrics.MaxSeries})); err != nil {
		return nil, err
	}
	if address := s.c.Metrics.StatsD(); address != "" {
		var err error
		if p.statsd, err = metrics.NewStatsD(s.registry, address, s.log.With("part", "statsd")); err != nil {
			p.problems.add("STATSD_UDP_HOST", fmt.Sprintf("metrics are not sent: %v", err))
		}
	}
	a, err := api.New(api.Options{
		Core: p.loop, Artifacts: p.artifacts, Events: p.events, Autoscaler: p.autoscaler, Admit: p.admission.Admit, Import: flinkmesos.Import, Roles: s.c.Mesos.Roles,
		Tokens: s.c.HTTP.Tokens(),
		Journal: func(text string, limit, maxBytes int) ([]json.RawMessage, error) {
			return journal.Tail(JournalDir(s.c), text, limit, maxBytes)
		},
		Flinks: flinks, Version: s.o.Version, Commit: s.o.Commit, FrameworkName: s.c.Framework.Name, Leader: s.url,
		Audit:          p.audit,
		Gatherer:       s.registry,
		Metrics:        promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{Registry: s.registry}),
		JobManagers:    p.connector.Transport,
		AgentTransport: s.authorized(s.transport()),
		StallTimeout:   s.c.Flink.ProxyResponseStall, Healthy: p.healthy, Removed: p.removed.Load, Problems: p.problems.list, History: p.history.Read, Log: s.log.With("part", "api"),
	})
	if err != nil {
		return nil, err
	}
	return p.artifacts.Route(a), nil
}

// newAdmission says what this service offers to clusters.
func (p *components) newAdmission() *admit.Admission {
	s := p.service
	return admit.New(admit.Options{
		Defaults: s.defaults(p.flinks),
		Rules:    spec.Rules{Roles: s.c.Mesos.Roles, Constraints: true, Privileged: s.c.Flink.AllowPrivileged, Schemes: s.c.Flink.FetchSchemes, Hosts: s.c.Flink.FetchHosts},
		Pin:      p.flinks.pin,
		Flink: func(s spec.Spec) (dist.Manifest, error) {
			d, _, err := p.flinks.of(s)
			if err == nil {
				_, err = p.optional(d, s)
			}
			return d.Manifest, err
		},
		Flinks:        p.flinks.manifests(),
		Configuration: func(s spec.Spec) map[string]string { return p.planner.Configuration(s, "") },
		Artifact: func(u spec.ArtifactURI) error {
			_, err := p.artifacts.Stat(u.SHA256)
			return err
		},
		SecretFile: func(name string) error {
			_, err := secretdir.Dir(s.c.Flink.SecretsDir).Read(name)
			return err
		},
		HighAvailability: func(s spec.Spec) (string, error) {
			l, ok, err := p.locator().Locate(s, "")
			if err != nil || !ok {
				return "", err
			}
			return l.Note(), nil
		},
		ZooKeeper: s.c.Flink.ZooKeeper, StorageDir: s.c.Flink.HAStorageDir,
	})
}

// stuck is how long the owner of the state may take for one event before the service calls itself unhealthy.
const stuck = time.Minute

// healthy says whether a restart would help: only when the state's owner is stuck.
func (p *components) healthy() error {
	if since := p.loop.Busy(); since > stuck {
		return fmt.Errorf("the owner of the state has been busy with one event for %s", since.Round(time.Second))
	}
	return nil
}
