package process_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/testkit/process"
)

// TestStart waits until a program is ready, and ends it twice.
func TestStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := process.Start(t, process.Options{
		Name: "server", Dir: dir, Env: []string{"GREETING=hello"}, Command: []string{"sh", "-c", `echo $GREETING; echo > ready; exec sleep 60`},
		Ready: func(context.Context) error {
			_, err := os.Stat(filepath.Join(dir, "ready"))
			return err
		},
	})
	p.Stop()
	p.Stop()
	text, err := os.ReadFile(filepath.Join(dir, "server.out"))
	if err != nil || string(text) != "hello\n" {
		t.Errorf("the output is %q (%v), want hello", text, err)
	}
	if err := process.Listens(process.FreeAddress(t))(t.Context()); err == nil {
		t.Error("somebody listens on a free address")
	}
}
