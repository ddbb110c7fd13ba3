package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/applications"
	"github.com/flink-on-mesos/flink-service/internal/cli/artifacts"
	"github.com/flink-on-mesos/flink-service/internal/cli/autoscaler"
	"github.com/flink-on-mesos/flink-service/internal/cli/clusters"
	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/cli/jars"
	"github.com/flink-on-mesos/flink-service/internal/cli/jobs"
	"github.com/flink-on-mesos/flink-service/internal/cli/manifests"
	"github.com/flink-on-mesos/flink-service/internal/cli/migration"
	"github.com/flink-on-mesos/flink-service/internal/cli/plans"
	"github.com/flink-on-mesos/flink-service/internal/cli/pods"
	"github.com/flink-on-mesos/flink-service/internal/cli/revisions"
	"github.com/flink-on-mesos/flink-service/internal/cli/service"
	"github.com/flink-on-mesos/flink-service/internal/cli/snapshots"
	"github.com/flink-on-mesos/flink-service/internal/cli/workers"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// configSchema is what `dcos config set flink.…` may set.
const configSchema = `{
  "$schema": "http://json-schema.org/draft-04/schema#",
  "type": "object",
  "properties": {
    "service_name": {
      "type": "string",
      "title": "Service name",
      "description": "Name of the Flink service, with its folders, such as flink or dev/flink.",
      "default": "flink"
    },
    "url": {
      "type": "string",
      "format": "uri",
      "title": "Service address",
      "description": "The service's own address, when it is not behind Admin Router."
    },
    "poll_interval": {
      "type": "string",
      "title": "Poll interval",
      "description": "Time between two looks at a cluster or job that is being followed, such as 500ms."
    }
  },
  "additionalProperties": false
}
`

// newRoot puts the commands together.
func newRoot(f *command.Factory) *cobra.Command {
	var (
		name         string
		verbose      int
		info, schema bool
	)
	root := &cobra.Command{
		Use:   "flink",
		Short: Info,
		Long:  Info + ".",
		Example: `  dcos flink cluster create demo --task-managers 2 --slots 2
  dcos flink job run demo WordCount.jar --wait
  dcos flink run-application app.jar --parallelism 4
  DCOS_FLINK_URL=http://127.0.0.1:8080 dcos-flink cluster list`,
		Version:       f.Version,
		Args:          cobra.ArbitraryArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		CompletionOptions: cobra.CompletionOptions{
			DisableDefaultCmd: true,
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return noNegativeTime(cmd) },
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case info:
				f.Streams.Outf("%s\n", Info)
				return nil
			case schema:
				f.Streams.Outf("%s", configSchema)
				return nil
			case len(args) > 0 && successors()[args[0]] != "":
				return command.Flagf("%q is a command of the previous plugin: use %s", args[0], successors()[args[0]])
			case len(args) > 0:
				return command.Unknown(cmd, args[0])
			}
			return cmd.Help()
		},
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "dcos flink"},
	}
	root.SetOut(f.Streams.NamedOut())
	root.SetErr(f.Streams.NamedErr())
	root.SetIn(f.Streams.In)
	root.SetVersionTemplate("dcos-flink {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(newHelp())
	root.SetHelpTemplate(root.HelpTemplate() + "{{if not .HasParent}}\n" + environmentHelp() + "\n" + exitHelp() + "{{end}}")
	root.PersistentFlags().StringVar(&name, "name", "", "name of the service, such as dev/flink (default: flink.service_name, else flink)")
	root.PersistentFlags().CountVarP(&verbose, "verbose", "v", "log each request to stderr")
	root.Flags().BoolVar(&info, "info", false, "print one line about this plugin")
	root.Flags().BoolVar(&schema, "config-schema", false, "print the schema of the plugin's configuration")
	if f.Client == nil {
		f.Client = func() (*client.Client, error) { return newClient(f, name, verbose) }
	}
	root.AddCommand(
		clusters.New(f, revisions.New(f)...),
		jobs.New(f),
		snapshots.New(f), applications.New(f, nil), autoscaler.New(f),
		jars.New(f),
		workers.New(f),
		artifacts.New(f),
		manifests.NewApply(f, nil), manifests.NewDiff(f, nil), manifests.NewExport(f, nil),
		migration.NewImport(f, nil),
		plans.New(f),
		pods.New(f),
		service.NewEndpoints(f, nil),
		service.NewDescribe(f, nil),
		service.NewUpdateGroup(f),
		service.NewDebug(f),
		service.NewVersion(f, nil),
	)
	return root
}

// successors are what took the place of the commands of the plugin that DC/OS had before, which knew one cluster.
func successors() map[string]string {
	return map[string]string{
		"list":   "job list CLUSTER (cluster list shows the clusters)",
		"info":   "cluster describe CLUSTER, or job describe CLUSTER JOB",
		"upload": "jar upload CLUSTER JAR, or job run CLUSTER JAR, which uploads and runs it",
		"run":    "job run CLUSTER JAR, where JAR may be the id of an uploaded one",
		"cancel": "job cancel CLUSTER JOB",
	}
}

// noNegativeTime refuses --timeout=-1s, which would mean for ever.
func noNegativeTime(cmd *cobra.Command) error {
	if d, err := cmd.Flags().GetDuration("timeout"); err == nil && d < 0 {
		return command.Flagf("--timeout %s is negative: use a duration of at least 0, such as 30s", d)
	}
	return nil
}

// newHelp returns the command `help`, which unlike cobra's own fails for an unknown command.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND…]",
		Short: "Explain a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			target, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return command.Flagf("%q is not a command of dcos flink", strings.Join(args, " "))
			}
			target.InitDefaultHelpFlag()
			return target.Help()
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
}

// exitHelp lists the exit codes.
func exitHelp() string {
	var b strings.Builder
	b.WriteString("Exit codes:\n")
	for _, c := range command.Codes() {
		fmt.Fprintf(&b, "  %-4d %s\n", c.Code, c.Meaning)
	}
	return b.String()
}

// environmentHelp lists the variables that are read.
func environmentHelp() string {
	var b strings.Builder
	b.WriteString("Environment:\n")
	for _, v := range [][2]string{
		{"DCOS_URL", "the DC/OS cluster; the service is at DCOS_URL/service/NAME"},
		{"DCOS_ACS_TOKEN", "authentication token of the login"},
		{"DCOS_TLS_INSECURE", "1 trusts every certificate"},
		{"DCOS_TLS_CA_PATH", "file with the cluster's CA certificates"},
		{"DCOS_FLINK_SERVICE_NAME", "the service's name (dcos config set flink.service_name NAME)"},
		{"DCOS_FLINK_URL", "address of the service without DC/OS; takes precedence"},
		{"DCOS_FLINK_TOKEN", "token of the service, if it requires one (with DCOS_FLINK_URL)"},
		{"DCOS_FLINK_POLL_INTERVAL", "polling interval (500ms)"},
		{"DCOS_VERBOSITY", "1 logs each request, like --verbose"},
		{"HTTP_PROXY, HTTPS_PROXY, NO_PROXY", "the usual proxy settings"},
	} {
		fmt.Fprintf(&b, "  %-34s %s\n", v[0], v[1])
	}
	return b.String()
}
