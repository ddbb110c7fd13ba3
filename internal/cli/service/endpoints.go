package service

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// EndpointsOptions are what `endpoints` was told.
type EndpointsOptions struct {
	*command.Factory
	// Endpoint is empty for the list.
	Endpoint string
	Output   command.Output
}

// NewEndpoints returns the command `endpoints`; run replaces its work in tests.
func NewEndpoints(f *command.Factory, run func(context.Context, *EndpointsOptions) error) *cobra.Command {
	o := &EndpointsOptions{Factory: f}
	if run == nil {
		run = endpointsRun
	}
	cmd := &cobra.Command{
		Use:     "endpoints [NAME]",
		Aliases: []string{"endpoint"},
		Short:   "List the endpoints, or show where one can be reached",
		Long: `List the endpoints, or show where one can be reached: api is the service itself, and each cluster has the
ports rest and rpc of its JobManagers. When the output is not a terminal it is JSON, as of other DC/OS SDK services.`,
		Example: `  dcos flink endpoints
  dcos flink endpoints demo-rest`,
		Args: command.Args("[NAME]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.Endpoint = args[0]
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(func(ctx context.Context, c *client.Client, _ []string) ([]string, error) { return c.Endpoints(ctx) }),
	}
	o.Output.Register(cmd)
	return cmd
}

// endpointsRun lists the endpoints or shows one.
func endpointsRun(ctx context.Context, o *EndpointsOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	if o.Endpoint == "" {
		list, err := c.Endpoints(ctx)
		if err != nil {
			return err
		}
		return o.Output.PrintNames(o.Streams, "ENDPOINT", list)
	}
	e, err := c.Endpoint(ctx, o.Endpoint)
	switch {
	case err != nil:
		return err
	case o.Output.JSON, !o.Output.Quiet && !o.Streams.OutTerminal:
		return o.Streams.JSON(e)
	}
	return o.Output.PrintNames(o.Streams, "ADDRESS", e.Address)
}
