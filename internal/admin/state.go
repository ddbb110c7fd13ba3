package admin

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/app"
	"github.com/flink-on-mesos/flink-service/internal/config"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/journal"
)

// oneFile wants exactly one argument.
func oneFile(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError(cmd.Name() + " takes one file")
	}
	return nil
}

func (p *program) newExport() *cobra.Command {
	return &cobra.Command{
		Use:   "export FILE",
		Short: "Write the state of STATE_STORE to a file",
		Long:  "Write the state of STATE_STORE to a new file, or to standard output for -. No service may run meanwhile.",
		Args:  oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := config.Load(p.environ)
			if err != nil {
				return err
			}
			export := func(w io.Writer) error { return app.Export(cmd.Context(), c, newLog(c.Log, p.errs), w) }
			if args[0] == "-" {
				return export(p.out)
			}
			f, err := os.OpenFile(args[0], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return err
			}
			return errors.Join(export(f), f.Close())
		},
	}
}

func (p *program) newImport() *cobra.Command {
	force := false
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Read the state that export wrote into an empty STATE_STORE",
		Long:  "Read the state that export wrote into an empty STATE_STORE. No service may run meanwhile.",
		Args:  oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := config.Load(p.environ)
			if err != nil {
				return err
			}
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			return app.Import(cmd.Context(), c, newLog(c.Log, p.errs), f, force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace the state that is there")
	return cmd
}

func (p *program) newReplay() *cobra.Command {
	return &cobra.Command{
		Use:   "replay [DIR]",
		Short: "Replay a journal and compare the actions",
		Long:  "Fold the events of a journal, that of DATA_DIR or of another directory, into its first state again, and compare the actions.",
		Args:  atMost(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := config.Load(p.environ)
			if err != nil {
				return err
			}
			dir := app.JournalDir(c)
			if len(args) > 0 {
				dir = args[0]
			}
			return p.replay(c, dir)
		},
	}
}

// replay prints where the record and the replay part.
func (p *program) replay(c config.Config, dir string) error {
	entries, err := journal.Read(dir, 0)
	if err != nil {
		return err
	}
	r, err := journal.Replay(entries, app.CoreOptions(c))
	fmt.Fprintf(p.out, "%d entries, %d events replayed, %d differences, %d broken promises\n", len(entries), r.Events, len(r.Differences), len(r.Violations))
	for _, v := range r.Violations {
		fmt.Fprintf(p.out, "%s %s broke a promise: %s\n", v.Entry.Time.Format("15:04:05.000"), v.Entry.Event, strings.Join(v.Wrong, "; "))
	}
	for _, d := range r.Differences {
		fmt.Fprintf(p.out, "%s %s\n  recorded: %q\n  replayed: %q\n", d.Entry.Time.Format("15:04:05.000"), d.Entry.Event, d.Entry.Actions, d.Got)
	}
	for _, name := range view.Names(&r.State) {
		if d, ok := view.Describe(&r.State, name); ok {
			fmt.Fprintf(p.out, "%s: %s, %d tasks, %d waiting\n", name, d.Status.State, len(d.Tasks), len(d.Waiting))
		}
	}
	return err
}
