package jobs

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/cli/terminal"
	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// StopOptions are what `job stop` was told.
type StopOptions struct {
	*command.Factory
	Target  Target
	Request client.SavepointRequest
	Timeout time.Duration
	Output  command.Output
}

// NewStop returns the command `job stop`; run replaces its work in tests.
func NewStop(f *command.Factory, run func(context.Context, *StopOptions) error) *cobra.Command {
	o := &StopOptions{Factory: f}
	if run == nil {
		run = stopRun
	}
	cmd := targeted(f, &cobra.Command{
		Use:   "stop CLUSTER JOB",
		Short: "Stop a job with a savepoint",
		Long: `Stop a job with a savepoint and print the location of the savepoint. Resume the job later with
job run --savepoint.`,
		Example: `  dcos flink job stop demo 5e0c1e2a4d3b1f6a7c8d9e0f1a2b3c4d --directory hdfs:///savepoints
  dcos flink job stop demo 5e0c1e2a4d3b1f6a7c8d9e0f1a2b3c4d --drain`,
	}, &o.Target, func(ctx context.Context) error { return run(ctx, o) })
	savepointFlags(cmd, &o.Request, &o.Timeout)
	cmd.Flags().BoolVar(&o.Request.Drain, "drain", false, "drain the sources so that windows fire; the job cannot be resumed afterwards")
	o.Output.Register(cmd)
	checkFormat(cmd, &o.Request)
	return cmd
}

// savepointFlags adds the flags that stop and savepoint share.
func savepointFlags(cmd *cobra.Command, r *client.SavepointRequest, timeout *time.Duration) {
	cmd.Flags().StringVar(&r.Directory, "directory", "", "where the savepoint is put (default: the cluster's state.savepoints.dir)")
	cmd.Flags().StringVar(&r.Format, "format", "", "canonical or native (default canonical)")
	cmd.Flags().DurationVar(timeout, "timeout", 10*time.Minute, "maximum time to wait; 0 waits forever")
}

// checkFormat makes a command refuse an unknown format before anything is sent.
func checkFormat(cmd *cobra.Command, r *client.SavepointRequest) {
	cmd.PreRunE = func(*cobra.Command, []string) error {
		r.Format = strings.ToUpper(r.Format)
		switch r.Format {
		case "", "CANONICAL", "NATIVE":
			return nil
		}
		return command.Flagf("--format %q: use canonical or native", r.Format)
	}
}

// stopRun stops the job.
func stopRun(ctx context.Context, o *StopOptions) error {
	flink, err := o.Target.flink(o.Factory)
	if err != nil {
		return err
	}
	ctx, cancel := command.WithTimeout(ctx, o.Timeout)
	defer cancel()
	request, err := flink.Stop(ctx, o.Target.Job, o.Request)
	if err != nil {
		return noDirectory(err, o.Target)
	}
	location, err := awaitSavepoint(ctx, o.Factory, flink, o.Target, request, o.Output.Quiet)
	if err != nil {
		return err
	}
	// The savepoint is complete a moment before the job is over, and what is asked for next should see that.
	state, err := awaitOver(ctx, o.Factory, flink, o.Target, o.Output.Quiet)
	if err != nil {
		return err
	}
	if state == client.JobFailed {
		return Verdict(ctx, flink, o.Target.Job, state)
	}
	return printSavepoint(o.Streams, o.Output, o.Target.Job, location, "is stopped")
}

// awaitSavepoint follows an operation until its savepoint is complete.
func awaitSavepoint(ctx context.Context, f *command.Factory, flink *client.Flink, t Target, request string, quiet bool) (string, error) {
	progress := f.Streams.Progress(quiet)
	defer progress.Clear()
	begun := f.Clock.Now()
	progress.Say("job %s: taking a savepoint", t.Job)
	var location string
	// A failed savepoint is an answer, not something that passes.
	var failed error
	err := f.Follow(ctx, patience, nil, func(ctx context.Context) (bool, error) {
		where, done, err := flink.SavepointStatus(ctx, t.Job, request)
		if done {
			location, failed = where, err
			return true, nil
		}
		progress.Show("job %s: taking a savepoint %s", t.Job, terminal.Duration(f.Clock.Now().Sub(begun)))
		return false, err
	})
	if errors.Is(err, command.ErrTimeout) {
		return "", command.Errorf(command.ExitTimeout, "timed out waiting for the savepoint of job %s: it is still in progress, see dcos flink job checkpoints %s %s",
			t.Job, t.Cluster, t.Job)
	}
	if err == nil {
		err = failed
	}
	return location, noDirectory(err, t)
}

// noDirectory words Flink's refusal of a savepoint that has nowhere to go.
func noDirectory(err error, t Target) error {
	if err == nil || !strings.Contains(err.Error(), "target-directory") {
		return err
	}
	return fault.New(fault.Invalid, "cluster %s has no directory for savepoints (execution.checkpointing.savepoint-dir): name one that every agent reaches with --directory", t.Cluster)
}

// printSavepoint prints where a savepoint is.
func printSavepoint(s *terminal.Streams, out command.Output, job, location, what string) error {
	switch {
	case out.JSON:
		return s.JSON(map[string]string{"jobid": job, "location": location})
	case out.Quiet:
		s.Outf("%s\n", location)
	default:
		s.Outf("Job %s %s: savepoint %s\n", job, what, location)
	}
	return nil
}
