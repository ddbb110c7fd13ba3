package plans

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
)

// StatusOptions are what `plan status` was told.
type StatusOptions struct {
	*command.Factory
	Plan   string
	Output command.Output
}

// NewStatus returns the command `plan status`; run replaces its work in tests.
func NewStatus(f *command.Factory, run func(context.Context, *StatusOptions) error) *cobra.Command {
	o := &StatusOptions{Factory: f, Plan: deploy}
	if run == nil {
		run = statusRun
	}
	cmd := &cobra.Command{
		Use:     "status [PLAN]",
		Aliases: []string{"show"},
		Short:   "Show the progress of a plan",
		Long: `Show the progress of a plan: its phases (clusters), their steps (pods), and what each waits for. Without a name
it is the plan deploy. Errors of the plan go to stderr; the plan is printed in any case.`,
		Example: `  dcos flink plan status
  dcos flink plan status deploy --json`,
		Args: command.Args("[PLAN]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.Plan = args[0]
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(names),
	}
	o.Output.RegisterJSON(cmd)
	return cmd
}

// NewUpdateStatus returns the command `update status`; run replaces its work in tests.
func NewUpdateStatus(f *command.Factory, run func(context.Context, *StatusOptions) error) *cobra.Command {
	o := &StatusOptions{Factory: f, Plan: deploy}
	if run == nil {
		run = statusRun
	}
	cmd := &cobra.Command{
		Use:     "status",
		Aliases: []string{"show"},
		Short:   "Show the progress of the plan deploy",
		Long: `Show the progress of the plan deploy, like plan status. It answers once the updated service runs again; how far
Marathon is with that, dcos marathon deployment list shows.`,
		Example: `  dcos flink update status
  dcos flink update status --json`,
		Args:              command.Args(),
		RunE:              func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.Output.RegisterJSON(cmd)
	return cmd
}

// statusRun shows the plan.
func statusRun(ctx context.Context, o *StatusOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	p, raw, err := c.Plan(ctx, o.Plan)
	if err != nil {
		return err
	}
	if o.Output.JSON {
		return o.Streams.JSON(raw)
	}
	fields := o.Streams.Fields()
	fields.Add("Plan", o.Plan)
	fields.Add("Status", p.Status)
	if p.Paused {
		fields.Add("Launches", "paused for all clusters, also those created later: resume them with dcos flink plan resume "+o.Plan)
	}
	if err := fields.Print(); err != nil || len(p.Phases) == 0 {
		return err
	}
	o.Streams.Outf("\n")
	table := o.Streams.Table("PHASE", "STEP", "STATUS", "MESSAGE")
	for _, phase := range p.Phases {
		note := ""
		if phase.Paused && !p.Paused {
			note = "task launches are paused"
		}
		table.Row(phase.Name, "", phase.Status, note)
		for _, s := range phase.Steps {
			table.Row(phase.Name, s.Name, s.Status, s.Message)
		}
	}
	if err := table.Print(); err != nil {
		return err
	}
	for _, e := range p.Errors {
		o.Streams.Errf("Error in the plan: %s\n", e)
	}
	return nil
}
