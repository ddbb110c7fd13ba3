package service

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// maxMore is the most TaskManagers that the service answers about.
const maxMore = 10000

// PlacementOptions are what `debug placement` was told.
type PlacementOptions struct {
	*command.Factory
	Name string
	// TaskManagers is how many more are asked about, from 1.
	TaskManagers int
	// Refresh has Mesos asked for offers first.
	Refresh bool
	Output  command.Output
}

// NewPlacement returns the command `debug placement`; run replaces its work in tests.
func NewPlacement(f *command.Factory, run func(context.Context, *PlacementOptions) error) *cobra.Command {
	o := &PlacementOptions{Factory: f}
	if run == nil {
		run = placementRun
	}
	cmd := &cobra.Command{
		Use:   "placement NAME",
		Short: "Show whether more TaskManagers would fit now",
		Long: `Show whether more TaskManagers of a cluster would fit now, on which agents, and which resource
or rule keeps the rest from the others.

The answer is made of what the agents last offered. With --refresh Mesos is asked for
offers first, which takes some seconds.`,
		Example: `  dcos flink debug placement demo --task-managers 40
  dcos flink debug placement demo --task-managers 40 --refresh --json`,
		Args: command.Args("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name = args[0]
			if o.TaskManagers < 1 || o.TaskManagers > maxMore {
				return command.Flagf("--task-managers %d: use an integer from 1 to %d", o.TaskManagers, maxMore)
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames),
	}
	cmd.Flags().IntVar(&o.TaskManagers, "task-managers", 1, "how many more")
	cmd.Flags().BoolVar(&o.Refresh, "refresh", false, "request fresh offers from Mesos first")
	o.Output.RegisterJSON(cmd)
	return cmd
}

// placementRun asks and shows the answer.
func placementRun(ctx context.Context, o *PlacementOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	fit, err := c.Placement(ctx, o.Name, o.TaskManagers, o.Refresh)
	if err != nil {
		return err
	}
	if o.Output.JSON {
		return o.Streams.JSON(fit)
	}
	return printFit(o, fit)
}

func printFit(o *PlacementOptions, fit wire.Fit) error {
	now := o.Clock.Now()
	fields := o.Streams.Fields()
	fields.Add("Cluster", fit.Cluster)
	fields.Add("Fit", strconv.Itoa(fit.Fit)+" of "+strconv.Itoa(fit.TaskManagers))
	fields.Add("Each needs", fit.Needs)
	fields.Add("Agents known", strconv.Itoa(fit.KnownAgents))
	fields.Add("Oldest offer", o.Streams.Time(fit.Oldest, now))
	fields.Add("Newest offer", o.Streams.Time(fit.Newest, now))
	for _, n := range fit.Notes {
		fields.Add("Note", n)
	}
	if err := fields.Print(); err != nil {
		return err
	}
	if len(fit.Agents) > 0 {
		o.Streams.Outf("\n")
		heading := "SEEN"
		if o.Streams.OutTerminal {
			heading = "AGE"
		}
		table := o.Streams.Table("HOST", "REGION", "ZONE", "TASKMANAGERS", heading).Spare("REGION", "ZONE")
		for _, a := range fit.Agents {
			table.Row(a.Hostname, a.Region, a.Zone, strconv.Itoa(a.TaskManagers), o.Streams.Time(a.Seen, now))
		}
		if err := table.Print(); err != nil {
			return err
		}
	}
	if len(fit.Blocked) == 0 {
		return nil
	}
	o.Streams.Outf("\n")
	table := o.Streams.Table("BLOCKED BY", "AGENTS", "HOSTS", "WHY")
	for _, b := range fit.Blocked {
		hosts := strings.Join(b.Hosts, ",")
		if b.Agents > len(b.Hosts) {
			hosts += ",…"
		}
		table.Row(b.What, strconv.Itoa(b.Agents), hosts, b.Message)
	}
	return table.Print()
}
