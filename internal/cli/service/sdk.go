package service

import (
	"context"
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// raw is a command that prints an answer of the API as it is, as the command lines of DC/OS SDK services do.
type raw struct {
	use, short, example string
	// path is below /v1; the arguments follow it.
	path, args []string
	// names completes the argument; nil for none.
	names command.Names
}

// newRaw returns such a command.
func newRaw(f *command.Factory, r raw) *cobra.Command {
	cmd := &cobra.Command{
		Use: r.use, Short: r.short, Long: r.short + ", in JSON.", Example: r.example,
		Args: command.Args(r.args...),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.Client()
			if err != nil {
				return err
			}
			data, err := c.Raw(cmd.Context(), append(append([]string{}, r.path...), args...)...)
			if err != nil {
				return err
			}
			return f.Streams.JSON(data)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	if r.names != nil {
		cmd.ValidArgsFunction = f.Complete(r.names)
	}
	return cmd
}

// rawNames completes with the names that the API lists below a path.
func rawNames(path ...string) command.Names {
	return func(ctx context.Context, c *client.Client, _ []string) ([]string, error) {
		data, err := c.Raw(ctx, path...)
		if err != nil {
			return nil, err
		}
		var names []string
		err = json.Unmarshal(data, &names)
		return names, err //nolint:wrapcheck // Nobody reads it: a completion never fails.
	}
}

// properties completes with the names of the properties.
func properties(ctx context.Context, c *client.Client, before []string) ([]string, error) {
	return rawNames("state", "properties")(ctx, c, before)
}

// newConfig returns the command `debug config` with its verbs.
func newConfig(f *command.Factory) *cobra.Command {
	cmd := command.Group("config", "Print the configuration of the service",
		"Print the configuration of the service: what was asked for of all clusters, without secrets.",
		newRaw(f, raw{
			use: "list", short: "Print the ids of the configurations", path: []string{"configurations"},
			example: "  dcos flink debug config list",
		}),
		newRaw(f, raw{
			use: "show ID", short: "Print a configuration", path: []string{"configurations"}, args: []string{"ID"},
			example: "  dcos flink debug config show 3f1c2d7e-8b1f-8c36-9d47-0a5be1a0c9d2", names: rawNames("configurations"),
		}),
		newRaw(f, raw{
			use: "target", short: "Print the target configuration", path: []string{"configurations", "target"},
			example: "  dcos flink debug config target",
		}),
		newRaw(f, raw{
			use: "target_id", short: "Print the id of the target configuration", path: []string{"configurations", "targetId"},
			example: "  dcos flink debug config target_id",
		}),
	)
	cmd.Aliases = []string{"configs"}
	return cmd
}

// newPod returns the command `debug pod` with its verbs.
func newPod(f *command.Factory) *cobra.Command {
	verb := func(word string) *cobra.Command {
		cmd := &cobra.Command{
			Use:   word + " POD",
			Short: "Not supported: processes of Flink cannot be paused",
			Long: `Other services start the task of a pod anew without its program, for debugging. This service rejects it: Flink
treats a paused process as lost. The files of a task are there without it: see worker logs.`,
			Example: "  dcos flink debug pod " + word + " demo-taskmanager-3",
			Args:    command.Args("POD"),
			RunE: func(cmd *cobra.Command, args []string) error {
				c, err := f.Client()
				if err != nil {
					return err
				}
				_, err = c.CommandPod(cmd.Context(), args[0], word)
				return err
			},
			ValidArgsFunction: f.Complete(func(ctx context.Context, c *client.Client, _ []string) ([]string, error) { return c.Pods(ctx) }),
		}
		cmd.Flags().StringArrayP("tasks", "t", nil, "names of tasks of the pod (it has one)")
		return cmd
	}
	cmd := command.Group("pod", "Pause pods (not supported)", "Pause pods, as other services allow; this service rejects it.", verb("pause"), verb("resume"))
	cmd.Aliases = []string{"pods"}
	return cmd
}
