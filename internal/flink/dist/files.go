package dist

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// kept is how many archives of one name stay: each change of an added jar makes another. More than one, because clusters
// stay with the archive that they were created with.
const kept = 3

// prune removes the oldest archives of a name with their manifests, and the jars of opt that no manifest names any more.
func prune(dir, name string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("remove old archives: %w", err)
	}
	type archive struct {
		file     string
		modified time.Time
	}
	var archives []archive
	for _, e := range entries {
		if m := archiveName.FindStringSubmatch(e.Name()); m == nil || m[1] != name {
			continue
		}
		if info, err := e.Info(); err == nil {
			archives = append(archives, archive{e.Name(), info.ModTime()})
		}
	}
	slices.SortFunc(archives, func(a, b archive) int { return b.modified.Compare(a.modified) })
	for _, a := range archives[min(kept, len(archives)):] {
		for _, file := range []string{manifestName(a.file), a.file} {
			if err := remove(filepath.Join(dir, file)); err != nil {
				return err
			}
		}
	}
	return pruneOptional(dir)
}

func pruneOptional(dir string) error {
	all, err := ScanAll(dir)
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(dir, "flink-*-optional-*.tar"))
	if err != nil {
		return fmt.Errorf("remove old archives: %w", err)
	}
	for _, file := range files {
		used := slices.ContainsFunc(all, func(m Manifest) bool { return m.Optional != nil && m.Optional.File == filepath.Base(file) })
		if !used {
			if err := remove(file); err != nil {
				return err
			}
		}
	}
	return nil
}

func remove(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove old archives: %w", err)
	}
	return nil
}

func writeManifest(dir string, m Manifest) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	name := filepath.Join(dir, manifestName(m.File))
	tmp := filepath.Join(dir, fmt.Sprintf(".%s.%d", filepath.Base(name), os.Getpid()))
	if err := os.WriteFile(tmp, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	if err := os.Rename(tmp, name); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return nil
}

// known finds the archive that was made from these inputs, and marks it as the one that
// was asked for last, which is what Scan prefers.
func known(dir, inputs string) (Manifest, bool) {
	names, err := filepath.Glob(filepath.Join(dir, "flink-*.json"))
	if err != nil {
		return Manifest{}, false
	}
	for _, name := range names {
		m, err := readManifest(name)
		if err != nil || m.Inputs != inputs {
			continue
		}
		file := filepath.Join(dir, m.File)
		if m.Optional != nil && !whole(filepath.Join(dir, m.Optional.File), m.Optional.Size) {
			continue
		}
		if whole(file, m.Size) {
			now := time.Now()
			// A directory that cannot be written still holds a good archive.
			_ = os.Chtimes(file, now, now)
			return m, true
		}
	}
	return Manifest{}, false
}

func whole(file string, size int64) bool {
	info, err := os.Stat(file)
	return err == nil && info.Size() == size
}
