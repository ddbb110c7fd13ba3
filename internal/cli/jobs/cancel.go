package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// CancelOptions are what `job cancel` was told.
type CancelOptions struct {
	*command.Factory
	Target  Target
	Yes     bool
	Wait    bool
	Timeout time.Duration
	Output  command.Output
}

// NewCancel returns the command `job cancel`; run replaces its work in tests.
func NewCancel(f *command.Factory, run func(context.Context, *CancelOptions) error) *cobra.Command {
	o := &CancelOptions{Factory: f}
	if run == nil {
		run = cancelRun
	}
	var noWait bool
	cmd := targeted(f, &cobra.Command{
		Use:   "cancel CLUSTER JOB",
		Short: "Cancel a job without a savepoint",
		Long: `Cancel a job without a savepoint and wait until it is over. What it had not checkpointed is
lost, so it asks first; job stop ends a job with a savepoint.`,
		Example: `  dcos flink job cancel demo 5e0c1e2a4d3b1f6a7c8d9e0f1a2b3c4d
  dcos flink job cancel demo 5e0c1e2a4d3b1f6a7c8d9e0f1a2b3c4d --yes --no-wait`,
	}, &o.Target, func(ctx context.Context) error {
		o.Wait = !noWait
		return run(ctx, o)
	})
	cmd.Flags().BoolVarP(&o.Yes, "yes", "y", false, "skip the confirmation prompt")
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "return as soon as Flink has accepted the request")
	cmd.Flags().DurationVar(&o.Timeout, "timeout", 5*time.Minute, "maximum time to wait; 0 waits forever")
	o.Output.RegisterQuiet(cmd)
	return cmd
}

// cancelRun cancels the job.
func cancelRun(ctx context.Context, o *CancelOptions) error {
	flink, err := o.Target.flink(o.Factory)
	if err != nil {
		return err
	}
	if err := o.Confirm(o.Yes, "Cancel job %s of cluster %s without a savepoint?", o.Target.Job, o.Target.Cluster); err != nil {
		return err
	}
	ctx, cancel := command.WithTimeout(ctx, o.Timeout)
	defer cancel()
	if err := flink.Cancel(ctx, o.Target.Job); err != nil {
		return err
	}
	state := client.JobState("CANCELLING")
	if o.Wait {
		if state, err = awaitOver(ctx, o.Factory, flink, o.Target, o.Output.Quiet); err != nil {
			return err
		}
	}
	if !o.Output.Quiet {
		o.Streams.Outf("Job %s: %s\n", o.Target.Job, state)
	}
	if state == client.JobFailed {
		return Verdict(ctx, flink, o.Target.Job, state)
	}
	return nil
}

// awaitOver follows a job that was told to end. A JobManager that ends with its job (an
// application cluster) takes its REST API away; the job is over then.
func awaitOver(ctx context.Context, f *command.Factory, flink *client.Flink, t Target, quiet bool) (client.JobState, error) {
	progress := f.Streams.Progress(quiet)
	defer progress.Clear()
	var last client.JobState
	err := f.Follow(ctx, 10*f.Poll, nil, func(ctx context.Context) (bool, error) {
		state, err := flink.JobStatus(ctx, t.Job)
		if err != nil {
			return false, err
		}
		last = state
		progress.Show("job %s: %s", t.Job, state)
		return state.Over(), nil
	})
	switch {
	case errors.Is(err, command.ErrTimeout):
		return last, command.Errorf(command.ExitTimeout, "timed out waiting for job %s (%s)", t.Job, last)
	case errors.Is(err, context.Canceled), err == nil, last == "":
		return last, err
	case client.Temporary(err) || client.NotFound(err):
		return "over, and its JobManager with it", nil
	}
	return last, err
}
