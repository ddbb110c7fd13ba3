package artifacts

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
)

// UploadOptions are what `artifact upload` was told.
type UploadOptions struct {
	*command.Factory
	File   string
	Output command.Output
}

// NewUpload returns the command `artifact upload`; run replaces its work in tests.
func NewUpload(f *command.Factory, run func(context.Context, *UploadOptions) error) *cobra.Command {
	o := &UploadOptions{Factory: f}
	if run == nil {
		run = uploadRun
	}
	cmd := &cobra.Command{
		Use:   "upload FILE",
		Short: "Upload a file and print its URI",
		Long:  "Upload a file to the service and print the URI by which a spec names it.",
		Example: `  dcos flink artifact upload app.jar
  dcos flink cluster create app --kind application --jar-uri "$(dcos flink artifact upload app.jar -q)"`,
		Args: command.Args("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.File = args[0]
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(nil),
	}
	o.Output.Register(cmd)
	return cmd
}

// uploadRun uploads the file.
func uploadRun(ctx context.Context, o *UploadOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	a, err := command.Upload(ctx, o.Factory, o.File, o.Output.Quiet, c.UploadArtifact)
	if err != nil {
		return err
	}
	switch {
	case o.Output.JSON:
		return o.Streams.JSON(a)
	case o.Output.Quiet:
		o.Streams.Outf("%s\n", a.URI)
	default:
		o.Streams.Outf("File %s is uploaded: %s\n", a.Name, a.URI)
	}
	return nil
}
