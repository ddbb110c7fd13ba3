// Package artifacts owns the commands about files that the service keeps for tasks.
package artifacts

import (
	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
)

// New returns the command `artifact` with its verbs.
func New(f *command.Factory) *cobra.Command {
	cmd := command.Group("artifact", "Upload, list and delete files that tasks fetch",
		"Upload, list and delete files that the service keeps, under their SHA-256, for tasks to fetch.\nA spec names one by its URI, artifact:<sha256>/<name>.",
		NewUpload(f, nil),
		NewList(f, nil),
		NewDelete(f, nil),
	)
	cmd.Aliases = []string{"artifacts"}
	return cmd
}
