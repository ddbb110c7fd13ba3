package plans

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
)

// ListOptions are what `plan list` was told.
type ListOptions struct {
	*command.Factory
	Output command.Output
}

// NewList returns the command `plan list`; run replaces its work in tests.
func NewList(f *command.Factory, run func(context.Context, *ListOptions) error) *cobra.Command {
	o := &ListOptions{Factory: f}
	if run == nil {
		run = listRun
	}
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the plans",
		Long:    "List the names of the plans; in JSON when the output is not a terminal.",
		Example: `  dcos flink plan list
  dcos flink plan list --json`,
		Args:              command.Args(),
		RunE:              func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.Output.Register(cmd)
	return cmd
}

// listRun lists the plans.
func listRun(ctx context.Context, o *ListOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	list, err := c.Plans(ctx)
	if err != nil {
		return err
	}
	return o.Output.PrintNames(o.Streams, "PLAN", list)
}
