package artifacts

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// ListOptions are what `artifact list` was told.
type ListOptions struct {
	*command.Factory
	Output command.Output
}

// NewList returns the command `artifact list`; run replaces its work in tests.
func NewList(f *command.Factory, run func(context.Context, *ListOptions) error) *cobra.Command {
	o := &ListOptions{Factory: f}
	if run == nil {
		run = listRun
	}
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the uploaded artifacts",
		Long:    "List the uploaded artifacts for tasks.",
		Example: `  dcos flink artifact list
  dcos flink artifact list -q`,
		Args:              command.Args(),
		RunE:              func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.Output.Register(cmd)
	return cmd
}

// listRun lists the files.
func listRun(ctx context.Context, o *ListOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	list, err := c.Artifacts(ctx)
	if err != nil {
		return err
	}
	switch {
	case o.Output.JSON:
		if list == nil {
			list = []client.Artifact{}
		}
		return o.Streams.JSON(map[string]any{"artifacts": list})
	case o.Output.Quiet:
		for _, a := range list {
			o.Streams.Outf("%s\n", a.URI)
		}
		return nil
	}
	table := o.Streams.Table("SHA256", "NAME", "SIZE")
	for _, a := range list {
		table.Row(a.SHA256, a.Name, o.Streams.Size(a.Size))
	}
	return table.Print()
}
