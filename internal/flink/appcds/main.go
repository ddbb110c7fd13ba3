package appcds

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
)

// Main is the second half of `make flink`: it makes the class archives of the distributions in a directory, of those whose
// archives are the arguments or of all, for the Java in -java or JAVA_HOME, or else the one in PATH. Nothing needs them, so the exit code is 0 when none can be
// made, with the reason on stderr; it is 2 on wrong use.
func Main(ctx context.Context, args []string, getenv func(string) string, stderr io.Writer) int {
	flags := flag.NewFlagSet("prepare", flag.ContinueOnError)
	flags.SetOutput(stderr)
	dir := flags.String("dir", "build/flink", "where distributions are, and class archives go")
	home := flags.String("java", getenv("JAVA_HOME"), "the `home` of the Java that the agents have; empty takes the one in PATH")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if err := makeAll(ctx, *dir, *home, flags.Args(), stderr); err != nil {
		fmt.Fprintf(stderr, "prepare: %v: Flink starts without prepared classes, only slower\n", err)
	}
	return 0
}

func makeAll(ctx context.Context, dir, home string, archives []string, progress io.Writer) error {
	java, err := locate(home)
	if err != nil {
		return err
	}
	// The JobManager runs in a directory of its own.
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	list, err := dist.Scan(dir)
	if err != nil {
		return err
	}
	var problems []error
	for _, m := range list {
		if len(archives) > 0 && !slices.ContainsFunc(archives, func(a string) bool { return filepath.Base(a) == m.File }) {
			continue
		}
		if _, err := Make(ctx, Options{Dir: dir, Distribution: m, Java: java, Progress: progress}); err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

func locate(home string) (Java, error) {
	if home == "" {
		path, err := exec.LookPath("java")
		if err != nil {
			return Java{}, err
		}
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return Java{}, err
		}
		home = filepath.Dir(filepath.Dir(path))
	}
	return FindJava(home)
}
