package clusters

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// RestartOptions are what `cluster restart` was told.
type RestartOptions struct {
	*command.Factory
	Name    string
	Yes     bool
	Wait    bool
	Timeout time.Duration
	Change  ChangeFlags
	Output  command.Output
}

// NewRestart returns the command `cluster restart`; run replaces its work in tests.
func NewRestart(f *command.Factory, run func(context.Context, *RestartOptions) error) *cobra.Command {
	o := &RestartOptions{Factory: f}
	if run == nil {
		run = restartRun
	}
	cmd := &cobra.Command{
		Use:   "restart NAME",
		Short: "Replace all tasks of a cluster",
		Long: `Replace all tasks of a cluster. Without high availability the running jobs of a session are
lost, so it asks first.`,
		Example: `  dcos flink cluster restart demo
  dcos flink cluster restart demo --yes --wait`,
		Args: command.Args("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name = args[0]
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames),
	}
	cmd.Flags().BoolVarP(&o.Yes, "yes", "y", false, "skip the confirmation prompt")
	cmd.Flags().BoolVar(&o.Wait, "wait", false, "wait until the cluster is up again")
	cmd.Flags().DurationVar(&o.Timeout, "timeout", 10*time.Minute, "maximum time to wait; 0 waits forever")
	o.Change.Register(cmd)
	o.Output.RegisterQuiet(cmd)
	return cmd
}

// restartRun restarts the cluster.
func restartRun(ctx context.Context, o *RestartOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	before, err := c.Cluster(ctx, o.Name)
	if err != nil {
		return err
	}
	if err := o.Confirm(o.Yes, "Restart cluster %s (%d jobs running)?", o.Name, running(before)); err != nil {
		return err
	}
	ctx, cancel := command.WithTimeout(ctx, o.Timeout)
	defer cancel()
	if err := c.RestartCluster(o.Change.In(ctx), o.Name); err != nil {
		return err
	}
	if !o.Wait {
		o.say("Cluster %s restarts: see dcos flink cluster describe %s\n", o.Name, o.Name)
		return nil
	}
	old := map[string]bool{}
	for _, t := range before.Tasks {
		old[t.ID] = !t.State.Terminal()
	}
	w := NewFollower(o.Factory, c, o.Name, o.Output.Quiet)
	d, err := w.Until(ctx, func(d wire.Description) bool {
		for _, t := range d.Tasks {
			if old[t.ID] && !t.State.Terminal() {
				return false
			}
		}
		return Ready(d)
	})
	if err != nil {
		return err
	}
	w.Summary(d)
	o.say("Cluster %s is up again: %s\n", o.Name, c.UIURL(o.Name))
	return nil
}

// say prints unless --quiet was given.
func (o *RestartOptions) say(format string, args ...any) {
	if !o.Output.Quiet {
		o.Streams.Outf(format, args...)
	}
}

// running is the number of jobs that run on a cluster as far as is known.
func running(d wire.Description) int {
	if d.Status.Flink == nil {
		return 0
	}
	return d.Status.Flink.JobsRunning
}
