package e2e_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/tests/e2e/world"
)

// checkpointed says whether a job has completed a checkpoint.
func checkpointed(t *testing.T, w *world.World, name, id string) error {
	t.Helper()
	c, err := w.Client.Flink(name).Checkpoints(t.Context(), id)
	if err != nil {
		return err
	}
	if c.Counts.Completed == 0 {
		return fmt.Errorf("none was completed")
	}
	return nil
}

// checkSum compares what the job Sum wrote with the sum of the numbers from 1 to n: each was counted once.
func checkSum(t *testing.T, file string, n int) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%d %d", n, n*(n+1)/2)
	if got := strings.TrimSpace(string(text)); got != want {
		t.Errorf("the job counted %q, want %q", got, want)
	}
}
