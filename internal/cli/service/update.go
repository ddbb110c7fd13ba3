package service

import (
	"context"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/flink-on-mesos/flink-service/internal/cli/clusters"
	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/cli/plans"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// maxOptions bounds a file of options, in bytes.
const maxOptions = 1 << 20

// NewUpdateGroup returns the command `update` with its verbs.
func NewUpdateGroup(f *command.Factory) *cobra.Command {
	return command.Group("update", "Show and change the options of the service (DC/OS)",
		"Show and change the options of the service through the DC/OS package manager.\nClusters and their jobs keep running while the service restarts. See cluster update for cluster options.",
		append([]*cobra.Command{NewOptions(f, nil), NewUpdate(f, nil), NewPackageVersions(f, nil)}, plans.UpdateVerbs(f)...)...,
	)
}

// asked returns the client of a service that DC/OS installed.
func asked(f *command.Factory) (*client.Client, error) {
	c, err := f.Client()
	if err != nil {
		return nil, err
	}
	if !c.InDCOS() {
		return nil, command.Usagef("this service is not reached through DC/OS, whose package manager keeps its options: " +
			"change its environment where it is started, in its Marathon app or its systemd unit (docs/configuration.md)")
	}
	return c, nil
}

// OptionsOptions are what `update options` was told.
type OptionsOptions struct {
	*command.Factory
	Output command.Output
}

// NewOptions returns the command `update options`; run replaces its work in tests.
func NewOptions(f *command.Factory, run func(context.Context, *OptionsOptions) error) *cobra.Command {
	o := &OptionsOptions{Factory: f}
	if run == nil {
		run = optionsRun
	}
	cmd := &cobra.Command{
		Use:   "options",
		Short: "Print the current options of the service",
		Long: `Print the current options of the service, with those that have their default value: in YAML, or with --json in
JSON. YAML texts in base64, which is what the form of the DC/OS UI makes of them, are shown as text.`,
		Example: `  dcos flink update options
  dcos flink update options --json > options.json`,
		Args:              command.Args(),
		RunE:              func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.Output.RegisterJSON(cmd)
	return cmd
}

// installed describes the package that the service was installed from.
func installed(ctx context.Context, f *command.Factory) (client.Package, error) {
	c, err := asked(f)
	if err != nil {
		return client.Package{}, err
	}
	return c.DescribePackage(ctx)
}

// optionsRun prints the options.
func optionsRun(ctx context.Context, o *OptionsOptions) error {
	p, err := installed(ctx, o.Factory)
	if err != nil {
		return err
	}
	if o.Output.JSON {
		return o.Streams.JSON(readable(p.Package.Config, p.Options))
	}
	text, err := yaml.Marshal(readable(p.Package.Config, p.Options))
	if err != nil {
		return fmt.Errorf("show the options: %w", err)
	}
	o.Streams.Outf("%s", text)
	return nil
}

// UpdateOptions are what `update start` was told.
type UpdateOptions struct {
	*command.Factory
	// File has options in JSON or YAML, "-" or "stdin" for the input; empty changes none.
	File    string
	Version string
	Replace bool
	DryRun  bool
	Yes     bool
	Output  command.Output
}

// NewUpdate returns the command `update start`; run replaces its work in tests.
func NewUpdate(f *command.Factory, run func(context.Context, *UpdateOptions) error) *cobra.Command {
	o := &UpdateOptions{Factory: f}
	if run == nil {
		run = updateRun
	}
	cmd := &cobra.Command{
		Use:   "start",
		Short: "Change the options or the version of the service",
		Long: `Change the options of the service, or its version: the package manager renders the app of the service and
Marathon deploys it. Options in the file are merged into the current ones; with --replace all others are reset to
their defaults. The options are validated first. --dry-run validates them, prints the difference and changes
nothing. Asks for confirmation on a terminal.`,
		Example: `  dcos flink update start --options options.json --dry-run
  dcos flink update start --options options.json
  dcos flink update start --package-version 1.1.0`,
		Args: command.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case o.File == "" && o.Version == "":
				return command.Flagf("set --options or --package-version")
			case o.fromInput() && !o.Yes && !o.DryRun && o.Streams.InTerminal:
				return command.Flagf("--options %s takes the input, on which it would ask: give --yes, or --dry-run", o.File)
			case o.Replace && o.File == "":
				return command.Flagf("--replace needs --options: it says which options stay")
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVarP(&o.File, "options", "f", "", "options in JSON or YAML; - or stdin reads the input")
	cmd.Flags().StringVar(&o.Version, "package-version", "", "version of the package to change to")
	cmd.Flags().BoolVar(&o.Replace, "replace", false, "reset options that are not in the file to their defaults")
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "print the difference and change nothing")
	cmd.Flags().BoolVarP(&o.Yes, "yes", "y", false, "skip the confirmation prompt")
	o.Output.RegisterQuiet(cmd)
	return cmd
}

// updateRun changes the options.
func updateRun(ctx context.Context, o *UpdateOptions) error {
	u := client.PackageUpdate{Version: o.Version, Replace: o.Replace}
	if o.File != "" {
		var err error
		if u.Options, err = o.read(); err != nil {
			return err
		}
	}
	c, err := asked(o.Factory)
	if err != nil {
		return err
	}
	p, err := c.DescribePackage(ctx)
	if err != nil {
		return err
	}
	after := laidOver(p.Options, u.Options)
	if o.Replace {
		after = laidOver(defaults(p.Package.Config), u.Options)
	}
	if o.Version == "" { // The schema of another version is the package manager's to know.
		if err := check(p.Package.Config, after); err != nil {
			return err
		}
	}
	if o.DryRun {
		return clusters.PrintDiff(o.Streams, readable(p.Package.Config, p.Options), readable(p.Package.Config, after))
	}
	if o.Version == "" && reflect.DeepEqual(after, p.Options) {
		if !o.Output.Quiet {
			o.Streams.Outf("No change: the service already has these options.\n")
		}
		return nil
	}
	u.Options = stored(p.Package.Config, u.Options)
	if err := o.ConfirmOnTerminal(o.Yes, "Update the service %s (%s)?", p.Package.Name, p.Package.Version); err != nil {
		return err
	}
	deployment, err := c.UpdatePackage(ctx, u)
	if err != nil {
		return err
	}
	if !o.Output.Quiet {
		o.Streams.Outf("The service is being updated by deployment %s of Marathon: see dcos marathon deployment list, dcos flink update status\n", deployment)
	}
	return nil
}

// fromInput says that the options come from the input.
func (o *UpdateOptions) fromInput() bool { return o.File == "-" || o.File == "stdin" }

// read reads the file of options.
func (o *UpdateOptions) read() (map[string]any, error) {
	in := o.Streams.In
	if !o.fromInput() {
		file, err := o.Open(o.File)
		if err != nil {
			return nil, command.Usagef("read the options: %w", err)
		}
		defer file.Close()
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, maxOptions+1))
	if err != nil {
		return nil, command.Usagef("read the options: %w", err)
	}
	options := map[string]any{}
	if err := yaml.Unmarshal(data, &options); err != nil || len(data) > maxOptions {
		return nil, command.Usagef("%s has no options in JSON or YAML, such as {\"service\": {\"log_level\": \"DEBUG\"}}", o.File)
	}
	return options, nil
}

// laidOver returns options with others laid over them.
func laidOver(options, over map[string]any) map[string]any {
	out := maps.Clone(options)
	if out == nil {
		out = map[string]any{}
	}
	for key, value := range over {
		inner, ok := value.(map[string]any)
		present, both := out[key].(map[string]any)
		if ok && both {
			value = laidOver(present, inner)
		}
		out[key] = value
	}
	return out
}

// NewPackageVersions returns the command `update package-versions`; run replaces its work in tests.
func NewPackageVersions(f *command.Factory, run func(context.Context, *OptionsOptions) error) *cobra.Command {
	o := &OptionsOptions{Factory: f}
	if run == nil {
		run = versionsRun
	}
	cmd := &cobra.Command{
		Use:               "package-versions",
		Short:             "List the versions of the package that the service may change to",
		Long:              "List the version of the installed package, and those that update start --package-version may change to.",
		Example:           `  dcos flink update package-versions`,
		Args:              command.Args(),
		RunE:              func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.Output.RegisterJSON(cmd)
	return cmd
}

// versionsRun lists the versions.
func versionsRun(ctx context.Context, o *OptionsOptions) error {
	p, err := installed(ctx, o.Factory)
	if err != nil {
		return err
	}
	if o.Output.JSON {
		return o.Streams.JSON(map[string]any{
			"packageVersion": p.Package.Version, "upgradesTo": append([]string{}, p.UpgradesTo...), "downgradesTo": append([]string{}, p.DowngradesTo...),
		})
	}
	table := o.Streams.Table("VERSION", "CHANGE")
	table.Row(p.Package.Version, "installed")
	for _, v := range slices.Sorted(slices.Values(p.UpgradesTo)) {
		table.Row(v, "upgrade")
	}
	for _, v := range slices.Sorted(slices.Values(p.DowngradesTo)) {
		table.Row(v, "downgrade")
	}
	return table.Print()
}
