package service

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// NewDebug returns the command `debug` with its verbs.
func NewDebug(f *command.Factory) *cobra.Command {
	return command.Group("debug", "Find out why something does not happen",
		"Find out why something does not happen.",
		NewOffers(f, nil), NewPlacement(f, nil), NewState(f, nil), NewJournal(f, nil), newConfig(f), newPod(f),
	)
}

// OffersOptions are what `debug offers` was told.
type OffersOptions struct {
	*command.Factory
	// Accepted and Declined choose one of the results.
	Accepted, Declined bool
	Output             command.Output
}

// NewOffers returns the command `debug offers`; run replaces its work in tests.
func NewOffers(f *command.Factory, run func(context.Context, *OffersOptions) error) *cobra.Command {
	o := &OffersOptions{Factory: f}
	if run == nil {
		run = offersRun
	}
	cmd := &cobra.Command{
		Use:   "offers",
		Short: "Show how the last offers were answered and why",
		Long:  "Show what became of the last offers of Mesos, and why those were declined that were.",
		Example: `  dcos flink debug offers
  dcos flink debug offers --declined --json`,
		Args: command.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Accepted && o.Declined {
				return command.Flagf("--accepted and --declined exclude each other: leave both out to see all")
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().BoolVar(&o.Accepted, "accepted", false, "only those that were accepted")
	cmd.Flags().BoolVar(&o.Declined, "declined", false, "only those that were declined")
	o.Output.RegisterJSON(cmd)
	return cmd
}

// offersRun lists the outcomes.
func offersRun(ctx context.Context, o *OffersOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	list, err := c.Offers(ctx)
	if err != nil {
		return err
	}
	shown := []client.Outcome{}
	for _, x := range list {
		if o.Accepted && x.Result != "accepted" || o.Declined && x.Result != "declined" {
			continue
		}
		shown = append(shown, x)
	}
	if o.Output.JSON {
		return o.Streams.JSON(map[string]any{"offers": shown})
	}
	heading := "TIME"
	if o.Streams.OutTerminal {
		heading = "AGE"
	}
	now := o.Clock.Now()
	table := o.Streams.Table(heading, "HOST", "RESULT", "TASKS", "REASONS").Spare("TASKS")
	for _, x := range shown {
		table.Row(o.Streams.Time(x.Time, now), x.Hostname, x.Result, strings.Join(x.Tasks, ","), strings.Join(x.Reasons, "; "))
	}
	return table.Print()
}
