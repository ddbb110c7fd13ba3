package storage_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// logged lists the sandboxes of the tasks whose log has a text.
func logged(t *testing.T, w *world.World, text string) []string {
	t.Helper()
	var found []string
	for _, sandbox := range w.Sandboxes() {
		log, err := os.ReadFile(filepath.Join(sandbox, "stdout"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(log), text) {
			found = append(found, sandbox)
		}
	}
	return found
}
