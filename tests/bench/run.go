package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

// bench is one entry of the list: what it is called, and what measures it.
type bench struct {
	name string
	run  func(ctx context.Context, e env) ([]Result, error)
}

// env is what a bench is given.
type env struct {
	// dir is an empty directory of its own, removed afterwards.
	dir string
	// progress takes lines for people.
	progress io.Writer
}

// run is main without the process: 0 when everything was measured, 1 when something was not, 2 for bad flags.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	pattern := flags.String("run", "", "measure only benches whose name matches this regular expression")
	out := flags.String("out", "build/bench.json", "file for the results")
	child := flags.String(artifactChildFlag, "", "internal: serve the artifacts of this directory until stdin ends")
	metrics := flags.Bool(autoscaleChildFlag, false, "internal: serve the metrics of a job until stdin ends")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *metrics {
		return exitCode(stderr, serveMetrics(os.Stdin, stdout))
	}
	if *child != "" {
		return exitCode(stderr, serveArtifacts(*child, os.Stdin, stdout))
	}
	match, err := regexp.Compile(*pattern)
	if err != nil {
		fmt.Fprintf(stderr, "bench: -run: %v\n", err)
		return 2
	}
	return exitCode(stderr, measure(ctx, match, *out, stdout, stderr))
}

func exitCode(stderr io.Writer, err error) int {
	if err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return 1
	}
	return 0
}

// measure runs what matches. One bench that cannot run fails the whole: half a table would look like a whole one.
func measure(ctx context.Context, match *regexp.Regexp, out string, stdout, stderr io.Writer) error {
	var results []Result
	ran := false
	for _, b := range benches() {
		if !match.MatchString(b.name) {
			continue
		}
		ran = true
		started := time.Now()
		fmt.Fprintf(stderr, "%s …\n", b.name)
		got, err := inOwnDir(ctx, b, stderr)
		if err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
		fmt.Fprintf(stderr, "%s took %s\n", b.name, time.Since(started).Round(time.Second))
		results = append(results, got...)
	}
	if !ran {
		return fmt.Errorf("-run %s matches no bench", match)
	}
	if err := WriteTable(stdout, results); err != nil {
		return err
	}
	return WriteJSON(out, results)
}

func inOwnDir(ctx context.Context, b bench, progress io.Writer) ([]Result, error) {
	dir, err := os.MkdirTemp("", "bench-"+b.name+"-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	return b.run(ctx, env{dir: dir, progress: progress})
}
