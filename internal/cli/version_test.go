package cli_test

import (
	"os"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/cli"
)

// TestVersionIsLinked checks that make build sets the variable that the command prints: the linker says nothing of
// one that does not exist.
func TestVersionIsLinked(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	if cli.Version != "" {
		t.Errorf("version %q is set without a release", cli.Version)
	}
	for line := range strings.Lines(string(makefile)) {
		if strings.Contains(line, "./cli-plugin") && strings.Contains(line, "$(GO) build") {
			if !strings.Contains(line, "-X $(MODULE)/internal/cli.Version=$(VERSION)") {
				t.Errorf("the version is not linked: %s", line)
			}
			return
		}
	}
	t.Error("the Makefile does not build ./cli-plugin")
}
