package storage_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/testkit/venv"
	"github.com/flink-on-mesos/flink-service/internal/wire"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// pyflink are environments for the versions of Flink. The jars that the package asks for are those of the cluster's Flink, so it is
// installed without what it requires, which follows by name. Functions run as processes, so pemja is not needed.
var pyflink = map[string]venv.Options{
	"2.3.0":  {Name: "pyflink-2.3.0", Steps: [][]string{{"--no-deps", "apache-flink==2.3.0"}, requires("apache-beam==2.61.0", "avro>=1.12.0")}},
	"1.20.0": {Name: "pyflink-1.20.0", Steps: [][]string{{"--no-deps", "apache-flink==1.20.0"}, requires("apache-beam==2.48.0", "avro-python3")}},
}

// requires are the packages that PyFlink needs, beside those that differ between its versions.
func requires(packages ...string) []string {
	return append(packages, "pandas<2.3", "pyarrow<21", "py4j==0.10.9.7", "cloudpickle", "pytz", "fastavro", "requests", "protobuf", "httplib2",
		"ruamel.yaml>=0.18.4", "python-dateutil", "setuptools<81")
}

// TestPython runs a PyFlink program with functions in Python.
func TestPython(t *testing.T) {
	each(t, "2.", func(t *testing.T, d disttest.Distribution) {
		tables(t, d, "flink-python")
		o, there := pyflink[d.Version]
		if !there {
			t.Skipf("there is no Python environment for Flink %s", d.Version)
		}
		env, err := venv.Make(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		w := world.Start(t, world.Options{})
		program := filepath.Join(t.TempDir(), "main.py")
		if err := os.WriteFile(program, []byte(example(t, "programs.md", "python-program")), 0o600); err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(w.Dir(), "total")
		s := documented(t, d, "programs.md", "python",
			"artifact:main.py", upload(t, w, program), `[--count, "1000"]`, `[--count, "1000", --output, "`+out+`"]`, "/opt/pyflink/bin/python", filepath.Join(env, "bin", "python"))
		w.Make(s)
		ended := w.Until(s.Name, "has ended", func(d wire.Description) bool { return d.Status.Result != nil })
		if ended.Status.Result.Status != "SUCCEEDED" {
			t.Errorf("the result is %+v, want SUCCEEDED", ended.Status.Result)
		}
		text, err := os.ReadFile(out)
		if err != nil || strings.TrimSpace(string(text)) != "1000 500500" {
			t.Errorf("the program counted %q (%v), want 1000 500500", text, err)
		}
	})
}
