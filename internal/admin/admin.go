// Package admin is the command line of flink-service: without a command it runs the service, and its commands do what an
// operator of the service needs on a machine: move its state, replay its journal, run a local Mesos, and deploy the service
// where no package manager does. It only reads flags and arguments and prints; the work is that of other packages.
package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/app"
	"github.com/flink-on-mesos/flink-service/internal/config"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/standalone"
)

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// program is what every command knows.
type program struct {
	version, commit string
	environ         []string
	out, errs       io.Writer
}

// Main is the program: it returns the exit code, 0 when all went well, 1 for a failure and 2 for wrong use.
func Main(version, commit string, args, environ []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := &program{version: version, commit: commit, environ: environ, out: stdout, errs: stderr}
	root := p.root()
	root.SetArgs(append([]string{}, args...)) // Without any it would take those of the process.
	cmd, err := root.ExecuteContextC(ctx)
	var wrong usageError
	switch {
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "flink-service: %s\nSee %q.\n", wrong, cmd.CommandPath()+" --help")
		return exitUsage
	case err != nil:
		fmt.Fprintf(stderr, "flink-service: %s\n", explain(err))
		return exitFailure
	}
	return exitOK
}

// usageError is an error of the command line itself.
type usageError string

func (e usageError) Error() string { return string(e) }

// explain lists every problem of a configuration on a line of its own.
func explain(err error) string {
	text := err.Error()
	if f, ok := errors.AsType[*fault.Error](err); ok {
		text = f.Message
		for _, d := range f.Details {
			text += "\n  " + d.Field + ": " + d.Message
		}
	}
	return text
}

// root is the tree of commands.
func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "flink-service",
		Short: "Run Apache Flink on Apache Mesos",
		Long: `Run Apache Flink on Apache Mesos. Without a command it runs the service, which is configured by environment variables:
see docs/configuration.md.`,
		Args:         atMost(0),
		RunE:         p.serve,
		SilenceUsage: true, SilenceErrors: true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError(err.Error()) })
	root.SetOut(p.out)
	root.SetErr(p.errs)
	root.AddCommand(p.newLocalMesos(), p.newExport(), p.newImport(), p.newReplay(), p.newAudit(), p.newRender(), p.newMarathon(), p.newVersion())
	return root
}

// atMost refuses more than n arguments, and on the root commands that there are not.
func atMost(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) <= n:
			return nil
		case !cmd.HasParent():
			return usageError(fmt.Sprintf("unknown command %q", args[0]))
		case n == 0:
			return usageError(cmd.CommandPath() + " takes no arguments")
		}
		return usageError(fmt.Sprintf("%s takes at most %d arguments", cmd.CommandPath(), n))
	}
}

// group is a command that only has others.
func group(cmd *cobra.Command, children ...*cobra.Command) *cobra.Command {
	var names []string
	for _, c := range children {
		names = append(names, c.Name())
	}
	takes := cmd.Name() + " takes " + strings.Join(names, ", ")
	cmd.Args = func(*cobra.Command, []string) error { return usageError(takes) }
	cmd.RunE = func(*cobra.Command, []string) error { return usageError(takes) }
	cmd.AddCommand(children...)
	return cmd
}

// serve runs the service.
func (p *program) serve(cmd *cobra.Command, _ []string) error {
	c, err := config.Load(p.environ)
	if err != nil {
		return err
	}
	return app.Run(cmd.Context(), app.Options{Config: c, Version: p.version, Commit: p.commit, Log: newLog(c.Log, p.errs)})
}

func newLog(c config.Log, w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.Level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

func (p *program) newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  atMost(0),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(p.out, "flink-service %s (%s)\n", p.version, p.commit)
			return err
		},
	}
}

func (p *program) newLocalMesos() *cobra.Command {
	return &cobra.Command{
		Use:   "local-mesos",
		Short: "Run a Mesos master with agents on this machine",
		Long:  "Run a Mesos master with agents on this machine, sized by LOCALMESOS_ variables, until it is interrupted.",
		Args:  atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return standalone.Run(cmd.Context(), slog.New(slog.NewTextHandler(p.errs, nil)))
		},
	}
}
