package flinkmesos_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/flinkmesos"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestInstallations imports whole installations, and compares the line of each key and the spec.
func TestInstallations(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"analytics", "package", "nested", "messy"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := wire.OldFiles{
				FlinkConf:   file(t, name, "flink-conf.yaml"),
				ConfigYAML:  file(t, name, "config.yaml"),
				MarathonApp: file(t, name, "app.json"),
			}
			got, err := flinkmesos.Import(files)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name, "want.txt")
			if *update {
				if err := os.WriteFile(golden, render(t, got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(file(t, name, "want.txt"), string(render(t, got))); diff != "" {
				t.Errorf("%s mismatch (-want +got):\n%s", golden, diff)
			}
			again, err := flinkmesos.Import(files)
			if diff := cmp.Diff(got, again); err != nil || diff != "" {
				t.Errorf("a second import differs: %v\n%s", err, diff)
			}
			for _, line := range got.Lines {
				for _, secret := range []string{"changeit", "the-principals", "canary-secret", "hunter2"} {
					if strings.Contains(fmt.Sprint(line), secret) {
						t.Errorf("the line of %s shows a secret", line.Key)
					}
				}
			}
			sp := got.Spec.Complete(spec.Defaults{FlinkVersion: "2.3.0", Role: "*"})
			if err := sp.Validate(spec.Rules{Constraints: true}); err != nil {
				t.Errorf("the spec is not valid: %v", err)
			}
		})
	}
}

func file(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", dir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(data)
}

func render(t *testing.T, i wire.Imported) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, l := range i.Lines {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t| %s\n", l.Source, l.Key, l.Outcome, l.Field, l.Note)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	spec, err := json.MarshalIndent(i.Spec, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(append(b.Bytes(), spec...), '\n')
}

// TestUnreadable says which file cannot be read.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		files wire.OldFiles
		field string
	}{
		{"nothing", wire.OldFiles{Name: "x"}, "flinkConf"},
		{"both dialects", wire.OldFiles{FlinkConf: "a: b", ConfigYAML: "a: b"}, "configYAML"},
		{"no YAML", wire.OldFiles{ConfigYAML: "a: [b"}, "configYAML"},
		{"a list", wire.OldFiles{ConfigYAML: "- a"}, "configYAML"},
		{"twice", wire.OldFiles{ConfigYAML: "a: b\na: c"}, "configYAML"},
		{"a list of objects", wire.OldFiles{ConfigYAML: "a: [{b: c}]"}, "configYAML"},
		{"no JSON", wire.OldFiles{MarathonApp: "id: x"}, "marathonApp"},
		{"no app", wire.OldFiles{MarathonApp: `{"apps": []}`}, "marathonApp"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := flinkmesos.Import(c.files)
			f, ok := errors.AsType[*fault.Error](err)
			if !ok || f.Code != fault.Invalid || len(f.Details) != 1 || f.Details[0].Field != c.field {
				t.Errorf("Import() = %v, want a problem of %s", err, c.field)
			}
		})
	}
}

// FuzzImport finds input that breaks the import, or that it does not say a line about.
func FuzzImport(f *testing.F) {
	f.Add("a: b", "", `{"id": "/x", "cmd": "A=b mesos-appmaster.sh -Dc=$A"}`)
	f.Add("mesos.resourcemanager.tasks.cpus: x", "", `{"id": "x", "container": {"docker": {"image": "i"}}, "fetch": [{}], "constraints": [[]]}`)
	f.Add("", "a: {b: [c, 'd']}\ne: ~", `{"cmd": "'"}`)
	f.Fuzz(func(t *testing.T, flat, nested, app string) {
		got, err := flinkmesos.Import(wire.OldFiles{FlinkConf: flat, ConfigYAML: nested, MarathonApp: app})
		if err != nil {
			return
		}
		for _, l := range got.Lines {
			if l.Outcome == "" || l.Source == "" {
				t.Errorf("no outcome: %+v", l)
			}
		}
	})
}
