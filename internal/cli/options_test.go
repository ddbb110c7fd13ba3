package cli_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/applications"
	"github.com/flink-on-mesos/flink-service/internal/cli/artifacts"
	"github.com/flink-on-mesos/flink-service/internal/cli/autoscaler"
	"github.com/flink-on-mesos/flink-service/internal/cli/clusters"
	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/cli/jars"
	"github.com/flink-on-mesos/flink-service/internal/cli/migration"
	"github.com/flink-on-mesos/flink-service/internal/cli/plans"
	"github.com/flink-on-mesos/flink-service/internal/cli/pods"
	"github.com/flink-on-mesos/flink-service/internal/cli/revisions"
	"github.com/flink-on-mesos/flink-service/internal/cli/service"
	"github.com/flink-on-mesos/flink-service/internal/cli/workers"
	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// check compares the options that a line makes.
func check[O any](t *testing.T, line string, build func(*command.Factory, func(context.Context, *O) error) *cobra.Command, want *O) {
	t.Helper()
	var got *O
	cmd := build(&command.Factory{}, func(_ context.Context, o *O) error {
		got = o
		return nil
	})
	cmd.SetArgs(strings.Fields(line))
	cmd.SetOut(io.Discard)
	cmd.SetErr(io.Discard)
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Errorf("%s: %v", line, err)
		return
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreTypes((*command.Factory)(nil))); diff != "" {
		t.Errorf("%s: options mismatch (-want +got):\n%s", line, diff)
	}
}

