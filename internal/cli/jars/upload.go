package jars

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
)

// UploadOptions are what `jar upload` was told.
type UploadOptions struct {
	*command.Factory
	Cluster string
	File    string
	Output  command.Output
}

// NewUpload returns the command `jar upload`; run replaces its work in tests.
func NewUpload(f *command.Factory, run func(context.Context, *UploadOptions) error) *cobra.Command {
	o := &UploadOptions{Factory: f}
	if run == nil {
		run = uploadRun
	}
	cmd := &cobra.Command{
		Use:   "upload CLUSTER FILE",
		Short: "Upload a jar to a cluster and print its id",
		Long:  "Upload a jar to a cluster and print its id, for job run. Jars of any size take little memory.",
		Example: `  dcos flink jar upload demo app.jar
  JAR=$(dcos flink jar upload demo app.jar -q) && dcos flink job run demo "$JAR"`,
		Args: command.Args("CLUSTER", "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Cluster, o.File = args[0], args[1]
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames, nil),
	}
	o.Output.Register(cmd)
	return cmd
}

// uploadRun uploads the jar.
func uploadRun(ctx context.Context, o *UploadOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	id, err := command.Upload(ctx, o.Factory, o.File, o.Output.Quiet, c.Flink(o.Cluster).UploadJar)
	if err != nil {
		return err
	}
	switch {
	case o.Output.JSON:
		return o.Streams.JSON(map[string]string{"id": id})
	case o.Output.Quiet:
		o.Streams.Outf("%s\n", id)
	default:
		o.Streams.Outf("Jar %s is uploaded: run it with dcos flink job run %s %s\n", id, o.Cluster, id)
	}
	return nil
}
