package jobs

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/fault"
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
	if err := o.missing(ctx, flink, list); err != nil {
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

// missing says which of the metrics that were asked for Flink does not have: it answers with those that it has. For a job
// that it does not know it answers with none.
func (o *MetricsOptions) missing(ctx context.Context, flink *client.Flink, list []client.Metric) error {
	if len(list) == 0 {
		if _, err := flink.JobStatus(ctx, o.Target.Job); err != nil {
			return err
		}
	}
	var unknown []string
	for _, name := range o.Names {
		if !slices.ContainsFunc(list, func(m client.Metric) bool { return m.ID == name }) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	return fault.New(fault.NotFound, "job %s has no metric %s: see dcos flink job metrics %s %s for those that it has",
		o.Target.Job, strings.Join(unknown, ", "), o.Target.Cluster, o.Target.Job)
}
