package clusters_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/clusters"
	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// take returns a run function that keeps the options.
func take[O any](to **O) func(context.Context, *O) error {
	return func(_ context.Context, o *O) error {
		*to = o
		return nil
	}
}

// execute parses a line.
func execute(t *testing.T, cmd *cobra.Command, line string) error {
	t.Helper()
	cmd.SetArgs(strings.Fields(line))
	cmd.SetOut(io.Discard)
	cmd.SetErr(io.Discard)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	return cmd.ExecuteContext(t.Context())
}

// parse returns the options that a line makes.
func parse[O any](t *testing.T, line string, build func(*command.Factory, func(context.Context, *O) error) *cobra.Command) *O {
	t.Helper()
	var got *O
	if err := execute(t, build(&command.Factory{}, take(&got)), line); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return got
}

// same compares options, without what they may use of the world.
func same[O any](t *testing.T, line string, want, got *O) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreTypes((*command.Factory)(nil))); diff != "" {
		t.Errorf("%s: options mismatch (-want +got):\n%s", line, diff)
	}
}

// TestOptions turns flags into options.
func TestOptions(t *testing.T) {
	t.Parallel()
	line := "demo"
	same(t, line, &clusters.CreateOptions{Name: "demo", Wait: true, Timeout: 10 * time.Minute}, parse(t, line, clusters.NewCreate))
	line = "-f - --no-wait --json --dry-run --timeout 0"
	same(t, line, &clusters.CreateOptions{
		Spec: clusters.SpecFlags{File: "-"}, DryRun: true, Output: command.Output{JSON: true},
	}, parse(t, line, clusters.NewCreate))
	line = "demo --kind session --flink-version 2.3 --allocation static --task-managers 3 --slots 2 --jm-cpus 0.5 --jm-memory 1600m " +
		"--tm-cpus 2 --tm-memory 4g --tm-disk 10g -D a=b -D c=d -e X=y --role r --user u --strict-options -q"
	same(t, line, &clusters.CreateOptions{
		Name: "demo", Wait: true, Timeout: 10 * time.Minute, Output: command.Output{Quiet: true},
		Spec: clusters.SpecFlags{
			Kind: "session", FlinkVersion: "2.3", Allocation: "static", TaskManagers: 3, Slots: 2,
			JM: clusters.ShapeFlags{CPUs: 0.5, Memory: "1600m"}, TM: clusters.ShapeFlags{CPUs: 2, Memory: "4g", Disk: "10g"},
			Configuration: []string{"a=b", "c=d"}, Environment: []string{"X=y"}, Role: "r", User: "u", StrictOptions: "true",
		},
	}, parse(t, line, clusters.NewCreate))
	line = "demo --slots 4 --wait"
	same(t, line, &clusters.UpdateOptions{
		Name: "demo", Spec: clusters.SpecFlags{Slots: 4}, Wait: true, Timeout: 10 * time.Minute,
	}, parse(t, line, clusters.NewUpdate))
	line = "demo 4"
	same(t, line, &clusters.ScaleOptions{Name: "demo", Count: 4, Min: -1, Max: -1, Timeout: 10 * time.Minute}, parse(t, line, clusters.NewScale))
	line = "demo --max 0"
	same(t, line, &clusters.ScaleOptions{Name: "demo", Count: -1, Min: -1, Max: 0, Timeout: 10 * time.Minute}, parse(t, line, clusters.NewScale))
	line = "demo --force -y --no-wait"
	same(t, line, &clusters.DeleteOptions{Name: "demo", Force: true, Yes: true, Timeout: 5 * time.Minute}, parse(t, line, clusters.NewDelete))
	line = "demo --yes --wait --timeout 1s"
	same(t, line, &clusters.RestartOptions{Name: "demo", Yes: true, Wait: true, Timeout: time.Second}, parse(t, line, clusters.NewRestart))
	line = "demo -f -n 5 --file stderr"
	same(t, line, &clusters.LogsOptions{Name: "demo", Logs: command.Logs{File: "stderr", Follow: true, Lines: 5}}, parse(t, line, clusters.NewLogs))
	line = "demo --follow"
	same(t, line, &clusters.StoryOptions{Name: "demo", Follow: true}, parse(t, line, clusters.NewEvents))
	line = "--json"
	same(t, line, &clusters.ListOptions{Output: command.Output{JSON: true}}, parse(t, line, clusters.NewList))
	line = "demo"
	same(t, line, &clusters.DescribeOptions{Name: "demo"}, parse(t, line, clusters.NewDescribe))
	same(t, line, &clusters.UIOptions{Name: "demo"}, parse(t, line, clusters.NewUI))
}

