package clusters

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/cli/terminal"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// NewEvents returns the command `cluster events`; run replaces its work in tests.
func NewEvents(f *command.Factory, run func(context.Context, *StoryOptions) error) *cobra.Command {
	if run == nil {
		run = eventsRun
	}
	return newStory(&StoryOptions{Factory: f}, &cobra.Command{
		Use:   "events NAME",
		Short: "Show what happened to a cluster",
		Long: `Show what happened to a cluster, oldest first, also to one that is gone. The service keeps the last 200 events for
30 days. With --follow new events are printed as they come.`,
		Example: `  dcos flink cluster events demo
  dcos flink cluster events demo --follow`,
	}, run)
}

// eventsRun prints the events.
func eventsRun(ctx context.Context, o *StoryOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	return story[wire.Event]{
		name: "events",
		after: func(ctx context.Context, cursor string) ([]wire.Event, string, error) {
			list, err := c.Events(ctx, o.Name, cursor)
			return list.Events, list.Cursor, err
		},
		table: func(events []wire.Event) error { return printEvents(o.Streams, events, o.Clock.Now()) },
		line: func(e wire.Event) {
			o.Streams.Outf("%s\t%s\t%s\n", e.Time.UTC().Format(time.RFC3339), terminal.Clean(e.Type), terminal.Clean(e.Message))
		},
	}.tell(ctx, o)
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
