// Package autoscaler owns the commands about the autoscaler: `autoscaler status` and the like.
package autoscaler

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/report"
	"github.com/flink-on-mesos/flink-service/internal/cli/command"
)

// New returns the command `autoscaler` with its verbs.
func New(f *command.Factory) *cobra.Command {
	return command.Group("autoscaler", "Show what the autoscaler recommends, and why",
		"Show what the autoscaler recommends for the jobs of a cluster, and why. It is on for clusters with\n`job.autoscaler.enabled: true` in flinkConfiguration.",
		NewStatus(f, nil),
		NewHistory(f, nil),
		NewExplain(f, nil),
		NewReplay(f, nil),
	)
}

// Options are what the commands were told.
type Options struct {
	*command.Factory
	Cluster string
	// Vertex selects vertices by a part of their name, or by id; empty for all.
	Vertex string
	// Set are the options to replay with.
	Set    []string
	Job    string
	Output command.Output
}

// NewStatus returns the command `autoscaler status`; run replaces its work in tests.
func NewStatus(f *command.Factory, run func(context.Context, *Options) error) *cobra.Command {
	if run == nil {
		run = statusRun
	}
	return about(&Options{Factory: f}, &cobra.Command{
		Use: "status NAME", Short: "Show the vertices of a cluster's jobs with their rates and recommended parallelism",
		Long: `Show the vertices of a cluster's jobs: parallelism, recommended parallelism, busy share, true processing rate, the rate
that arrives, the thresholds between which nothing is done, and why. Rates are records per second.`,
		Example: "  dcos flink autoscaler status demo",
	}, run)
}

// NewHistory returns the command `autoscaler history`; run replaces its work in tests.
func NewHistory(f *command.Factory, run func(context.Context, *Options) error) *cobra.Command {
	if run == nil {
		run = historyRun
	}
	return about(&Options{Factory: f}, &cobra.Command{
		Use: "history NAME", Short: "List the last decisions, newest first",
		Long:    "List the last decisions about a cluster's jobs, newest first. The same decision several times in a row is listed once.",
		Example: "  dcos flink autoscaler history demo",
	}, run)
}

// NewExplain returns the command `autoscaler explain`; run replaces its work in tests.
func NewExplain(f *command.Factory, run func(context.Context, *Options) error) *cobra.Command {
	if run == nil {
		run = explainRun
	}
	o := &Options{Factory: f}
	cmd := about(o, &cobra.Command{
		Use: "explain NAME", Short: "Show how the recommended parallelism of each vertex was derived",
		Long:    "Show how the recommended parallelism of each vertex was derived from its metrics, step by step with the numbers.",
		Example: "  dcos flink autoscaler explain demo --vertex Sink",
	}, run)
	cmd.Flags().StringVar(&o.Vertex, "vertex", "", "only vertices whose name contains this, or with this id")
	return cmd
}

// NewReplay returns the command `autoscaler replay`; run replaces its work in tests.
func NewReplay(f *command.Factory, run func(context.Context, *Options) error) *cobra.Command {
	if run == nil {
		run = replayRun
	}
	o := &Options{Factory: f}
	cmd := about(o, &cobra.Command{
		Use: "replay NAME", Short: "Show what other options would have decided",
		Long: `Decide the recorded metrics of a job again, with the options in force and with others, and show every decision that
would have been another one. Nothing is changed. The names of options may be given without job.autoscaler.`,
		Example: `  dcos flink autoscaler replay demo --set utilization.target=0.6 --set "scale-down.interval=10 min"`,
	}, run)
	cmd.Flags().StringArrayVar(&o.Set, "set", nil, "option to replay with, as NAME=VALUE; can be repeated")
	cmd.Flags().StringVar(&o.Job, "job", "", "id of the job, on a session cluster with several")
	return cmd
}

// about makes a command whose argument is the name of a cluster.
func about(o *Options, cmd *cobra.Command, run func(context.Context, *Options) error) *cobra.Command {
	cmd.Args = command.Args("NAME")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Cluster = args[0]
		return run(cmd.Context(), o)
	}
	cmd.ValidArgsFunction = o.Complete(command.ClusterNames)
	o.Output.RegisterJSON(cmd)
	return cmd
}

// read asks for what the autoscaler knows of a cluster, and prints it when that is to be JSON.
func read(ctx context.Context, o *Options) (report.Autoscaler, bool, error) {
	c, err := o.Client()
	if err != nil {
		return report.Autoscaler{}, true, err
	}
	a, err := c.Autoscaler(ctx, o.Cluster)
	if err != nil || !o.Output.JSON {
		return a, err != nil, err
	}
	return a, true, o.Streams.JSON(a)
}
