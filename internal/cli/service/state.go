package service

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// StateOptions are what `debug state` was told.
type StateOptions struct {
	*command.Factory
	Output command.Output
}

// NewState returns the command `debug state`; run replaces its work in tests.
func NewState(f *command.Factory, run func(context.Context, *StateOptions) error) *cobra.Command {
	o := &StateOptions{Factory: f}
	if run == nil {
		run = stateRun
	}
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Show the state that the service decides from",
		Long: `Show the state that the service decides from: each task with its goal and its state, what waits and why, what Mesos was asked
and has not answered, and the agents that are avoided or leave. --json has more: brakes, drivers, reservations, every agent.`,
		Example: `  dcos flink debug state
  dcos flink debug state --json`,
		Args:              command.Args(),
		RunE:              func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.Output.RegisterJSON(cmd)
	cmd.AddCommand(
		newRaw(f, raw{
			use: "framework_id", short: "Print the id of the framework", path: []string{"state", "frameworkId"},
			example: "  dcos flink debug state framework_id",
		}),
		newRaw(f, raw{
			use: "properties", short: "Print the names of the properties of the service", path: []string{"state", "properties"},
			example: "  dcos flink debug state properties",
		}),
		newRaw(f, raw{
			use: "property NAME", short: "Print a property of the service", path: []string{"state", "properties"}, args: []string{"NAME"},
			example: "  dcos flink debug state property suppressed", names: properties,
		}),
	)
	return cmd
}

// stateRun shows the state.
func stateRun(ctx context.Context, o *StateOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	raw, err := c.Raw(ctx, "debug", "state")
	if err != nil {
		return err
	}
	if o.Output.JSON {
		return o.Streams.JSON(raw)
	}
	var s wire.DebugState
	if err := json.Unmarshal(raw, &s); err != nil {
		return &client.ConnectionError{Message: "the state has a form that is not known here", Advice: "compare the versions: dcos flink version", Err: err}
	}
	if err := o.head(s); err != nil {
		return err
	}
	if len(s.Tasks) > 0 {
		o.Streams.Outf("\n")
		if err := o.tasks(s.Tasks); err != nil {
			return err
		}
	}
	if len(s.Waiting) > 0 {
		o.Streams.Outf("\n")
		table := o.Streams.Table("WAITING", "CLUSTER", "ROLE", "SINCE", "REASON").Spare("ROLE", "CLUSTER")
		for _, w := range s.Waiting {
			table.Row(w.ID, w.Cluster, string(w.Kind), o.Streams.Time(w.Since, o.Clock.Now()), w.Reason)
		}
		return table.Print()
	}
	return nil
}

// head shows what is so of the service as a whole.
func (o *StateOptions) head(s wire.DebugState) error {
	yes := map[bool]string{true: "yes", false: "no"}
	fields := o.Streams.Fields()
	fields.Add("framework", s.Framework.ID)
	fields.Add("master", strings.TrimSpace(s.Master+" "+s.MasterVersion))
	fields.Add("connected", yes[s.Connected])
	fields.Add("offers suppressed", yes[s.Suppressed])
	fields.Add("reconciling", strconv.Itoa(len(s.Reconciliation.Open)))
	fields.Add("clusters", strconv.Itoa(len(s.Clusters)))
	fields.Add("agents", strconv.Itoa(len(s.Agents)))
	fields.Add("reservations", strconv.Itoa(len(s.Reservations)))
	for _, a := range s.Agents {
		if words := agent(a, o.Clock.Now()); words != "" {
			fields.Add("agent "+a.Hostname, words)
		}
	}
	return fields.Print()
}

// agent says what is special about an agent; nothing when nothing is.
func agent(a wire.DebugAgent, now time.Time) string {
	var words []string
	if a.Failures > 0 {
		words = append(words, fmt.Sprintf("%d starts failed in a row", a.Failures))
	}
	if a.Avoided != nil && a.Avoided.After(now) {
		words = append(words, "avoided until "+a.Avoided.UTC().Format(time.RFC3339))
	}
	if a.Draining {
		words = append(words, "draining")
	}
	if a.Unavailable != nil {
		words = append(words, "unavailable from "+a.Unavailable.UTC().Format(time.RFC3339))
	}
	return strings.Join(words, ", ")
}

// tasks lists the tasks; a goal or a state that is not the usual one has more to it.
func (o *StateOptions) tasks(tasks []wire.DebugTask) error {
	heading := "CHANGED"
	if o.Streams.OutTerminal {
		heading = "AGE"
	}
	now := o.Clock.Now()
	table := o.Streams.Table("TASK", "CLUSTER", "ROLE", "GOAL", "STATE", "HOST", heading).Spare("ROLE", "CLUSTER", heading)
	for _, t := range tasks {
		table.Row(t.ID, t.Cluster, string(t.Kind), string(t.Goal), string(t.State), t.Hostname, o.Streams.Time(t.Changed, now))
	}
	return table.Print()
}
