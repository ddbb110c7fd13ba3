package clusters

import (
	"context"
	"errors"
	"slices"
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
		Long:  "Show what happened to a cluster, oldest first. With --follow new events are printed as they come.",
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
	events, err := c.Events(ctx, o.Name)
	if err != nil {
		return err
	}
	if o.Output.JSON {
		if events == nil {
			events = []wire.Event{}
		}
		return o.Streams.JSON(map[string]any{"events": events})
	}
	if err := printEvents(o.Streams, events, o.Clock.Now()); err != nil || !o.Follow {
		return err
	}
	err = o.Factory.Follow(ctx, patience, nil, func(ctx context.Context) (bool, error) {
		now, err := c.Events(ctx, o.Name)
		if err != nil {
			return false, err
		}
		for _, e := range newer(events, now) {
			o.Streams.Outf("%s\t%s\t%s\n", e.Time.UTC().Format(time.RFC3339), terminal.Clean(e.Type), terminal.Clean(e.Message))
		}
		events = now
		return false, nil
	})
	if errors.Is(err, context.Canceled) {
		return nil // Ctrl-C is how following ends.
	}
	return err
}

// newer returns what b has behind the last entry of a. The service keeps a bounded number
// of events, so the front of a may be missing in b.
func newer(a, b []wire.Event) []wire.Event {
	if len(a) == 0 {
		return b
	}
	last := a[len(a)-1]
	for i, v := range slices.Backward(b) {
		if v.Time.Equal(last.Time) && v.Type == last.Type && v.Message == last.Message {
			return b[i+1:]
		}
	}
	return b
}

// printEvents prints events as a table.
func printEvents(s *terminal.Streams, events []wire.Event, now time.Time) error {
	heading := "TIME"
	if s.OutTerminal {
		heading = "AGE"
	}
	table := s.Table(heading, "EVENT", "MESSAGE")
	for _, e := range events {
		table.Row(s.Time(e.Time, now), e.Type, e.Message)
	}
	return table.Print()
}
