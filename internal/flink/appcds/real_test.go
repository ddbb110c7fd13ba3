package appcds_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink/appcds"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/resources"
)

// TestRealClasses starts a class of Flink's by the start script, in sandboxes as the fetcher leaves them: the classes are
// taken from the archive that `make flink` made elsewhere, and when it does not fit, Java starts all the same.
func TestRealClasses(t *testing.T) {
	d := disttest.Real(t)[0]
	list, err := appcds.Scan(filepath.Dir(d.Archive), d.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Skip("there are no prepared classes: run make flink")
	}
	var prepared appcds.Archive
	for _, a := range list {
		if a.Role == spec.JobManagerTask {
			prepared = a
		}
	}
	sandbox := filepath.Join(t.TempDir(), "a sandbox")
	if err := os.Mkdir(sandbox, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "tar", "-C", sandbox, "-xzf", d.Archive).CombinedOutput(); err != nil {
		t.Fatalf("unpack: %v: %s", err, out)
	}
	write(t, sandbox, "start-flink.sh", resources.StartScript())
	data, err := os.ReadFile(filepath.Join(filepath.Dir(d.Archive), prepared.File))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(sandbox, appcds.SandboxFile(prepared))

	run := func(what string, sharedWanted bool) {
		t.Helper()
		log := filepath.Join(t.TempDir(), "loaded")
		cmd := exec.CommandContext(t.Context(), "sh", "./start-flink.sh", "11", "jobmanager",
			"org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint", "-Xlog:class+load:file="+log, "--", "--help")
		cmd.Dir = sandbox
		out, err := cmd.CombinedOutput()
		if strings.Contains(string(out), "Could not create the Java Virtual Machine") {
			t.Fatalf("%s: Java did not start: %v: %s", what, err, out)
		}
		loaded, err := os.ReadFile(log)
		if err != nil {
			t.Fatalf("%s: %v: %s", what, err, out)
		}
		shared := regexp.MustCompile(`(?m) org\.apache\.flink\.\S+ source: shared objects file \(top\)`).FindAll(loaded, -1)
		own := regexp.MustCompile(`(?m) org\.apache\.flink\.\S+ source: (jar|file):`).FindAll(loaded, -1)
		if sharedWanted && (len(shared) < 10 || len(own) > len(shared)/5) {
			t.Errorf("%s: %d classes of Flink came from the archive and %d from jars, want nearly all from the archive", what, len(shared), len(own))
		}
		if !sharedWanted && (len(shared) > 0 || len(own) < 10) {
			t.Errorf("%s: %d classes of Flink came from the archive and %d from jars, want all from jars", what, len(shared), len(own))
		}
	}
	run("without an archive", false)
	write(t, sandbox, filepath.Base(file), string(data))
	run("with the archive", true)
	write(t, sandbox, filepath.Base(file), string(data[:len(data)/2]))
	run("with half an archive", false)
	write(t, sandbox, filepath.Base(file), "this is no archive")
	run("with something else", false)
	// Another jar than the one from which the classes were prepared.
	write(t, sandbox, filepath.Base(file), string(data))
	jars, err := filepath.Glob(filepath.Join(sandbox, "flink", "lib", "*.jar"))
	if err != nil || len(jars) == 0 {
		t.Fatalf("the distribution has no jars: %v", err)
	}
	if err := os.Rename(jars[0], filepath.Join(sandbox, "flink", "lib", "0-renamed.jar")); err != nil {
		t.Fatal(err)
	}
	run("with other jars", false)
}
