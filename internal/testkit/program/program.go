// Package program writes programs that a test starts.
package program

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Write makes an executable file, with its directory, that can be started at once: a process that another test was just
// starting would otherwise still hold it open for writing ("Text file busy").
func Write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	syscall.ForkLock.RLock()
	syscall.ForkLock.RUnlock() //nolint:staticcheck // To have waited is all.
}
