package workers

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
)

// LogsOptions are what `worker logs` was told.
type LogsOptions struct {
	*command.Factory
	Cluster string
	Task    string
	Logs    command.Logs
}

// NewLogs returns the command `worker logs`; run replaces its work in tests.
func NewLogs(f *command.Factory, run func(context.Context, *LogsOptions) error) *cobra.Command {
	o := &LogsOptions{Factory: f}
	if run == nil {
		run = logsRun
	}
	cmd := &cobra.Command{
		Use:   "logs CLUSTER TASK",
		Short: "Print the log of a task",
		Long:  "Print the log of a task: a file of its sandbox, read through the service.",
		Example: `  dcos flink worker logs demo demo-tm-2
  dcos flink worker logs demo demo-tm-2 -f --lines 50
  dcos flink worker logs demo demo-tm-2 --file stderr`,
		Args: command.Args("CLUSTER", "TASK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Cluster, o.Task = args[0], args[1]
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames, command.WorkerIDs),
	}
	o.Logs.Register(cmd)
	return cmd
}

// logsRun prints the file.
func logsRun(ctx context.Context, o *LogsOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	return o.Logs.Print(ctx, o.Factory, func(ctx context.Context, offset, length int64) ([]byte, error) {
		return c.TaskFile(ctx, o.Cluster, o.Task, o.Logs.File, offset, length)
	})
}
