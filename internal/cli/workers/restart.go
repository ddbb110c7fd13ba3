package workers

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
)

// RestartOptions are what `worker restart` was told.
type RestartOptions struct {
	*command.Factory
	Cluster string
	Task    string
	Yes     bool
	Output  command.Output
}

// NewRestart returns the command `worker restart`; run replaces its work in tests.
func NewRestart(f *command.Factory, run func(context.Context, *RestartOptions) error) *cobra.Command {
	o := &RestartOptions{Factory: f}
	if run == nil {
		run = restartRun
	}
	cmd := &cobra.Command{
		Use:     "restart CLUSTER TASK",
		Aliases: []string{"replace"},
		Short:   "Replace a task of a cluster by a new one",
		Long: `Replace a task of a cluster by a new one, which may run on another agent. Jobs that used it
start again from their last checkpoint, so it asks first.`,
		Example: `  dcos flink worker restart demo demo-tm-2
  dcos flink worker restart demo demo-tm-2 --yes`,
		Args: command.Args("CLUSTER", "TASK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Cluster, o.Task = args[0], args[1]
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames, command.WorkerIDs),
	}
	cmd.Flags().BoolVarP(&o.Yes, "yes", "y", false, "do not ask")
	o.Output.RegisterQuiet(cmd)
	return cmd
}

// restartRun replaces the task.
func restartRun(ctx context.Context, o *RestartOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	if err := o.Confirm(o.Yes, "Replace task %s of cluster %s?", o.Task, o.Cluster); err != nil {
		return err
	}
	if err := c.RestartTask(ctx, o.Cluster, o.Task); err != nil {
		return err
	}
	if !o.Output.Quiet {
		o.Streams.Outf("Task %s is being replaced: see dcos flink worker list %s\n", o.Task, o.Cluster)
	}
	return nil
}
