package jars

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
)

// ListOptions are what `jar list` was told.
type ListOptions struct {
	*command.Factory
	Cluster string
	Output  command.Output
}

// NewList returns the command `jar list`; run replaces its work in tests.
func NewList(f *command.Factory, run func(context.Context, *ListOptions) error) *cobra.Command {
	o := &ListOptions{Factory: f}
	if run == nil {
		run = listRun
	}
	cmd := &cobra.Command{
		Use:     "list CLUSTER",
		Aliases: []string{"ls"},
		Short:   "List the jars of a cluster",
		Long:    "List the jars that were uploaded to a cluster, with the class that each one runs.",
		Example: `  dcos flink jar list demo
  dcos flink jar list demo --json`,
		Args: command.Args("CLUSTER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Cluster = args[0]
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames),
	}
	o.Output.Register(cmd)
	return cmd
}

// listRun lists the jars.
func listRun(ctx context.Context, o *ListOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	jars, err := c.Flink(o.Cluster).Jars(ctx)
	if err != nil {
		return err
	}
	switch {
	case o.Output.JSON:
		return o.Streams.JSON(jars.Raw)
	case o.Output.Quiet:
		for _, j := range jars.Files {
			o.Streams.Outf("%s\n", j.ID)
		}
		return nil
	}
	heading := "UPLOADED"
	if o.Streams.OutTerminal {
		heading = "AGE"
	}
	table := o.Streams.Table("ID", "NAME", "CLASS", heading).Spare("CLASS")
	for _, j := range jars.Files {
		var classes []string
		for _, e := range j.Entry {
			classes = append(classes, e.Name)
		}
		table.Row(j.ID, j.Name, strings.Join(classes, ","), o.Streams.Time(j.Uploaded.Time(), o.Clock.Now()))
	}
	return table.Print()
}
