package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// Args checks the number of arguments; what names them in order for the message. A name
// that ends in "…" may occur any number of times, one in brackets may be absent.
func Args(what ...string) cobra.PositionalArgs {
	least, most := 0, len(what)
	for _, w := range what {
		if strings.HasSuffix(w, "…") {
			most = -1
		}
		if !strings.HasPrefix(w, "[") {
			least++
		}
	}
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return Flagf("%s is missing", missing(what, args))
		case most >= 0 && len(args) > most:
			return Flagf("unexpected argument %q", args[most])
		}
		for i, a := range args {
			if a == "" {
				return Flagf("%s is empty", what[min(i, len(what)-1)])
			}
		}
		return nil
	}
}

// jobID is Flink's id of a job.
var jobID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// missing names the argument that is missing. The first arguments were given, unless the last of them looks like one
// that comes later: the cluster is what people forget.
func missing(what, args []string) string {
	next := strings.TrimSuffix(what[len(args)], "…")
	if len(args) == 0 || what[0] != "CLUSTER" {
		return next
	}
	switch last := args[len(args)-1]; {
	case next == "JOB" && jobID.MatchString(last), next == "JAR" && strings.HasSuffix(last, ".jar"),
		next == "TASK" && (strings.Contains(last, "-tm-") || strings.Contains(last, "-jm-")):
		return what[len(args)-1] + " (before " + next + ")"
	}
	return next
}

// Successor is the annotation of a group with what took the place of its alias as a command of its own.
const Successor = "successor"

// Group makes a command that only holds others: called without a verb, or with an unknown
// one, it is a usage error.
func Group(use, short, long string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Long:  long,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if old := cmd.Annotations[Successor]; len(args) == 0 && cmd.CalledAs() != cmd.Name() && old != "" {
				return Flagf("%q is a command of the previous plugin: use %s", cmd.CalledAs(), old)
			}
			if len(args) == 0 {
				return Flagf("missing command: use %s", strings.Join(names(cmd), ", "))
			}
			return Unknown(cmd, args[0])
		},
	}
	cmd.AddCommand(verbs...)
	return cmd
}

// Unknown returns the error for a word that is not a command below cmd, with those that look like it.
func Unknown(cmd *cobra.Command, word string) error {
	if cmd.SuggestionsMinimumDistance == 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	like := cmd.SuggestionsFor(word)
	if len(like) == 0 {
		return Flagf("%q is not a command of %s", word, cmd.CommandPath())
	}
	return Flagf("%q is not a command of %s: did you mean %s?", word, cmd.CommandPath(), strings.Join(like, " or "))
}

// names lists the verbs of a group.
func names(cmd *cobra.Command) []string {
	var out []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			out = append(out, c.Name())
		}
	}
	return out
}

// WithTimeout bounds ctx by a --timeout; 0 means none.
func WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, d, ErrTimeout)
}

// ConfirmOnTerminal is Confirm that asks nothing without a terminal, as the command lines of DC/OS SDK services ask
// nothing at all and scripts rely on.
func (f *Factory) ConfirmOnTerminal(yes bool, format string, args ...any) error {
	return f.Confirm(yes || !f.Streams.InTerminal || !f.Streams.ErrTerminal, format, args...)
}

// Confirm asks on the terminal whether to go on; yes answers ahead. Without a terminal
// and without yes it refuses.
func (f *Factory) Confirm(yes bool, format string, args ...any) error {
	if yes {
		return nil
	}
	question := fmt.Sprintf(format, args...)
	s := f.Streams
	if !s.InTerminal || !s.ErrTerminal {
		return Usagef("%s: use --yes to confirm without a terminal", strings.TrimSuffix(question, "?"))
	}
	s.Errf("%s [y/N] ", question)
	line, err := bufio.NewReader(s.In).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	default:
		return Errorf(ExitFailure, "aborted, nothing was changed")
	}
}
