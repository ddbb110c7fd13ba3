package clusters

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/cli/terminal"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// EventsOptions are what `cluster events` was told.
type EventsOptions struct {
	*command.Factory
	Name   string
	Follow bool
	Output command.Output
}

// NewEvents returns the command `cluster events`; run replaces its work in tests.
func NewEvents(f *command.Factory, run func(context.Context, *EventsOptions) error) *cobra.Command {
	o := &EventsOptions{Factory: f}
	if run == nil {
		run = eventsRun
	}
	cmd := &cobra.Command{
		Use:   "events NAME",
		Short: "Show what happened to a cluster",
		Long: `Show what happened to a cluster, oldest first, also to one that is gone. The service keeps the last 200 events for
30 days. With --follow new events are printed as they come.`,
		Example: `  dcos flink cluster events demo
  dcos flink cluster events demo --follow`,
		Args: command.Args("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name = args[0]
			if o.Follow && o.Output.JSON {
				return command.Flagf("--follow and --json exclude each other")
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames),
	}
	cmd.Flags().BoolVar(&o.Follow, "follow", false, "follow until interrupted")
	o.Output.RegisterJSON(cmd)
	return cmd
}

// eventsRun prints the events.
func eventsRun(ctx context.Context, o *EventsOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	notes, err := c.Events(ctx, o.Name, "")
	if err != nil {
		return err
	}
	if o.Output.JSON {
		return o.Streams.JSON(map[string]any{"events": notes.Events})
	}
	if err := printEvents(o.Streams, notes.Events, o.Clock.Now()); err != nil || !o.Follow {
		return err
	}
	cursor := notes.Cursor
	err = o.Factory.Follow(ctx, patience, nil, func(ctx context.Context) (bool, error) {
		now, err := c.Events(ctx, o.Name, cursor)
		if err != nil {
			return false, err
		}
		for _, e := range now.Events {
			o.Streams.Outf("%s\t%s\t%s\n", e.Time.UTC().Format(time.RFC3339), terminal.Clean(e.Type), terminal.Clean(e.Message))
		}
		cursor = now.Cursor
		return false, nil
	})
	if errors.Is(err, context.Canceled) {
		return nil // Ctrl-C is how following ends.
	}
	return err
}

// printEvents prints events as a table.
func printEvents(s *terminal.Streams, events []wire.Event, now time.Time) error {
	heading := "TIME"
	if s.OutTerminal {
		heading = "AGE"
	}
	table := s.Table(heading, "EVENT", "MESSAGE")
	for _, e := range events {
		message := e.Message
		if e.Count > 1 {
			message += fmt.Sprintf(" (%d times since %s)", e.Count, s.Time(e.First, now))
		}
		table.Row(s.Time(e.Time, now), e.Type, message)
	}
	return table.Print()
}
