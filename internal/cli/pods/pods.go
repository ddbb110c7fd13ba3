// Package pods owns the commands about pods, with the verbs that the tools of DC/OS SDK services
// have: each JobManager and each TaskManager is a pod of one task.
package pods

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// New returns the command `pod` with its verbs.
func New(f *command.Factory) *cobra.Command {
	cmd := command.Group("pod", "Look at the service's pods and replace them",
		"Look at the service's pods and replace them, as with every DC/OS SDK service. Each JobManager and\n"+
			"each TaskManager is a pod of one task. A pod keeps its name when its task is replaced.",
		NewList(f, nil),
		NewStatus(f, nil),
		NewInfo(f, nil),
		NewRestart(f, nil),
		NewReplace(f, nil),
	)
	cmd.Aliases = []string{"pods"}
	return cmd
}

// names lists the pods.
func names(ctx context.Context, c *client.Client, _ []string) ([]string, error) {
	return c.Pods(ctx)
}

// ListOptions are what `pod list` was told.
type ListOptions struct {
	*command.Factory
	Output command.Output
}

// NewList returns the command `pod list`; run replaces its work in tests.
func NewList(f *command.Factory, run func(context.Context, *ListOptions) error) *cobra.Command {
	o := &ListOptions{Factory: f}
	if run == nil {
		run = listRun
	}
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the pods",
		Long:    "List the names of the pods of all clusters; in JSON when the output is not a terminal.",
		Example: `  dcos flink pod list
  dcos flink pod list --json`,
		Args:              command.Args(),
		RunE:              func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.Output.Register(cmd)
	return cmd
}

// listRun lists the pods.
func listRun(ctx context.Context, o *ListOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	list, err := c.Pods(ctx)
	if err != nil {
		return err
	}
	return o.Output.PrintNames(o.Streams, "POD", list)
}

// StatusOptions are what `pod status` was told.
type StatusOptions struct {
	*command.Factory
	// Pod is empty for all.
	Pod    string
	Output command.Output
}

// NewStatus returns the command `pod status`; run replaces its work in tests.
func NewStatus(f *command.Factory, run func(context.Context, *StatusOptions) error) *cobra.Command {
	o := &StatusOptions{Factory: f}
	if run == nil {
		run = statusRun
	}
	cmd := &cobra.Command{
		Use:   "status [POD]",
		Short: "Show the state of the pods' tasks",
		Long:  "Show the state of the tasks of one pod or of all.",
		Example: `  dcos flink pod status
  dcos flink pod status demo-jobmanager-0 --json`,
		Args: command.Args("[POD]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.Pod = args[0]
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(names),
	}
	o.Output.RegisterJSON(cmd)
	return cmd
}

// statusRun shows the pods.
func statusRun(ctx context.Context, o *StatusOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	pods, raw, err := c.PodStatuses(ctx)
	if o.Pod != "" {
		pods = make([]client.Pod, 1)
		pods[0], raw, err = c.PodStatus(ctx, o.Pod)
	}
	if err != nil {
		return err
	}
	if o.Output.JSON {
		return o.Streams.JSON(raw)
	}
	table := o.Streams.Table("POD", "TASK", "STATUS")
	for _, p := range pods {
		for _, t := range p.Tasks {
			table.Row(p.Name, t.ID, t.Status)
		}
	}
	return table.Print()
}

// InfoOptions are what `pod info` was told.
type InfoOptions struct {
	*command.Factory
	Pod string
}

// NewInfo returns the command `pod info`; run replaces its work in tests.
func NewInfo(f *command.Factory, run func(context.Context, *InfoOptions) error) *cobra.Command {
	o := &InfoOptions{Factory: f}
	if run == nil {
		run = infoRun
	}
	return &cobra.Command{
		Use:     "info POD",
		Short:   "Print the details of a pod as JSON",
		Long:    "Print the details of a pod as JSON: the TaskInfo and the last TaskStatus of its task.",
		Example: `  dcos flink pod info demo-jobmanager-0`,
		Args:    command.Args("POD"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Pod = args[0]
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(names),
	}
}

// infoRun prints the pod.
func infoRun(ctx context.Context, o *InfoOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	raw, err := c.Raw(ctx, "pod", o.Pod, "info")
	if err != nil {
		return err
	}
	return o.Streams.JSON(raw)
}

// CommandOptions are what `pod restart` and `pod replace` were told.
type CommandOptions struct {
	*command.Factory
	Pod string
	// Command is restart or replace.
	Command string
	Yes     bool
	Output  command.Output
}

// newCommand returns a command on a pod; run replaces its work in tests.
func newCommand(f *command.Factory, verb, long string, run func(context.Context, *CommandOptions) error) *cobra.Command {
	o := &CommandOptions{Factory: f, Command: verb}
	if run == nil {
		run = commandRun
	}
	cmd := &cobra.Command{
		Use:     verb + " POD",
		Short:   strings.ToUpper(verb[:1]) + verb[1:] + " a pod",
		Long:    long,
		Example: fmt.Sprintf("  dcos flink pod %[1]s demo-taskmanager-3\n  dcos flink pod %[1]s demo-taskmanager-3 --yes", verb),
		Args:    command.Args("POD"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Pod = args[0]
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(names),
	}
	cmd.Flags().BoolVarP(&o.Yes, "yes", "y", false, "skip the confirmation prompt")
	o.Output.RegisterQuiet(cmd)
	return cmd
}

// NewRestart returns the command `pod restart`; run replaces its work in tests.
func NewRestart(f *command.Factory, run func(context.Context, *CommandOptions) error) *cobra.Command {
	return newCommand(f, "restart", `Restart a pod: its task is replaced by a new one, on the agent of its reservation with the same volumes, or
else on any agent. Affected jobs restart from their last checkpoint. Asks for confirmation on a terminal.`, run)
}

// NewReplace returns the command `pod replace`; run replaces its work in tests.
func NewReplace(f *command.Factory, run func(context.Context, *CommandOptions) error) *cobra.Command {
	return newCommand(f, "replace", `Replace a pod: its task is replaced by a new one on any agent, and its reservation and volumes are released.
Affected jobs restart from their last checkpoint. Asks for confirmation on a terminal.`, run)
}

// commandRun gives the command.
func commandRun(ctx context.Context, o *CommandOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	if err := o.ConfirmOnTerminal(o.Yes, "%s pod %s?", strings.ToUpper(o.Command[:1])+o.Command[1:], o.Pod); err != nil {
		return err
	}
	tasks, err := c.CommandPod(ctx, o.Pod, o.Command)
	if err != nil {
		return err
	}
	if !o.Output.Quiet {
		o.Streams.Outf("Pod %s: %s is being replaced, see dcos flink pod status\n", o.Pod, strings.Join(tasks, ", "))
	}
	return nil
}
