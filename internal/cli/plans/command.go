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
	// Question is asked on a terminal before something is destroyed; empty asks nothing.
	Question string
	Yes      bool
	// Done is said afterwards, Already when nothing was to be changed.
	Done, Already string
	Output        command.Output
}

// verb is one of the commands.
type verb struct {
	use, short, long, example string
	aliases                   []string
	// command is the word of the API; question, done and already are formats of what the command is about.
	command, question, done, already string
	// args are the least and the words of the arguments, the plan first.
	args []string
	// update says that it is a command of the group update, whose plan is deploy and not an argument.
	update bool
}

// newVerb returns a command on a plan; run replaces its work in tests.
func newVerb(f *command.Factory, v verb, run func(context.Context, *CommandOptions) error) *cobra.Command {
	o := &CommandOptions{Factory: f}
	if run == nil {
		run = commandRun
	}
	words, lists := v.args, []command.Names{names, phases, steps}[:len(v.args)]
	if v.update {
		words = v.args[1:]
		lists = []command.Names{ofDeploy(phases), ofDeploy(steps)}[:len(words)]
	}
	cmd := &cobra.Command{
		Use: v.use, Aliases: v.aliases, Short: v.short, Long: v.long, Example: v.example,
		Args: command.Args(words...),
		RunE: func(cmd *cobra.Command, args []string) error {
			if v.update {
				args = append([]string{deploy}, args...)
			}
			args = append(args, "", "", "")[:3]
			o.PlanCommand = client.PlanCommand{Plan: args[0], Command: v.command, Phase: args[1], Step: args[2]}
			if o.Plan == "" {
				o.Plan = deploy
			}
			if v.question != "" {
				o.Question = fmt.Sprintf(v.question, about(o.PlanCommand))
			}
			o.Done, o.Already = fmt.Sprintf(v.done, about(o.PlanCommand)), fmt.Sprintf(v.already, about(o.PlanCommand))
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(lists...),
	}
	if v.question != "" {
		cmd.Flags().BoolVarP(&o.Yes, "yes", "y", false, "skip the confirmation prompt")
	}
	if v.command == "start" {
		// SDK services take parameters of plans that are jobs; here there is none.
		cmd.Flags().StringArrayP("params", "p", nil, "accepted for compatibility and ignored")
	}
	o.Output.RegisterQuiet(cmd)
	return cmd
}

// ofDeploy completes arguments that follow the plan deploy, which is not written.
func ofDeploy(list command.Names) command.Names {
	return func(ctx context.Context, c *client.Client, before []string) ([]string, error) {
		return list(ctx, c, append([]string{deploy}, before...))
	}
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
		if err := o.ConfirmOnTerminal(o.Yes, "%s", o.Question); err != nil {
			return err
		}
	}
	changed, err := c.CommandPlan(ctx, o.PlanCommand)
	switch {
	case err != nil:
		return err
	case o.Output.Quiet:
		return nil
	case !changed:
		o.Streams.Outf("%s\n", o.Already)
		return nil
	}
	o.Streams.Outf("%s\n", o.Done)
	if (o.Command == "interrupt" || o.Command == "stop") && o.Phase == "" {
		if p, _, err := c.Plan(ctx, o.Plan); err == nil && len(p.Phases) == 0 {
			o.Streams.Outf("There is no cluster to pause; those that are created from now on wait until the plan is resumed\n")
		}
	}
	return nil
}

// build returns a command of the group plan, or of the group update.
func build(f *command.Factory, v verb, update bool, run func(context.Context, *CommandOptions) error) *cobra.Command {
	v.update = update
	return newVerb(f, v, run)
}

// usage puts together how a command is called.
func usage(update bool, word, arguments, plan string) string {
	if update {
		return word + arguments
	}
	return word + " " + plan + arguments
}

// example is how a command is called in the help of a group.
func example(update bool, word string, rest ...string) string {
	group, text := "plan "+word+" deploy", ""
	if update {
		group = "update " + word
	}
	for i, r := range rest {
		if i > 0 {
			text += "\n"
		}
		text += "  dcos flink " + group + r
	}
	return text
}

// NewPause returns the command `plan pause`; run replaces its work in tests.
func NewPause(f *command.Factory, run func(context.Context, *CommandOptions) error) *cobra.Command {
	return newPause(f, false, run)
}