// TestOptions turns flags into options for the small nouns.
func TestOptions(t *testing.T) {
	t.Parallel()
	check(t, "demo --json", autoscaler.NewStatus, &autoscaler.Options{Cluster: "demo", Output: command.Output{JSON: true}})
	check(t, "demo", autoscaler.NewHistory, &autoscaler.Options{Cluster: "demo"})
	check(t, "demo --vertex Sink", autoscaler.NewExplain, &autoscaler.Options{Cluster: "demo", Vertex: "Sink"})
	check(t, "demo --set a=b --set c=d --job j1", autoscaler.NewReplay, &autoscaler.Options{Cluster: "demo", Set: []string{"a=b", "c=d"}, Job: "j1"})
	check(t, "app.jar", applications.New, &applications.RunOptions{Jar: "app.jar", Wait: true})
	check(t, "app.jar --cluster-name n --class A --parallelism 2 -s sp --allow-non-restored-state --delete --timeout 1h -q -- a --b", applications.New,
		&applications.RunOptions{
			Jar: "app.jar", Cluster: "n", Args: []string{"a", "--b"}, Savepoint: "sp", AllowNonRestoredState: true, Wait: true, Delete: true,
			Spec: clusters.SpecFlags{Class: "A", Parallelism: 2}, Timeout: time.Hour, Output: command.Output{Quiet: true},
		})
	check(t, "demo app.jar --json", jars.NewUpload, &jars.UploadOptions{Cluster: "demo", File: "app.jar", Output: command.Output{JSON: true}})
	check(t, "demo", jars.NewList, &jars.ListOptions{Cluster: "demo"})
	check(t, "demo id -y", jars.NewDelete, &jars.DeleteOptions{Cluster: "demo", ID: "id", Yes: true})
	check(t, "demo -a", workers.NewList, &workers.ListOptions{Cluster: "demo", All: true})
	check(t, "demo tm -y -q", workers.NewRestart, &workers.RestartOptions{Cluster: "demo", Task: "tm", Yes: true, Output: command.Output{Quiet: true}})
	check(t, "demo tm -f", workers.NewLogs, &workers.LogsOptions{Cluster: "demo", Task: "tm", Logs: command.Logs{File: "stdout", Follow: true}})
	check(t, "app.jar -q", artifacts.NewUpload, &artifacts.UploadOptions{File: "app.jar", Output: command.Output{Quiet: true}})
	check(t, "--limit 5 --contains demo", service.NewJournal, &service.JournalOptions{Limit: 5, Contains: "demo"})
	check(t, "", artifacts.NewList, &artifacts.ListOptions{})
	check(t, "artifact:12ab/app.jar -y", artifacts.NewDelete, &artifacts.DeleteOptions{SHA256: "12ab", Yes: true})
	check(t, "12ab", artifacts.NewDelete, &artifacts.DeleteOptions{SHA256: "12ab"})
	check(t, "demo", clusters.NewSuspend, &clusters.SuspendOptions{Name: "demo", Timeout: 10 * time.Minute})
	check(t, "demo -d hdfs:///sp --drain -y --timeout 0 --json", clusters.NewSuspend, &clusters.SuspendOptions{
		Name: "demo", Suspension: client.Suspension{Directory: "hdfs:///sp", Drain: true}, Yes: true, Output: command.Output{JSON: true},
	})
	check(t, "demo 2 good", revisions.NewDiff, &revisions.DiffOptions{Name: "demo", From: "2", To: "good"})
	check(t, "demo 2 --own-state -m why --check-generation 5", revisions.NewRevert, &revisions.RevertOptions{
		Name: "demo", Request: wire.RevertRequest{Revision: "2", State: wire.RevertOwn}, Change: clusters.ChangeFlags{Message: "why", Generation: 5}, Timeout: 10 * time.Minute,
	})
	check(t, "demo good --delete -q", revisions.NewTag, &revisions.TagOptions{Name: "demo", Revision: "good", Output: command.Output{Quiet: true}})
	check(t, "demo --no-savepoint --no-wait", clusters.NewSuspend, &clusters.SuspendOptions{
		Name: "demo", Suspension: client.Suspension{NoSavepoint: true}, NoWait: true, Timeout: 10 * time.Minute,
	})
	check(t, "demo --no-wait -q", clusters.NewResume, &clusters.ResumeOptions{Name: "demo", NoWait: true, Timeout: 10 * time.Minute, Output: command.Output{Quiet: true}})
	check(t, "-q", plans.NewList, &plans.ListOptions{Output: command.Output{Quiet: true}})
	check(t, "", plans.NewStatus, &plans.StatusOptions{Plan: "deploy"})
	check(t, "recover --json", plans.NewStatus, &plans.StatusOptions{Plan: "recover", Output: command.Output{JSON: true}})
	check(t, "", plans.NewPause, &plans.CommandOptions{
		PlanCommand: client.PlanCommand{Plan: "deploy", Command: "interrupt"}, Done: "The plan deploy is paused: resume it with dcos flink plan resume", Already: "The plan deploy is already paused",
	})
	check(t, "deploy demo -q", plans.NewResume, &plans.CommandOptions{
		PlanCommand: client.PlanCommand{Plan: "deploy", Command: "continue", Phase: "demo"}, Done: "The phase demo is resumed: see dcos flink plan status",
		Already: "The phase demo is not paused", Output: command.Output{Quiet: true},
	})
	check(t, "deploy demo tm -y", plans.NewRestart, &plans.CommandOptions{
		PlanCommand: client.PlanCommand{Plan: "deploy", Command: "restart", Phase: "demo", Step: "tm"}, Yes: true,
		Question: "Replace the tasks of step tm?", Done: "The step tm is restarted: see dcos flink plan status", Already: "The step tm is already being restarted",
	})
	check(t, "deploy demo", plans.NewForceComplete, &plans.CommandOptions{
		PlanCommand: client.PlanCommand{Plan: "deploy", Command: "forceComplete", Phase: "demo"}, Done: "The phase demo is complete",
		Already: "The phase demo is already complete",
	})
	check(t, "--json", pods.NewList, &pods.ListOptions{Output: command.Output{JSON: true}})
	check(t, "tm", pods.NewStatus, &pods.StatusOptions{Pod: "tm"})
	check(t, "tm", pods.NewInfo, &pods.InfoOptions{Pod: "tm"})
	check(t, "tm -y", pods.NewRestart, &pods.CommandOptions{Pod: "tm", Command: "restart", Yes: true})
	check(t, "tm -q", pods.NewReplace, &pods.CommandOptions{Pod: "tm", Command: "replace", Output: command.Output{Quiet: true}})
	check(t, "--json", service.NewOptions, &service.OptionsOptions{Output: command.Output{JSON: true}})
	check(t, "--json", service.NewPackageVersions, &service.OptionsOptions{Output: command.Output{JSON: true}})
	check(t, "--options o.json --replace --dry-run", service.NewUpdate, &service.UpdateOptions{File: "o.json", Replace: true, DryRun: true})
	check(t, "--package-version 1.1.0 -y -q", service.NewUpdate, &service.UpdateOptions{Version: "1.1.0", Yes: true, Output: command.Output{Quiet: true}})
	check(t, "demo-rest --json", service.NewEndpoints, &service.EndpointsOptions{Endpoint: "demo-rest", Output: command.Output{JSON: true}})
	check(t, "--declined --json", service.NewOffers, &service.OffersOptions{Declined: true, Output: command.Output{JSON: true}})
	check(t, "--json", service.NewDescribe, &service.DescribeOptions{Output: command.Output{JSON: true}})
	check(t, "config.yaml --marathon app.json --dialect config --cluster c -q", migration.NewImport, &migration.ImportOptions{
		File: "config.yaml", Marathon: "app.json", Dialect: "config", Cluster: "c", Output: command.Output{Quiet: true},
	})
	check(t, "--marathon app.json", migration.NewImport, &migration.ImportOptions{Marathon: "app.json"})
	check(t, "--local", service.NewVersion, &service.VersionOptions{Local: true})
}
