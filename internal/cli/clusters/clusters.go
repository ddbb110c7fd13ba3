// Package clusters owns the commands about clusters: `cluster create` and the like. It
// follows a cluster on its way up, and turns flags and spec files into specs; what a
// spec may say is for the service to judge.
package clusters

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
)

// New returns the command `cluster` with its verbs; more are those that other packages own.
func New(f *command.Factory, more ...*cobra.Command) *cobra.Command {
	cmd := command.Group("cluster", "Create, change and look at Flink clusters",
		"Create, change and look at Flink clusters. A session cluster runs until it is deleted;\nan application or job cluster ends with its job.",
		slices.Concat([]*cobra.Command{
			NewCreate(f, nil),
			NewList(f, nil),
			NewDescribe(f, nil),
			NewUpdate(f, nil),
			NewScale(f, nil),
			NewRestart(f, nil),
			NewSuspend(f, nil),
			NewResume(f, nil),
			NewDelete(f, nil),
			NewUI(f, nil),
			NewEvents(f, nil),
			NewHistory(f, nil),
			NewLogs(f, nil),
		}, more)...,
	)
	cmd.Aliases = []string{"clusters"}
	return cmd
}
