package artifact_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/artifact"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

func add(t testing.TB, s *artifact.Store, path string) artifact.Artifact {
	t.Helper()
	a, err := s.Add(context.Background(), path, artifact.PutOptions{Public: true})
	if err != nil {
		t.Fatalf("Add(%s) error: %v", path, err)
	}
	return a
}

func TestAddLinksAndRemembersTheHash(t *testing.T) {
	dir, src := t.TempDir(), filepath.Join(t.TempDir(), "flink-2.3.0.tgz")
	writeFile(t, src, "distribution")
	s := open(t, options(dir))
	a := add(t, s, src)
	if a.SHA256 != sum("distribution") || a.Name != "flink-2.3.0.tgz" || !a.Public || a.MediaType != "application/gzip" {
		t.Fatalf("Add() = %+v", a)
	}
	from, err := os.Stat(src)
	if err != nil {
		t.Fatal(err)
	}
	to, err := os.Stat(filepath.Join(dir, "content", a.SHA256))
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(from, to) {
		t.Error("content is a copy where a link was possible")
	}

	// The same size and time with other bytes: if they were read, the hash would be another.
	before := from.ModTime()
	writeFile(t, src, "DISTRIBUTION")
	if err := os.Chtimes(src, before, before); err != nil {
		t.Fatal(err)
	}
	restarted := open(t, options(dir))
	if again := add(t, restarted, src); again.SHA256 != a.SHA256 {
		t.Fatalf("Add() after a restart read the file again: %s", again.SHA256)
	}

	// Without the remembered hash it is read.
	if err := os.Remove(filepath.Join(dir, "sources.json")); err != nil {
		t.Fatal(err)
	}
	if again := add(t, restarted, src); again.SHA256 != sum("DISTRIBUTION") {
		t.Fatalf("Add() without a remembered hash = %s", again.SHA256)
	}
	// A broken memory costs time only.
	writeFile(t, filepath.Join(dir, "sources.json"), "{broken")
	if again := add(t, restarted, src); again.SHA256 != sum("DISTRIBUTION") {
		t.Fatalf("Add() with a broken memory = %s", again.SHA256)
	}
	if left := entries(t, filepath.Join(dir, "incoming")); len(left) != 0 {
		t.Fatalf("left in incoming: %v", left)
	}
}

func TestAddedFileThatChangesIsNotServed(t *testing.T) {
	dir, src := t.TempDir(), filepath.Join(t.TempDir(), "driver.jar")
	writeFile(t, src, "driver")
	s := open(t, options(dir))
	a := add(t, s, src)
	writeFile(t, src, "driver of tomorrow")
	_, err := s.Stat(a.SHA256)
	wantCode(t, "Stat of changed content", err, fault.NotFound)
	now := add(t, s, src)
	if now.SHA256 != sum("driver of tomorrow") {
		t.Fatalf("Add() of the changed file = %s", now.SHA256)
	}
	// The old bytes come back, under their hash, though a damaged file stands in that place.
	put(t, s, "driver", artifact.PutOptions{Name: "driver.jar"})
	if got, err := s.Stat(a.SHA256); err != nil || got.Size != int64(len("driver")) {
		t.Fatalf("Stat() after repair = %+v, %v", got, err)
	}
}

func TestAddFollowsTheSourceOnly(t *testing.T) {
	src := t.TempDir()
	writeFile(t, filepath.Join(src, "real.jar"), "real")
	link := filepath.Join(src, "link.jar")
	if err := os.Symlink("real.jar", link); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := open(t, options(dir))
	a := add(t, s, link)
	if a.SHA256 != sum("real") || a.Name != "link.jar" {
		t.Fatalf("Add() of a link = %+v", a)
	}
	info, err := os.Lstat(filepath.Join(dir, "content", a.SHA256))
	if err != nil || !info.Mode().IsRegular() {
		t.Fatalf("content of a link: %v, %v", info, err)
	}
}

func TestAddRefuses(t *testing.T) {
	src := t.TempDir()
	writeFile(t, filepath.Join(src, "a b.jar"), "x")
	writeFile(t, filepath.Join(src, "big.jar"), "12345")
	tests := []struct {
		name, path string
		opts       artifact.PutOptions
		want       fault.Code
	}{
		{"missing", filepath.Join(src, "missing.jar"), artifact.PutOptions{}, fault.Internal},
		{"directory", src, artifact.PutOptions{Name: "dir"}, fault.Invalid},
		{"device", "/dev/null", artifact.PutOptions{}, fault.Invalid},
		{"name", filepath.Join(src, "a b.jar"), artifact.PutOptions{}, fault.Invalid},
		{"size", filepath.Join(src, "big.jar"), artifact.PutOptions{MaxBytes: 4}, fault.TooLarge},
	}
	s := open(t, options(t.TempDir()))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := s.Add(context.Background(), tt.path, tt.opts)
			wantCode(t, "Add", err, tt.want)
		})
	}
}

// TestAddCopiesAcrossFileSystems needs two file systems; /dev/shm is one on every Linux machine we know.
func TestAddCopiesAcrossFileSystems(t *testing.T) {
	other, err := os.MkdirTemp("/dev/shm", "artifact-test-")
	if err != nil {
		t.Skipf("no second file system: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(other) })
	src := filepath.Join(other, "flink.tgz")
	writeFile(t, src, "copied")
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(src, old, old); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := open(t, options(dir))
	a := add(t, s, src)
	if got, err := s.Stat(a.SHA256); err != nil || got.Size != 6 || !got.Public {
		t.Fatalf("Stat() = %+v, %v", got, err)
	}
	// Known again, in the same store and after a restart.
	add(t, s, src)
	if again := add(t, open(t, options(dir)), src); again.SHA256 != a.SHA256 {
		t.Fatalf("Add() after a restart = %+v", again)
	}
	if left := entries(t, filepath.Join(dir, "incoming")); len(left) != 0 {
		t.Fatalf("left in incoming: %v", left)
	}
}
