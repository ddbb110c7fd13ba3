package command_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/cli/terminal"
	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// TestExitOf maps errors to codes; an error is never 0.
func TestExitOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want command.Exit
	}{
		{nil, command.ExitOK},
		{errors.New("x"), command.ExitFailure},
		{command.Usagef("x"), command.ExitUsage},
		{command.Flagf("x"), command.ExitUsage},
		{command.ErrTimeout, command.ExitTimeout},
		{context.DeadlineExceeded, command.ExitTimeout},
		{context.Canceled, command.ExitInterrupted},
		{&client.ConnectionError{Message: "x"}, command.ExitUnreachable},
		{&client.ConnectionError{Message: "x", Err: context.DeadlineExceeded}, command.ExitUnreachable},
		{fmt.Errorf("upload: %w", fault.New(fault.NotFound, "x")), command.ExitNotFound},
		{fault.New(fault.Conflict, "x"), command.ExitConflict},
		{fault.New(fault.Unavailable, "x"), command.ExitUnreachable},
		{fault.New(fault.Unauthorized, "x"), command.ExitDenied},
		{fault.New(fault.Forbidden, "x"), command.ExitDenied},
		{command.Errorf(command.ExitJobFailed, "x: %w", fault.New(fault.NotFound, "y")), command.ExitJobFailed},
	} {
		if got := command.ExitOf(c.err); got != c.want {
			t.Errorf("ExitOf(%v): want %d, got %d", c.err, c.want, got)
		}
	}
	for _, code := range fault.Codes() {
		if command.ExitOf(fault.New(code, "x")) == command.ExitOK {
			t.Errorf("fault code %s exits 0", code)
		}
	}
	seen := map[command.Exit]bool{}
	for _, c := range command.Codes() {
		if seen[c.Code] || c.Meaning == "" {
			t.Errorf("exit code %d is listed twice or without meaning", c.Code)
		}
		seen[c.Code] = true
	}
}

// TestConfirm asks on a terminal and refuses otherwise.
func TestConfirm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, answer string
		tty, yes     bool
		want         string
	}{
		{name: "ahead", yes: true},
		{name: "yes", tty: true, answer: "Y\n"},
		{name: "yes without a line's end", tty: true, answer: "yes"},
		{name: "no", tty: true, answer: "n\n", want: "aborted, nothing was changed"},
		{name: "nothing", tty: true, answer: "", want: "aborted, nothing was changed"},
		{name: "no terminal", answer: "y\n", want: "Sure: use --yes to confirm without a terminal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var errs bytes.Buffer
			f := &command.Factory{Streams: &terminal.Streams{In: strings.NewReader(c.answer), Err: &errs, InTerminal: c.tty, ErrTerminal: c.tty}}
			err := f.Confirm(c.yes, "Sure?")
			if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
				t.Errorf("Confirm(): want %q, got %v", c.want, err)
			}
			if asked := errs.String() == "Sure? [y/N] "; asked != (c.tty && !c.yes) {
				t.Errorf("asked: %q", errs.String())
			}
		})
	}
}

// TestLogs prints the last lines of a file that is read in pieces.
func TestLogs(t *testing.T) {
	t.Parallel()
	const text = "one\ntwo\nthree\nfour"
	read := func(_ context.Context, offset, length int64) ([]byte, error) {
		return []byte(text[offset:min(int64(len(text)), offset+min(length, 5))]), nil
	}
	for lines, want := range map[int]string{0: text, 1: "four", 2: "three\nfour", 9: text} {
		var out bytes.Buffer
		f := &command.Factory{Streams: &terminal.Streams{Out: &out}}
		l := command.Logs{File: "stdout", Lines: lines}
		if err := l.Print(t.Context(), f, read); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("%d lines: want %q, got %q", lines, want, out.String())
		}
	}
	var flag *command.FlagError
	if err := (&command.Logs{File: "stdout", Lines: -1}).Print(t.Context(), &command.Factory{Streams: &terminal.Streams{}}, read); !errors.As(err, &flag) {
		t.Errorf("-1 lines: %v", err)
	}
}
