package manifests

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/kubernetes/export"
)

// ExportOptions are what `export` was told.
type ExportOptions struct {
	*command.Factory
	Name string
	// As is the kind of object.
	As     string
	Output command.Output
}

// asDeployment is the only kind of object that is exported.
const asDeployment = "flinkdeployment"

// NewExport returns the command `export`; run replaces its work in tests.
func NewExport(f *command.Factory, run func(context.Context, *ExportOptions) error) *cobra.Command {
	o := &ExportOptions{Factory: f}
	if run == nil {
		run = exportRun
	}
	cmd := &cobra.Command{
		Use:   "export NAME",
		Short: "Print a cluster as an object of the Flink Kubernetes operator",
		Long: `Print the spec of a cluster as a FlinkDeployment of the Flink Kubernetes operator, as YAML. A report on stderr says what
becomes of each field of the spec: it is kept, translated, meaningless there, or refused, which leaves it out. Secrets
are masked.`,
		Example: "  dcos flink export demo --as flinkdeployment > demo.yaml",
		Args:    command.Args("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name = args[0]
			if o.As != asDeployment {
				return command.Flagf("--as %q: use %s", o.As, asDeployment)
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(command.ClusterNames),
	}
	cmd.Flags().StringVar(&o.As, "as", asDeployment, "kind of object: flinkdeployment")
	o.Output.Register(cmd)
	return cmd
}

func exportRun(ctx context.Context, o *ExportOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	d, err := c.Cluster(ctx, o.Name)
	if err != nil {
		return err
	}
	text, lines, err := export.Deployment(d.Spec)
	if err != nil {
		return command.Errorf(command.ExitConflict, "%w", err)
	}
	if o.Output.JSON {
		return o.Streams.JSON(map[string]any{"object": string(text), "lines": lines})
	}
	if !o.Output.Quiet {
		aside := *o.Streams
		aside.Out, aside.OutTerminal = o.Streams.Err, o.Streams.ErrTerminal
		table := aside.Table("FIELD", "OUTCOME", "TO", "NOTE")
		for _, l := range lines {
			table.Row(l.Field, string(l.Outcome), l.To, l.Note)
		}
		if err := table.Print(); err != nil {
			return err
		}
	}
	o.Streams.Outf("%s", text)
	return nil
}
