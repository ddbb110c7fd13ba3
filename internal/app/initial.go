package app

import (
	"context"
	"fmt"

	"github.com/flink-on-mesos/flink-service/internal/api"
	"github.com/flink-on-mesos/flink-service/internal/decide"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/store"
)

// createInitial creates the cluster of INITIAL_CLUSTER at the very first start, and remembers that this was
// done: a cluster that was deleted by hand does not come back with a restart. One that is refused is a problem of the service
// that the API tells of; the next start tries it again.
func (p *parts) createInitial(ctx context.Context, st store.Store, k keys, empty bool) error {
	if first := p.service.c.Flink.InitialCluster.Spec; first != nil && empty {
		spec, err := p.prepare(*first)
		if err != nil {
			// To end would help nobody: Marathon would start us again with the same words.
			problem := "INITIAL_CLUSTER: the first cluster is not created: " + explain(err) + "; correct it (the options of the package) and start the service again, or create a cluster by hand"
			p.problem.Store(&problem)
			p.service.log.Error("the first cluster is not created", "problem", problem)
			return nil
		}
		err = p.loop.Do(ctx, func(request uint64) decide.Event {
			return decide.PutCluster{Request: request, Spec: spec, Nonce: api.Nonce(), CreateOnly: true}
		})
		if ctx.Err() != nil {
			return nil //nolint:nilerr // Being told to stop is no error; the next start creates it.
		}
		if err != nil {
			return fmt.Errorf("INITIAL_CLUSTER: %s", explain(err))
		}
	}
	k.Initial = true
	value, err := keysSchema.Encode(k)
	if err != nil {
		return err
	}
	if err := st.Apply(ctx, []store.Record{{Key: keysKey, Value: value}}); err != nil && ctx.Err() == nil {
		return fmt.Errorf("save that the initial cluster was created: %w", err)
	}
	return nil
}

// prepare makes a spec that can be stored out of one that somebody wrote, as the API does.
func (p *parts) prepare(s spec.Spec) (spec.Spec, error) {
	s, _, err := adopt(s)
	if err != nil {
		return s, err
	}
	if s, err = p.flinks.pin(s.Complete(p.service.defaults(p.flinks)), spec.Spec{}); err != nil {
		return s, err
	}
	if err := s.Validate(p.service.rules()); err != nil {
		return s, err
	}
	return s, p.check(s)
}
