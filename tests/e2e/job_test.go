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
	"github.com/flink-on-mesos/flink-service/internal/testkit/zookeeper"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// allocated gives a cluster its TaskManagers in one of the two ways; one TaskManager is enough for every job here.
func allocated(s spec.Spec, allocation spec.Allocation) spec.Spec {
	s.Allocation = allocation
	if allocation == spec.Static {
		s.TaskManagers.Count = 1
	}
	return s
}

// TestKindsAndAllocations runs a job to its end in every kind of cluster with either allocation; applications and job
// graphs with high availability too, sessions with it have tests of their own. It looks at what the job counted.
func TestKindsAndAllocations(t *testing.T) {
	server := zookeeper.Start(t)
	each(t, func(t *testing.T, d disttest.Distribution) {
		w := world.Start(t, world.Options{Service: withZooKeeper(server)})
		graph := jobGraph(t, d)
		uploaded, err := w.Client.UploadArtifact(t.Context(), client.File{Name: "job.graph", Size: int64(len(graph)), Data: bytes.NewReader(graph)})
		if err != nil {
			t.Fatal(err)
		}
		for _, allocation := range []spec.Allocation{spec.Static, spec.Dynamic} {
			sum := func(t *testing.T, kind spec.Kind, shape func(spec.Spec) spec.Spec) {
				out := w.Dir() + "/" + strings.ReplaceAll(t.Name(), "/", "-")
				s := shape(application(t, w, name(t), "Sum", d, "--count", "2000", "--parallelism", "2", "--checkpoints", "file://"+w.Dir()+"/checkpoints", "--output", out))
				s.Kind = kind
				w.Make(allocated(s, allocation))
				succeeded(t, w, s.Name)
				checkSum(t, out, 2000)
			}
			ofGraph := func(t *testing.T, shape func(spec.Spec) spec.Spec) {
				s := shape(dynamic(name(t), d, 2))
				s.Kind, s.Job = spec.Job, &spec.JobSpec{JobGraphURI: uploaded.URI}
				w.Make(allocated(s, allocation))
				succeeded(t, w, s.Name)
			}
			plain := func(s spec.Spec) spec.Spec { return s }
			prefix := string(allocation) + "-"
			t.Run(prefix+"session", func(t *testing.T) {
				out := w.Dir() + "/" + name(t)
				w.Create(allocated(dynamic(name(t), d, 2), allocation))
				id := w.Run(name(t), "Sum", "--count", "2000", "--parallelism", "2", "--output", out)
				w.JobState(name(t), id, "FINISHED")
				checkSum(t, out, 2000)
				if err := w.Client.DeleteCluster(t.Context(), name(t), true); err != nil {
					t.Fatal(err)
				}
			})
			t.Run(prefix+"application", func(t *testing.T) { sum(t, spec.Application, plain) })
			t.Run(prefix+"application-ha", func(t *testing.T) { sum(t, spec.Application, highlyAvailable) })
			t.Run(prefix+"job", func(t *testing.T) { sum(t, spec.Job, plain) })
			t.Run(prefix+"graph", func(t *testing.T) { ofGraph(t, plain) })
			t.Run(prefix+"graph-ha", func(t *testing.T) { ofGraph(t, highlyAvailable) })
		}
	})
}

// name is the last part of a test's name, which is a name for its cluster too.
func name(t *testing.T) string { return t.Name()[strings.LastIndex(t.Name(), "/")+1:] }

// succeeded waits for the end of an application or job cluster, which is to be a success.
func succeeded(t *testing.T, w *world.World, cluster string) {
	t.Helper()
	if r := ended(w, cluster).Status.Result; r.Status != "SUCCEEDED" || r.Diagnostics != "" {
		t.Errorf("the result is %+v, want SUCCEEDED, as its JobManager tells it", r)
	}
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
