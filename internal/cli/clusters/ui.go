package clusters

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// UIOptions are what `cluster ui` was told.
type UIOptions struct {
	*command.Factory
	Name string
}

// NewUI returns the command `cluster ui`; run replaces its work in tests.
func NewUI(f *command.Factory, run func(context.Context, *UIOptions) error) *cobra.Command {
	o := &UIOptions{Factory: f}
	if run == nil {
		run = uiRun
	}
	return &cobra.Command{
		Use:   "ui NAME",
		Short: "Print the address of a cluster's Flink UI",
		Long:  "Print the address of a cluster's Flink UI. The same address serves Flink's REST API.",
		Example: `  dcos flink cluster ui demo
  xdg-open "$(dcos flink cluster ui demo)"`,
		Args: command.Args("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name = args[0]
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames),
	}
}

// uiRun prints the address of a cluster that exists.
func uiRun(ctx context.Context, o *UIOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	if _, err := c.Cluster(ctx, o.Name); err != nil {
		return err
	}
	o.Streams.Outf("%s\n", c.UIURL(o.Name))
	return nil
}

// live counts the tasks that may be running.
func live(tasks []wire.TaskStatus) int {
	n := 0
	for _, t := range tasks {
		if !t.State.Terminal() {
			n++
		}
	}
	return n
}
