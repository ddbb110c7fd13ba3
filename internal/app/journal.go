package app

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/flink-on-mesos/flink-service/internal/config"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/journal"
)

// journalDir is where the journal of an instance lies.
func journalDir(c config.Config) string { return filepath.Join(c.State.DataDir, "journal") }

// decideOptions are the knobs of the decisions.
func decideOptions(c config.Config) state.Options {
	return state.Options{
		Refuse: c.Timing.OfferRefuse, ReconcileInterval: c.Timing.Reconcile, UnreachableTimeout: c.Timing.Unreachable, Uninstall: c.Marathon.Uninstall,
		UninstallSavepoints: c.Marathon.UninstallSavepoints, Principal: c.Mesos.Principal,
	}
}

// replay folds the journal in again and says where the record and the replay part.
func replay(c config.Config, dir string, out io.Writer) error {
	if dir == "" {
		dir = journalDir(c)
	}
	entries, err := journal.Read(dir, 0)
	if err != nil {
		return err
	}
	r, err := journal.Replay(entries, decideOptions(c))
	fmt.Fprintf(out, "%d entries, %d events replayed, %d differences\n", len(entries), r.Events, len(r.Differences))
	for _, d := range r.Differences {
		fmt.Fprintf(out, "%s %s\n  recorded: %q\n  replayed: %q\n", d.Entry.Time.Format("15:04:05.000"), d.Entry.Event, d.Entry.Actions, d.Got)
	}
	for _, name := range view.Names(&r.State) {
		if d, ok := view.Describe(&r.State, name); ok {
			fmt.Fprintf(out, "%s: %s, %d tasks, %d waiting\n", name, d.Status.State, len(d.Tasks), len(d.Waiting))
		}
	}
	return err
}
