package clusters

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
)

// StoryOptions are what a command was told that shows what became of a cluster.
type StoryOptions struct {
	*command.Factory
	Name   string
	Follow bool
	// Revisions asks for the revisions of the spec, not for the operations.
	Revisions bool
	Output    command.Output
}

// newStory completes a command of that kind.
func newStory(o *StoryOptions, cmd *cobra.Command, run func(context.Context, *StoryOptions) error) *cobra.Command {
	cmd.Args = command.Args("NAME")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Name = args[0]
		if o.Follow && o.Output.JSON {
			return command.Flagf("--follow and --json exclude each other")
		}
		if o.Follow && o.Revisions {
			return command.Flagf("--follow and --revisions exclude each other")
		}
		return run(cmd.Context(), o)
	}
	cmd.ValidArgsFunction = o.Complete(command.ClusterNames)
	cmd.Flags().BoolVar(&o.Follow, "follow", false, "follow until interrupted")
	o.Output.RegisterJSON(cmd)
	return cmd
}

// story is a list that grows.
type story[T any] struct {
	// name is that of the list in JSON.
	name string
	// after returns what came after a cursor, and the next cursor; of all that is kept when it is empty.
	after func(ctx context.Context, cursor string) ([]T, string, error)
	// table prints what there is, line one of what comes later.
	table func([]T) error
	line  func(T)
}

// tell prints the story, and what comes to it when that is asked for.
func (s story[T]) tell(ctx context.Context, o *StoryOptions) error {
	list, cursor, err := s.after(ctx, "")
	if err != nil {
		return err
	}
	if o.Output.JSON {
		return o.Streams.JSON(map[string]any{s.name: list})
	}
	if err := s.table(list); err != nil || !o.Follow {
		return err
	}
	err = o.Factory.Follow(ctx, patience, nil, func(ctx context.Context) (bool, error) {
		now, next, err := s.after(ctx, cursor)
		if err != nil {
			return false, err
		}
		for _, e := range now {
			s.line(e)
		}
		cursor = next
		return false, nil
	})
	if errors.Is(err, context.Canceled) {
		return nil // Ctrl-C is how following ends.
	}
	return err
}
