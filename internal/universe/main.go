package universe

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"image/png"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const usage = `universe makes the DC/OS package.

  universe build [flags]   builds a release with a repository
  universe serve [flags]   serves it, for dcos package repo add --index=0 flink http://HOST:PORT/repo
  universe icons           draws universe/icons anew

`

// Main is the command behind `make universe` and `make universe-serve`. It returns the exit code: 0, 1 on failure, 2 on
// wrong use.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	flags := flag.NewFlagSet("universe "+args[0], flag.ContinueOnError)
	flags.SetOutput(stderr)
	root := flags.String("root", ".", "the project's `directory`")
	dir := flags.String("dir", "build/universe", "where the release goes, or is")
	url := flags.String("url", "http://127.0.0.1:8998", "the `address` below which the files of the release will be found")
	var o BuildOptions
	var listen string
	var run func() error
	switch args[0] {
	case "build":
		flags.StringVar(&o.Version, "version", "", "the version that the programs say; the package's when empty")
		flags.StringVar(&o.Commit, "commit", "unknown", "the commit that the programs say")
		flags.StringVar(&o.Flinks, "flinks", "build/flink", "the `directory` of Flink archives")
		flags.StringVar(&o.DriverJar, "driver", "resources/resource-manager-driver/target/flink-mesos-driver.jar", "the driver's jar")
		flags.IntVar(&o.ReleaseVersion, "release-version", 0, "the `number` that orders releases in a repository")
		run = func() error {
			o.Root, o.Dir, o.URL, o.Progress = *root, *dir, *url, stderr
			p, err := Build(ctx, o)
			if err == nil {
				fmt.Fprintf(stdout, "%s: package %s %s\n", *dir, p.Name(), p.Version())
			}
			return err
		}
	case "serve":
		flags.StringVar(&listen, "listen", "127.0.0.1:8998", "the `address` to listen on")
		run = func() error { return Serve(ctx, listen, *dir, *url, stdout) }
	case "icons":
		run = func() error { return writeIcons(filepath.Join(*root, "universe", "icons")) }
	default:
		fmt.Fprint(stderr, usage)
		return 2
	}
	if err := flags.Parse(args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "universe %s takes no arguments, only flags: %v\n", args[0], flags.Args())
		return 2
	}
	if err := run(); err != nil {
		fmt.Fprintf(stderr, "universe %s: %v\n", args[0], err)
		return 1
	}
	return 0
}

// Serve serves a release until ctx is done.
func Serve(ctx context.Context, listen, dir, url string, stdout io.Writer) error {
	h, err := Handler(dir, url)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "dcos package repo add --index=0 flink-dev http://%s/repo\n", l.Addr())
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() }) // Downloads of a trial repository need no mercy.
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// writeIcons draws the icons that are kept in the project.
func writeIcons(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, size := range IconSizes() {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("icon-%d.png", size)))
		if err != nil {
			return err
		}
		if err := errors.Join(png.Encode(f, Icon(size)), f.Close()); err != nil {
			return err
		}
	}
	return nil
}
