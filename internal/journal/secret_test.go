package journal_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/journal"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// TestBeginHidesSecrets begins with a spec in each place of the state that holds one, and leaves the state as it was.
func TestBeginHidesSecrets(t *testing.T) {
	t.Parallel()
	spec := func(name string) spec.Spec {
		return spec.Spec{Name: name, FlinkConfiguration: map[string]string{"s3.secret-key": "the canary"}}
	}
	stored := state.Stored{
		Clusters: []state.ClusterRecord{{
			Spec: spec("a"), Nonce: "aaaa", Rollout: &state.Rollout{Spec: spec("a")},
			Submission: &state.Submission{Lookup: &state.Lookup{Spec: spec("a")}}, OldNamespaces: []state.OldNamespace{{Spec: spec("a")}},
		}},
		Leftovers: []state.OrphanedHAData{{Spec: spec("b")}},
		Revisions: []state.Revision{{Spec: spec("c")}},
	}
	dir := t.TempDir()
	j, err := journal.New(journal.Options{Dir: dir, Masked: masked, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	j.Begin(noon, stored)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no journal: %v", err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte("canary")) || !bytes.Contains(text, []byte(`"a"`)) {
			t.Errorf("%s: %s", f, text)
		}
	}
	if stored.Clusters[0].Rollout.Spec.FlinkConfiguration["s3.secret-key"] != "the canary" {
		t.Error("the state itself was masked")
	}
}
