package command

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/terminal"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// Output says in which form a command answers.
type Output struct {
	// JSON asks for indented JSON on the output and nothing else there.
	JSON bool
	// Quiet asks for names and ids only, and for no progress.
	Quiet bool
}

// Register adds --json and --quiet.
func (o *Output) Register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.JSON, "json", false, "print JSON")
	cmd.Flags().BoolVarP(&o.Quiet, "quiet", "q", false, "print only names or ids, and no progress")
}

// RegisterJSON adds --json alone.
func (o *Output) RegisterJSON(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.JSON, "json", false, "print JSON")
}

// RegisterQuiet adds --quiet alone.
func (o *Output) RegisterQuiet(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&o.Quiet, "quiet", "q", false, "print no progress")
}

// Names lists what an argument may be, given the arguments before it.
type Names func(ctx context.Context, c *client.Client, before []string) ([]string, error)

// Complete completes positional arguments, the first with the first list and so on. A list
// that is nil means a local file. Completion never fails: without a service there is nothing to offer.
func (f *Factory) Complete(lists ...Names) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) >= len(lists) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		list := lists[len(args)]
		if list == nil {
			return nil, cobra.ShellCompDirectiveDefault
		}
		c, err := f.Client()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names, err := list(cmd.Context(), c, args)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, prefix) })
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// ClusterNames lists the clusters.
func ClusterNames(ctx context.Context, c *client.Client, _ []string) ([]string, error) {
	list, err := c.Clusters(ctx)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(list))
	for _, s := range list {
		names = append(names, s.Name)
	}
	return names, nil
}

// JobIDs lists the jobs of the cluster before it, those that run first.
func JobIDs(ctx context.Context, c *client.Client, before []string) ([]string, error) {
	list, err := c.Flink(before[0]).Jobs(ctx)
	if err != nil {
		return nil, err
	}
	var running, over []string
	for _, j := range list.Jobs {
		if j.State.Over() {
			over = append(over, j.ID)
		} else {
			running = append(running, j.ID)
		}
	}
	return append(running, over...), nil
}

// WorkerIDs lists the TaskManager tasks of the cluster before it.
func WorkerIDs(ctx context.Context, c *client.Client, before []string) ([]string, error) {
	d, err := c.Cluster(ctx, before[0])
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, t := range d.Tasks {
		ids = append(ids, t.ID)
	}
	return ids, nil
}

// JarIDs lists the jars of the cluster before it.
func JarIDs(ctx context.Context, c *client.Client, before []string) ([]string, error) {
	jars, err := c.Flink(before[0]).Jars(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, j := range jars.Files {
		ids = append(ids, j.ID)
	}
	return ids, nil
}

// PrintNames prints a list of names in the form that was asked for. Without a terminal that is JSON, which scripts for
// DC/OS SDK services parse.
func (o *Output) PrintNames(s *terminal.Streams, heading string, names []string) error {
	switch {
	case o.JSON, !o.Quiet && !s.OutTerminal:
		if names == nil {
			names = []string{}
		}
		return s.JSON(names)
	case o.Quiet:
		for _, n := range names {
			s.Outf("%s\n", n)
		}
		return nil
	}
	table := s.Table(heading)
	for _, n := range names {
		table.Row(n)
	}
	return table.Print()
}
