// Package jars owns the commands about jars that were uploaded to a cluster's JobManager.
package jars

import (
	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
)

// New returns the command `jar` with its verbs.
func New(f *command.Factory) *cobra.Command {
	cmd := command.Group("jar", "Upload, list and delete jars of a cluster",
		"Upload, list and delete the jars that a cluster's JobManager keeps. They are gone when the\nJobManager is replaced; job run with a local file uploads it each time.",
		NewUpload(f, nil),
		NewList(f, nil),
		NewDelete(f, nil),
	)
	cmd.Aliases = []string{"jars"}
	cmd.Annotations = map[string]string{command.Successor: "jar list CLUSTER"}
	return cmd
}