// newPause returns the command `plan pause`, or `update pause`.
func newPause(f *command.Factory, update bool, run func(context.Context, *CommandOptions) error) *cobra.Command {
	return build(f, verb{
		use: usage(update, "pause", " [PHASE]", "[PLAN]"), aliases: []string{"interrupt"}, short: "Pause task launches until the plan is resumed",
		long: `Pause task launches of one cluster (a phase), or of all clusters and those that are created later, until the plan
is resumed. Running tasks keep running; tasks that end are not replaced. To release the resources of a cluster,
use cluster suspend.`,
		example: example(update, "pause", "", " demo"),
		command: "interrupt", args: []string{"[PLAN]", "[PHASE]"},
		done: "The %s is paused: resume it with dcos flink plan resume", already: "The %s is already paused",
	}, update, run)
}

// NewResume returns the command `plan resume`; run replaces its work in tests.
func NewResume(f *command.Factory, run func(context.Context, *CommandOptions) error) *cobra.Command {
	return newResume(f, false, run)
}

// newResume returns the command `plan resume`, or `update resume`.
func newResume(f *command.Factory, update bool, run func(context.Context, *CommandOptions) error) *cobra.Command {
	return build(f, verb{
		use: usage(update, "resume", " [PHASE]", "[PLAN]"), aliases: []string{"continue"}, short: "Resume a paused plan",
		long:    "Resume a paused plan, for one cluster (a phase) or for all.",
		example: example(update, "resume", "", " demo"),
		command: "continue", args: []string{"[PLAN]", "[PHASE]"},
		done: "The %s is resumed: see dcos flink plan status", already: "The %s is not paused",
	}, update, run)
}

// NewStart returns the command `plan start`; run replaces its work in tests.
func NewStart(f *command.Factory, run func(context.Context, *CommandOptions) error) *cobra.Command {
	return newVerb(f, verb{
		use: "start PLAN", short: "Resume a plan that was stopped",
		long: `Resume a plan that was stopped or paused, for all clusters. A plan needs no other start: it is in progress whenever
there is something to do.`,
		example: "  dcos flink plan start deploy",
		command: "start", args: []string{"PLAN"},
		done: "The %s is resumed: see dcos flink plan status", already: "The %s is already started",
	}, run)
}

// NewStop returns the command `plan stop`; run replaces its work in tests.
func NewStop(f *command.Factory, run func(context.Context, *CommandOptions) error) *cobra.Command {
	return newVerb(f, verb{
		use: "stop PLAN", short: "Pause a plan for all clusters",
		long:    "Pause a plan for all clusters, and for those that are created later, like plan pause. Running tasks keep running.",
		example: "  dcos flink plan stop deploy",
		command: "stop", args: []string{"PLAN"},
		done: "The %s is paused: resume it with dcos flink plan resume", already: "The %s is already paused",
	}, run)
}

// NewRestart returns the command `plan force-restart`; run replaces its work in tests.
func NewRestart(f *command.Factory, run func(context.Context, *CommandOptions) error) *cobra.Command {
	return newRestart(f, false, run)
}

// newRestart returns the command `plan force-restart`, or `update force-restart`.
func newRestart(f *command.Factory, update bool, run func(context.Context, *CommandOptions) error) *cobra.Command {
	return build(f, verb{
		use: usage(update, "force-restart", " [PHASE] [STEP]", "PLAN"), aliases: []string{"restart"}, short: "Replace the tasks of all clusters, of a phase, or of a step",
		long: `Replace the tasks of all clusters, of one cluster (a phase), or of one pod (a step), like cluster restart and worker
restart. Asks for confirmation on a terminal.`,
		example: example(update, "force-restart", "", " demo", " demo demo-taskmanager-3 --yes"),
		command: "restart", args: []string{"PLAN", "[PHASE]", "[STEP]"},
		question: "Replace the tasks of %s?", done: "The %s is restarted: see dcos flink plan status", already: "The %s is already being restarted",
	}, update, run)
}

// NewForceComplete returns the command `plan force-complete`; run replaces its work in tests.
func NewForceComplete(f *command.Factory, run func(context.Context, *CommandOptions) error) *cobra.Command {
	return newForceComplete(f, false, run)
}

// newForceComplete returns the command `plan force-complete`, or `update force-complete`.
func newForceComplete(f *command.Factory, update bool, run func(context.Context, *CommandOptions) error) *cobra.Command {
	return build(f, verb{
		use: usage(update, "force-complete", " PHASE [STEP]", "PLAN"), aliases: []string{"force"}, short: "Force a step to be complete (not supported)",
		long: `Force a step to be complete, as other services allow. This service rejects it: a step is a Flink task and
completes only when the task is running. To drop a task, change the spec of the cluster.`,
		example: example(update, "force-complete", " demo demo-taskmanager-3"),
		command: "forceComplete", args: []string{"PLAN", "PHASE", "[STEP]"},
		done: "The %s is complete", already: "The %s is already complete",
	}, update, run)
}
