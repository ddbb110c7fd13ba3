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
	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// NewHistory returns the command `cluster history`; run replaces its work in tests.
func NewHistory(f *command.Factory, run func(context.Context, *StoryOptions) error) *cobra.Command {
	if run == nil {
		run = historyRun
	}
	o := &StoryOptions{Factory: f}
	cmd := newStory(o, &cobra.Command{
		Use:   "history NAME",
		Short: "Show who changed a cluster, how, and what became of it",
		Long: `Show the changes of a cluster that were asked for, newest first, also of one that is gone: who asked, what differs
in the spec, and what became of it. With --follow changes are printed as they begin and end.

With --revisions the revisions of its spec are listed that are kept, with where the job began and what it left: the last
10, the last stable one, and those with a tag. cluster diff, cluster revert and cluster tag take their numbers and tags.`,
		Example: `  dcos flink cluster history demo
  dcos flink cluster history demo --follow
  dcos flink cluster history demo --revisions`,
	}, run)
	cmd.Flags().BoolVar(&o.Revisions, "revisions", false, "list the revisions of its spec")
	return cmd
}

// historyRun prints the operations.
func historyRun(ctx context.Context, o *StoryOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	if o.Revisions {
		return revisionsRun(ctx, o, c)
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
	if o.Reason != "" {
		parts = append(parts, `"`+o.Reason+`"`)
	}
	if o.From > 0 && o.To > 0 {
		parts = append(parts, fmt.Sprintf("generation %d to %d", o.From, o.To))
	}
	parts = append(parts, changed(o.Changes)...)
	if o.Message != "" {
		parts = append(parts, o.Message)
	}
	if o.Count > 1 {
		parts = append(parts, fmt.Sprintf("%d times", o.Count))
	}
	return strings.Join(parts, "; ")
}

// changed says which fields differ, of many the first few.
func changed(changes []wire.SpecChange) []string {
	const shown = 4
	var parts []string
	for i, c := range changes {
		if i == shown {
			return append(parts, fmt.Sprintf("and %d more fields", len(changes)-shown))
		}
		parts = append(parts, fmt.Sprintf("%s: %s → %s", c.Field, cmp.Or(c.From, "nothing"), cmp.Or(c.To, "nothing")))
	}
	return parts
}

// revisionsRun prints the revisions that are kept.
func revisionsRun(ctx context.Context, o *StoryOptions, c *client.Client) error {
	list, err := c.Revisions(ctx, o.Name)
	if err != nil {
		return err
	}
	if o.Output.JSON {
		return o.Streams.JSON(map[string]any{"revisions": list})
	}
	heading, now := "TIME", o.Clock.Now()
	if o.Streams.OutTerminal {
		heading = "AGE"
	}
	table := o.Streams.Table("REVISION", heading, "CHANGE", "OUTCOME", "TAG", "BY", "BEGAN FROM", "LEFT", "DETAIL").Spare("BY", "BEGAN FROM", "LEFT")
	for _, r := range list {
		table.Row(strconv.FormatInt(r.Number, 10), o.Streams.Time(r.Created, now), string(r.Kind), string(r.Outcome), r.Tag, by(r.By),
			place(r.Start), place(r.End), aboutRevision(r))
	}
	return table.Print()
}

// place says where a job began, or what it left.
func place(r *wire.Restore) string {
	switch {
	case r == nil:
		return ""
	case r.Path == "":
		return string(r.Kind)
	}
	return string(r.Kind) + " " + r.Path
}

// aboutRevision says why a revision was made, what differs, and why it is as it is.
func aboutRevision(r wire.Revision) string {
	var parts []string
	if r.Reason != "" {
		parts = append(parts, `"`+r.Reason+`"`)
	}
	if r.Of > 0 {
		parts = append(parts, fmt.Sprintf("as revision %d", r.Of))
	}
	parts = append(parts, changed(r.Changes)...)
	if r.Message != "" {
		parts = append(parts, r.Message)
	}
	return strings.Join(parts, "; ")
}
