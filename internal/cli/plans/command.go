package plans

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// CommandOptions are what `plan pause` and the other commands on a plan were told.
type CommandOptions struct {
	*command.Factory
	client.PlanCommand
	// Question is asked before something is destroyed; empty asks nothing.
	Question string
	Yes      bool
	// Done is said afterwards.
	Done   string
	Output command.Output
}

// verb is one of the commands.
type verb struct {
	use, short, long, example string
	aliases                   []string
	// command is the word of the API; question and done are formats of what the command is about.
	command, question, done string
	// args are the least and the words of the arguments.
	args []string
}

// newVerb returns a command on the plan; run replaces its work in tests.
func newVerb(f *command.Factory, v verb, run func(context.Context, *CommandOptions) error) *cobra.Command {
	o := &CommandOptions{Factory: f}
	if run == nil {
		run = commandRun
	}
	cmd := &cobra.Command{
		Use: v.use, Aliases: v.aliases, Short: v.short, Long: v.long, Example: v.example,
		Args: command.Args(v.args...),
		RunE: func(cmd *cobra.Command, args []string) error {
			args = append(args, "", "", "")[:3]
			o.PlanCommand = client.PlanCommand{Plan: args[0], Command: v.command, Phase: args[1], Step: args[2]}
			if o.Plan == "" {
				o.Plan = deploy
			}
			if v.question != "" {
				o.Question = fmt.Sprintf(v.question, about(o.PlanCommand))
			}
			o.Done = fmt.Sprintf(v.done, about(o.PlanCommand))
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete([]command.Names{names, phases, steps}[:len(v.args)]...),
	}
	if v.question != "" {
		cmd.Flags().BoolVarP(&o.Yes, "yes", "y", false, "skip the confirmation prompt")
	}
	o.Output.RegisterQuiet(cmd)
	return cmd
}

// about says what a command is about.
func about(p client.PlanCommand) string {
	switch {
	case p.Step != "":
		return "step " + p.Step
	case p.Phase != "":
		return "phase " + p.Phase
	}
	return "plan " + p.Plan
}

// commandRun gives the command.
func commandRun(ctx context.Context, o *CommandOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	if o.Question != "" {
		if err := o.Confirm(o.Yes, "%s", o.Question); err != nil {
			return err
		}
	}
	if err := c.CommandPlan(ctx, o.PlanCommand); err != nil {
		return err
	}
	if !o.Output.Quiet {
		o.Streams.Outf("%s\n", o.Done)
	}
	return nil
}

// NewPause returns the command `plan pause`; run replaces its work in tests.
func NewPause(f *command.Factory, run func(context.Context, *CommandOptions) error) *cobra.Command {
	return newVerb(f, verb{
		use: "pause [PLAN] [PHASE]", aliases: []string{"interrupt"}, short: "Pause task launches until the plan is resumed",
		long: `Pause task launches of all clusters, or of one, until the plan is resumed. Running tasks keep running;
tasks that end are not replaced. To release the resources of a cluster, use cluster suspend.`,
		example: `  dcos flink plan pause deploy
  dcos flink plan pause deploy demo`,
		command: "interrupt", args: []string{"[PLAN]", "[PHASE]"},
		done: "The %s is paused: resume it with dcos flink plan resume",
	}, run)
}

// NewResume returns the command `plan resume`; run replaces its work in tests.
func NewResume(f *command.Factory, run func(context.Context, *CommandOptions) error) *cobra.Command {
	return newVerb(f, verb{
		use: "resume [PLAN] [PHASE]", aliases: []string{"continue"}, short: "Resume a paused plan",
		long: "Resume a paused plan, for all clusters or for one.",
		example: `  dcos flink plan resume deploy
  dcos flink plan resume deploy demo`,
		command: "continue", args: []string{"[PLAN]", "[PHASE]"},
		done: "The %s is resumed: see dcos flink plan status",
	}, run)
}

// NewRestart returns the command `plan force-restart`; run replaces its work in tests.
func NewRestart(f *command.Factory, run func(context.Context, *CommandOptions) error) *cobra.Command {
	return newVerb(f, verb{
		use: "force-restart PLAN PHASE [STEP]", aliases: []string{"restart"}, short: "Replace the tasks of a phase, or that of a step",
		long: `Replace the tasks of a phase (a cluster), or the task of one step, like cluster restart and worker restart.
Asks for confirmation.`,
		example: `  dcos flink plan force-restart deploy demo
  dcos flink plan force-restart deploy demo demo-x7k2-tm-3 --yes`,
		command: "restart", args: []string{"PLAN", "PHASE", "[STEP]"},
		question: "Replace the tasks of %s?", done: "The %s is restarted: see dcos flink plan status",
	}, run)
}

// NewForceComplete returns the command `plan force-complete`; run replaces its work in tests.
func NewForceComplete(f *command.Factory, run func(context.Context, *CommandOptions) error) *cobra.Command {
	return newVerb(f, verb{
		use: "force-complete PLAN PHASE [STEP]", aliases: []string{"force"}, short: "Force a step to be complete (not supported)",
		long: `Force a step to be complete, as other services allow. This service rejects it: a step is a Flink task and
completes only when the task is running. To drop a task, change the spec of the cluster.`,
		example: `  dcos flink plan force-complete deploy demo demo-x7k2-tm-3`,
		command: "forceComplete", args: []string{"PLAN", "PHASE", "[STEP]"},
		done: "The %s is complete",
	}, run)
}
