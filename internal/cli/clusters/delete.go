package clusters

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// DeleteOptions are what `cluster delete` was told.
type DeleteOptions struct {
	*command.Factory
	Name  string
	Force bool
	// Savepoint stops the jobs with savepoints, in Directory, first.
	Savepoint bool
	// NoSavepoint takes none, also where the spec asks for one on deletion.
	NoSavepoint bool
	Directory   string
	Yes         bool
	Wait        bool
	Timeout     time.Duration
	Output      command.Output
}

// NewDelete returns the command `cluster delete`; run replaces its work in tests.
func NewDelete(f *command.Factory, run func(context.Context, *DeleteOptions) error) *cobra.Command {
	o := &DeleteOptions{Factory: f}
	if run == nil {
		run = deleteRun
	}
	var noWait bool
	cmd := &cobra.Command{
		Use:     "delete NAME",
		Aliases: []string{"rm"},
		Short:   "Delete a cluster and wait until its tasks are gone",
		Long: `Delete a cluster and wait until its tasks are gone. A session with running jobs is
refused unless --force is given. With --savepoint, or job.snapshots.onDeletion in the spec, the jobs are
stopped with savepoints first; ` + "`dcos flink snapshot list NAME`" + ` shows them afterwards. If one fails, the
cluster is kept: --savepoint=false deletes it without.`,
		Example: `  dcos flink cluster delete demo
  dcos flink cluster delete demo --yes --force`,
		Args: command.Args("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name = args[0]
			o.Wait = !noWait
			o.NoSavepoint = cmd.Flags().Changed("savepoint") && !o.Savepoint
			if o.Directory != "" && !o.Savepoint {
				return command.Flagf("--directory is for --savepoint")
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames),
	}
	cmd.Flags().BoolVar(&o.Force, "force", false, "delete even if jobs are running")
	cmd.Flags().BoolVar(&o.Savepoint, "savepoint", false, "stop the jobs with savepoints first, and keep the cluster if one fails")
	cmd.Flags().StringVar(&o.Directory, "directory", "", "where those savepoints go (default: that of Flink's configuration)")
	cmd.Flags().BoolVarP(&o.Yes, "yes", "y", false, "skip the confirmation prompt")
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "return as soon as the service has accepted the request")
	cmd.Flags().DurationVar(&o.Timeout, "timeout", 5*time.Minute, "maximum time to wait; 0 waits forever")
	o.Output.RegisterQuiet(cmd)
	return cmd
}

// deleteRun deletes the cluster.
func deleteRun(ctx context.Context, o *DeleteOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	if err := o.Confirm(o.Yes, "Delete cluster %s and everything that runs on it?", o.Name); err != nil {
		return err
	}
	ctx, cancel := command.WithTimeout(ctx, o.Timeout)
	defer cancel()
	switch {
	case o.Savepoint:
		err = c.DeleteClusterWithSavepoints(ctx, o.Name, o.Directory)
	case o.NoSavepoint:
		err = c.DeleteClusterWithoutSavepoints(ctx, o.Name, o.Force)
	default:
		err = c.DeleteCluster(ctx, o.Name, o.Force)
	}
	if err != nil {
		return Forced(err)
	}
	if o.Wait {
		w := NewFollower(o.Factory, c, o.Name, o.Output.Quiet)
		defer w.progress.Clear()
		err := o.Follow(ctx, patience, w.Excuse, func(ctx context.Context) (bool, error) {
			d, err := c.Cluster(ctx, o.Name)
			if client.NotFound(err) {
				return true, nil
			}
			if err == nil && d.Status.State != wire.Deleting && d.Status.Change == nil {
				return false, command.Errorf(command.ExitFailure, "cluster %s is kept: %s (--savepoint=false deletes it without)", o.Name, d.Status.ChangeFailure)
			}
			if err == nil {
				w.progress.Show("%s: %d tasks left", o.Name, live(d.Tasks))
			}
			return false, err
		})
		switch {
		case errors.Is(err, command.ErrTimeout):
			return command.Errorf(command.ExitTimeout, "timed out waiting for the deletion of cluster %s: see dcos flink cluster describe %s", o.Name, o.Name)
		case err != nil:
			return err
		}
		w.progress.Clear()
	}
	switch {
	case o.Output.Quiet:
	case o.Wait:
		o.Streams.Outf("Cluster %s is deleted.\n", o.Name)
	default:
		o.Streams.Outf("Cluster %s is being deleted.\n", o.Name)
	}
	return nil
}

// Forced says --force where the API says how its parameter is written.
func Forced(err error) error {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	own := *e
	own.Message = strings.ReplaceAll(own.Message, "?force=true", "--force")
	return &own
}
