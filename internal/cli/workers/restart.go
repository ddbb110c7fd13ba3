package workers

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// RestartOptions are what `worker restart` and `worker replace` were told.
type RestartOptions struct {
	*command.Factory
	Cluster string
	Task    string
	// Replace gives up what is reserved for the task on its agent.
	Replace bool
	Yes     bool
	Output  command.Output
}

// NewRestart returns the command `worker restart`; run replaces its work in tests.
func NewRestart(f *command.Factory, run func(context.Context, *RestartOptions) error) *cobra.Command {
	return newCommand(&RestartOptions{Factory: f}, "restart", "Restart a task",
		`Restart a task: it is replaced by a new one, on the agent of its reservation with the same volumes,
or else on any agent. Affected jobs restart from their last checkpoint. Asks for confirmation.`, run)
}

// NewReplace returns the command `worker replace`; run replaces its work in tests.
func NewReplace(f *command.Factory, run func(context.Context, *RestartOptions) error) *cobra.Command {
	return newCommand(&RestartOptions{Factory: f, Replace: true}, "replace", "Replace a task and release its reservation",
		`Replace a task by a new one on any agent; its reservation and volumes are released.
Affected jobs restart from their last checkpoint. Asks for confirmation.`, run)
}

func newCommand(o *RestartOptions, verb, short, long string, run func(context.Context, *RestartOptions) error) *cobra.Command {
	if run == nil {
		run = restartRun
	}
	cmd := &cobra.Command{
		Use:     verb + " CLUSTER TASK",
		Short:   short,
		Long:    long,
		Example: fmt.Sprintf("  dcos flink worker %[1]s demo demo-tm-2\n  dcos flink worker %[1]s demo demo-tm-2 --yes", verb),
		Args:    command.Args("CLUSTER", "TASK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Cluster, o.Task = args[0], args[1]
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: o.Complete(command.ClusterNames, command.WorkerIDs),
	}
	cmd.Flags().BoolVarP(&o.Yes, "yes", "y", false, "skip the confirmation prompt")
	o.Output.RegisterQuiet(cmd)
	return cmd
}

// restartRun replaces the task.
func restartRun(ctx context.Context, o *RestartOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	warning := ""
	if !o.Yes {
		warning = unprotected(ctx, c, o.Cluster)
	}
	if err := o.Confirm(o.Yes, "%sReplace task %s of cluster %s?", warning, o.Task, o.Cluster); err != nil {
		return err
	}
	restart := c.RestartTask
	if o.Replace {
		restart = c.ReplaceTask
	}
	if err := restart(ctx, o.Cluster, o.Task); err != nil {
		return err
	}
	if !o.Output.Quiet {
		o.Streams.Outf("Task %s is being replaced: see dcos flink worker list %s\n", o.Task, o.Cluster)
	}
	return nil
}

// maxAsked bounds the jobs that are asked for their checkpoints.
const maxAsked = 20

// unprotected warns of running jobs without a completed checkpoint: they begin anew, or fail. It is empty when there is
// none, and when Flink cannot be asked, in which case the task may be replaced all the same.
func unprotected(ctx context.Context, c *client.Client, cluster string) string {
	flink := c.Flink(cluster)
	list, err := flink.Jobs(ctx)
	if err != nil {
		return ""
	}
	var names []string
	for _, j := range list.Jobs[:min(len(list.Jobs), maxAsked)] {
		if j.State.Over() {
			continue
		}
		if k, err := flink.Checkpoints(ctx, j.ID); err == nil && k.Counts.Completed+k.Counts.Restored == 0 {
			names = append(names, j.Name+" ("+j.ID+")")
		}
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return "Job " + names[0] + " has no checkpoint: if it uses the task, it starts anew or fails. "
	}
	return "Jobs " + strings.Join(names, ", ") + " have no checkpoint: those that use the task start anew or fail. "
}
