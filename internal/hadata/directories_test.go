package hadata

import (
	"os"
	"path/filepath"
	"testing"
)

func TestRemoveEmptyDirectories(t *testing.T) {
	t.Parallel()
	storage := t.TempDir()
	for _, dir := range []string{"demo-aaaa/blob", "demo-aaaa/a/b", "other-bbbb/blob", "full-cccc/blob"} {
		if err := os.MkdirAll(filepath.Join(storage, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(storage, "full-cccc", "blob", "kept"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"/demo-aaaa", "full-cccc", "", "/", ".", "..", "/../x"} {
		removeEmptyDirectories(map[string]string{"high-availability.storageDir": "file://" + storage, "high-availability.cluster-id": id})
	}
	removeEmptyDirectories(map[string]string{"high-availability.storageDir": "hdfs://" + storage, "high-availability.cluster-id": "other-bbbb"})
	for path, want := range map[string]bool{"demo-aaaa": false, "other-bbbb/blob": true, "full-cccc/blob/kept": true} {
		if _, err := os.Stat(filepath.Join(storage, path)); (err == nil) != want {
			t.Errorf("%s is there: %t, want %t", path, err == nil, want)
		}
	}
}
