package clusters

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/cli/terminal"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// NewHistory returns the command `cluster history`; run replaces its work in tests.
func NewHistory(f *command.Factory, run func(context.Context, *StoryOptions) error) *cobra.Command {
	if run == nil {
		run = historyRun
	}
	return newStory(&StoryOptions{Factory: f}, &cobra.Command{
		Use:   "history NAME",
		Short: "Show who changed a cluster, how, and what became of it",
		Long: `Show the changes of a cluster that were asked for, newest first, also of one that is gone: who asked, what differs
in the spec, and what became of it. With --follow changes are printed as they begin and end.`,
		Example: `  dcos flink cluster history demo
  dcos flink cluster history demo --follow`,
	}, run)
}

// historyRun prints the operations.
func historyRun(ctx context.Context, o *StoryOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	return story[wire.Operation]{
		name: "operations",
		after: func(ctx context.Context, cursor string) ([]wire.Operation, string, error) {
			list, err := c.Operations(ctx, o.Name, cursor)
			return list.Operations, list.Cursor, err
		},
		table: func(list []wire.Operation) error { return printOperations(o.Streams, list, o.Clock.Now()) },
		line: func(p wire.Operation) {
			at := cmp.Or(p.Ended, p.Started)
			o.Streams.Outf("%s\t%d\t%s\t%s\t%s\n", at.UTC().Format(time.RFC3339), p.ID, terminal.Clean(string(p.Kind)), terminal.Clean(string(p.State)), terminal.Clean(detail(p)))
		},
	}.tell(ctx, o)
}

// printOperations prints operations as a table.
func printOperations(s *terminal.Streams, list []wire.Operation, now time.Time) error {
	heading := "TIME"
	if s.OutTerminal {
		heading = "AGE"
	}
	table := s.Table("ID", heading, "OPERATION", "STATE", "TOOK", "BY", "DETAIL").Spare("TOOK", "BY")
	for _, o := range list {
		took := ""
		if !o.Ended.IsZero() && o.State != wire.OperationRefused {
			took = terminal.Duration(o.Ended.Sub(o.Started))
		}
		table.Row(strconv.FormatInt(o.ID, 10), s.Time(o.Started, now), string(o.Kind), string(o.State), took, by(o.By), detail(o))
	}
	return table.Print()
}

// by names who asked for an operation, as well as that is known.
func by(a wire.Actor) string { return cmp.Or(a.User, a.Name, a.Address) }

// detail says what an operation is about: the fields that differ, and why it ended.
func detail(o wire.Operation) string {
	var parts []string
	if o.Subject != "" {
		parts = append(parts, o.Subject)
	}
	if o.From > 0 && o.To > 0 {
		parts = append(parts, fmt.Sprintf("generation %d to %d", o.From, o.To))
	}
	const shown = 4
	for i, c := range o.Changes {
		if i == shown {
			parts = append(parts, fmt.Sprintf("and %d more fields", len(o.Changes)-shown))
			break
		}
		parts = append(parts, fmt.Sprintf("%s: %s → %s", c.Field, cmp.Or(c.From, "nothing"), cmp.Or(c.To, "nothing")))
	}
	if o.Message != "" {
		parts = append(parts, o.Message)
	}
	if o.Count > 1 {
		parts = append(parts, fmt.Sprintf("%d times", o.Count))
	}
	return strings.Join(parts, "; ")
}
