package jobs

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/cli/terminal"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// ListOptions are what `job list` was told.
type ListOptions struct {
	*command.Factory
	Cluster string
	// Running leaves out the jobs that are over.
	Running bool
	Output  command.Output
}

// NewList returns the command `job list`; run replaces its work in tests.
func NewList(f *command.Factory, run func(context.Context, *ListOptions) error) *cobra.Command {
	o := &ListOptions{Factory: f}
	if run == nil {
		run = listRun
	}
	cmd := &cobra.Command{
		Use:     "list CLUSTER",
		Aliases: []string{"ls"},
		Short:   "List the jobs of a cluster",
		Long:    "List the jobs of a cluster, newest first.",
		Example: `  dcos flink job list demo
  dcos flink job list demo --running -q`,
		Args: command.Args("CLUSTER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Cluster = args[0]
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames),
	}
	cmd.Flags().BoolVarP(&o.Running, "running", "r", false, "list only jobs that have not ended")
	o.Output.Register(cmd)
	return cmd
}

// listRun lists the jobs.
func listRun(ctx context.Context, o *ListOptions) error {
	flink, err := Target{Cluster: o.Cluster}.flink(o.Factory)
	if err != nil {
		return err
	}
	list, err := flink.Jobs(ctx)
	if err != nil {
		return err
	}
	if o.Output.JSON && !o.Running {
		return o.Streams.JSON(list.Raw)
	}
	if o.Running {
		list.Jobs = slices.DeleteFunc(list.Jobs, func(j client.JobRow) bool { return j.State.Over() })
	}
	slices.SortStableFunc(list.Jobs, func(a, b client.JobRow) int { return cmp.Compare(b.Start, a.Start) })
	switch {
	case o.Output.JSON:
		return o.Streams.JSON(list)
	case o.Output.Quiet:
		for _, j := range list.Jobs {
			o.Streams.Outf("%s\n", j.ID)
		}
		return nil
	}
	table := o.Streams.Table("JOB", "NAME", "STATE", "TASKS", "STARTED", "DURATION").Spare("DURATION", "STARTED", "TASKS")
	for _, j := range list.Jobs {
		table.Row(j.ID, j.Name, string(j.State), strconv.Itoa(j.Tasks["running"])+"/"+strconv.Itoa(j.Tasks["total"]),
			started(o.Factory, j.Start), lasted(o.Streams, j.Duration))
	}
	return table.Print()
}

// started returns when something began; on a terminal how long ago.
func started(f *command.Factory, t client.Millis) string {
	text := f.Streams.Time(t.Time(), f.Clock.Now())
	if text != "" && f.Streams.OutTerminal {
		text += " ago"
	}
	return text
}

// lasted returns a number of milliseconds as a length of time: short on a terminal, seconds to three
// decimals otherwise.
func lasted(s *terminal.Streams, millis int64) string {
	switch {
	case millis < 0:
		return ""
	case s.OutTerminal:
		if d := time.Duration(millis) * time.Millisecond; d >= time.Second {
			return terminal.Duration(d)
		}
		return strconv.FormatInt(millis, 10) + "ms"
	default:
		return strconv.FormatFloat(float64(millis)/1000, 'f', 3, 64) + "s"
	}
}
