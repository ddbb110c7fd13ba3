package e2e_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// TestJob runs job clusters: one from a serialized job graph, as flink-mesos took it, and one from a jar.
func TestJob(t *testing.T) {
	each(t, func(t *testing.T, d disttest.Distribution) {
		w := world.Start(t, world.Options{})
		t.Run("job graph", func(t *testing.T) {
			graph := jobGraph(t, d)
			a, err := w.Client.UploadArtifact(t.Context(), client.File{Name: "job.graph", Size: int64(len(graph)), Data: bytes.NewReader(graph)})
			if err != nil {
				t.Fatal(err)
			}
			s := dynamic("graph", d, 2)
			s.Kind, s.Job = spec.Job, &spec.JobSpec{JobGraphURI: a.URI}
			if _, err := w.Client.CreateCluster(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			if r := ended(w, "graph").Status.Result; r.Status != "SUCCEEDED" {
				t.Errorf("the result is %+v, want SUCCEEDED", r)
			}
		})
		t.Run("jar", func(t *testing.T) {
			out := w.Dir() + "/job"
			s := application(t, w, "jar", "Sum", d, "--count", "2000", "--parallelism", "2", "--checkpoints", "file://"+w.Dir()+"/checkpoints", "--output", out)
			s.Kind = spec.Job
			if _, err := w.Client.CreateCluster(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			if r := ended(w, "jar").Status.Result; r.Status != "SUCCEEDED" {
				t.Errorf("the result is %+v, want SUCCEEDED", r)
			}
			checkSum(t, out, 2000)
		})
	})
}

// jobGraph has Flink's own API make a job graph.
func jobGraph(t *testing.T, d disttest.Distribution) []byte {
	t.Helper()
	jars, err := filepath.Glob(filepath.Join(d.Path, "lib", "*.jar"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "job.graph")
	cmd := exec.CommandContext(t.Context(), "java", "--add-opens=java.base/java.util=ALL-UNNAMED", "--add-opens=java.base/java.lang=ALL-UNNAMED",
		"-cp", strings.Join(jars, ":"), "testdata/JobGraphFile.java", file)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make a job graph: %v\n%s", err, out)
	}
	graph, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return graph
}
