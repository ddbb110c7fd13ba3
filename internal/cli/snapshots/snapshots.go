// Package snapshots owns the commands about savepoints and checkpoints: `snapshot list` and the like.
package snapshots

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// New returns the command `snapshot` with its verbs.
func New(f *command.Factory) *cobra.Command {
	cmd := command.Group("snapshot", "Take, keep and remove savepoints and checkpoints",
		"Take, keep and remove savepoints and checkpoints. Each is a record of the service with an id, which\n`--from-snapshot` of cluster create, cluster update and run-application takes.",
		NewList(f, nil),
		NewCreate(f, nil),
		NewAdopt(f, nil),
		NewVerify(f, nil),
		NewPin(f, nil),
		NewUnpin(f, nil),
		NewDelete(f, nil),
	)
	cmd.Aliases = []string{"snapshots"}
	return cmd
}

// patience is how long the service may be unreachable while a snapshot is waited for.
const patience = 2 * time.Minute

// ListOptions are what `snapshot list` was told.
type ListOptions struct {
	*command.Factory
	Cluster string
	Output  command.Output
}

// NewList returns the command `snapshot list`; run replaces its work in tests.
func NewList(f *command.Factory, run func(context.Context, *ListOptions) error) *cobra.Command {
	o := &ListOptions{Factory: f}
	if run == nil {
		run = listRun
	}
	cmd := &cobra.Command{
		Use:     "list [CLUSTER]",
		Aliases: []string{"ls"},
		Short:   "List savepoints and checkpoints",
		Long:    "List the savepoints and checkpoints of a cluster, also of one that is gone, or of all clusters, newest first.",
		Example: "  dcos flink snapshot list demo",
		Args:    command.Args("[CLUSTER]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.Cluster = args[0]
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames),
	}
	o.Output.Register(cmd)
	return cmd
}

func listRun(ctx context.Context, o *ListOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	list, err := c.Snapshots(ctx, o.Cluster)
	if err != nil {
		return err
	}
	switch {
	case o.Output.JSON:
		return o.Streams.JSON(map[string]any{"snapshots": list})
	case o.Output.Quiet:
		for _, n := range list {
			o.Streams.Outf("%s\n", n.ID)
		}
		return nil
	}
	now := o.Clock.Now()
	heading := "TIME"
	if o.Streams.OutTerminal {
		heading = "AGE"
	}
	table := o.Streams.Table("ID", heading, "KIND", "TRIGGER", "STATE", "SIZE", "PINNED", "PATH").Spare("SIZE", "KIND", "PINNED")
	for _, n := range list {
		size, pinned, where := "", "", n.Path
		if n.Size > 0 {
			size = o.Streams.Size(n.Size)
		}
		if n.Pinned {
			pinned = "yes"
		}
		if n.Message != "" {
			where = n.Message
		}
		table.Row(n.ID, o.Streams.Time(n.Created, now), string(n.Kind), string(n.Trigger), string(n.State), size, pinned, where)
	}
	return table.Print()
}

// print shows one snapshot after it was changed.
func print(f *command.Factory, n wire.Snapshot, out command.Output, format string, args ...any) error {
	switch {
	case out.JSON:
		return f.Streams.JSON(n)
	case out.Quiet:
		f.Streams.Outf("%s\n", n.ID)
	default:
		f.Streams.Outf(format+"\n", args...)
	}
	return nil
}
