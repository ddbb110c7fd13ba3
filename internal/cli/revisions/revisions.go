// Package revisions owns the commands about the revisions of a cluster's spec: `cluster diff`, `cluster revert` and
// `cluster tag`. The list of revisions is part of `cluster history`.
package revisions

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/clusters"
	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// New returns the commands.
func New(f *command.Factory) []*cobra.Command {
	return []*cobra.Command{NewDiff(f, nil), NewRevert(f, nil), NewTag(f, nil)}
}

// DiffOptions are what `cluster diff` was told.
type DiffOptions struct {
	*command.Factory
	Name string
	// From and To are numbers or tags of revisions; empty for the one before the present one, and for the present spec.
	From, To string
	Output   command.Output
}

// NewDiff returns the command `cluster diff`; run replaces its work in tests.
func NewDiff(f *command.Factory, run func(context.Context, *DiffOptions) error) *cobra.Command {
	o := &DiffOptions{Factory: f}
	if run == nil {
		run = diffRun
	}
	cmd := &cobra.Command{
		Use:   "diff NAME [FROM [TO]]",
		Short: "Show how two revisions of a cluster's spec differ",
		Long: `Show how two revisions of a cluster's spec differ. FROM and TO are numbers or tags of revisions, which cluster
history NAME --revisions lists. Without TO the present spec is compared, and without FROM the revision before it.`,
		Example: `  dcos flink cluster diff demo
  dcos flink cluster diff demo 3
  dcos flink cluster diff demo good 5`,
		Args: command.Args("NAME", "[FROM]", "[TO]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name = args[0]
			if len(args) > 1 {
				o.From = args[1]
			}
			if len(args) > 2 {
				o.To = args[2]
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames),
	}
	o.Output.RegisterJSON(cmd)
	return cmd
}

func diffRun(ctx context.Context, o *DiffOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	if o.From == "" {
		if o.From, err = previous(ctx, c, o.Name); err != nil {
			return err
		}
	}
	d, err := c.DiffRevisions(ctx, o.Name, o.From, o.To)
	if err != nil {
		return err
	}
	if o.Output.JSON {
		return o.Streams.JSON(d)
	}
	o.Streams.Outf("revision %d → %d\n", d.From, d.To)
	return clusters.PrintDiff(o.Streams, d.Before, d.After)
}

// previous is the number of the revision before the present one.
func previous(ctx context.Context, c *client.Client, name string) (string, error) {
	d, err := c.Cluster(ctx, name)
	if err != nil {
		return "", err
	}
	list, err := c.Revisions(ctx, name)
	if err != nil {
		return "", err
	}
	seen := false
	for _, r := range list {
		switch {
		case r.Outcome == wire.RevisionAborted || r.Outcome == wire.RevisionSuperseded && r.Start == nil || r.Number > d.Status.Generation:
		case seen:
			return strconv.FormatInt(r.Number, 10), nil
		default:
			seen = true
		}
	}
	return "", command.Errorf(command.ExitNotFound, "cluster %s has no revision before the present one", name)
}

// RevertOptions are what `cluster revert` was told.
type RevertOptions struct {
	*command.Factory
	Name    string
	Request wire.RevertRequest
	Change  clusters.ChangeFlags
	Wait    bool
	Timeout time.Duration
	Output  command.Output
}

// NewRevert returns the command `cluster revert`; run replaces its work in tests.
func NewRevert(f *command.Factory, run func(context.Context, *RevertOptions) error) *cobra.Command {
	o := &RevertOptions{Factory: f}
	if run == nil {
		run = revertRun
	}
	cmd := &cobra.Command{
		Use:   "revert NAME REVISION",
		Short: "Give a cluster the spec of an earlier revision again",
		Long: `Give a cluster the spec of an earlier revision again. It is a change like any other: the upgrade mode of that spec says
what becomes of the job's state. With --own-state the job starts from the savepoint or checkpoint with which that
revision ended, whatever newer state there is. REVISION is a number or a tag: see cluster history NAME --revisions.`,
		Example: `  dcos flink cluster revert demo 3 --message "the new join is too slow" --wait
  dcos flink cluster revert demo good --own-state`,
		Args: command.Args("NAME", "REVISION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name, o.Request.Revision = args[0], args[1]
			if own, err := cmd.Flags().GetBool("own-state"); err == nil && own {
				o.Request.State = wire.RevertOwn
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames),
	}
	cmd.Flags().Bool("own-state", false, "start the job from where that revision ended")
	o.Change.Register(cmd)
	cmd.Flags().BoolVar(&o.Wait, "wait", false, "wait until the change is applied")
	cmd.Flags().DurationVar(&o.Timeout, "timeout", 10*time.Minute, "maximum time to wait; 0 waits forever")
	o.Output.Register(cmd)
	return cmd
}

func revertRun(ctx context.Context, o *RevertOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	before, err := c.Cluster(ctx, o.Name)
	if err != nil {
		return err
	}
	ctx, cancel := command.WithTimeout(ctx, o.Timeout)
	defer cancel()
	w := clusters.NewFollower(o.Factory, c, o.Name, o.Output.Quiet)
	d, err := c.RevertCluster(o.Change.In(ctx), o.Name, o.Request)
	if err != nil {
		return err
	}
	return clusters.FollowChange(ctx, w, d, before.Spec, o.Wait, o.Output)
}

// TagOptions are what `cluster tag` was told.
type TagOptions struct {
	*command.Factory
	Name, Revision string
	// Tag is the name; empty to take it away.
	Tag    string
	Output command.Output
}

// NewTag returns the command `cluster tag`; run replaces its work in tests.
func NewTag(f *command.Factory, run func(context.Context, *TagOptions) error) *cobra.Command {
	o := &TagOptions{Factory: f}
	if run == nil {
		run = tagRun
	}
	var remove bool
	cmd := &cobra.Command{
		Use:   "tag NAME REVISION [TAG]",
		Short: "Give a revision a name, which keeps it",
		Long: `Give a revision of a cluster's spec a name. It is kept, with the snapshot that it ended with, until --delete takes the
name away.`,
		Example: `  dcos flink cluster tag demo 3 good
  dcos flink cluster tag demo good --delete`,
		Args: command.Args("NAME", "REVISION", "[TAG]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name, o.Revision = args[0], args[1]
			if len(args) > 2 {
				o.Tag = args[2]
			}
			if remove == (o.Tag != "") {
				return command.Flagf("set TAG or --delete, and not both")
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames),
	}
	cmd.Flags().BoolVar(&remove, "delete", false, "take the name away")
	o.Output.Register(cmd)
	return cmd
}

func tagRun(ctx context.Context, o *TagOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	r, err := c.TagRevision(ctx, o.Name, o.Revision, o.Tag)
	switch {
	case err != nil:
		return err
	case o.Output.JSON:
		return o.Streams.JSON(r)
	case o.Output.Quiet:
		o.Streams.Outf("%d\n", r.Number)
	case o.Tag == "":
		o.Streams.Outf("Revision %d of cluster %s has no tag\n", r.Number, o.Name)
	default:
		o.Streams.Outf("Revision %d of cluster %s is %s\n", r.Number, o.Name, r.Tag)
	}
	return nil
}
