package jobs

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// SavepointOptions are what `job savepoint` was told.
type SavepointOptions struct {
	*command.Factory
	Target  Target
	Request client.SavepointRequest
	Timeout time.Duration
	Output  command.Output
}

// NewSavepoint returns the command `job savepoint`; run replaces its work in tests.
func NewSavepoint(f *command.Factory, run func(context.Context, *SavepointOptions) error) *cobra.Command {
	o := &SavepointOptions{Factory: f}
	if run == nil {
		run = savepointRun
	}
	cmd := targeted(f, &cobra.Command{
		Use:   "savepoint CLUSTER JOB",
		Short: "Take a savepoint of a running job",
		Long:  "Take a savepoint of a running job, which keeps running, and print the location of the savepoint.",
		Example: `  dcos flink job savepoint demo 5e0c1e2a4d3b1f6a7c8d9e0f1a2b3c4d --directory hdfs:///savepoints
  dcos flink job savepoint demo 5e0c1e2a4d3b1f6a7c8d9e0f1a2b3c4d -q`,
	}, &o.Target, func(ctx context.Context) error { return run(ctx, o) })
	savepointFlags(cmd, &o.Request, &o.Timeout)
	o.Output.Register(cmd)
	checkFormat(cmd, &o.Request)
	return cmd
}

// savepointRun takes the savepoint.
func savepointRun(ctx context.Context, o *SavepointOptions) error {
	flink, err := o.Target.flink(o.Factory)
	if err != nil {
		return err
	}
	ctx, cancel := command.WithTimeout(ctx, o.Timeout)
	defer cancel()
	request, err := flink.Savepoint(ctx, o.Target.Job, o.Request)
	if err != nil {
		return noDirectory(err, o.Target)
	}
	location, err := awaitSavepoint(ctx, o.Factory, flink, o.Target, request, o.Output.Quiet)
	if err != nil {
		return err
	}
	return printSavepoint(o.Streams, o.Output, o.Target.Job, location, "goes on")
}
