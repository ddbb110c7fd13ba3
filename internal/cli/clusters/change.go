package clusters

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/client"
)

// ChangeFlags are those of any command that changes the spec of a cluster.
type ChangeFlags struct {
	// Message is why, for the history.
	Message string
	// Generation is that of the spec which the cluster is expected to have; 0 for whatever it has.
	Generation int64
}

// Register adds the flags to a command.
func (o *ChangeFlags) Register(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.Message, "message", "m", "", "why, for the history")
	cmd.Flags().Int64Var(&o.Generation, "check-generation", 0, "change nothing unless the cluster is at this generation")
}

// In is the context of the change.
func (o ChangeFlags) In(ctx context.Context) context.Context {
	return client.With(ctx, client.Change{Reason: o.Message, Generation: o.Generation})
}
