package hadata

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// removeEmptyDirectories removes the directories that Flink leaves empty of a deleted cluster in
// high-availability.storageDir, where that is one that this machine can reach. Files stay: no other cluster's state is
// touched, and what could not be removed is of no account.
func removeEmptyDirectories(config map[string]string) {
	storage, ok := strings.CutPrefix(config["high-availability.storageDir"], "file:")
	id := strings.TrimLeft(config["high-availability.cluster-id"], "/")
	storage = "/" + strings.TrimLeft(storage, "/")
	if !ok || storage == "/" || !filepath.IsLocal(id) || id == "." {
		return
	}
	var directories []string
	_ = filepath.WalkDir(filepath.Join(storage, id), func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			directories = append(directories, path)
		}
		return nil
	})
	for _, path := range slices.Backward(directories) {
		_ = os.Remove(path) // It removes nothing that has content.
	}
}
