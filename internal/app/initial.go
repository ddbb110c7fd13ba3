package app

import (
	"context"
	"fmt"

	"github.com/flink-on-mesos/flink-service/internal/api"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/store"
)

// createInitial creates the cluster of INITIAL_CLUSTER at the very first start, and remembers that this was
// done: a cluster that was deleted by hand does not come back with a restart. One that is refused is a problem of the service
// that the API tells of; the next start tries it again.
func (p *parts) createInitial(ctx context.Context, st store.Store, k keys, empty bool) error {
	if first := p.service.c.Flink.InitialCluster.Spec; first != nil && empty {
		spec, notes, err := p.admission.Admit(*first, spec.Spec{})
		if err != nil {
			// To end would help nobody: Marathon would start us again with the same words.
			problem := "INITIAL_CLUSTER: the first cluster is not created: " + explain(err) + "; correct it (the options of the package) and start the service again, or create a cluster by hand"
			p.problem.Store(&problem)
			p.service.log.Error("the first cluster is not created", "problem", problem)
			return nil
		}
		err = p.loop.Do(ctx, func(request uint64) state.Event {
			return state.PutCluster{Request: request, Spec: spec, Nonce: api.Nonce(), CreateOnly: true, Notes: notes}
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
