package dist

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// defaultJars are where the resource manager driver is found after it was built.
const defaultJars = "build/flink-mesos-driver*.jar,resources/resource-manager-driver/target/flink-mesos-driver.jar"

// Main is the command behind `make flink`: it assembles distributions and prints the paths of their
// archives. Flags win over the environment (FLINK_VERSION, FLINK_DIST, FLINK_SLIM, FLINK_VARIANT, FLINK_MODULES,
// FLINK_PLUGINS). It returns the exit code: 0, 1 on failure, 2 on wrong use.
func Main(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("assemble", flag.ContinueOnError)
	flags.SetOutput(stderr)
	version := flags.String("version", getenv("FLINK_VERSION"), "Flink `version` or release line; several separated by commas")
	source := flags.String("from", getenv("FLINK_DIST"), "an existing Flink tarball or directory, instead of Maven")
	dir := flags.String("dir", "build/flink", "where archives and manifests go")
	slim := flags.Bool("slim", getenv("FLINK_SLIM") != "" && getenv("FLINK_SLIM") != "0", "only what runs a job: no state backends, tables, formats, file systems, reporters")
	variant := flags.String("variant", getenv("FLINK_VARIANT"), "a `name` beside the version; empty makes one of what is left out or added")
	modules := flags.String("modules", getenv("FLINK_MODULES"), "further Maven artifacts for lib, separated by commas")
	plugins := flags.String("plugins", getenv("FLINK_PLUGINS"), "Maven artifacts for plugins, separated by commas")
	jars := flags.String("jars", defaultJars, "patterns of jars to add to lib, separated by commas; none need exist, and of two with one name the first is taken")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "assemble takes no arguments, only flags: %s\n", strings.Join(flags.Args(), " "))
		return 2
	}
	o := Options{Source: *source, Dir: *dir, Slim: *slim, Variant: *variant, Modules: split(*modules), Plugins: split(*plugins), Progress: stderr}
	for _, pattern := range split(*jars) {
		names, err := filepath.Glob(pattern)
		if err != nil {
			fmt.Fprintf(stderr, "assemble: -jars %s: %v\n", pattern, err)
			return 2
		}
		for _, name := range names {
			if !slices.ContainsFunc(o.Jars, func(jar string) bool { return filepath.Base(jar) == filepath.Base(name) }) {
				o.Jars = append(o.Jars, name)
			}
		}
	}
	versions := split(*version)
	if len(versions) == 0 || *source != "" {
		versions = []string{""}
	}
	for _, o.Version = range versions {
		m, err := Assemble(ctx, o)
		if err != nil {
			fmt.Fprintf(stderr, "assemble: %v\n", err)
			return 1
		}
		fmt.Fprintln(stdout, filepath.Join(o.Dir, m.File))
	}
	return 0
}

// split cuts a list at commas and drops what is empty.
func split(list string) []string {
	var parts []string
	for p := range strings.SplitSeq(list, ",") {
		if p = strings.TrimSpace(p); p != "" {
			parts = append(parts, p)
		}
	}
	return parts
}
