package service

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// maxJournal is the most entries that the service answers at once.
const maxJournal = 10_000

// JournalOptions are what `debug journal` was told.
type JournalOptions struct {
	*command.Factory
	// Limit is how many entries are shown at most, from 1 to 10,000.
	Limit int
	// Contains leaves only entries with this text.
	Contains string
	Output   command.Output
}

// NewJournal returns the command `debug journal`; run replaces its work in tests.
func NewJournal(f *command.Factory, run func(context.Context, *JournalOptions) error) *cobra.Command {
	o := &JournalOptions{Factory: f}
	if run == nil {
		run = journalRun
	}
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "Show the last events and what the service did about each",
		Long: `Show the last events of the service and what it did about each, the newest last.
With --json the events come whole. "flink-service replay" folds the journal of a machine in again.`,
		Example: `  dcos flink debug journal
  dcos flink debug journal --contains demo-x7k2-tm-3
  dcos flink debug journal --limit 5000 --json`,
		Args: command.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Limit < 1 || o.Limit > maxJournal {
				return command.Flagf("--limit %d is out of range: use a number from 1 to %d", o.Limit, maxJournal)
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().IntVar(&o.Limit, "limit", 100, "maximum number of entries")
	cmd.Flags().StringVar(&o.Contains, "contains", "", "only entries with this text, such as the id of a task")
	o.Output.RegisterJSON(cmd)
	return cmd
}

// journalRun lists the entries.
func journalRun(ctx context.Context, o *JournalOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	entries, err := c.Journal(ctx, o.Limit, o.Contains)
	if err != nil {
		return err
	}
	if o.Output.JSON {
		if entries == nil {
			entries = []client.JournalEntry{}
		}
		return o.Streams.JSON(map[string]any{"entries": entries})
	}
	heading := "TIME"
	if o.Streams.OutTerminal {
		heading = "AGE"
	}
	now := o.Clock.Now()
	table := o.Streams.Table(heading, "EVENT", "ACTIONS")
	for _, e := range entries {
		table.Row(o.Streams.Time(e.Time, now), e.Event, strings.Join(e.Actions, "; "))
	}
	return table.Print()
}
