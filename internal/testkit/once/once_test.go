package once_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/testkit/once"
)

// TestMake makes a directory from many goroutines at once, after a try that failed.
func TestMake(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "go.mod"), []byte("module github.com/flink-on-mesos/flink-service\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(below, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(below)
	broken := errors.New("broken")
	if _, err := once.Make("x/1", func(part string) error {
		return errors.Join(os.WriteFile(filepath.Join(part, "half"), nil, 0o600), broken)
	}); !errors.Is(err, broken) {
		t.Fatalf("Make() = %v, want the error of fill", err)
	}
	var fills atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			dir, err := once.Make("x/1", func(part string) error {
				fills.Add(1)
				return os.WriteFile(filepath.Join(part, "whole"), nil, 0o600)
			})
			if want := filepath.Join(root, "build", "x", "1"); err != nil || dir != want {
				t.Errorf("Make() = %q, %v, want %q", dir, err, want)
			}
		})
	}
	all.Wait()
	if n := fills.Load(); n != 1 {
		t.Errorf("it was filled %d times, want once", n)
	}
	files, err := filepath.Glob(filepath.Join(root, "build", "x", "1", "*"))
	if err != nil || len(files) != 1 || filepath.Base(files[0]) != "whole" {
		t.Errorf("the directory has %v (%v), want whole", files, err)
	}
}
