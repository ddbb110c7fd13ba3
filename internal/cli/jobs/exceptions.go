package jobs

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// ExceptionsOptions are what `job exceptions` was told.
type ExceptionsOptions struct {
	*command.Factory
	Target Target
	// Limit is the maximum number of exceptions, 1 or more.
	Limit int
	// Traces prints the stack traces.
	Traces bool
	Output command.Output
}

// NewExceptions returns the command `job exceptions`; run replaces its work in tests.
func NewExceptions(f *command.Factory, run func(context.Context, *ExceptionsOptions) error) *cobra.Command {
	o := &ExceptionsOptions{Factory: f}
	if run == nil {
		run = exceptionsRun
	}
	cmd := targeted(f, &cobra.Command{
		Use:   "exceptions CLUSTER JOB",
		Short: "Show why a job failed or restarted",
		Long:  "Show why a job failed or restarted, newest first, each reduced to its cause; --traces prints the stack traces.",
		Example: `  dcos flink job exceptions demo 5e0c1e2a4d3b1f6a7c8d9e0f1a2b3c4d
  dcos flink job exceptions demo 5e0c1e2a4d3b1f6a7c8d9e0f1a2b3c4d --traces --limit 1`,
	}, &o.Target, func(ctx context.Context) error {
		if o.Limit < 1 {
			return command.Flagf("--limit %d: use a number above 0", o.Limit)
		}
		return run(ctx, o)
	})
	cmd.Flags().IntVar(&o.Limit, "limit", 20, "maximum number of exceptions")
	cmd.Flags().BoolVar(&o.Traces, "traces", false, "print the stack traces")
	o.Output.RegisterJSON(cmd)
	return cmd
}

// exceptionsRun prints the exceptions.
func exceptionsRun(ctx context.Context, o *ExceptionsOptions) error {
	flink, err := o.Target.flink(o.Factory)
	if err != nil {
		return err
	}
	e, err := flink.Exceptions(ctx, o.Target.Job, o.Limit)
	if err != nil {
		return err
	}
	if o.Output.JSON {
		return o.Streams.JSON(e.Raw)
	}
	if o.Traces {
		for _, x := range e.History.Entries {
			o.Streams.Outf("%s %s\n%s\n", started(o.Factory, x.Timestamp), x.TaskName, printable(x.StackTrace))
		}
		return nil
	}
	table := o.Streams.Table("TIME", "TASK", "TASKMANAGER", "REASON").Spare("TASKMANAGER", "TASK")
	for _, x := range e.History.Entries {
		table.Row(started(o.Factory, x.Timestamp), x.TaskName, x.TaskManagerID, client.Reason(x.StackTrace))
	}
	return table.Print()
}
