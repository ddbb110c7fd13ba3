package kubernetes_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/flink-on-mesos/flink-service/internal/admit"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/kubernetes"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// options are how the documents of testdata are read.
func options() kubernetes.Options {
	return kubernetes.Options{
		Jars: map[string]string{
			"local:///opt/flink/usrlib/load.jar": "https://files.example/load.jar",
			"local:///opt/flink/usrlib/main.py":  "https://files.example/main.py",
		},
		SessionJobs: true,
	}
}

// service is one that admits specs: its own ZooKeeper and directory of high availability, and Flink 1.20 and 2.3.
func service() *admit.Admission {
	return admit.New(admit.Options{
		Rules:     spec.Rules{FlinkVersions: []string{"1.20.5", "2.3.0"}, Constraints: true},
		Defaults:  spec.Defaults{FlinkVersion: "2.3", Role: "flink", User: "flink"},
		ZooKeeper: "zk:2181", StorageDir: "s3://bucket/ha",
	})
}

// TestObjects has documents shaped as the examples of the operator: what becomes of each field, the spec, and whether the
// service admits it.
func TestObjects(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("find documents: %d, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			objects, err := kubernetes.Read(text, options())
			if err != nil {
				t.Fatalf("Read() error = %v", err)
			}
			kubernetes.Link(objects, nil)
			var b strings.Builder
			for _, o := range objects {
				render(t, &b, o)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("%s mismatch (-want +got):\n%s", golden, diff)
			}
		})
	}
}

// render writes an object as the golden files have it. A spec of an object without refused lines must be admitted.
func render(t *testing.T, b *strings.Builder, o kubernetes.Object) {
	t.Helper()
	fmt.Fprintf(b, "%s %s (line %d)\n", o.Kind, o.Name, o.Row)
	for _, l := range o.Lines {
		fmt.Fprintf(b, "  %-11s %s", l.Outcome, l.Field)
		if l.To != "" {
			fmt.Fprintf(b, " -> %s", l.To)
		}
		if l.Note != "" {
			fmt.Fprintf(b, ": %s", l.Note)
		}
		b.WriteString("\n")
	}
	if s := o.Snapshot; s != nil {
		fmt.Fprintf(b, "snapshot of %q: %+v\n", s.Cluster, s.Request)
	}
	if o.Spec == nil {
		return
	}
	text, err := yaml.Marshal(o.Spec)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(b, "spec:\n%s", text)
	_, _, err = service().Admit(o.Spec.Clone(), spec.Spec{})
	if f, ok := errors.AsType[*fault.Error](err); ok {
		for _, d := range f.Details {
			fmt.Fprintf(b, "not admitted: %s %s\n", d.Field, d.Message)
		}
	}
	if len(o.Refused()) == 0 && err != nil {
		t.Errorf("%s %s has no refused line, and the service does not admit it: %v", o.Kind, o.Name, err)
	}
	if i := slices.IndexFunc(o.Lines, func(l kubernetes.Line) bool { return l.Outcome == kubernetes.Refused && l.Note == "" }); i >= 0 {
		t.Errorf("%s is refused without a reason", o.Lines[i].Field)
	}
}
