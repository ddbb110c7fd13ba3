package service

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// VersionOptions are what `version` was told.
type VersionOptions struct {
	*command.Factory
	// Local leaves the service out.
	Local  bool
	Output command.Output
}

// NewVersion returns the command `version`; run replaces its work in tests.
func NewVersion(f *command.Factory, run func(context.Context, *VersionOptions) error) *cobra.Command {
	o := &VersionOptions{Factory: f}
	if run == nil {
		run = versionRun
	}
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of this program and of the service",
		Long:  "Print the versions of this program and of the service; --local asks no service.",
		Example: `  dcos flink version
  dcos flink version --local`,
		Args:              command.Args(),
		RunE:              func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().BoolVar(&o.Local, "local", false, "print this program's version only")
	o.Output.RegisterJSON(cmd)
	return cmd
}

// versionRun prints the versions. This program's is printed even when the service is away.
func versionRun(ctx context.Context, o *VersionOptions) error {
	var out struct {
		Client  string          `json:"client"`
		Service *client.Version `json:"service,omitempty"`
	}
	out.Client = o.Version
	var failed error
	if !o.Local {
		c, err := o.Client()
		if err == nil {
			var v client.Version
			if v, err = c.Version(ctx); err == nil {
				out.Service = &v
			}
		}
		failed = err
	}
	if o.Output.JSON {
		if err := o.Streams.JSON(out); err != nil {
			return err
		}
		return failed
	}
	fields := o.Streams.Fields()
	fields.Add("Client", out.Client)
	if s := out.Service; s != nil {
		fields.Add("Service", s.Version)
		fields.Add("Commit", s.Commit)
		fields.Add("Go", s.Go)
	}
	if err := fields.Print(); err != nil {
		return err
	}
	return failed
}
