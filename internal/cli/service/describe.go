// Package service owns the commands about the service itself: what it is, how it stands
// with Mesos, and why offers are declined.
package service

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/cli/terminal"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// DescribeOptions are what `describe` was told.
type DescribeOptions struct {
	*command.Factory
	Output command.Output
}

// NewDescribe returns the command `describe`; run replaces its work in tests.
func NewDescribe(f *command.Factory, run func(context.Context, *DescribeOptions) error) *cobra.Command {
	o := &DescribeOptions{Factory: f}
	if run == nil {
		run = describeRun
	}
	cmd := &cobra.Command{
		Use:   "describe",
		Short: "Show the service: framework, master, versions of Flink, counts",
		Long: `Show the service: its framework and role, the master it is subscribed to, the versions of Flink it runs, and counts.
When the output is not a terminal and DC/OS installed the service, it is the options of the service in JSON, as of
other DC/OS SDK services; --json prints the description instead.`,
		Example: `  dcos flink describe
  dcos flink describe --json`,
		Args:              command.Args(),
		RunE:              func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.Output.RegisterJSON(cmd)
	return cmd
}

// describeRun shows the service. Every field is shown, also one that this program does not
// know yet.
func describeRun(ctx context.Context, o *DescribeOptions) error {
	c, err := o.Client()
	if err != nil {
		return err
	}
	if c.InDCOS() && !o.Output.JSON && !o.Streams.OutTerminal {
		p, err := c.DescribePackage(ctx)
		if err == nil && len(p.Options) > 0 {
			return o.Streams.JSON(readable(p.Package.Config, p.Options))
		}
		if err != nil {
			o.Streams.Errf("The options are not known (%v): this is the description of the service\n", err)
		}
	}
	raw, err := c.Raw(ctx, "service")
	if err != nil {
		return err
	}
	if o.Output.JSON {
		return o.Streams.JSON(raw)
	}
	var view map[string]any
	if err := json.Unmarshal(raw, &view); err != nil {
		return &client.ConnectionError{Message: "the service described itself in a form that is not known here", Advice: "compare the versions: dcos flink version", Err: err}
	}
	fields := o.Streams.Fields()
	addObject(fields, "", view)
	return fields.Print()
}

// order is what comes first in the description; the rest follows by name.
var order = []string{"name", "framework", "id", "frameworkId", "master", "connected", "leader", "role", "roles"} //nolint:gochecknoglobals // A constant table.

// addObject adds the fields of an object, those of inner objects with a dot in between.
func addObject(to *terminal.Fields, prefix string, object map[string]any) {
	keys := make([]string, 0, len(object))
	for k := range object {
		keys = append(keys, k)
	}
	rank := func(k string) int {
		if i := slices.Index(order, k); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
	})
	for _, k := range keys {
		addValue(to, prefix+k, object[k])
	}
}

// addValue adds one value; elements of a list of objects are numbered.
func addValue(to *terminal.Fields, name string, value any) {
	switch v := value.(type) {
	case map[string]any:
		addObject(to, name+".", v)
	case []any:
		var plain []string
		for i, e := range v {
			if object, ok := e.(map[string]any); ok {
				addObject(to, name+"."+strconv.Itoa(i+1)+".", object)
				continue
			}
			plain = append(plain, scalar(e))
		}
		to.Add(name, strings.Join(plain, ", "))
	default:
		to.Add(name, scalar(value))
	}
}

// scalar writes a JSON value that is neither object nor list.
func scalar(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}
