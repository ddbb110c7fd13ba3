package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// TestUnpackedFlink gives the service an unpacked Flink that knows nothing of Mesos, as the tutorial does: the service adds the
// driver that it carries, and Flink asks for its own TaskManagers.
func TestUnpackedFlink(t *testing.T) {
	d := disttest.Real(t)[0]
	home := filepath.Join(t.TempDir(), "flink-"+d.Version)
	// Links: nobody writes to the jars.
	if out, err := exec.CommandContext(t.Context(), "cp", "-al", d.Path, home).CombinedOutput(); err != nil {
		t.Fatalf("copy: %v: %s", err, out)
	}
	if err := os.Remove(filepath.Join(home, "lib", dist.DriverName)); err != nil {
		t.Fatal(err)
	}
	w := world.Start(t, world.Options{Service: func(string) []string { return []string{"FLINK_DISTRIBUTIONS=" + home} }})
	w.Create(dynamic("plain", d, 1))
	w.JobState("plain", w.Run("plain", "Sum", "--count", "100", "--rate", "1000", "--parallelism", "1"), "FINISHED")
}

// TestRocksDB runs a job with state in RocksDB on what `make flink` assembles.
func TestRocksDB(t *testing.T) {
	each(t, func(t *testing.T, d disttest.Distribution) {
		if !d.HasLibrary("flink-statebackend-rocksdb") {
			t.Skipf("Flink %s has no RocksDB; it lacks %v", d.Name(), d.Missing)
		}
		w := world.Start(t, world.Options{Agents: 1})
		s := static("rocks", d, 1, 2)
		s.FlinkConfiguration = map[string]string{
			"state.backend.type": "rocksdb", "execution.checkpointing.incremental": "true", "execution.checkpointing.dir": "file://" + filepath.Join(t.TempDir(), "checkpoints"),
		}
		w.Create(s)
		w.JobState("rocks", w.Run("rocks", "Sum", "--count", "2000", "--rate", "1000", "--parallelism", "2", "--interval", "200"), "FINISHED")
		// The parts that Flink loaded say it themselves.
		var all strings.Builder
		for _, sandbox := range w.Sandboxes() {
			text, err := os.ReadFile(filepath.Join(sandbox, "stdout"))
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
		if !strings.Contains(all.String(), "RocksDB") {
			t.Error("no task speaks of RocksDB")
		}
		// What this Flink lacks is refused by name, before anything starts.
		s.Name, s.FlinkConfiguration = "s3", map[string]string{"execution.checkpointing.dir": "s3://bucket/checkpoints"}
		_, err := w.Client.CreateCluster(t.Context(), s)
		if err == nil || !strings.Contains(err.Error(), "s3-fs-presto") {
			t.Errorf("CreateCluster() = %v, want the plugin that it needs", err)
		}
	})
}

// TestStaysWithItsFlink has another archive of the same version come while a cluster runs: the cluster stays with the one
// that it was created with, also over a restart of the service, until it asks for the one of today.
func TestStaysWithItsFlink(t *testing.T) {
	d := disttest.Real(t)[0]
	places := t.TempDir()
	first, err := dist.Assemble(t.Context(), dist.Options{Source: d.Archive, Dir: places})
	if err != nil {
		t.Fatal(err)
	}
	w := world.Start(t, world.Options{Service: func(string) []string { return []string{"FLINK_DISTRIBUTIONS=" + places} }})
	created := w.Create(static("steady", d, 1, 1))
	if want := spec.JoinDistribution(first.Name(), first.SHA256); created.Spec.FlinkDistribution != want {
		t.Fatalf("the cluster has Flink %q, want %q", created.Spec.FlinkDistribution, want)
	}
	w.StopService()
	extra := filepath.Join(t.TempDir(), "extra.jar")
	if err := os.WriteFile(extra, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(places, first.File)); err != nil {
		t.Fatal(err)
	}
	second, err := dist.Assemble(t.Context(), dist.Options{Source: d.Archive, Dir: places, Jars: []string{extra}})
	if err != nil {
		t.Fatal(err)
	}
	w.StartService()
	hasExtra := func(name string) bool {
		t.Helper()
		return slices.ContainsFunc(w.Sandboxes(), func(sandbox string) bool {
			_, err := os.Stat(filepath.Join(sandbox, "flink", "lib", "extra.jar"))
			return err == nil && strings.Contains(sandbox, "/executors/"+name+"-") && strings.Contains(sandbox, "-tm-")
		})
	}
	// A further TaskManager starts from the old archive, which the service kept.
	s := created.Spec
	s.TaskManagers.Count = 2
	if _, err := w.Client.PutCluster(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	w.Until("steady", "has 2 TaskManagers", func(c wire.Description) bool { return c.Status.Flink != nil && c.Status.Flink.TaskManagers == 2 })
	if hasExtra("steady") {
		t.Error("a TaskManager of an existing cluster got another Flink")
	}
	fresh := w.Create(static("fresh", d, 1, 1))
	if want := spec.JoinDistribution(second.Name(), second.SHA256); fresh.Spec.FlinkDistribution != want || !hasExtra("fresh") {
		t.Errorf("a new cluster has Flink %q, want %q", fresh.Spec.FlinkDistribution, want)
	}
}
