package jobs

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
)

// CheckpointsOptions are what `job checkpoints` was told.
type CheckpointsOptions struct {
	*command.Factory
	Target Target
	Output command.Output
}

// NewCheckpoints returns the command `job checkpoints`; run replaces its work in tests.
func NewCheckpoints(f *command.Factory, run func(context.Context, *CheckpointsOptions) error) *cobra.Command {
	o := &CheckpointsOptions{Factory: f}
	if run == nil {
		run = checkpointsRun
	}
	cmd := targeted(f, &cobra.Command{
		Use:   "checkpoints CLUSTER JOB",
		Short: "Show a job's checkpoints and savepoints",
		Long:  "Show a job's last checkpoints and savepoints: state, size, duration and where they are.",
		Example: `  dcos flink job checkpoints demo 5e0c1e2a4d3b1f6a7c8d9e0f1a2b3c4d
  dcos flink job checkpoints demo 5e0c1e2a4d3b1f6a7c8d9e0f1a2b3c4d --json`,
	}, &o.Target, func(ctx context.Context) error { return run(ctx, o) })
	o.Output.RegisterJSON(cmd)
	return cmd
}

// checkpointsRun prints the checkpoints.
func checkpointsRun(ctx context.Context, o *CheckpointsOptions) error {
	flink, err := o.Target.flink(o.Factory)
	if err != nil {
		return err
	}
	c, err := flink.Checkpoints(ctx, o.Target.Job)
	if err != nil {
		return err
	}
	if o.Output.JSON {
		return o.Streams.JSON(c.Raw)
	}
	fields := o.Streams.Fields()
	fields.Add("Checkpoints", fmt.Sprintf("%d completed, %d in progress, %d failed, %d restored",
		c.Counts.Completed, c.Counts.InProgress, c.Counts.Failed, c.Counts.Restored))
	if err := fields.Print(); err != nil || len(c.History) == 0 {
		return err
	}
	o.Streams.Outf("\n")
	table := o.Streams.Table("ID", "KIND", "STATE", "TRIGGERED", "DURATION", "SIZE", "PATH").Spare("SIZE", "DURATION", "KIND")
	for _, p := range c.History {
		kind := "checkpoint"
		if p.IsSavepoint {
			kind = "savepoint"
		}
		where := p.ExternalPath
		if p.Failure != "" {
			where = p.Failure
		}
		table.Row(strconv.FormatInt(p.ID, 10), kind, p.Status, started(o.Factory, p.Triggered),
			lasted(o.Streams, p.Duration), o.Streams.Size(p.StateSize), where)
	}
	return table.Print()
}

// printable keeps the lines of a text and takes out what would move the cursor.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
}
