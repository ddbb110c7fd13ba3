package clusters

import (
	"cmp"
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// UpdateOptions are what `cluster update` was told.
type UpdateOptions struct {
	*command.Factory
	Name string
	Spec SpecFlags
	// Savepoint stops the job with a savepoint and starts it from there.
	Savepoint bool
	Wait      bool
	Timeout   time.Duration
	DryRun    bool
	Change    ChangeFlags
	Output    command.Output
}

// NewUpdate returns the command `cluster update`; run replaces its work in tests.
func NewUpdate(f *command.Factory, run func(context.Context, *UpdateOptions) error) *cobra.Command {
	o := &UpdateOptions{Factory: f}
	if run == nil {
		run = updateRun
	}
	cmd := &cobra.Command{
		Use:   "update [NAME]",
		Short: "Change a cluster",
		Long: `Update a cluster. Flags change single fields; a spec file replaces the whole spec.
--dry-run prints the difference and changes nothing.

With --savepoint the job of an application or job cluster is stopped with a savepoint, and the new spec starts
from it, even if the service restarts in between. If the savepoint fails, the previous spec keeps running, and
with --wait the exit code is 1. The mode is stored as job.upgradeMode: savepoint.`,
		Example: `  dcos flink cluster update demo --tm-memory 4g
  dcos flink cluster update demo -D execution.checkpointing.interval=10s --dry-run
  dcos flink cluster update -f demo.yaml --wait
  dcos flink cluster update app --jar-uri artifact:… --savepoint --wait`,
		Args: command.Args("[NAME]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.Name = args[0]
			}
			if o.Savepoint {
				if mode := o.Spec.UpgradeMode; mode != "" && mode != string(spec.Savepoint) {
					return command.Flagf("--savepoint and --upgrade-mode %s contradict each other", mode)
				}
				o.Spec.UpgradeMode = string(spec.Savepoint)
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames),
	}
	o.Spec.Register(cmd)
	cmd.Flags().BoolVar(&o.Savepoint, "savepoint", false, "stop the job with a savepoint and start from there (--upgrade-mode savepoint)")
	o.Change.Register(cmd)
	o.Output.Register(cmd)
	cmd.Flags().BoolVar(&o.Wait, "wait", false, "wait until the change is applied")
	cmd.Flags().DurationVar(&o.Timeout, "timeout", 10*time.Minute, "maximum time to wait; 0 waits forever")
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "print the difference, what it restarts and where the job would start, and change nothing")
	return cmd
}

// updateRun changes the cluster.
func updateRun(ctx context.Context, o *UpdateOptions) error {
	spec, err := o.Spec.Read(o.Factory, o.Name)
	if err != nil {
		return err
	}
	c, err := o.Client()
	if err != nil {
		return err
	}
	d, err := c.Cluster(ctx, spec.Name)
	if err != nil {
		return err
	}
	if o.Spec.File == "" {
		spec = d.Spec
	}
	if err := o.Spec.Apply(&spec); err != nil {
		return err
	}
	if o.DryRun {
		return dryRun(ctx, o, c, d.Spec, spec)
	}
	if o.Change.Generation == 0 && o.Spec.File == "" {
		o.Change.Generation = d.Status.Generation // Whoever changes it meanwhile would have changed it in vain.
	}
	return put(o.Change.In(ctx), o.Factory, c, spec, change{before: d.Spec, wait: o.Wait, timeout: o.Timeout, output: o.Output, from: o.Spec.FromSnapshot})
}

// change says how a changed spec is followed.
type change struct {
	// before is the spec that is changed.
	before  spec.Spec
	wait    bool
	timeout time.Duration
	output  command.Output
	// from is the id of the snapshot that the job starts from; empty for none.
	from string
}

// dryRun shows what a change would do.
func dryRun(ctx context.Context, o *UpdateOptions, c *client.Client, before, after spec.Spec) error {
	p, err := c.PlanCluster(ctx, after, o.Spec.FromSnapshot)
	if err != nil {
		return err
	}
	if err := printDiff(o.Streams, before, p.Spec, o.Output); err != nil || o.Output.JSON {
		return err
	}
	effects := map[string]string{"none": "nothing", "scale": "the running tasks stay", "restart": "its tasks are replaced"}
	fields := o.Streams.Fields()
	fields.Add("Effect", cmp.Or(effects[p.Class], p.Class))
	if r := p.Restore; r != nil {
		fields.Add("Restore", restoreWords(*r))
	}
	o.Streams.Outf("\n")
	return fields.Print()
}

// restoreWords says where a job would start, and how that is found.
func restoreWords(r wire.NextRestore) string {
	text := r.Method + ", " + string(r.Restore.Kind)
	if r.Restore.Path != "" {
		text += " " + r.Restore.Path
	}
	return text + " (" + r.Reason + ")"
}

// put sends a changed spec and waits, if asked to, until it runs.
func put(ctx context.Context, f *command.Factory, c *client.Client, spec spec.Spec, how change) error {
	ctx, cancel := command.WithTimeout(ctx, how.timeout)
	defer cancel()
	w := NewFollower(f, c, spec.Name, how.output.Quiet)
	d, err := c.PutClusterFrom(ctx, spec, how.from)
	if err != nil {
		return err
	}
	return followChange(ctx, w, d, how)
}

// FollowChange tells of a change that was accepted, and waits, if asked to, until it is made; before is the spec before it.
func FollowChange(ctx context.Context, w *Follower, d wire.Description, before spec.Spec, wait bool, out command.Output) error {
	return followChange(ctx, w, d, change{before: before, wait: wait, output: out})
}

func followChange(ctx context.Context, w *Follower, d wire.Description, how change) (err error) {
	f, c := w.f, w.c
	tellNotes(f, d, how.output)
	if how.wait {
		want, same := d.Status.Generation, unchanged(how.before, d)
		w.change = want
		if d.Status.Change != nil {
			w.Change(d, "being changed")
		}
		d, err = w.Until(ctx, func(d wire.Description) bool {
			watched := d.Status.Rollback != nil && d.Status.Rollback.State == wire.RollbackWatching
			return Ready(d) && d.Status.Change == nil && d.Status.ObservedGeneration >= want && !watched
		})
		if err != nil {
			return err
		}
		w.Summary(d)
		if same {
			return printChanged(f, c, d, how.output, "has that spec already")
		}
		return printChanged(f, c, d, how.output, "is changed")
	}
	switch {
	case how.output.JSON:
		return f.Streams.JSON(d)
	case how.output.Quiet:
		f.Streams.Outf("%s\n", d.Name)
	case d.Status.Change != nil:
		f.Streams.Outf("Cluster %s is changed as soon as its jobs are stopped with savepoints: see dcos flink cluster describe %s\n", d.Name, d.Name)
	case unchanged(how.before, d):
		f.Streams.Outf("No change: cluster %s already has this spec\n", d.Name)
	default:
		f.Streams.Outf("Cluster %s updated: see dcos flink cluster describe %s\n", d.Name, d.Name)
	}
	return nil
}

// unchanged says that the service made nothing else of a spec than what there was.
func unchanged(before spec.Spec, d wire.Description) bool {
	return d.Status.Change == nil && before.Equal(d.Spec)
}
