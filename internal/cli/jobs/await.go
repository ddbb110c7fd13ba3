package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/cli/terminal"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// patience is how long the JobManager may be away while a job is followed. With high
// availability a lost JobManager is replaced within it.
const patience = 5 * time.Minute

// Await follows a job until it is over and returns its last state. Each change of state is
// told on the error output unless quiet is set.
func Await(ctx context.Context, f *command.Factory, flink *client.Flink, t Target, quiet bool) (client.JobState, error) {
	progress := f.Streams.Progress(quiet)
	defer progress.Clear()
	begun := f.Clock.Now()
	var last client.JobState
	excused := false
	err := f.Follow(ctx, patience, func(err error) {
		if !excused {
			progress.Say("job %s: %v; trying again", t.Job, err)
			excused = true
		}
	}, func(ctx context.Context) (bool, error) {
		state, err := flink.JobStatus(ctx, t.Job)
		if err != nil {
			return false, err
		}
		excused = false
		since := terminal.Duration(f.Clock.Now().Sub(begun))
		if state != last {
			progress.Say("job %s: %s after %s", t.Job, state, since)
		}
		last = state
		if state.Over() {
			return true, nil
		}
		progress.Show("job %s: %s %s", t.Job, state, since)
		return false, nil
	})
	switch {
	case errors.Is(err, command.ErrTimeout):
		return last, command.Errorf(command.ExitTimeout, "timed out waiting for job %s (%s): it is still running, see dcos flink job describe %s %s",
			t.Job, last, t.Cluster, t.Job)
	case errors.Is(err, context.Canceled):
		return last, command.Errorf(command.ExitInterrupted, "interrupted: job %s is still running, see dcos flink job describe %s %s", t.Job, t.Cluster, t.Job)
	}
	return last, err
}

// Verdict turns the state in which a job ended into nil or the error that carries the exit
// code, with the reason for which it failed.
func Verdict(ctx context.Context, flink *client.Flink, id string, state client.JobState) error {
	switch state {
	case client.JobFinished:
		return nil
	case client.JobCanceled:
		return command.Errorf(command.ExitJobCanceled, "job %s was cancelled", id)
	default: // It failed, or Flink gave up on it; the reason is looked for below.
	}
	reason := "see dcos flink job exceptions"
	if e, err := flink.Exceptions(ctx, id, 1); err == nil && len(e.History.Entries) > 0 {
		reason = client.Reason(e.History.Entries[0].StackTrace)
	}
	return command.Errorf(command.ExitJobFailed, "job %s failed: %s", id, reason)
}
