package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// flinkCLI runs Flink's own command line, CliFrontend, as bin/flink does.
func flinkCLI(t *testing.T, d disttest.Distribution, args ...string) string {
	t.Helper()
	conf := t.TempDir()
	if err := os.WriteFile(filepath.Join(conf, "config.yaml"), []byte("rest.address: localhost\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	jars, err := filepath.Glob(filepath.Join(d.Path, "lib", "*.jar"))
	if err != nil {
		t.Fatal(err)
	}
	java := []string{
		"-Xmx256m", "--add-opens=java.base/java.lang=ALL-UNNAMED", "--add-opens=java.base/java.util=ALL-UNNAMED", "--add-opens=java.base/java.net=ALL-UNNAMED",
		"-cp", strings.Join(jars, ":"), "org.apache.flink.client.cli.CliFrontend",
	}
	cmd := exec.CommandContext(t.Context(), "java", append(java, args...)...)
	cmd.Env = append(os.Environ(), "FLINK_CONF_DIR="+conf)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("flink %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

var jobID = regexp.MustCompile(`JobID ([0-9a-f]{32})`)

// TestFlinkCLI drives a cluster with Flink's own command line through the service's proxy.
func TestFlinkCLI(t *testing.T) {
	each(t, func(t *testing.T, d disttest.Distribution) {
		w := world.Start(t, world.Options{})
		w.Create(dynamic("cli", d, 2))
		at := w.URL + "/v1/clusters/cli/ui"
		jar := filepath.Join(w.Root(), "resources", "demo-job", "target", "flink-mesos-demo-job.jar")
		out := flinkCLI(t, d, "run", "-d", "-m", at, "-c", "org.flinkonmesos.demo.Endless", jar, "--parallelism", "2", "--interval", "500")
		found := jobID.FindStringSubmatch(out)
		if found == nil {
			t.Fatalf("flink run printed no job id:\n%s", out)
		}
		id := found[1]
		w.JobState("cli", id, "RUNNING")
		if out := flinkCLI(t, d, "list", "-m", at); !strings.Contains(out, id) {
			t.Errorf("flink list does not show the job:\n%s", out)
		}
		w.Eventually("there is a checkpoint", func() error { return checkpointed(t, w, "cli", id) })
		if out := flinkCLI(t, d, "savepoint", "-m", at, id, "file://"+w.Dir()+"/savepoints"); !strings.Contains(out, "Savepoint completed") {
			t.Errorf("flink savepoint:\n%s", out)
		}
		if out := flinkCLI(t, d, "stop", "-m", at, "-p", "file://"+w.Dir()+"/savepoints", id); !strings.Contains(out, "Savepoint completed") {
			t.Errorf("flink stop:\n%s", out)
		}
		w.JobState("cli", id, "FINISHED")
		out = flinkCLI(t, d, "run", "-d", "-m", at, "-c", "org.flinkonmesos.demo.Endless", jar, "--parallelism", "2")
		id = jobID.FindStringSubmatch(out)[1]
		w.JobState("cli", id, "RUNNING")
		flinkCLI(t, d, "cancel", "-m", at, id)
		w.JobState("cli", id, "CANCELED")
	})
}
