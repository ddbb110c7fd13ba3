package clusters

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/cli/terminal"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// ListOptions are what `cluster list` was told.
type ListOptions struct {
	*command.Factory
	Output command.Output
}

// NewList returns the command `cluster list`; run replaces its work in tests.
func NewList(f *command.Factory, run func(context.Context, *ListOptions) error) *cobra.Command {
	o := &ListOptions{Factory: f}
	if run == nil {
		run = listRun
	}
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the clusters",
		Long:    "List the clusters of the service: state, version, TaskManagers (running/wanted), slots (used/total),\nrunning jobs, and what a cluster waits for.",
		Example: `  dcos flink cluster list
  dcos flink cluster list --json
  dcos flink cluster list -q`,
		Args:              command.Args(),
		RunE:              func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.Output.Register(cmd)
	return cmd
}

// listRun lists the clusters.
func listRun(ctx context.Context, o *ListOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	list, err := c.Clusters(ctx)
	if err != nil {
		return err
	}
	switch {
	case o.Output.JSON:
		if list == nil {
			list = []wire.Summary{}
		}
		return o.Streams.JSON(map[string]any{"clusters": list})
	case o.Output.Quiet:
		for _, s := range list {
			o.Streams.Outf("%s\n", s.Name)
		}
		return nil
	}
	if len(list) == 0 {
		o.Streams.Errf("There is no cluster: create one with dcos flink cluster create NAME\n")
		// Why there is none may be an option of the service; the list is right without the answer.
		if problems, err := c.Problems(ctx); err == nil {
			for _, p := range problems {
				o.Streams.Errf("The service reports a problem with %s\n", terminal.Clean(p.String()))
			}
		}
	}
	o.sayPaused(list)
	now := o.Clock.Now()
	headings := []string{"NAME", "KIND", "STATE", "PHASE", "FLINK", "TASKMANAGERS", "SLOTS", "JOBS", created(o.Factory)}
	waits := slices.ContainsFunc(list, func(s wire.Summary) bool { return s.Waiting != "" })
	if waits {
		headings = append(headings, "WAITING FOR")
	}
	table := o.Streams.Table(headings...).Spare("PHASE", "FLINK", "KIND")
	for _, s := range list {
		row := []string{
			s.Name, string(s.Kind), string(s.State), string(s.Phase), s.FlinkVersion,
			strconv.Itoa(s.TaskManagers) + "/" + strconv.Itoa(s.Wanted),
			strconv.Itoa(s.SlotsTotal-s.SlotsFree) + "/" + strconv.Itoa(s.SlotsTotal),
			strconv.Itoa(s.JobsRunning), o.Streams.Time(s.Created, now),
		}
		if waits {
			row = append(row, s.Waiting)
		}
		table.Row(row...)
	}
	return table.Print()
}

// sayPaused says which clusters wait because task launches are paused.
func (o *ListOptions) sayPaused(list []wire.Summary) {
	var paused []string
	for _, s := range list {
		if s.Paused {
			paused = append(paused, s.Name)
		}
	}
	switch {
	case len(paused) == 0:
	case len(paused) == len(list):
		o.Streams.Errf("Task launches are paused: resume them with dcos flink plan resume deploy\n")
	default:
		o.Streams.Errf("Task launches of %s are paused: resume them with dcos flink plan resume deploy NAME\n", strings.Join(paused, ", "))
	}
}

// created is the heading of a column that shows an age on a terminal and a time otherwise.
func created(f *command.Factory) string {
	if f.Streams.OutTerminal {
		return "AGE"
	}
	return "CREATED"
}
