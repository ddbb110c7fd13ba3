// Package migration is the command `dcos flink import`: from an installation of flink-mesos to the spec of a cluster.
package migration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"
	yaml "sigs.k8s.io/yaml/goyaml.v2"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// maxFile bounds a file, in bytes. The service has a limit of its own.
const maxFile = 512 << 10

// The dialects of Flink's configuration file.
const (
	flat   = "flink-conf"
	nested = "config"
)

// ImportOptions are what `import` was told.
type ImportOptions struct {
	*command.Factory
	// File is the Flink configuration, empty for none.
	File string
	// Marathon is the file of the Marathon app, empty for none.
	Marathon string
	// Dialect is flink-conf or config; empty goes by the file's name.
	Dialect string
	Cluster string
	Output  command.Output
}

// NewImport returns the command `import`; run replaces its work in tests.
func NewImport(f *command.Factory, run func(context.Context, *ImportOptions) error) *cobra.Command {
	o := &ImportOptions{Factory: f}
	if run == nil {
		run = importRun
	}
	cmd := &cobra.Command{
		Use:   "import [FILE]",
		Short: "Convert a flink-mesos installation to a cluster spec",
		Long: `Convert the Flink configuration and the Marathon app of a flink-mesos installation to a cluster spec.
The spec is printed as YAML. A report on stderr lists each key as kept, translated, obsolete or refused,
with the reason. Nothing is created.

FILE is a flink-conf.yaml, or a config.yaml (Flink 1.19 and newer). Secrets in the file are also in the
spec: store the output as safely as the file.`,
		Example: `  dcos flink import flink-conf.yaml > analytics.yaml
  dcos flink import flink-conf.yaml --marathon app.json --cluster analytics > analytics.yaml
  dcos flink cluster create -f analytics.yaml
  dcos flink import --marathon app.json --json`,
		Args: command.Args("[FILE]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.File = args[0]
			}
			switch {
			case o.File == "" && o.Marathon == "":
				return command.Flagf("FILE is missing: give a flink-conf.yaml, or an app with --marathon")
			case o.Dialect != "" && o.Dialect != flat && o.Dialect != nested:
				return command.Flagf("--dialect %q: give %s (key: value) or %s (YAML, nested)", o.Dialect, flat, nested)
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.Complete(nil),
	}
	cmd.Flags().StringVar(&o.Marathon, "marathon", "", "file with the Marathon app that ran mesos-appmaster.sh")
	cmd.Flags().StringVar(&o.Dialect, "dialect", "", "form of FILE: flink-conf or config (default: by its name)")
	cmd.Flags().StringVar(&o.Cluster, "cluster", "", "name of the cluster (default: the last part of the app's id)")
	o.Output.Register(cmd)
	return cmd
}

// importRun has the service make the spec.
func importRun(ctx context.Context, o *ImportOptions) error {
	files := wire.OldFiles{Name: o.Cluster}
	if o.File != "" {
		text, err := o.read(o.File)
		if err != nil {
			return err
		}
		if o.Dialect == nested || o.Dialect == "" && filepath.Base(o.File) == "config.yaml" {
			files.ConfigYAML = text
		} else {
			files.FlinkConf = text
		}
	}
	if o.Marathon != "" {
		text, err := o.read(o.Marathon)
		if err != nil {
			return err
		}
		files.MarathonApp = text
	}
	c, err := o.Client()
	if err != nil {
		return err
	}
	got, err := c.Import(ctx, files)
	if err != nil {
		return err
	}
	if o.Output.JSON {
		return o.Streams.JSON(got)
	}
	if !o.Output.Quiet {
		if err := o.tell(got); err != nil {
			return err
		}
	}
	text, err := specYAML(got.Spec)
	if err != nil {
		return err
	}
	o.Streams.Outf("%s", text)
	return nil
}

// tell writes the lines, and what is left to do, to the error output.
func (o *ImportOptions) tell(got wire.Imported) error {
	aside := *o.Streams
	aside.Out, aside.OutTerminal = o.Streams.Err, o.Streams.ErrTerminal
	table := aside.Table("FILE", "KEY", "OUTCOME", "FIELD", "NOTE")
	refused := 0
	for _, l := range got.Lines {
		if l.Outcome == "refused" {
			refused++
		}
		table.Row(l.Source, l.Key, l.Outcome, l.Field, l.Note)
	}
	if err := table.Print(); err != nil {
		return err
	}
	if refused > 0 {
		o.Streams.Errf("%d refused: look at the notes before you create the cluster\n", refused)
	}
	for _, p := range got.Problems {
		o.Streams.Errf("The service would reject the spec: %s %s\n", p.Field, p.Message)
	}
	return nil
}

func (o *ImportOptions) read(name string) (string, error) {
	file, err := o.Open(name)
	if err != nil {
		return "", command.Usagef("read the file: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return "", command.Usagef("read %s: %w", name, err)
	}
	if len(data) > maxFile {
		return "", command.Usagef("%s is larger than %d KiB: is it a configuration?", name, maxFile>>10)
	}
	return string(data), nil
}

// specYAML writes a spec as YAML with its fields in the order of the documentation.
func specYAML(spec spec.Spec) ([]byte, error) {
	data, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("encode the spec: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	tree, err := ordered(decoder)
	if err != nil {
		return nil, fmt.Errorf("encode the spec: %w", err)
	}
	return yaml.Marshal(tree)
}

// ordered reads a JSON value with the order of its fields.
func ordered(decoder *json.Decoder) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		object, list := yaml.MapSlice{}, []any{}
		for decoder.More() {
			var name json.Token
			if t == '{' {
				if name, err = decoder.Token(); err != nil {
					return nil, err
				}
			}
			value, err := ordered(decoder)
			if err != nil {
				return nil, err
			}
			object, list = append(object, yaml.MapItem{Key: name, Value: value}), append(list, value)
		}
		_, err = decoder.Token()
		if t == '{' {
			return object, err
		}
		return list, err
	case json.Number:
		if whole, err := t.Int64(); err == nil {
			return whole, nil
		}
		return t.Float64()
	}
	return token, nil
}
