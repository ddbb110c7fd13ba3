// Package disttest gives tests the real Flink distributions that `make flink` assembled.
// It downloads nothing: without them, or unless FLINK_REAL=1 asks for it, tests skip.
package disttest

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
)

// Distribution is one real Flink.
type Distribution struct {
	dist.Manifest
	// Archive is the path of the tarball; Path the directory of the unpacked home.
	Archive, Path string
}

// Real returns the distributions in build/flink (or in the directory FLINK_DISTRIBUTIONS), unpacked. It skips the test unless
// FLINK_REAL=1 is set, java is there, and there is at least one.
func Real(t testing.TB) []Distribution {
	t.Helper()
	if os.Getenv("FLINK_REAL") != "1" {
		t.Skip("tests with a real Flink run with FLINK_REAL=1 (make test)")
	}
	if _, err := exec.LookPath("java"); err != nil {
		t.Skip("java is not installed")
	}
	dir := Directory(t)
	list, err := dist.Scan(dir)
	if err != nil {
		t.Fatal(err)
	}
	list = slices.DeleteFunc(list, func(m dist.Manifest) bool { return m.Variant != "" }) // They have less, or what nobody expects.
	if len(list) == 0 {
		t.Skipf("%s holds no distribution: run make flink", dir)
	}
	found := make([]Distribution, 0, len(list))
	for _, m := range list {
		archive := filepath.Join(dir, m.File)
		home, err := dist.Extract(t.Context(), archive, filepath.Join(dir, "homes", m.SHA256[:16]))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, Distribution{m, archive, home})
	}
	return found
}

// Directory is where the distributions are: build/flink, or what FLINK_DISTRIBUTIONS says.
func Directory(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("FLINK_DISTRIBUTIONS"); dir != "" {
		return dir
	}
	return filepath.Join(Root(t), "build", "flink")
}

// Root returns the directory of go.mod.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = parent
	}
}
