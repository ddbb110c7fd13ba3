package appcds_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/flink/appcds"
	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestScan(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ours, other := strings.Repeat("a", 64), strings.Repeat("b", 64)
	old := time.Now().Add(-time.Hour)
	for _, name := range []string{
		"classes-" + ours + "-jobmanager-17.0.15+6-Debian-1deb12u1.jsa",
		"classes-" + ours + "-taskmanager-21.0.1+12-LTS.jsa",
		"classes-" + other + "-jobmanager-17.0.15+6.jsa",
		"classes-" + ours + "-other-17.jsa", "classes-" + ours + "-jobmanager-.jsa", "classes-abc-jobmanager-17.jsa",
		"flink-2.3.0-" + ours + ".tgz",
	} {
		write(t, dir, name, "12345")
		if strings.Contains(name, "17.0") {
			if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	found, err := appcds.Scan(dir, ours)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range found {
		if a.Size != 5 || a.Distribution != ours {
			t.Errorf("Scan() has %+v, want 5 bytes of the distribution asked for", a)
		}
		got = append(got, string(a.Role)+" "+a.Java)
	}
	want := []string{"taskmanager 21.0.1+12-LTS", "jobmanager 17.0.15+6-Debian-1deb12u1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Scan() mismatch (-want +got):\n%s", diff)
	}
	if found, err := appcds.Scan(filepath.Join(dir, "none"), ours); err != nil || len(found) > 0 {
		t.Errorf("Scan() of no directory = %v, %v, want nothing", found, err)
	}
}

func TestFindJava(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, release, version, problem string }{
		{"17", "JAVA_VERSION=\"17.0.15\"\nJAVA_RUNTIME_VERSION=\"17.0.15+6-Debian-1deb12u1\"\n", "17.0.15+6-Debian-1deb12u1", ""},
		{"a first release", "JAVA_RUNTIME_VERSION=\"25+36-LTS\"\n", "25+36-LTS", ""},
		{"too old", "JAVA_RUNTIME_VERSION=\"11.0.2+9\"\n", "", "writes no class archives: Java 13"},
		{"very old", "JAVA_RUNTIME_VERSION=\"1.8.0_392-b08\"\n", "", "writes no class archives"},
		{"says too little", "JAVA_VERSION=\"17.0.15\"\n", "", "does not say its exact version"},
		{"leads elsewhere", "JAVA_RUNTIME_VERSION=\"17/../../x\"\n", "", "does not say its exact version"},
		{"is none", "", "", "which Java"},
	} {
		home := t.TempDir()
		if tt.release != "" {
			write(t, home, "release", tt.release)
		}
		j, err := appcds.FindJava(home)
		if tt.problem == "" && (err != nil || j.Version != tt.version || j.Home != home) {
			t.Errorf("%s: FindJava() = %+v, %v, want version %s", tt.name, j, err, tt.version)
		}
		if tt.problem != "" && (err == nil || !strings.Contains(err.Error(), tt.problem)) {
			t.Errorf("%s: FindJava() = %v, want an error with %q", tt.name, err, tt.problem)
		}
	}
}

// A distribution without the driver, and one that is made already, run nothing.
func TestMakeWithoutRunning(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := appcds.Options{Dir: dir, Distribution: dist.Manifest{Version: "2.3.0", SHA256: strings.Repeat("a", 64)}, Java: appcds.Java{Home: "/none", Version: "17+1"}}
	if _, err := appcds.Make(t.Context(), o); !errors.Is(err, appcds.ErrNoDriver) {
		t.Errorf("Make() = %v, want ErrNoDriver", err)
	}
	for _, role := range []string{"jobmanager", "taskmanager"} {
		write(t, dir, "classes-"+o.Distribution.SHA256+"-"+role+"-17+1.jsa", "x")
	}
	made, err := appcds.Make(t.Context(), o)
	if err != nil || len(made) != 2 {
		t.Fatalf("Make() = %v, %v, want the two that are there", made, err)
	}
	if !slices.ContainsFunc(made, func(a appcds.Archive) bool { return a.Role == spec.TaskManagerTask }) {
		t.Errorf("Make() = %v, want one of a TaskManager", made)
	}
}

// A machine without a Java that can do it has no prepared classes, and that is no failure.
func TestMainWithoutJava(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	code := appcds.Main(t.Context(), []string{"-dir", t.TempDir(), "-java", t.TempDir()}, func(string) string { return "" }, &said)
	if code != 0 || !strings.Contains(said.String(), "Flink starts without prepared classes") {
		t.Errorf("Main() = %d, %q, want 0 and the reason", code, said.String())
	}
	if code := appcds.Main(t.Context(), []string{"-nonsense"}, func(string) string { return "" }, &said); code != 2 {
		t.Errorf("Main() = %d for a flag that does not exist, want 2", code)
	}
}
