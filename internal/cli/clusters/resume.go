package clusters

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// ResumeOptions are what `cluster resume` was told.
type ResumeOptions struct {
	*command.Factory
	Name    string
	NoWait  bool
	Timeout time.Duration
	Change  ChangeFlags
	Output  command.Output
}

// NewResume returns the command `cluster resume`; run replaces its work in tests.
func NewResume(f *command.Factory, run func(context.Context, *ResumeOptions) error) *cobra.Command {
	o := &ResumeOptions{Factory: f}
	if run == nil {
		run = resumeRun
	}
	cmd := &cobra.Command{
		Use:   "resume NAME",
		Short: "Resume a suspended cluster",
		Long: `Resume a suspended cluster and wait until it is up. The job of an application or job cluster goes
on from its savepoint. A session comes up without jobs, unless high availability recovers them: run them again
from their savepoints, which are listed.`,
		Example: `  dcos flink cluster resume demo
  dcos flink cluster resume demo --no-wait
  dcos flink job run demo app.jar --savepoint file:///savepoints/savepoint-0a1b2c-3d4e5f`,
		Args: command.Args("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name = args[0]
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames),
	}
	cmd.Flags().BoolVar(&o.NoWait, "no-wait", false, "return as soon as the service has accepted the request")
	cmd.Flags().DurationVar(&o.Timeout, "timeout", 10*time.Minute, "maximum time to wait; 0 waits forever")
	o.Change.Register(cmd)
	o.Output.Register(cmd)
	return cmd
}

// resumeRun resumes the cluster.
func resumeRun(ctx context.Context, o *ResumeOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	ctx, cancel := command.WithTimeout(ctx, o.Timeout)
	defer cancel()
	w := NewFollower(o.Factory, c, o.Name, o.Output.Quiet)
	d, err := c.ResumeCluster(o.Change.In(ctx), o.Name)
	if err != nil {
		return err
	}
	if !o.NoWait {
		d, err = w.Until(ctx, func(d wire.Description) bool {
			return d.Status.Change == nil && d.Status.State != wire.Suspended && Ready(d)
		})
		if err != nil {
			return err
		}
		w.Summary(d)
	}
	if err := printChanged(o.Factory, c, d, o.Output, "is started again"); err != nil {
		return err
	}
	if d.Kind == spec.Session && len(d.Status.Savepoints) > 0 && !o.Output.JSON && !o.Output.Quiet {
		o.Streams.Outf("\nIts jobs do not run. Run each again from where it was stopped, with dcos flink job run --savepoint:\n\n")
		return printSavepoints(o.Factory, d.Status.Savepoints)
	}
	return nil
}
