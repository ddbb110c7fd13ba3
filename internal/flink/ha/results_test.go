package ha_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink/ha"
)

func TestRemoveResults(t *testing.T) {
	t.Parallel()
	storage := t.TempDir()
	entry := func(id, name string) string {
		dir := filepath.Join(storage, "job-result-store", id)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte("{}"), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	there := func(file string) bool { _, err := os.Stat(file); return err == nil }
	mine, other, strange := entry("demo-aaaa-s1", "ab.json"), entry("demo-aaaa-s2", "ab_DIRTY.json"), entry("demo-aaaa-s3", "notes.txt")
	config := func(dir, id string) map[string]string {
		return map[string]string{"high-availability.storageDir": dir, "high-availability.cluster-id": id}
	}
	if removed, err := ha.RemoveResults(config("file://"+storage, "/demo-aaaa-s1")); !removed || err != nil || there(filepath.Dir(mine)) {
		t.Errorf("RemoveResults() = %t, %v", removed, err)
	}
	for name, c := range map[string]map[string]string{
		"gone already": config(storage, "/demo-aaaa-s1"), "elsewhere": config("s3://bucket/ha", "/demo-aaaa-s2"), "no namespace": config(storage, "/"),
		"outside": config(storage, "/../job-result-store/demo-aaaa-s2"),
		"a place of its own": {
			"high-availability.storageDir": storage, "high-availability.cluster-id": "/demo-aaaa-s2", "job-result-store.storage-path": "/x",
		},
	} {
		if removed, err := ha.RemoveResults(c); removed || err != nil {
			t.Errorf("%s: RemoveResults() = %t, %v", name, removed, err)
		}
	}
	if _, err := ha.RemoveResults(config(storage, "/demo-aaaa-s3")); err == nil {
		t.Error("a folder with other files was taken for job results")
	}
	if !there(other) || !there(strange) {
		t.Error("the results of another submission, or what is none, are gone")
	}
}
