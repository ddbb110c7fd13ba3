package manifests

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/clusters"
	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/kubernetes"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// ApplyOptions are what `apply` was told.
type ApplyOptions struct {
	*command.Factory
	Files   Files
	DryRun  bool
	Prune   bool
	Labels  string
	Yes     bool
	Timeout time.Duration
	Output  command.Output
}

// NewApply returns the command `apply`; run replaces its work in tests.
func NewApply(f *command.Factory, run func(context.Context, *ApplyOptions) error) *cobra.Command {
	o := &ApplyOptions{Factory: f}
	if run == nil {
		run = applyRun
	}
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Create and change clusters from files",
		Long: `Create and change clusters as files say: specs, and FlinkDeployment, FlinkSessionJob and FlinkStateSnapshot objects of
the Flink Kubernetes operator, also as kubectl get -o yaml prints them. A file may have several documents.

Each field of an object is kept, translated, meaningless here, or refused. --dry-run lists them and changes nothing.
Nothing is changed either while a field is refused, or the service rejects a spec: --ignore FIELD leaves a field out.

With --prune, clusters that have the labels and are in none of the files are deleted.`,
		Example: `  dcos flink apply -f clusters/
  dcos flink apply -f orders.yaml --jar local:///opt/flink/usrlib/orders.jar=artifact:…
  kubectl get flinkdeployments -o yaml | dcos flink apply -f - --dry-run
  dcos flink apply -f clusters/ --prune -l team=shop`,
		Args: command.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Prune != (o.Labels != "") {
				return command.Flagf("--prune and --selector go together: they name the clusters that may be deleted")
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.Files.Register(cmd)
	o.Output.Register(cmd)
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "list what becomes of each field and what would be done, and change nothing")
	cmd.Flags().BoolVar(&o.Prune, "prune", false, "delete clusters that --selector names and no file has")
	cmd.Flags().StringVarP(&o.Labels, "selector", "l", "", "labels of the clusters that --prune may delete: key=value, separated by commas")
	cmd.Flags().BoolVarP(&o.Yes, "yes", "y", false, "skip the confirmation prompt of --prune")
	cmd.Flags().DurationVar(&o.Timeout, "timeout", 10*time.Minute, "maximum time in all; 0 waits forever")
	return cmd
}

// step is what is to be done about one object.
type step struct {
	item
	Action string `json:"action"`
	// Restore is where the job would start.
	Restore *wire.NextRestore `json:"restore,omitempty"`
	// Problems are what the service rejects.
	Problems []fault.Detail `json:"problems,omitempty"`
}

// The actions on an object.
const (
	create    = "create"
	change    = "change"
	restart   = "restart"
	unchanged = "unchanged"
	remove    = "delete"
	take      = "take"
	adopt     = "adopt"
	skip      = "skip"
	refuse    = "refuse"
)

func applyRun(ctx context.Context, o *ApplyOptions) error {
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
	steps, err := plan(ctx, c, items)
	if err != nil {
		return err
	}
	if o.Prune {
		gone, err := o.pruned(ctx, c, items)
		if err != nil {
			return err
		}
		steps = append(steps, gone...)
	}
	bad := slices.ContainsFunc(steps, func(s step) bool { return s.Action == refuse })
	if o.DryRun || bad {
		if err := o.show(steps); err != nil {
			return err
		}
		if bad {
			return command.Usagef("nothing is changed: correct what is refused, or leave fields out with --ignore FIELD")
		}
		return nil
	}
	return o.perform(ctx, c, steps)
}

// plan decides what is done about each object.
func plan(ctx context.Context, c *client.Client, items []item) ([]step, error) {
	var steps []step
	for _, i := range items {
		s := step{item: i, Action: skip}
		var err error
		switch {
		case len(i.Refused()) > 0:
			s.Action = refuse
		case i.Spec != nil:
			err = s.planCluster(ctx, c)
		case i.Snapshot != nil:
			err = s.planSnapshot(ctx, c)
		}
		if err != nil {
			return nil, err
		}
		steps = append(steps, s)
	}
	return steps, nil
}

func (s *step) planCluster(ctx context.Context, c *client.Client) error {
	p, err := c.PlanCluster(ctx, *s.Spec, "")
	if f, ok := errors.AsType[*fault.Error](err); ok && (f.Code == fault.Invalid || f.Code == fault.Malformed) {
		s.Action, s.Problems = refuse, f.Details
		if len(s.Problems) == 0 {
			s.Problems = []fault.Detail{{Message: f.Message}}
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.source, err)
	}
	s.Restore = p.Restore
	if _, err = c.Cluster(ctx, s.Name); client.NotFound(err) {
		s.Action = create
		return nil
	}
	s.Action = map[string]string{"none": unchanged, "restart": restart}[p.Class]
	if s.Action == "" {
		s.Action = change
	}
	return err
}

// planSnapshot looks whether an existing savepoint is known already.
func (s *step) planSnapshot(ctx context.Context, c *client.Client) error {
	s.Action = take
	if s.Snapshot.Request.Path == "" {
		return nil
	}
	s.Action = adopt
	known, err := c.Snapshots(ctx, s.Snapshot.Cluster)
	if client.NotFound(err) {
		return nil
	}
	if slices.ContainsFunc(known, func(n wire.Snapshot) bool { return n.Path == s.Snapshot.Request.Path }) {
		s.Action = unchanged
	}
	return err
}

