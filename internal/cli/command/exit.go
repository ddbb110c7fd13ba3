package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// Exit is an exit code of the program. Codes are part of its contract: they are never
// reused for something else.
type Exit int

// The exit codes.
const (
	// ExitOK says that what was asked for is done.
	ExitOK Exit = 0
	// ExitFailure is every failure that has no code of its own.
	ExitFailure Exit = 1
	// ExitUsage says that the command line, the environment, a given file or the spec made of them is wrong; nothing was
	// changed.
	ExitUsage Exit = 2
	// ExitNotFound says that a cluster, job, jar or worker of that name does not exist.
	ExitNotFound Exit = 3
	// ExitConflict says that the request contradicts what is so, such as a name already taken.
	ExitConflict Exit = 4
	// ExitUnreachable says that the service is unreachable or not ready.
	ExitUnreachable Exit = 5
	// ExitJobFailed says that the job that was waited for failed.
	ExitJobFailed Exit = 6
	// ExitTimeout says that --timeout passed; what was asked for may still happen.
	ExitTimeout Exit = 7
	// ExitDenied says that the login is missing, expired or not permitted to do this.
	ExitDenied Exit = 8
	// ExitJobCanceled says that the job that was waited for was cancelled.
	ExitJobCanceled Exit = 9
	// ExitClusterFailed says that the cluster that was waited for cannot come up.
	ExitClusterFailed Exit = 10
	// ExitInterrupted says that the program was interrupted (Ctrl-C).
	ExitInterrupted Exit = 130
)

// Codes lists the exit codes with their meaning, for the help.
func Codes() []struct {
	Code    Exit
	Meaning string
} {
	return []struct {
		Code    Exit
		Meaning string
	}{
		{ExitOK, "done"},
		{ExitFailure, "failed"},
		{ExitUsage, "wrong arguments, environment, file or spec; nothing was changed"},
		{ExitNotFound, "no such cluster, job, jar or worker"},
		{ExitConflict, "conflicts with the current state, such as a name that exists"},
		{ExitUnreachable, "the service is unreachable or not ready"},
		{ExitJobFailed, "the job failed"},
		{ExitTimeout, "timed out (--timeout)"},
		{ExitDenied, "not logged in, or not permitted"},
		{ExitJobCanceled, "the job was cancelled"},
		{ExitClusterFailed, "the cluster failed"},
		{ExitInterrupted, "interrupted"},
	}
}

// Error is an error that chooses its exit code.
type Error struct {
	Code Exit
	Err  error
}

// Error implements error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an error with an exit code.
func Errorf(code Exit, format string, args ...any) error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}

// Usagef returns an error of the command line.
func Usagef(format string, args ...any) error {
	return Errorf(ExitUsage, format, args...)
}

// FlagError is an error of the command line's form, after which the usage is shown.
type FlagError struct{ Err error }

// Error implements error.
func (e *FlagError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *FlagError) Unwrap() error { return e.Err }

// Flagf returns a FlagError.
func Flagf(format string, args ...any) error {
	return &FlagError{Err: fmt.Errorf(format, args...)}
}

// ErrTimeout is the cause of a context that ended because of --timeout.
var ErrTimeout = errors.New("the time given with --timeout has passed")

// ExitOf maps an error to the exit code.
func ExitOf(err error) Exit {
	if err == nil {
		return ExitOK
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	if _, ok := errors.AsType[*FlagError](err); ok {
		return ExitUsage
	}
	switch {
	case errors.Is(err, ErrTimeout), errors.Is(err, context.DeadlineExceeded) && !client.Temporary(err):
		return ExitTimeout
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	}
	if _, ok := errors.AsType[*client.ConnectionError](err); ok {
		return ExitUnreachable
	}
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return ExitFailure
	}
	switch e.Code {
	case fault.NotFound:
		return ExitNotFound
	case fault.Conflict, fault.Precondition:
		return ExitConflict
	case fault.Unavailable:
		return ExitUnreachable
	case fault.Unauthorized, fault.Forbidden:
		return ExitDenied
	case fault.Invalid, fault.Malformed, fault.TooLarge:
		return ExitUsage
	case fault.Upstream, fault.Internal:
		return ExitFailure
	}
	return ExitFailure
}