// TestUsage refuses what contradicts itself before anything is sent.
func TestUsage(t *testing.T) {
	t.Parallel()
	create := func() *cobra.Command {
		return clusters.NewCreate(&command.Factory{}, take(new(*clusters.CreateOptions)))
	}
	scale := func() *cobra.Command { return clusters.NewScale(&command.Factory{}, take(new(*clusters.ScaleOptions))) }
	events := func() *cobra.Command {
		return clusters.NewEvents(&command.Factory{}, take(new(*clusters.StoryOptions)))
	}
	history := func() *cobra.Command {
		return clusters.NewHistory(&command.Factory{}, take(new(*clusters.StoryOptions)))
	}
	for _, c := range []struct {
		line  string
		build func() *cobra.Command
	}{
		{"demo --wait --no-wait", create},
		{"demo two", create},
		{"demo", scale},
		{"demo 2 --min 1", scale},
		{"demo x", scale},
		{"demo --min -2", scale},
		{"demo --follow --json", events},
		{"demo --follow --json", history},
	} {
		err := execute(t, c.build(), c.line)
		if _, ok := errors.AsType[*command.FlagError](err); !ok {
			t.Errorf("%s: want a FlagError, got %v", c.line, err)
		}
	}
}

// TestApply turns spec flags into a spec.
func TestApply(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		flags  clusters.SpecFlags
		before spec.Spec
		want   spec.Spec
		err    string
	}{
		{name: "nothing", want: spec.Spec{Kind: spec.Session}},
		{
			name: "a fixed number is static", flags: clusters.SpecFlags{TaskManagers: 3, Slots: 2},
			before: spec.Spec{TaskManagers: spec.TaskManagers{Min: 1, Max: 5}},
			want: spec.Spec{
				Kind: spec.Session, Allocation: spec.Static, TaskManager: spec.TaskManager{Slots: 2},
				TaskManagers: spec.TaskManagers{Count: 3},
			},
		},
		{name: "a fixed number is not dynamic", flags: clusters.SpecFlags{TaskManagers: 3, Allocation: "dynamic"}, err: "--task-managers is for static allocation: with dynamic allocation give --min-task-managers and --max-task-managers"},
		{
			name: "bounds", flags: clusters.SpecFlags{Min: 1, Max: 5},
			want: spec.Spec{Kind: spec.Session, TaskManagers: spec.TaskManagers{Min: 1, Max: 5}},
		},
		{
			name: "a jar makes an application", flags: clusters.SpecFlags{Jar: "artifact:1/a.jar", Class: "A", Parallelism: 2},
			want: spec.Spec{Kind: spec.Application, Job: &spec.JobSpec{JarURI: "artifact:1/a.jar", EntryClass: "A", Parallelism: 2}},
		},
		{
			name: "sizes", flags: clusters.SpecFlags{JM: clusters.ShapeFlags{CPUs: 0.5, Memory: "1600m"}, TM: clusters.ShapeFlags{Memory: "4 gb", Disk: "1g"}},
			want: spec.Spec{
				Kind:        spec.Session,
				JobManager:  spec.JobManager{Resources: spec.Resources{CPUs: 0.5, Memory: 1600 * spec.MiB}},
				TaskManager: spec.TaskManager{Resources: spec.Resources{Memory: 4 * spec.GiB, Disk: spec.GiB}},
			},
		},
		{
			name: "options are added, replaced and taken away", flags: clusters.SpecFlags{Configuration: []string{"a=1", "b=2=3", "c="}},
			before: spec.Spec{FlinkConfiguration: map[string]string{"a": "0", "c": "x", "d": "y"}},
			want:   spec.Spec{Kind: spec.Session, FlinkConfiguration: map[string]string{"a": "1", "b": "2=3", "d": "y"}},
		},
		{
			name: "the last one goes", flags: clusters.SpecFlags{Environment: []string{"X="}},
			before: spec.Spec{Environment: map[string]string{"X": "0"}}, want: spec.Spec{Kind: spec.Session},
		},
		{name: "an option without value", flags: clusters.SpecFlags{Configuration: []string{"a"}}, err: `-D "a": write it as key=value`},
		{name: "negative", flags: clusters.SpecFlags{Slots: -1}, err: "--slots -1: use a number above 0"},
		{name: "negative cpus", flags: clusters.SpecFlags{TM: clusters.ShapeFlags{CPUs: -1}}, err: "--tm-cpus -1: use a number above 0"},
		{name: "no size", flags: clusters.SpecFlags{JM: clusters.ShapeFlags{Memory: "much"}}, err: `--jm-memory: "much" is not a memory size: write a whole number and a unit, such as 1728m or 2g`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			spec := c.before
			err := c.flags.Apply(&spec)
			if c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Fatalf("Apply() error:\nwant %s\ngot  %v", c.err, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, spec); diff != "" {
				t.Errorf("Apply() mismatch (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("the map given stays as it was", func(t *testing.T) {
		t.Parallel()
		before := map[string]string{"a": "0"}
		spec := spec.Spec{FlinkConfiguration: before}
		if err := (&clusters.SpecFlags{Configuration: []string{"a=1"}}).Apply(&spec); err != nil {
			t.Fatal(err)
		}
		if before["a"] != "0" {
			t.Error("Apply() changed the map it was given")
		}
	})
}
