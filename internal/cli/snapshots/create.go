package snapshots

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// CreateOptions are what `snapshot create` and `snapshot adopt` were told.
type CreateOptions struct {
	*command.Factory
	Cluster string
	Request wire.SnapshotRequest
	Wait    bool
	Timeout time.Duration
	Output  command.Output
}

// NewCreate returns the command `snapshot create`; run replaces its work in tests.
func NewCreate(f *command.Factory, run func(context.Context, *CreateOptions) error) *cobra.Command {
	o := &CreateOptions{Factory: f}
	if run == nil {
		run = createRun
	}
	var checkpoint, noWait bool
	cmd := &cobra.Command{
		Use:   "create CLUSTER",
		Short: "Take a savepoint of a cluster's job",
		Long: `Take a savepoint of a cluster's job, or with --checkpoint a full checkpoint, and wait until it is there. The job keeps
running. The service tries again when it fails.`,
		Example: "  dcos flink snapshot create demo\n  dcos flink snapshot create demo --format native --directory s3://bucket/savepoints",
		Args:    command.Args("CLUSTER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Cluster, o.Wait = args[0], !noWait
			if checkpoint {
				if o.Request.Directory != "" || o.Request.Format != "" {
					return command.Flagf("--directory and --format are for savepoints, and --checkpoint asks for a checkpoint")
				}
				o.Request.Kind = wire.RestoreCheckpoint
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames),
	}
	cmd.Flags().BoolVar(&checkpoint, "checkpoint", false, "take a full checkpoint, which Flink removes when there are newer ones")
	cmd.Flags().StringVar(&o.Request.Format, "format", "", "format of the savepoint: canonical or native")
	cmd.Flags().StringVar(&o.Request.Directory, "directory", "", "where the savepoint goes (default: that of the spec)")
	cmd.Flags().StringVar(&o.Request.Job, "job", "", "id of the job, on a session cluster")
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "return as soon as the service has accepted the request")
	cmd.Flags().DurationVar(&o.Timeout, "timeout", 10*time.Minute, "maximum time to wait; 0 waits forever")
	o.Output.Register(cmd)
	return cmd
}

// NewAdopt returns the command `snapshot adopt`; run replaces its work in tests.
func NewAdopt(f *command.Factory, run func(context.Context, *CreateOptions) error) *cobra.Command {
	o := &CreateOptions{Factory: f}
	if run == nil {
		run = createRun
	}
	var checkpoint bool
	cmd := &cobra.Command{
		Use:   "adopt CLUSTER PATH",
		Short: "Make an existing savepoint or checkpoint known",
		Long: `Make an existing savepoint, or with --checkpoint a retained checkpoint, known as a snapshot of a cluster. Its files are
never removed by the service.`,
		Example: "  dcos flink snapshot adopt demo s3://bucket/savepoints/savepoint-5e0c1e-2a4d3b1f",
		Args:    command.Args("CLUSTER", "PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Cluster, o.Request.Path = args[0], args[1]
			if checkpoint {
				o.Request.Kind = wire.RestoreCheckpoint
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames),
	}
	cmd.Flags().BoolVar(&checkpoint, "checkpoint", false, "it is a checkpoint")
	o.Output.Register(cmd)
	return cmd
}

func createRun(ctx context.Context, o *CreateOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	ctx, cancel := command.WithTimeout(ctx, o.Timeout)
	defer cancel()
	n, err := c.CreateSnapshot(ctx, o.Cluster, o.Request)
	if err != nil {
		return err
	}
	if o.Request.Path != "" {
		return print(o.Factory, n, o.Output, "%s is adopted as %s", n.Path, n.ID)
	}
	if !o.Wait {
		return print(o.Factory, n, o.Output, "Snapshot %s is being taken: see dcos flink snapshot list %s", n.ID, o.Cluster)
	}
	err = o.Follow(ctx, patience, nil, func(ctx context.Context) (bool, error) {
		now, err := c.Snapshot(ctx, n.ID)
		if err == nil {
			n = now
		}
		return err == nil && n.State != wire.SnapshotPending && n.State != wire.SnapshotInProgress, err
	})
	if err != nil {
		return err
	}
	if n.State != wire.SnapshotCompleted {
		return command.Errorf(command.ExitFailure, "snapshot %s is %s: %s", n.ID, n.State, n.Message)
	}
	return print(o.Factory, n, o.Output, "Snapshot %s is at %s", n.ID, n.Path)
}