// pruned finds the clusters that are deleted: those that have every label and are in no file.
func (o *ApplyOptions) pruned(ctx context.Context, c *client.Client, items []item) ([]step, error) {
	labels := map[string]string{}
	for pair := range strings.SplitSeq(o.Labels, ",") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, command.Flagf("--selector %q: write it as key=value", pair)
		}
		labels[key] = value
	}
	all, err := c.Clusters(ctx)
	if err != nil {
		return nil, err
	}
	var gone []step
	for _, summary := range all {
		if slices.ContainsFunc(items, func(i item) bool { return i.Spec != nil && i.Name == summary.Name }) {
			continue
		}
		d, err := c.Cluster(ctx, summary.Name)
		if client.NotFound(err) || err == nil && d.Status.State == wire.Deleting {
			continue
		}
		if err != nil {
			return nil, err
		}
		named := true
		for key, value := range labels {
			has, ok := d.Spec.Labels[key]
			named = named && ok && has == value
		}
		if named {
			gone = append(gone, step{item: item{Object: kubernetes.Object{Kind: "cluster", Name: d.Name, Lines: []kubernetes.Line{}}}, Action: remove})
		}
	}
	return gone, nil
}

// show prints what becomes of each field and of each object.
func (o *ApplyOptions) show(steps []step) error {
	if o.Output.JSON {
		return o.Streams.JSON(map[string]any{"objects": steps})
	}
	fields := o.Streams.Table("OBJECT", "FIELD", "OUTCOME", "TO", "NOTE")
	lines := 0
	for _, s := range steps {
		for _, l := range s.Lines {
			fields.Row(s.Name, l.Field, string(l.Outcome), l.To, l.Note)
			lines++
		}
	}
	if lines > 0 {
		if err := fields.Print(); err != nil {
			return err
		}
		o.Streams.Outf("\n")
	}
	actions := o.Streams.Table("OBJECT", "KIND", "ACTION", "NOTE")
	for _, s := range steps {
		if len(s.Problems) == 0 {
			actions.Row(s.Name, s.Kind, s.Action, s.note())
		}
		for _, p := range s.Problems {
			actions.Row(s.Name, s.Kind, s.Action, strings.TrimSpace(p.Field+" "+p.Message))
		}
	}
	return actions.Print()
}

// note says what an action does to a job.
func (s step) note() string {
	switch {
	case s.Action == refuse:
		return fmt.Sprintf("%d of its fields are refused", len(s.Refused()))
	case s.Restore != nil && s.Restore.Restore.Path != "":
		return fmt.Sprintf("%s, %s %s", s.Restore.Method, s.Restore.Restore.Kind, s.Restore.Restore.Path)
	case s.Restore != nil:
		return s.Restore.Method
	}
	return ""
}

// perform does what was planned: clusters first, since snapshots are of them.
func (o *ApplyOptions) perform(ctx context.Context, c *client.Client, steps []step) error {
	var gone []string
	for _, s := range steps {
		if s.Action == remove {
			gone = append(gone, s.Name)
		}
	}
	if len(gone) > 0 {
		if err := o.Confirm(o.Yes, "Delete %s and everything that runs there?", strings.Join(gone, ", ")); err != nil {
			return err
		}
	}
	order := slices.Clone(steps)
	slices.SortStableFunc(order, func(a, b step) int { return rank(a) - rank(b) })
	for i, s := range order {
		if err := s.perform(ctx, c); err != nil {
			return fmt.Errorf("%s %s: %w (%d of %d objects are applied)", s.Kind, s.Name, err, i, len(order))
		}
		switch {
		case o.Output.JSON:
		case o.Output.Quiet:
			o.Streams.Outf("%s\n", s.Name)
		default:
			o.Streams.Outf("%s %s %s\n", s.Kind, s.Name, s.done())
		}
	}
	if o.Output.JSON {
		return o.Streams.JSON(map[string]any{"objects": steps})
	}
	return nil
}

// rank is the order in which objects are applied.
func rank(s step) int {
	switch {
	case s.Snapshot != nil:
		return 1
	case s.Action == remove:
		return 2
	}
	return 0
}

func (s step) perform(ctx context.Context, c *client.Client) error {
	var err error
	switch s.Action {
	case create, change, restart:
		_, err = c.PutCluster(ctx, *s.Spec)
	case take, adopt:
		_, err = c.CreateSnapshot(ctx, s.Snapshot.Cluster, s.Snapshot.Request)
	case remove:
		err = clusters.Forced(c.DeleteCluster(ctx, s.Name, false))
	}
	return err
}

// done says what was done.
func (s step) done() string {
	switch s.Action {
	case create:
		return "is created"
	case change:
		return "is changed"
	case restart:
		return "is changed: its tasks are replaced"
	case take:
		return "is being taken: see dcos flink snapshot list " + s.Snapshot.Cluster
	case adopt:
		return "is adopted: see dcos flink snapshot list " + s.Snapshot.Cluster
	case remove:
		return "is being deleted"
	case skip:
		return "has nothing to do"
	}
	return "is unchanged"
}
