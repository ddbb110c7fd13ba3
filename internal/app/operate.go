package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/flink-on-mesos/flink-service/internal/config"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/marathon"
	"github.com/flink-on-mesos/flink-service/internal/store"
)

// JournalDir is where the journal of an instance lies.
func JournalDir(c config.Config) string { return filepath.Join(c.State.DataDir, "journal") }

// AuditDir is where the audit record of an instance lies.
func AuditDir(c config.Config) string { return filepath.Join(c.State.DataDir, "audit") }

// CoreOptions are the knobs of the decisions.
func CoreOptions(c config.Config) state.Options {
	return state.Options{
		Refuse: c.Timing.OfferRefuse, ReconcileInterval: c.Timing.Reconcile, UnreachableTimeout: c.Timing.Unreachable, Uninstall: c.Marathon.Uninstall,
		UninstallSavepoints: c.Marathon.UninstallSavepoints, Principal: c.Mesos.Principal,
	}
}

// Export writes the state of the configuration's store. No service may run meanwhile.
func Export(ctx context.Context, c config.Config, log *slog.Logger, w io.Writer) error {
	st, err := openState(ctx, c.State, Network{}, log)
	if err != nil {
		return err
	}
	return errors.Join(store.Export(ctx, st, w), st.Close())
}

// Import reads what Export wrote into an empty store; with force it replaces what is there. The store is led meanwhile, as a
// service does it.
func Import(ctx context.Context, c config.Config, log *slog.Logger, r io.Reader, force bool) error {
	st, err := openState(ctx, c.State, Network{}, log)
	if err != nil {
		return err
	}
	_, release, err := st.lead(ctx, "import", "")
	if err != nil {
		return errors.Join(err, st.Close())
	}
	return errors.Join(store.Import(ctx, st, r, force), release(), st.Close())
}

// Marathon works on an app of the configuration's Marathon as the service does.
func Marathon(c config.Config, appID string) (*marathon.Client, error) {
	s := &Service{c: c, log: slog.New(slog.DiscardHandler)}
	if err := s.identify(); err != nil {
		return nil, err
	}
	return s.marathon(appID)
}
