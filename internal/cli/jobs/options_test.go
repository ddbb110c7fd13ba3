package jobs_test

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

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/cli/jobs"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// execute parses a line.
func execute(t *testing.T, cmd *cobra.Command, line string) error {
	t.Helper()
	cmd.SetArgs(strings.Fields(line))
	cmd.SetOut(io.Discard)
	cmd.SetErr(io.Discard)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	return cmd.ExecuteContext(t.Context())
}

// check compares the options that a line makes.
func check[O any](t *testing.T, line string, build func(*command.Factory, func(context.Context, *O) error) *cobra.Command, want *O) {
	t.Helper()
	var got *O
	err := execute(t, build(&command.Factory{}, func(_ context.Context, o *O) error {
		got = o
		return nil
	}), line)
	if err != nil {
		t.Errorf("%s: %v", line, err)
		return
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreTypes((*command.Factory)(nil))); diff != "" {
		t.Errorf("%s: options mismatch (-want +got):\n%s", line, diff)
	}
}

// TestOptions turns flags into options.
func TestOptions(t *testing.T) {
	t.Parallel()
	to := jobs.Target{Cluster: "demo", Job: "17"}
	check(t, "demo app.jar", jobs.NewRun, &jobs.RunOptions{Cluster: "demo", Jar: "app.jar"})
	check(t, "demo app.jar -c A -p 4 -s file:/sp -n -D a=b=c -w --timeout 1m --json -- --input x -q", jobs.NewRun, &jobs.RunOptions{
		Cluster: "demo", Jar: "app.jar", Wait: true, Timeout: time.Minute, Output: command.Output{JSON: true},
		Run: client.Run{
			EntryClass: "A", Parallelism: 4, Savepoint: "file:/sp", AllowNonRestoredState: true,
			FlinkConfiguration: map[string]string{"a": "b=c"}, Args: []string{"--input", "x", "-q"},
		},
	})
	check(t, "demo app.jar --accumulators", jobs.NewRun, &jobs.RunOptions{Cluster: "demo", Jar: "app.jar", Accumulators: true, Wait: true})
	check(t, "demo -r -q", jobs.NewList, &jobs.ListOptions{Cluster: "demo", Running: true, Output: command.Output{Quiet: true}})
	check(t, "demo 17 --json", jobs.NewDescribe, &jobs.DescribeOptions{Target: to, Output: command.Output{JSON: true}})
	check(t, "demo 17 -y --no-wait", jobs.NewCancel, &jobs.CancelOptions{Target: to, Yes: true, Timeout: 5 * time.Minute})
	check(t, "demo 17 --drain --directory d --format native", jobs.NewStop, &jobs.StopOptions{
		Target: to, Timeout: 10 * time.Minute, Request: client.SavepointRequest{Directory: "d", Format: "NATIVE", Drain: true},
	})
	check(t, "demo 17 --timeout 1s", jobs.NewSavepoint, &jobs.SavepointOptions{Target: to, Timeout: time.Second})
	check(t, "demo 17 --limit 3 --traces", jobs.NewExceptions, &jobs.ExceptionsOptions{Target: to, Limit: 3, Traces: true})
	check(t, "demo 17", jobs.NewCheckpoints, &jobs.CheckpointsOptions{Target: to})
	check(t, "demo 17 a b", jobs.NewMetrics, &jobs.MetricsOptions{Target: to, Names: []string{"a", "b"}})
}

// TestUsage refuses what contradicts itself before anything is sent.
func TestUsage(t *testing.T) {
	t.Parallel()
	none := &command.Factory{}
	for line, cmd := range map[string]*cobra.Command{
		"demo app.jar -n":          jobs.NewRun(none, nil),
		"demo app.jar -p -1":       jobs.NewRun(none, nil),
		"demo app.jar -D =x":       jobs.NewRun(none, nil),
		"demo -- app.jar":          jobs.NewRun(none, nil),
		"demo app.jar x":           jobs.NewRun(none, nil),
		"demo 17 --format xml":     jobs.NewStop(none, nil),
		"demo 17 --limit 0":        jobs.NewExceptions(none, nil),
		"demo":                     jobs.NewDescribe(none, nil),
		"demo 17 18":               jobs.NewCancel(none, nil),
		"demo 17 --format nothing": jobs.NewSavepoint(none, nil),
	} {
		err := execute(t, cmd, line)
		if _, ok := errors.AsType[*command.FlagError](err); !ok {
			t.Errorf("%s: want a FlagError, got %v", line, err)
		}
	}
}
