// Package jobs owns the commands about jobs: `job run` and the like. It speaks to Flink's
// REST API through the service, and follows a job to its end.
package jobs

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// New returns the command `job` with its verbs.
func New(f *command.Factory) *cobra.Command {
	cmd := command.Group("job", "Run, watch and stop jobs",
		"Run, watch and stop jobs on a cluster. They are jobs of Flink: the commands speak to the\ncluster's own REST API through the service.",
		NewRun(f, nil),
		NewList(f, nil),
		NewDescribe(f, nil),
		NewCancel(f, nil),
		NewStop(f, nil),
		NewSavepoint(f, nil),
		NewExceptions(f, nil),
		NewCheckpoints(f, nil),
		NewMetrics(f, nil),
	)
	cmd.Aliases = []string{"jobs"}
	return cmd
}

// Target names a job of a cluster.
type Target struct {
	Cluster string
	Job     string
}

// flink returns the REST client of the target's cluster.
func (t Target) flink(f *command.Factory) (*client.Flink, error) {
	c, err := f.Client()
	if err != nil {
		return nil, err
	}
	return c.Flink(t.Cluster), nil
}

// targeted makes a command whose arguments are CLUSTER JOB.
func targeted(f *command.Factory, cmd *cobra.Command, to *Target, run func(context.Context) error) *cobra.Command {
	cmd.Args = command.Args("CLUSTER", "JOB")
	cmd.ValidArgsFunction = f.Complete(command.ClusterNames, command.JobIDs)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		to.Cluster, to.Job = args[0], args[1]
		return run(cmd.Context())
	}
	return cmd
}
