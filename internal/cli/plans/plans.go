// Package plans owns the commands about the service's plans, with the verbs that the tools of
// DC/OS SDK services have: a phase is a cluster, a step is one of its pods.
package plans

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// deploy is the plan that is meant when none is named.
const deploy = "deploy"

// New returns the command `plan` with its verbs.
func New(f *command.Factory) *cobra.Command {
	cmd := command.Group("plan", "Show, pause and resume the plans of the service",
		"Show, pause and resume the plans of the service, as with other DC/OS SDK services. In the plan deploy each\n"+
			"phase is a cluster and each step is one of its pods. The plan recovery has the pods that are being replaced\n"+
			"after a failure or on request, the plan decommission those that are being removed.",
		NewList(f, nil),
		NewStatus(f, nil),
		NewStart(f, nil),
		NewStop(f, nil),
		NewPause(f, nil),
		NewResume(f, nil),
		NewRestart(f, nil),
		NewForceComplete(f, nil),
	)
	cmd.Aliases = []string{"plans"}
	return cmd
}

// UpdateVerbs returns the commands of the group `update` that are about the plan deploy.
func UpdateVerbs(f *command.Factory) []*cobra.Command {
	return []*cobra.Command{
		NewUpdateStatus(f, nil),
		newPause(f, true, nil),
		newResume(f, true, nil),
		newRestart(f, true, nil),
		newForceComplete(f, true, nil),
	}
}

// phases lists the clusters that the plan has.
func phases(ctx context.Context, c *client.Client, before []string) ([]string, error) {
	p, _, err := c.Plan(ctx, before[0])
	if err != nil {
		return nil, err
	}
	var names []string
	for _, ph := range p.Phases {
		names = append(names, ph.Name)
	}
	return names, nil
}

// steps lists the pods of the phase before it.
func steps(ctx context.Context, c *client.Client, before []string) ([]string, error) {
	p, _, err := c.Plan(ctx, before[0])
	if err != nil {
		return nil, err
	}
	var names []string
	for _, ph := range p.Phases {
		for _, s := range ph.Steps {
			if ph.Name == before[1] {
				names = append(names, s.Name)
			}
		}
	}
	return names, nil
}

// names lists the plans.
func names(ctx context.Context, c *client.Client, _ []string) ([]string, error) {
	return c.Plans(ctx)
}
