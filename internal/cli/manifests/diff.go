package manifests

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// DiffOptions are what `diff` was told.
type DiffOptions struct {
	*command.Factory
	Files   Files
	Timeout time.Duration
	Output  command.Output
}

// NewDiff returns the command `diff`; run replaces its work in tests.
func NewDiff(f *command.Factory, run func(context.Context, *DiffOptions) error) *cobra.Command {
	o := &DiffOptions{Factory: f}
	if run == nil {
		run = diffRun
	}
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Compare files with the clusters that run",
		Long: `Show in which fields the specs of the clusters would differ if the files were applied. The service completes the specs
first, so that a default is no difference. Secrets are masked.`,
		Example:           "  dcos flink diff -f clusters/\n  dcos flink diff -f orders.yaml --json",
		Args:              command.Args(),
		RunE:              func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.Files.Register(cmd)
	o.Output.RegisterJSON(cmd)
	cmd.Flags().DurationVar(&o.Timeout, "timeout", time.Minute, "maximum time in all; 0 waits forever")
	return cmd
}

// difference is what a file would change about one cluster.
type difference struct {
	Cluster string            `json:"cluster"`
	New     bool              `json:"new,omitempty"`
	Class   string            `json:"class"`
	Changes []wire.SpecChange `json:"changes"`
}

func diffRun(ctx context.Context, o *DiffOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	ctx, cancel := command.WithTimeout(ctx, o.Timeout)
	defer cancel()
	items, err := o.Files.read(ctx, o.Factory, c)
	if err != nil {
		return err
	}
	all := []difference{}
	for _, i := range items {
		if i.Spec == nil {
			continue
		}
		if n := len(i.Refused()); n > 0 {
			return command.Usagef("%s: %d fields are refused: dcos flink apply --dry-run lists them", i.source, n)
		}
		p, err := c.PlanCluster(ctx, *i.Spec, "")
		if err != nil {
			return err
		}
		d := difference{Cluster: i.Name, Class: p.Class, Changes: p.Changes}
		if _, err := c.Cluster(ctx, i.Name); client.NotFound(err) {
			d.New = true
		} else if err != nil {
			return err
		}
		all = append(all, d)
	}
	if o.Output.JSON {
		return o.Streams.JSON(map[string]any{"clusters": all})
	}
	table := o.Streams.Table("CLUSTER", "FIELD", "RUNS", "FILE")
	rows := 0
	for _, d := range all {
		if d.New {
			table.Row(d.Cluster, "", "", "is new")
			rows++
		}
		for _, change := range d.Changes {
			table.Row(d.Cluster, change.Field, change.From, change.To)
			rows++
		}
	}
	if rows == 0 {
		o.Streams.Outf("No difference.\n")
		return nil
	}
	return table.Print()
}
