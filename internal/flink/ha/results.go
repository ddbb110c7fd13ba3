package ha

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// RemoveResults removes what Flink's job result store keeps of the jobs of one namespace
// (high-availability.storageDir/job-result-store/CLUSTER-ID, FileSystemJobResultStore), where it lies in a file system
// that is mounted on this machine. Elsewhere, and where the configuration names a place of its own, it stays. It says
// whether something was removed.
func RemoveResults(config map[string]string) (removed bool, err error) {
	id := strings.Trim(strings.TrimSpace(config["high-availability.cluster-id"]), "/")
	if config["job-result-store.storage-path"] != "" || id == "" || !filepath.IsLocal(id) {
		return false, nil
	}
	u, err := url.Parse(strings.TrimSpace(config["high-availability.storageDir"]))
	if err != nil || u.Opaque != "" || u.Host != "" || u.Scheme != "" && u.Scheme != "file" || !filepath.IsAbs(u.Path) {
		return false, nil //nolint:nilerr // What cannot be read here is no folder of this machine.
	}
	dir := filepath.Join(u.Path, "job-result-store", id)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("remove job results: %w", err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasSuffix(e.Name(), ".json") {
			return removed, fmt.Errorf("remove job results: %s has %s, which is no job result", dir, e.Name())
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return removed, fmt.Errorf("remove job results: %w", err)
		}
		removed = true
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return removed, fmt.Errorf("remove job results: %w", err)
	}
	return true, nil
}
