package app

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/flink-on-mesos/flink-service/internal/api"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/flink/ha"
	"github.com/flink-on-mesos/flink-service/internal/flink/requirement"
	"github.com/flink-on-mesos/flink-service/internal/flinkmesos"
	"github.com/flink-on-mesos/flink-service/internal/journal"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// newHandler makes what a leading instance serves: the artifacts, and the API with its proxy and page.
func (p *parts) newHandler() (handler, error) {
	s := p.service
	var flinks []api.Flink
	for _, d := range p.flinks {
		flinks = append(flinks, api.Flink{Name: d.Name(), Version: d.Version, Variant: d.Variant, SHA256: d.SHA256, Size: d.Size, Missing: d.Missing, Kept: d.kept})
	}
	a, err := api.New(api.Options{
		Core: p.loop, Artifacts: p.artifacts, Defaults: s.defaults(p.flinks), Rules: s.rules(), Adopt: adopt, Pin: p.flinks.pin, Import: flinkmesos.Import, Check: p.check, Secret: flink.IsSecret,
		Tokens: s.c.HTTP.Tokens(),
		Journal: func(text string, limit, maxBytes int) ([]json.RawMessage, error) {
			return journal.Tail(journalDir(s.c), text, limit, maxBytes)
		},
		Flinks: flinks, Version: s.o.Version, Commit: s.o.Commit, FrameworkName: s.c.Framework.Name, Role: s.c.Mesos.Roles[0], Leader: s.url,
		Metrics:        promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{Registry: s.registry}),
		JobManagers:    p.reach.transport,
		AgentTransport: s.authorized(s.transport()),
		StallTimeout:   s.c.Flink.ProxyResponseStall, Healthy: p.healthy, Removed: p.removed.Load, Problem: p.problem.Load, History: p.history.Read, Log: s.log.With("part", "api"),
	})
	if err != nil {
		return nil, err
	}
	return p.artifacts.Route(a), nil
}

// rules are what a spec must obey at this service.
func (s *Service) rules() spec.Rules {
	return spec.Rules{Roles: s.c.Mesos.Roles, Constraints: true, Privileged: s.c.Flink.AllowPrivileged, Schemes: s.c.Flink.FetchSchemes, Hosts: s.c.Flink.FetchHosts}
}

// check finds what is wrong with a complete spec beyond its form: its Flink is not here, or refuses the sizes.
func (p *parts) check(s spec.Spec) error {
	var l fault.List
	d, _, err := p.flinks.of(s)
	if err != nil {
		l.Add("flinkVersion", "%v", err)
	} else {
		for _, problem := range requirement.Check(d.Manifest, s, p.planner.Configuration(s, "")) {
			l.Add(problem.Field, "%s", problem.Message)
		}
		if _, err := p.optional(d, s); err != nil {
			l.Add("plugins", "%v", err)
		}
	}
	config := flink.Configuration(s, nil)
	_, err = flink.SplitJobManager(config)
	problems(&l, err)
	_, err = flink.SplitTaskManager(config)
	problems(&l, err)
	if _, _, err := ha.Locate(p.planner.Configuration(s, "")); err != nil {
		l.Add("flinkConfiguration", "%v", err)
	}
	checkPortOptions(&l, s)
	secretFiles(p.service.c.Flink.SecretsDir).check(&l, s)
	return l.Err("the cluster's spec is not valid")
}

// stuck is how long the owner of the state may take for one event before the service calls itself unhealthy.
const stuck = time.Minute

// healthy says whether a restart would help: only when the state's owner is stuck.
func (p *parts) healthy() error {
	if since := p.loop.Busy(); since > stuck {
		return fmt.Errorf("the owner of the state has been busy with one event for %s", since.Round(time.Second))
	}
	return nil
}
