package e2e_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// dcosFlink runs the product's command line and returns its exit code, output and error output.
func dcosFlink(t *testing.T, w *world.World, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(w.Root(), "build", "dcos-flink"), args...)
	cmd.Env = append(os.Environ(), "DCOS_FLINK_URL="+w.URL)
	var out, progress strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &progress
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), out.String(), progress.String()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0, out.String(), progress.String()
}

// TestRunApplication creates, runs and reports applications with one command each.
func TestRunApplication(t *testing.T) {
	each(t, func(t *testing.T, d disttest.Distribution) {
		w := world.Start(t, world.Options{})
		jar := filepath.Join(w.Root(), "resources", "demo-job", "target", "flink-mesos-demo-job.jar")
		result := w.Dir() + "/sum"
		common := []string{"run-application", jar, "--flink-version", d.Version, "--slots", "2", "--tm-memory", "1g", "--parallelism", "2", "--class"}
		code, _, progress := dcosFlink(t, w, append(slices.Clip(common), "org.flinkonmesos.demo.Sum", "--cluster-name", "good", "--",
			"--count", "2000", "--parallelism", "2", "--checkpoints", "file://"+w.Dir()+"/checkpoints", "--output", result)...)
		if code != 0 {
			t.Errorf("run-application of a job that finishes exits with %d, want 0:\n%s", code, progress)
		}
		checkSum(t, result, 2000)
		code, _, progress = dcosFlink(t, w, append(slices.Clip(common), "org.flinkonmesos.demo.Fail", "--cluster-name", "bad", "-D", "restart-strategy.type=none", "--",
			"--message", "the canary is silent")...)
		if code != 6 || !strings.Contains(progress, "the canary is silent") {
			t.Errorf("run-application of a job that fails exits with %d, want 6, and tells why:\n%s", code, progress)
		}
		code, out, progress := dcosFlink(t, w, "cluster", "list")
		if code != 0 || !strings.Contains(out, "good") || !strings.Contains(out, "bad") {
			t.Errorf("cluster list exits with %d and tells:\n%s%s", code, out, progress)
		}
	})
}
