package clusters

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// SuspendOptions are what `cluster suspend` was told.
type SuspendOptions struct {
	*command.Factory
	Name       string
	Suspension client.Suspension
	Yes        bool
	NoWait     bool
	Timeout    time.Duration
	Change     ChangeFlags
	Output     command.Output
}

// NewSuspend returns the command `cluster suspend`; run replaces its work in tests.
func NewSuspend(f *command.Factory, run func(context.Context, *SuspendOptions) error) *cobra.Command {
	o := &SuspendOptions{Factory: f}
	if run == nil {
		run = suspendRun
	}
	cmd := &cobra.Command{
		Use:   "suspend NAME",
		Short: "Suspend a cluster; its spec and savepoints are kept",
		Long: `Suspend a cluster: stop all its tasks and keep its spec for cluster resume. Each running job is first
stopped with a savepoint. If a savepoint fails, the cluster keeps running and the exit code is 1.

A resumed application starts from its savepoint. The jobs of a session must be run again, each from its
savepoint; cluster describe lists them. With high availability and --no-savepoint, jobs resume from their
last checkpoint; without high availability their state is lost.`,
		Example: `  dcos flink cluster suspend demo
  dcos flink cluster suspend demo --directory hdfs:///savepoints --yes
  dcos flink cluster suspend demo --no-savepoint --no-wait`,
		Args: command.Args("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name = args[0]
			if o.Suspension.NoSavepoint && (o.Suspension.Directory != "" || o.Suspension.Drain) {
				return command.Flagf("--no-savepoint conflicts with --directory and --drain")
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames),
	}
	cmd.Flags().BoolVar(&o.Suspension.NoSavepoint, "no-savepoint", false, "take no savepoints, and do not wait for savepoints in progress")
	cmd.Flags().StringVarP(&o.Suspension.Directory, "directory", "d", "", "where savepoints go (default: Flink's execution.checkpointing.savepoint-dir)")
	cmd.Flags().BoolVar(&o.Suspension.Drain, "drain", false, "drain the sources, so that windows and timers fire")
	cmd.Flags().BoolVarP(&o.Yes, "yes", "y", false, "skip the confirmation prompt")
	cmd.Flags().BoolVar(&o.NoWait, "no-wait", false, "return as soon as the service has accepted the request")
	cmd.Flags().DurationVar(&o.Timeout, "timeout", 10*time.Minute, "maximum time to wait; 0 waits forever")
	o.Change.Register(cmd)
	o.Output.Register(cmd)
	return cmd
}

// suspendRun suspends the cluster.
func suspendRun(ctx context.Context, o *SuspendOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	d, err := c.Cluster(ctx, o.Name)
	if err != nil {
		return err
	}
	question := "Suspend cluster %s (%d jobs running)?"
	if o.Suspension.NoSavepoint {
		question = "Suspend cluster %s (%d jobs running) without savepoints?"
	}
	if err := o.Confirm(o.Yes, question, o.Name, running(d)); err != nil {
		return err
	}
	ctx, cancel := command.WithTimeout(ctx, o.Timeout)
	defer cancel()
	w := NewFollower(o.Factory, c, o.Name, o.Output.Quiet)
	w.Change(d, "being suspended")
	if d, err = c.SuspendCluster(o.Change.In(ctx), o.Name, o.Suspension); err != nil {
		if e, ok := errors.AsType[*fault.Error](err); ok && slices.ContainsFunc(e.Details, func(d fault.Detail) bool { return d.Field == "directory" }) {
			return fault.New(fault.Invalid, "cluster %s has no directory for savepoints (execution.checkpointing.savepoint-dir): "+
				"name one that every agent reaches with --directory, or stop without savepoints with --no-savepoint", o.Name)
		}
		return err
	}
	if !o.NoWait {
		d, err = w.Until(ctx, func(d wire.Description) bool { return d.Status.State == wire.Suspended && len(d.Tasks) == 0 })
		if err != nil {
			return err
		}
	}
	switch {
	case o.Output.JSON:
		return o.Streams.JSON(d)
	case o.Output.Quiet:
		for _, s := range d.Status.Savepoints {
			o.Streams.Outf("%s\n", s.Path)
		}
	case o.NoWait:
		o.Streams.Outf("Cluster %s is being suspended: see dcos flink cluster describe %s\n", o.Name, o.Name)
	default:
		o.Streams.Outf("Cluster %s is suspended: start it again with dcos flink cluster resume %s\n", o.Name, o.Name)
		if len(d.Status.Savepoints) > 0 {
			o.Streams.Outf("\n")
			return printSavepoints(o.Factory, d.Status.Savepoints)
		}
	}
	return nil
}

// printSavepoints prints where jobs were stopped.
func printSavepoints(f *command.Factory, list []wire.Savepoint) error {
	now := f.Clock.Now()
	table := f.Streams.Table("JOB", "NAME", "STOPPED", "SAVEPOINT").Spare("STOPPED")
	for _, s := range list {
		table.Row(s.Job, s.Name, f.Streams.Time(s.Time, now), s.Path)
	}
	return table.Print()
}
