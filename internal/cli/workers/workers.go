// Package workers owns the commands about the tasks of a cluster.
package workers

import (
	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
)

// New returns the command `worker` with its verbs.
func New(f *command.Factory) *cobra.Command {
	cmd := command.Group("worker", "List, replace and read the tasks of a cluster",
		"List, replace and read the Mesos tasks of a cluster: its TaskManagers and its JobManager.",
		NewList(f, nil),
		NewRestart(f, nil),
		NewReplace(f, nil),
		NewLogs(f, nil),
	)
	cmd.Aliases = []string{"workers", "task", "tasks"}
	return cmd
}
