package jobs

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// DescribeOptions are what `job describe` was told.
type DescribeOptions struct {
	*command.Factory
	Target Target
	Output command.Output
}

// NewDescribe returns the command `job describe`; run replaces its work in tests.
func NewDescribe(f *command.Factory, run func(context.Context, *DescribeOptions) error) *cobra.Command {
	o := &DescribeOptions{Factory: f}
	if run == nil {
		run = describeRun
	}
	cmd := targeted(f, &cobra.Command{
		Use:     "describe CLUSTER JOB",
		Aliases: []string{"show"},
		Short:   "Show a job: state, operators, records, why it failed",
		Long:    "Show a job: its state, its operators with their parallelism and records, and why it failed if it did.",
		Example: `  dcos flink job describe demo 5e0c1e2a4d3b1f6a7c8d9e0f1a2b3c4d
  dcos flink job describe demo 5e0c1e2a4d3b1f6a7c8d9e0f1a2b3c4d --json`,
	}, &o.Target, func(ctx context.Context) error { return run(ctx, o) })
	o.Output.RegisterJSON(cmd)
	return cmd
}

// describeRun shows the job.
func describeRun(ctx context.Context, o *DescribeOptions) error {
	flink, err := o.Target.flink(o.Factory)
	if err != nil {
		return err
	}
	j, err := current(ctx, o, flink)
	if err != nil {
		return err
	}
	if o.Output.JSON {
		return o.Streams.JSON(j.Raw)
	}
	fields := o.Streams.Fields()
	fields.Add("Job", j.ID)
	fields.Add("Name", j.Name)
	fields.Add("State", string(j.State))
	fields.Add("Started", started(o.Factory, j.Start))
	fields.Add("Ended", started(o.Factory, j.End))
	fields.Add("Duration", lasted(o.Streams, j.Duration))
	if j.State == client.JobFailed || j.State == client.JobState("RESTARTING") || j.State == client.JobState("FAILING") {
		e, err := flink.Exceptions(ctx, j.ID, 1)
		if err != nil {
			return err
		}
		if len(e.History.Entries) > 0 {
			fields.Add("Failure", client.Reason(e.History.Entries[0].StackTrace))
		}
	}
	if err := fields.Print(); err != nil || len(j.Vertices) == 0 {
		return err
	}
	o.Streams.Outf("\n")
	table := o.Streams.Table("OPERATOR", "STATE", "PARALLELISM", "RUNNING", "RECORDS IN", "RECORDS OUT", "DURATION").Spare("DURATION", "PARALLELISM")
	for _, v := range j.Vertices {
		table.Row(v.Name, v.Status, strconv.Itoa(v.Parallelism), strconv.Itoa(v.Tasks["RUNNING"]),
			strconv.FormatInt(v.Metrics.ReadRecords, 10), strconv.FormatInt(v.Metrics.WriteRecords, 10), lasted(o.Streams, v.Duration))
	}
	return table.Print()
}

// staleFor is how long Flink may answer with what it has put aside of a job (web.refresh-interval, 3 s unless it is set), and a
// little more.
const staleFor = 5 * time.Second

// current describes the job as it is now: Flink puts the details of jobs aside for a while, but not their state.
func current(ctx context.Context, o *DescribeOptions, flink *client.Flink) (client.JobDetail, error) {
	begun := o.Clock.Now()
	for {
		j, err := flink.Job(ctx, o.Target.Job)
		if err != nil || o.Clock.Now().Sub(begun) >= staleFor {
			return j, err
		}
		state, err := flink.JobStatus(ctx, o.Target.Job)
		if err != nil || state == j.State {
			return j, nil //nolint:nilerr // The details are there, and are no worse than before.
		}
		if err := o.Clock.Sleep(ctx, o.Poll); err != nil {
			return j, err
		}
	}
}
