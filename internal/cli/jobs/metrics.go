package jobs

import (
	"cmp"
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// MetricsOptions are what `job metrics` was told.
type MetricsOptions struct {
	*command.Factory
	Target Target
	// Names are the metrics wanted; none means all.
	Names  []string
	Output command.Output
}

// NewMetrics returns the command `job metrics`; run replaces its work in tests.
func NewMetrics(f *command.Factory, run func(context.Context, *MetricsOptions) error) *cobra.Command {
	o := &MetricsOptions{Factory: f}
	if run == nil {
		run = metricsRun
	}
	cmd := &cobra.Command{
		Use:   "metrics CLUSTER JOB [METRIC…]",
		Short: "Show a job's metrics",
		Long:  "Show the metrics of a job as its JobManager knows them, all of them when none is named.",
		Example: `  dcos flink job metrics demo 5e0c1e2a4d3b1f6a7c8d9e0f1a2b3c4d
  dcos flink job metrics demo 5e0c1e2a4d3b1f6a7c8d9e0f1a2b3c4d numRestarts uptime`,
		Args: command.Args("CLUSTER", "JOB", "[METRIC]…"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Target = Target{Cluster: args[0], Job: args[1]}
			o.Names = args[2:]
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames, command.JobIDs),
	}
	o.Output.RegisterJSON(cmd)
	return cmd
}

// metricsRun prints the metrics.
func metricsRun(ctx context.Context, o *MetricsOptions) error {
	flink, err := o.Target.flink(o.Factory)
	if err != nil {
		return err
	}
	list, err := flink.Metrics(ctx, o.Target.Job, o.Names)
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b client.Metric) int { return cmp.Compare(a.ID, b.ID) })
	if o.Output.JSON {
		if list == nil {
			list = []client.Metric{}
		}
		return o.Streams.JSON(list)
	}
	table := o.Streams.Table("METRIC", "VALUE")
	for _, m := range list {
		table.Row(m.ID, m.Value)
	}
	return table.Print()
}
