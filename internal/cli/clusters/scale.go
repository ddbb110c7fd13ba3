package clusters

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// ScaleOptions are what `cluster scale` was told. Numbers that were not given are -1.
type ScaleOptions struct {
	*command.Factory
	Name            string
	Count, Min, Max int
	Wait            bool
	Timeout         time.Duration
	Change          ChangeFlags
	Output          command.Output
}

// NewScale returns the command `cluster scale`; run replaces its work in tests.
func NewScale(f *command.Factory, run func(context.Context, *ScaleOptions) error) *cobra.Command {
	o := &ScaleOptions{Factory: f, Count: -1}
	if run == nil {
		run = scaleRun
	}
	cmd := &cobra.Command{
		Use:   "scale NAME [COUNT]",
		Short: "Change the number of TaskManagers",
		Long: `Change the number of TaskManagers: COUNT with static allocation, --min and --max with
dynamic allocation, where Flink itself asks for what its jobs need.`,
		Example: `  dcos flink cluster scale demo 4
  dcos flink cluster scale elastic --min 1 --max 20`,
		Args: command.Args("NAME", "[COUNT]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name = args[0]
			if len(args) > 1 {
				n, err := strconv.Atoi(args[1])
				if err != nil || n < 0 {
					return command.Flagf("COUNT %q: use an integer of at least 0", args[1])
				}
				o.Count = n
			}
			for _, name := range []string{"min", "max"} {
				if n, err := cmd.Flags().GetInt(name); err == nil && cmd.Flags().Changed(name) && n < 0 {
					return command.Flagf("--%s %d: use an integer of at least 0", name, n)
				}
			}
			switch bounds := o.Min >= 0 || o.Max >= 0; {
			case o.Count >= 0 && bounds:
				return command.Flagf("COUNT is for static allocation, --min and --max are for dynamic allocation: use one or the other")
			case o.Count < 0 && !bounds:
				return command.Flagf("set COUNT, or --min and --max")
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames),
	}
	cmd.Flags().IntVar(&o.Min, "min", -1, "minimum number of TaskManagers (dynamic allocation)")
	cmd.Flags().IntVar(&o.Max, "max", -1, "maximum number of TaskManagers (dynamic allocation); 0 is unlimited")
	cmd.Flags().BoolVar(&o.Wait, "wait", false, "wait until the change is applied")
	cmd.Flags().DurationVar(&o.Timeout, "timeout", 10*time.Minute, "maximum time to wait; 0 waits forever")
	o.Change.Register(cmd)
	o.Output.Register(cmd)
	return cmd
}

// scaleRun changes the numbers.
func scaleRun(ctx context.Context, o *ScaleOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	d, err := c.Cluster(ctx, o.Name)
	if err != nil {
		return err
	}
	sp := d.Spec
	static := sp.Allocation == spec.Static
	switch {
	case o.Count >= 0 && !static:
		return command.Usagef("cluster %s has dynamic allocation: bound it with --min and --max, or make it static with dcos flink cluster update %s --allocation static --task-managers %d",
			o.Name, o.Name, o.Count)
	case o.Count < 0 && static:
		return command.Usagef("cluster %s has static allocation: set COUNT", o.Name)
	case static:
		sp.TaskManagers.Count = o.Count
	default:
		if o.Min >= 0 {
			sp.TaskManagers.Min = o.Min
		}
		if o.Max >= 0 {
			sp.TaskManagers.Max = o.Max
		}
	}
	if o.Change.Generation == 0 {
		o.Change.Generation = d.Status.Generation
	}
	return put(o.Change.In(ctx), o.Factory, c, sp, change{before: d.Spec, wait: o.Wait, timeout: o.Timeout, output: o.Output})
}
