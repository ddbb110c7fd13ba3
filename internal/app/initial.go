package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/api"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/store"
)

// createInitial creates the cluster of INITIAL_CLUSTER when the state has never had a cluster, and remembers that this was
// done: a cluster that was deleted by hand does not come back with a restart. A spec that is refused stops nothing. When
// no cluster exists it is a problem that the API shows, and the next start tries it again; otherwise it is a warning.
func (p *components) createInitial(ctx context.Context, st store.Store, k keys, empty bool) error {
	if first := p.service.c.Flink.InitialCluster; first != "" {
		admitted, notes, err := p.admission.AdmitText([]byte(first))
		switch {
		case err != nil && empty:
			p.problems.add("INITIAL_CLUSTER", "the first cluster is not created: "+oneLine(err)+". Correct it (the options of the package) and start the service again, or create a cluster by hand")
			return nil
		case err != nil:
			p.service.log.Warn("INITIAL_CLUSTER is not valid; it is not used, because there are or were clusters", "problem", oneLine(err))
		case empty:
			err = p.loop.Do(ctx, func(request uint64) state.Event {
				return state.PutCluster{Request: request, Spec: admitted, Nonce: api.Nonce(), CreateOnly: true, Notes: notes}
			})
			if ctx.Err() != nil {
				return nil //nolint:nilerr // Being told to stop is no error; the next start creates it.
			}
			if err != nil {
				return fmt.Errorf("INITIAL_CLUSTER: %w", err)
			}
		}
	}
	if k.Initial {
		return nil
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

// oneLine is an error with its problems in one line.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
