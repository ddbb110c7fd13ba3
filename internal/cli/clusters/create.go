package clusters

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// CreateOptions are what `cluster create` was told.
type CreateOptions struct {
	*command.Factory
	Name    string
	Spec    SpecFlags
	Wait    bool
	Timeout time.Duration
	DryRun  bool
	// Message is why.
	Message string
	Output  command.Output
}

// NewCreate returns the command `cluster create`; run replaces its work in tests.
func NewCreate(f *command.Factory, run func(context.Context, *CreateOptions) error) *cobra.Command {
	o := &CreateOptions{Factory: f}
	if run == nil {
		run = createRun
	}
	var noWait bool
	cmd := &cobra.Command{
		Use:   "create [NAME]",
		Short: "Create a cluster and wait until it is up",
		Long: `Create a cluster from flags, from a spec in YAML or JSON, or from both (flags win).
Waits until the JobManager responds and the TaskManagers have registered. The phases, and the reasons why
tasks are pending, go to stderr.`,
		Example: `  dcos flink cluster create demo --task-managers 2 --slots 2
  dcos flink cluster create demo --flink-version 1.20 --tm-memory 4g -D state.backend.type=rocksdb
  dcos flink cluster create -f demo.yaml --no-wait
  dcos flink cluster create demo -f demo.yaml --dry-run`,
		Args: command.Args("[NAME]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.Name = args[0]
			}
			if noWait && cmd.Flags().Changed("wait") && o.Wait {
				return command.Flagf("--wait and --no-wait contradict each other")
			}
			o.Wait = o.Wait && !noWait
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.Spec.Register(cmd)
	cmd.Flags().StringVarP(&o.Message, "message", "m", "", "why, for the history")
	o.Output.Register(cmd)
	cmd.Flags().BoolVar(&o.Wait, "wait", true, "wait until the cluster is up")
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "return as soon as the service has accepted the cluster")
	cmd.Flags().DurationVar(&o.Timeout, "timeout", 10*time.Minute, "maximum time to wait; 0 waits forever")
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "print what would be created and do nothing")
	return cmd
}

// createRun creates the cluster.
func createRun(ctx context.Context, o *CreateOptions) error {
	spec, err := o.Spec.Read(o.Factory, o.Name)
	if err != nil {
		return err
	}
	if err := o.Spec.Apply(&spec); err != nil {
		return err
	}
	c, err := o.Client()
	if err != nil {
		return err
	}
	if o.DryRun {
		_, err := c.Cluster(ctx, spec.Name)
		switch {
		case err == nil:
			return fault.New(fault.Conflict, "cluster %s exists: change it with dcos flink cluster update %s", spec.Name, spec.Name)
		case !client.NotFound(err):
			return err
		}
		p, err := c.PlanCluster(ctx, spec, o.Spec.FromSnapshot)
		if err != nil {
			return err
		}
		return printDiff(o.Streams, nil, p.Spec, o.Output)
	}
	ctx, cancel := command.WithTimeout(ctx, o.Timeout)
	defer cancel()
	w := NewFollower(o.Factory, c, spec.Name, o.Output.Quiet)
	d, err := c.CreateClusterFrom(ChangeFlags{Message: o.Message}.In(ctx), spec, o.Spec.FromSnapshot)
	if err != nil {
		return err
	}
	tellNotes(o.Factory, d, o.Output)
	if o.Wait {
		if d, err = w.Until(ctx, Ready); err != nil {
			return err
		}
		w.Summary(d)
	}
	return printChanged(o.Factory, c, d, o.Output, "is accepted")
}

// tellNotes prints what the service remarked about a spec that was just sent: the entries of the history behind the one
// that says that the spec was taken.
func tellNotes(f *command.Factory, d wire.Description, out command.Output) {
	if out.Quiet {
		return
	}
	var notes []string
	for _, e := range slices.Backward(d.Events) {
		if e.Type == "Created" || e.Type == "Updated" {
			break
		}
		if e.Type == "Spec" {
			notes = append(notes, e.Message)
		}
	}
	for _, note := range slices.Backward(notes) {
		f.Streams.Errf("Note: %s\n", note)
	}
}

// printChanged tells of a cluster that was created or changed.
func printChanged(f *command.Factory, c *client.Client, d wire.Description, out command.Output, accepted string) error {
	switch {
	case out.JSON:
		return f.Streams.JSON(d)
	case out.Quiet:
		f.Streams.Outf("%s\n", d.Name)
	case d.Status.State == wire.Stable:
		f.Streams.Outf("Cluster %s is up: %s\n", d.Name, c.UIURL(d.Name))
	case d.Status.State == wire.Suspended:
		f.Streams.Outf("Cluster %s is suspended: start it with dcos flink cluster resume %s\n", d.Name, d.Name)
	case d.Status.State == wire.Finished:
		f.Streams.Outf("Cluster %s has ended: see dcos flink cluster describe %s\n", d.Name, d.Name)
	default:
		f.Streams.Outf("Cluster %s %s: see dcos flink cluster describe %s\n", d.Name, accepted, d.Name)
	}
	return nil
}
