package app

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

	"github.com/flink-on-mesos/flink-service/internal/config"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/standalone"
	"github.com/flink-on-mesos/flink-service/internal/render"
	"github.com/flink-on-mesos/flink-service/internal/store"
)

const usage = `flink-service runs Apache Flink on Apache Mesos. It is configured by environment variables, see docs/configuration.md.

  flink-service                  runs the service (Marathon starts it so)
  flink-service local-mesos      runs a Mesos master with agents on this machine, sized by LOCALMESOS_ variables
  flink-service export FILE      writes the state of STATE_STORE to a file; - for standard output
  flink-service import FILE      reads it back into an empty STATE_STORE; -force replaces what is there
  flink-service replay [DIR]     folds the journal of DATA_DIR, or of a directory, in again and compares the actions
  flink-service render marathon [--docker]
  flink-service render systemd   writes a Marathon app or a systemd unit that starts the service with the FLINK_SERVICE_ variables
                                 of this environment; RENDER_ variables say the rest, see docs/install.md
  flink-service marathon deploy [--docker]
                                 gives that app to the Marathon of FLINK_SERVICE_MARATHON_URL, new or in the place of the one that is
                                 there, and follows the deployment; FLINK_SERVICE_ variables with other values are the way to change options
  flink-service marathon status | suspend | resume [INSTANCES] | uninstall --yes
                                 shows the app RENDER_APP_ID, stops the service without its clusters, starts it again, or has it delete all
                                 its clusters and then itself; --force takes the place of a deployment under way
  flink-service version          prints the version
`

// Main is the program: it returns the exit code, 0 when all went well, 1 for a failure and 2 for wrong use.
func Main(version, commit string, args, environ []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := dispatch(ctx, version, commit, args, environ, stdout, stderr)
	var wrong wrongUse
	switch {
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "flink-service: %s\n\n%s", wrong, usage)
		return 2
	case err != nil:
		fmt.Fprintf(stderr, "flink-service: %s\n", explain(err))
		return 1
	}
	return 0
}

type wrongUse string

func (w wrongUse) Error() string { return string(w) }

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

func dispatch(ctx context.Context, version, commit string, args, environ []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		c, err := config.Load(environ)
		if err != nil {
			return err
		}
		return Run(ctx, Options{Config: c, Version: version, Commit: commit, Log: newLog(c.Log, stderr)})
	}
	switch args[0] {
	case "local-mesos":
		return standalone.Run(ctx, slog.New(slog.NewTextHandler(stderr, nil)))
	case "version":
		_, err := fmt.Fprintf(stdout, "flink-service %s (%s)\n", version, commit)
		return err
	case "help", "-h", "-help", "--help":
		_, err := io.WriteString(stdout, usage)
		return err
	case "replay":
		c, err := config.Load(environ)
		if err != nil {
			return err
		}
		return replay(c, strings.Join(args[1:], ""), stdout)
	case "render":
		return renderTo(stdout, args[1:], environ)
	case "marathon":
		return ownApp(ctx, args[1:], environ, stdout)
	case "export", "import":
		return transfer(ctx, args, environ, stdout, stderr)
	}
	return wrongUse(fmt.Sprintf("there is no command %q", args[0]))
}

// renderTo writes what starts the service elsewhere.
func renderTo(w io.Writer, args, environ []string) error {
	var text []byte
	var err error
	switch strings.Join(args, " ") {
	case "marathon":
		text, err = render.Marathon(environ, false)
	case "marathon --docker", "marathon -docker", "--docker marathon":
		text, err = render.Marathon(environ, true)
	case "systemd":
		text, err = render.Systemd(environ)
	default:
		return wrongUse("render takes marathon, marathon --docker or systemd; everything else is said by variables")
	}
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

func newLog(c config.Log, w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.Level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// transfer moves the state between STATE_STORE and a file. No service may run meanwhile: the store is
// opened, and led, as the service does it.
func transfer(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	force := false
	var files []string
	for _, a := range args[1:] {
		if a == "-force" || a == "--force" {
			force = true
			continue
		}
		files = append(files, a)
	}
	if len(files) != 1 || force && args[0] == "export" {
		return wrongUse(args[0] + " takes one file")
	}
	c, err := config.Load(environ)
	if err != nil {
		return err
	}
	st, err := openState(ctx, c.State, Network{}, newLog(c.Log, stderr))
	if err != nil {
		return err
	}
	defer st.Close()
	if args[0] == "export" {
		if files[0] == "-" {
			return store.Export(ctx, st, stdout)
		}
		f, err := os.OpenFile(files[0], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		if err := store.Export(ctx, st, f); err != nil {
			return errors.Join(err, f.Close())
		}
		return f.Close()
	}
	f, err := os.Open(files[0])
	if err != nil {
		return err
	}
	defer f.Close()
	_, release, err := st.lead(ctx, "import", "")
	if err != nil {
		return err
	}
	return errors.Join(store.Import(ctx, st, f, force), release())
}
