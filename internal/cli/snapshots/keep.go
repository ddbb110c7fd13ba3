package snapshots

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// ChangeOptions are what the commands about one snapshot were told.
type ChangeOptions struct {
	*command.Factory
	ID        string
	KeepFiles bool
	Yes       bool
	Output    command.Output
}

// one makes a command whose argument is the id of a snapshot.
func one(o *ChangeOptions, cmd *cobra.Command, run func(context.Context, *ChangeOptions) error) *cobra.Command {
	cmd.Args = command.Args("ID")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.ID = args[0]
		return run(cmd.Context(), o)
	}
	o.Output.Register(cmd)
	return cmd
}

// NewPin returns the command `snapshot pin`; run replaces its work in tests.
func NewPin(f *command.Factory, run func(context.Context, *ChangeOptions) error) *cobra.Command {
	if run == nil {
		run = func(ctx context.Context, o *ChangeOptions) error { return pin(ctx, o, true) }
	}
	return one(&ChangeOptions{Factory: f}, &cobra.Command{
		Use: "pin ID", Short: "Keep a snapshot until it is unpinned", Long: "Keep a snapshot until it is unpinned, whatever the retention of its cluster says.",
		Example: "  dcos flink snapshot pin demo-x7k2-snap-3",
	}, run)
}

// NewUnpin returns the command `snapshot unpin`; run replaces its work in tests.
func NewUnpin(f *command.Factory, run func(context.Context, *ChangeOptions) error) *cobra.Command {
	if run == nil {
		run = func(ctx context.Context, o *ChangeOptions) error { return pin(ctx, o, false) }
	}
	return one(&ChangeOptions{Factory: f}, &cobra.Command{
		Use: "unpin ID", Short: "Leave a snapshot to the retention of its cluster again", Long: "Leave a snapshot to the retention of its cluster again.",
		Example: "  dcos flink snapshot unpin demo-x7k2-snap-3",
	}, run)
}

func pin(ctx context.Context, o *ChangeOptions, pinned bool) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	n, err := c.PinSnapshot(ctx, o.ID, pinned)
	if err != nil {
		return err
	}
	word := "unpinned"
	if pinned {
		word = "pinned"
	}
	return print(o.Factory, n, o.Output, "Snapshot %s is %s", n.ID, word)
}

// NewDelete returns the command `snapshot delete`; run replaces its work in tests.
func NewDelete(f *command.Factory, run func(context.Context, *ChangeOptions) error) *cobra.Command {
	o := &ChangeOptions{Factory: f}
	if run == nil {
		run = deleteRun
	}
	cmd := one(o, &cobra.Command{
		Use: "delete ID", Aliases: []string{"rm"}, Short: "Remove a snapshot with its files",
		Long: `Remove a snapshot, with its files if the service had it taken. A JobManager of its cluster removes them, or the service
itself where it can see them; otherwise they wait for a JobManager. What is pinned or needed is refused.`,
		Example: "  dcos flink snapshot delete demo-x7k2-snap-3 --yes",
	}, run)
	cmd.Flags().BoolVar(&o.KeepFiles, "keep-files", false, "forget the snapshot and leave its files")
	cmd.Flags().BoolVarP(&o.Yes, "yes", "y", false, "skip the confirmation prompt")
	return cmd
}

func deleteRun(ctx context.Context, o *ChangeOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	what := "Remove snapshot %s and its files?"
	if o.KeepFiles {
		what = "Forget snapshot %s and leave its files?"
	}
	if err := o.Confirm(o.Yes, what, o.ID); err != nil {
		return err
	}
	n, err := c.DeleteSnapshot(ctx, o.ID, o.KeepFiles)
	if err != nil {
		return err
	}
	if n.State == wire.SnapshotCompleted || o.KeepFiles {
		return print(o.Factory, n, o.Output, "Snapshot %s is removed", n.ID)
	}
	return print(o.Factory, n, o.Output, "Snapshot %s is being removed", n.ID)
}

// NewVerify returns the command `snapshot verify`; run replaces its work in tests.
func NewVerify(f *command.Factory, run func(context.Context, *ChangeOptions) error) *cobra.Command {
	if run == nil {
		run = verifyRun
	}
	return one(&ChangeOptions{Factory: f}, &cobra.Command{
		Use: "verify ID", Short: "Look at the files of a snapshot",
		Long: `Look at the metadata of a snapshot: whether it can be read, in which format it is, and which Flink it is from. The service
looks where it can see the files, such as a file system that is mounted on its machine. The exit code is 1 when
the metadata cannot be read.`,
		Example: "  dcos flink snapshot verify demo-x7k2-snap-3",
	}, run)
}

func verifyRun(ctx context.Context, o *ChangeOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	v, err := c.VerifySnapshot(ctx, o.ID)
	if err != nil {
		return err
	}
	switch {
	case o.Output.JSON:
		if err := o.Streams.JSON(v); err != nil {
			return err
		}
	case v.Readable:
		o.Streams.Outf("Snapshot %s can be read: metadata version %d, checkpoint %d, taken with Flink %s\n", v.ID, v.MetadataVersion, v.CheckpointID, v.FlinkVersion)
	}
	if !v.Readable {
		return command.Errorf(command.ExitFailure, "snapshot %s is not verified: %s", v.ID, v.Message)
	}
	return nil
}
