package artifacts

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// DeleteOptions are what `artifact delete` was told.
type DeleteOptions struct {
	*command.Factory
	SHA256 string
	Yes    bool
	Output command.Output
}

// NewDelete returns the command `artifact delete`; run replaces its work in tests.
func NewDelete(f *command.Factory, run func(context.Context, *DeleteOptions) error) *cobra.Command {
	o := &DeleteOptions{Factory: f}
	if run == nil {
		run = deleteRun
	}
	cmd := &cobra.Command{
		Use:     "delete SHA256",
		Aliases: []string{"rm"},
		Short:   "Delete a file that no cluster uses",
		Long:    "Delete a file that the service keeps. One that a cluster uses is refused.",
		Example: `  dcos flink artifact delete 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  dcos flink artifact delete artifact:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08/app.jar --yes`,
		Args: command.Args("SHA256"),
		RunE: func(cmd *cobra.Command, args []string) error {
			// A URI names its hash too.
			o.SHA256, _, _ = strings.Cut(strings.TrimPrefix(args[0], "artifact:"), "/")
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(hashes),
	}
	cmd.Flags().BoolVarP(&o.Yes, "yes", "y", false, "skip the confirmation prompt")
	o.Output.RegisterQuiet(cmd)
	return cmd
}

// hashes lists what may be deleted.
func hashes(ctx context.Context, c *client.Client, _ []string) ([]string, error) {
	list, err := c.Artifacts(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, a := range list {
		out = append(out, a.SHA256)
	}
	return out, nil
}

// deleteRun deletes the file.
func deleteRun(ctx context.Context, o *DeleteOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	if err := o.Confirm(o.Yes, "Delete artifact %s?", o.SHA256); err != nil {
		return err
	}
	if err := c.DeleteArtifact(ctx, o.SHA256); err != nil {
		return err
	}
	if !o.Output.Quiet {
		o.Streams.Outf("Artifact %s is deleted.\n", o.SHA256)
	}
	return nil
}
