package clusters

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// LogsOptions are what `cluster logs` was told.
type LogsOptions struct {
	*command.Factory
	Name string
	Logs command.Logs
}

// NewLogs returns the command `cluster logs`; run replaces its work in tests.
func NewLogs(f *command.Factory, run func(context.Context, *LogsOptions) error) *cobra.Command {
	o := &LogsOptions{Factory: f}
	if run == nil {
		run = logsRun
	}
	cmd := &cobra.Command{
		Use:   "logs NAME",
		Short: "Print the log of a cluster's JobManager",
		Long:  "Print the log of a cluster's JobManager: a file of its sandbox, read through the service.",
		Example: `  dcos flink cluster logs demo
  dcos flink cluster logs demo -f --lines 100
  dcos flink cluster logs demo --file stderr`,
		Args: command.Args("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name = args[0]
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames),
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
	d, err := c.Cluster(ctx, o.Name)
	if err != nil {
		return err
	}
	task, ok := newestJobManager(d.Tasks)
	if !ok {
		return fault.New(fault.NotFound, "cluster %s has no JobManager now (%s)", o.Name, Why(d))
	}
	return o.Logs.Print(ctx, o.Factory, func(ctx context.Context, offset, length int64) ([]byte, error) {
		return c.TaskFile(ctx, o.Name, task, o.Logs.File, offset, length)
	})
}

// newestJobManager is the JobManager that was launched last, preferring one that may run.
func newestJobManager(tasks []wire.TaskStatus) (string, bool) {
	tasks = slices.DeleteFunc(slices.Clone(tasks), func(t wire.TaskStatus) bool { return t.Kind != spec.JobManagerTask })
	if len(tasks) == 0 {
		return "", false
	}
	best := slices.MaxFunc(tasks, func(a, b wire.TaskStatus) int {
		if a.State.Terminal() != b.State.Terminal() {
			if a.State.Terminal() {
				return -1
			}
			return 1
		}
		return a.Launched.Compare(b.Launched)
	})
	return best.ID, true
}
