// Package savepoint looks at the files of savepoints and checkpoints that the service can see: it says which Flink wrote
// them and removes them. It follows no link, descends into no folder, and touches nothing that is not a snapshot.
package savepoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

const (
	// metadataFile is the file that describes a snapshot (AbstractFsCheckpointStorageAccess).
	metadataFile = "_metadata"
	// magic begins it (Checkpoints.HEADER_MAGIC_NUMBER).
	magic = 0x4960672d
	// checkpointPrefix begins the folder of a checkpoint.
	checkpointPrefix = "chk-"
)

// ErrOutOfReach says that the service cannot see the files: they are in another kind of file system, or on another
// machine.
var ErrOutOfReach = errors.New("the service cannot see the files of the snapshot")

// Header is the beginning of the metadata of a snapshot.
type Header struct {
	// Version is that of the format: 3 since Flink 1.11, 4 and more for later ones.
	Version int32
	// CheckpointID is Flink's number of the checkpoint.
	CheckpointID int64
}

// Directory is where a snapshot lies on this machine, by its path or URI.
func Directory(path string) (string, error) {
	u, err := url.Parse(path)
	switch {
	case err != nil || u.Opaque != "" || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "" && u.Scheme != "file" || u.Host != "" && u.Host != "localhost":
		return "", ErrOutOfReach
	case !filepath.IsAbs(u.Path) || strings.Contains(u.Path, "\x00"):
		return "", fmt.Errorf("%s is not an absolute path", path)
	}
	dir := filepath.Clean(u.Path)
	if filepath.Base(dir) == metadataFile {
		dir = filepath.Dir(dir)
	}
	return dir, nil
}

// ReadHeader reads the beginning of a snapshot's metadata. It fails with ErrOutOfReach where the service cannot see it.
func ReadHeader(path string) (Header, error) {
	dir, err := Directory(path)
	if err != nil {
		return Header{}, err
	}
	f, err := os.Open(filepath.Join(dir, metadataFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Header{}, ErrOutOfReach
	}
	if err != nil {
		return Header{}, fmt.Errorf("read the snapshot: %w", err)
	}
	defer f.Close()
	return header(f)
}

func header(r io.Reader) (Header, error) {
	var begin struct {
		Magic   uint32
		Version int32
		ID      int64
	}
	if err := binary.Read(r, binary.BigEndian, &begin); err != nil {
		return Header{}, fmt.Errorf("the metadata of the snapshot is cut off: %w", err)
	}
	if begin.Magic != magic {
		return Header{}, errors.New("this is not a savepoint or checkpoint of Flink: its metadata begins with other bytes")
	}
	return Header{Version: begin.Version, CheckpointID: begin.ID}, nil
}

// Remove removes the files of a snapshot, the metadata last, so that a removal that was stopped can be done again. It
// fails with ErrOutOfReach where the service cannot see them. A folder that is gone is removed; what else lies in the
// folder, such as folders, stays with it and is an error.
func Remove(path string) error {
	dir, err := Directory(path)
	if err != nil {
		return err
	}
	if info, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		if parent, err := os.Stat(filepath.Dir(dir)); err == nil && parent.IsDir() {
			return nil
		}
		return ErrOutOfReach
	} else if err != nil || !info.IsDir() {
		return ErrOutOfReach
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("remove the snapshot: %w", err)
	}
	if len(entries) > 0 {
		if _, err := ReadHeader(dir); err != nil {
			return err
		}
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			return fmt.Errorf("%s has %s, which is no file of a snapshot: remove it by hand", dir, e.Name())
		}
	}
	for _, e := range entries {
		if e.Name() == metadataFile {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the snapshot: %w", err)
		}
	}
	for _, name := range []string{filepath.Join(dir, metadataFile), dir} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the snapshot: %w", err)
		}
	}
	return nil
}

// RemoveSiblings removes what a job that has ended left beside one of its checkpoints: the other checkpoints, and the
// folders of the job once they are empty. The files that incremental checkpoints shared stay. It fails with
// ErrOutOfReach where the service cannot see them; a folder that is gone has no siblings.
func RemoveSiblings(path string) error {
	dir, err := Directory(path)
	if err != nil {
		return err
	}
	job := filepath.Dir(dir)
	if !strings.HasPrefix(filepath.Base(dir), checkpointPrefix) {
		return fmt.Errorf("%s is not the folder of a checkpoint", dir)
	}
	entries, err := os.ReadDir(job)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove the checkpoints of the job: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), checkpointPrefix) {
			continue
		}
		// One without metadata was not completed; it stays, for it cannot be told from what somebody else put there.
		if err := Remove(filepath.Join(job, e.Name())); err != nil && !errors.Is(err, ErrOutOfReach) {
			return err
		}
	}
	for _, name := range []string{filepath.Join(job, "shared"), filepath.Join(job, "taskowned"), job} {
		_ = os.Remove(name) // One that is not empty stays.
	}
	return nil
}
