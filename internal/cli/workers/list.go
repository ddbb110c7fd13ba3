package workers

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/clusters"
	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// ListOptions are what `worker list` was told.
type ListOptions struct {
	*command.Factory
	Cluster string
	// All lists JobManagers too, and tasks that are over.
	All    bool
	Output command.Output
}

// NewList returns the command `worker list`; run replaces its work in tests.
func NewList(f *command.Factory, run func(context.Context, *ListOptions) error) *cobra.Command {
	o := &ListOptions{Factory: f}
	if run == nil {
		run = listRun
	}
	cmd := &cobra.Command{
		Use:     "list CLUSTER",
		Aliases: []string{"ls"},
		Short:   "List the TaskManagers of a cluster",
		Long:    "List the TaskManagers of a cluster and where they run; PENDING ones have no place yet.\nWith --all JobManagers and tasks that are over are listed too.",
		Example: `  dcos flink worker list demo
  dcos flink worker list demo --all --json`,
		Args: command.Args("CLUSTER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Cluster = args[0]
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames),
	}
	cmd.Flags().BoolVarP(&o.All, "all", "a", false, "also list JobManagers and finished tasks")
	o.Output.Register(cmd)
	return cmd
}

// listRun lists the tasks.
func listRun(ctx context.Context, o *ListOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	d, err := c.Cluster(ctx, o.Cluster)
	if err != nil {
		return err
	}
	tasks := d.Tasks
	if !o.All {
		tasks = slices.DeleteFunc(tasks, func(t wire.TaskStatus) bool {
			return t.Kind != spec.TaskManagerTask || t.State.Terminal()
		})
	}
	if !o.Output.JSON { // There the tasks are as the API has them.
		tasks = append(slices.Clone(tasks), pending(d.Waiting, o.All)...)
	}
	switch {
	case o.Output.JSON:
		if tasks == nil {
			tasks = []wire.TaskStatus{}
		}
		return o.Streams.JSON(map[string]any{"tasks": tasks})
	case o.Output.Quiet:
		for _, t := range tasks {
			o.Streams.Outf("%s\n", t.ID)
		}
		return nil
	}
	return clusters.PrintTasks(o.Streams, tasks, o.Clock.Now())
}

// pending are the tasks that have no place yet, as rows of the list.
func pending(waiting []wire.Waiting, all bool) []wire.TaskStatus {
	var rows []wire.TaskStatus
	for _, w := range waiting {
		if all || w.Kind == spec.TaskManagerTask {
			rows = append(rows, wire.TaskStatus{ID: w.ID, Kind: w.Kind, State: "PENDING", Changed: w.Since, Message: w.Reason})
		}
	}
	return rows
}
