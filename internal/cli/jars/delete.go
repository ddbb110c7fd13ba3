package jars

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
)

// DeleteOptions are what `jar delete` was told.
type DeleteOptions struct {
	*command.Factory
	Cluster string
	ID      string
	Yes     bool
	Output  command.Output
}

// NewDelete returns the command `jar delete`; run replaces its work in tests.
func NewDelete(f *command.Factory, run func(context.Context, *DeleteOptions) error) *cobra.Command {
	o := &DeleteOptions{Factory: f}
	if run == nil {
		run = deleteRun
	}
	cmd := &cobra.Command{
		Use:     "delete CLUSTER ID",
		Aliases: []string{"rm"},
		Short:   "Delete a jar of a cluster",
		Long:    "Delete a jar of a cluster. Jobs that were started from it keep running.",
		Example: `  dcos flink jar delete demo 4b3c2a1d-0000-4000-8000-000000000001_app.jar
  dcos flink jar delete demo 4b3c2a1d-0000-4000-8000-000000000001_app.jar --yes`,
		Args: command.Args("CLUSTER", "ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Cluster, o.ID = args[0], args[1]
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames, command.JarIDs),
	}
	cmd.Flags().BoolVarP(&o.Yes, "yes", "y", false, "skip the confirmation prompt")
	o.Output.RegisterQuiet(cmd)
	return cmd
}

// deleteRun deletes the jar.
func deleteRun(ctx context.Context, o *DeleteOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	if err := o.Confirm(o.Yes, "Delete jar %s of cluster %s?", o.ID, o.Cluster); err != nil {
		return err
	}
	if err := c.Flink(o.Cluster).DeleteJar(ctx, o.ID); err != nil {
		return err
	}
	if !o.Output.Quiet {
		o.Streams.Outf("Jar %s is deleted.\n", o.ID)
	}
	return nil
}
