package jre

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/flink-on-mesos/flink-service/internal/flink/appcds"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
)

// Main is the command behind `make java`: it makes the Java archive, and for it the prepared classes of every Flink
// distribution in a directory. It returns the exit code: 0, 1 on failure, 2 on wrong use.
func Main(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("java", flag.ContinueOnError)
	flags.SetOutput(stderr)
	dir := flags.String("dir", "build/flink", "where distributions are, and the archives go")
	jdk := flags.String("jdk", getenv("JAVA_HOME"), "the `home` of the JDK; empty takes that of the java in PATH")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	m, err := buildAll(ctx, *dir, *jdk, stderr)
	if err != nil {
		fmt.Fprintf(stderr, "java: %v\n", err)
		return 1
	}
	fmt.Fprintln(stdout, filepath.Join(*dir, m.File))
	return 0
}

func buildAll(ctx context.Context, dir, jdk string, progress io.Writer) (Manifest, error) {
	if jdk == "" {
		name, err := exec.LookPath("java")
		if err != nil {
			return Manifest{}, err
		}
		if name, err = filepath.EvalSymlinks(name); err != nil {
			return Manifest{}, err
		}
		jdk = filepath.Dir(filepath.Dir(name))
	}
	dir, err := filepath.Abs(dir) // Processes run in directories of their own.
	if err != nil {
		return Manifest{}, err
	}
	m, err := Build(ctx, Options{JDK: jdk, Dir: dir, Progress: progress})
	if err != nil {
		return Manifest{}, err
	}
	return m, prepare(ctx, dir, m, progress)
}

// prepare makes the prepared classes of each distribution, by the image as agents unpack it.
func prepare(ctx context.Context, dir string, m Manifest, progress io.Writer) error {
	flinks, err := dist.Scan(dir)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(dir, ".java-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if out, err := exec.CommandContext(ctx, "tar", "-C", work, "-xzf", filepath.Join(dir, m.File)).CombinedOutput(); err != nil {
		return fmt.Errorf("unpack %s: %w: %s", m.File, err, out)
	}
	java, err := appcds.FindJava(filepath.Join(work, Home))
	if err != nil {
		return err
	}
	for _, f := range flinks {
		if _, err := appcds.Make(ctx, appcds.Options{Dir: dir, Distribution: f, Java: java, Progress: progress}); err != nil {
			return err
		}
	}
	return nil
}
