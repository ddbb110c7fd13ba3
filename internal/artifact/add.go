package artifact

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// Add stores a file of this machine, such as a distribution archive of a hundred megabytes: by a hard link
// where the file system allows one, by a copy otherwise. The hash of a file is remembered with its
// device, inode, size and modification time, so that adding it again after a restart reads nothing.
// Changing the file in place later makes the artifact disappear rather than lie about its hash:
// replace such files by renaming. Errors: Invalid when path is not a regular file or the name cannot be
// used, TooLarge over o.MaxBytes, Conflict when the file changes meanwhile, or what the disk said.
func (s *Store) Add(ctx context.Context, path string, o PutOptions) (Artifact, error) {
	if o.Name == "" {
		o.Name = filepath.Base(path)
	}
	if err := CheckName(o.Name); err != nil {
		return Artifact{}, err
	}
	// A hard link to a symbolic link would link the link.
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return Artifact{}, fmt.Errorf("add artifact: %w", err)
	}
	if resolved, err = filepath.Abs(resolved); err != nil {
		return Artifact{}, fmt.Errorf("add artifact: %w", err)
	}
	if info, err := os.Stat(resolved); err != nil {
		return Artifact{}, fmt.Errorf("add artifact: %w", err)
	} else if !info.Mode().IsRegular() {
		return Artifact{}, fault.New(fault.Invalid, "artifact %s is not a regular file: name an archive or a jar", path)
	}
	f, err := os.Open(resolved)
	if err != nil {
		return Artifact{}, fmt.Errorf("add artifact: %w", err)
	}
	defer f.Close()
	a, err := s.add(ctx, f, resolved, o)
	if err != nil {
		return Artifact{}, fmt.Errorf("add artifact %s: %w", path, storage(err))
	}
	return a, nil
}

func (s *Store) add(ctx context.Context, f *os.File, path string, o PutOptions) (Artifact, error) {
	before, err := identify(f)
	if err != nil {
		return Artifact{}, err
	}
	if o.MaxBytes > 0 && before.Size > o.MaxBytes {
		return Artifact{}, tooLarge(o.MaxBytes)
	}
	if a, ok, err := s.addKnown(path, before, o); ok || err != nil {
		return a, err
	}
	sha, _, err := copyHashed(ctx, io.Discard, f, PutOptions{Progress: o.Progress})
	if err != nil {
		return Artifact{}, err
	}
	if after, err := identify(f); err != nil || after != before {
		return Artifact{}, errors.Join(changing(), err)
	}
	record := about{Name: o.Name, Public: o.Public, Size: before.Size, Modified: before.Modified}
	name, err := s.link(f, path)
	if err != nil {
		s.log.Debug("artifact is copied", "file", path, "reason", err)
		return s.addCopy(ctx, f, sha, path, before, o)
	}
	defer func() { _ = s.root.Remove(name) }() // Gone already when it has become content.
	if err := f.Sync(); err != nil {
		return Artifact{}, err
	}
	a, _, err := s.commit(name, sha, record)
	if err != nil {
		return Artifact{}, err
	}
	return a, s.remember(path, source{fileID: before, SHA256: sha})
}

func changing() error {
	return fault.New(fault.Conflict, "the file changed while it was read: try again when it is complete")
}

// addKnown answers from the remembered hash when the file is still the one that was hashed and the store has it.
func (s *Store) addKnown(path string, id fileID, o PutOptions) (Artifact, bool, error) {
	sources := s.sources()
	known, ok := sources[path]
	if !ok || known.fileID != id || !validSHA(known.SHA256) {
		return Artifact{}, false, nil
	}
	if a, err := s.Stat(known.SHA256); err != nil || a.Size != id.Size {
		return Artifact{}, false, nil //nolint:nilerr // What is not there is read from the file.
	}
	// Nothing is at this name: the content is there, so commit only renews the record.
	a, result, err := s.commit(filepath.Join(incomingDir, rand.Text()), known.SHA256, about{Name: o.Name, Public: o.Public, Size: id.Size})
	if err == nil && result == uploadKnown && o.Progress != nil {
		o.Progress(id.Size)
	}
	return a, true, err
}

// link gives the open file a second name among the incoming ones.
func (s *Store) link(f *os.File, path string) (string, error) {
	name := filepath.Join(incomingDir, rand.Text())
	if err := os.Link(path, filepath.Join(s.options.Dir, name)); err != nil {
		return "", err
	}
	linked, err := s.root.Lstat(name)
	if err == nil {
		var opened fs.FileInfo
		if opened, err = f.Stat(); err == nil && os.SameFile(linked, opened) {
			return name, nil
		}
	}
	// Somebody renamed another file to path since we opened it.
	return "", errors.Join(changing(), err, s.root.Remove(name))
}

// addCopy stores a file that cannot be linked, and checks that the copy is what was hashed.
func (s *Store) addCopy(ctx context.Context, f *os.File, sha, path string, id fileID, o PutOptions) (Artifact, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Artifact{}, err
	}
	in, err := s.receive()
	if err != nil {
		return Artifact{}, err
	}
	defer in.discard()
	copied, size, err := copyHashed(ctx, in.file, f, PutOptions{Progress: o.Progress})
	if err != nil {
		return Artifact{}, err
	}
	if copied != sha {
		return Artifact{}, changing()
	}
	if err := in.file.Sync(); err != nil {
		return Artifact{}, err
	}
	info, err := in.file.Stat()
	if err != nil {
		return Artifact{}, err
	}
	a, _, err := s.commit(in.name, sha, about{Name: o.Name, Public: o.Public, Size: size, Modified: info.ModTime().UnixNano()})
	if err != nil {
		return Artifact{}, err
	}
	return a, s.remember(path, source{fileID: id, SHA256: sha})
}

// fileID tells whether a file is still the same one with the same content.
type fileID struct {
	Device   uint64 `json:"device"`
	Inode    uint64 `json:"inode"`
	Size     int64  `json:"size"`
	Modified int64  `json:"modified"` // nanoseconds
}

func identify(f *os.File) (fileID, error) {
	info, err := f.Stat()
	if err != nil {
		return fileID{}, err
	}
	id := fileID{Size: info.Size(), Modified: info.ModTime().UnixNano()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		id.Device, id.Inode = uint64(st.Dev), st.Ino
	}
	return id, nil
}

// source is a remembered hash.
type source struct {
	fileID
	SHA256 string `json:"sha256"`
}

// sources reads the remembered hashes by absolute path. They only save time, so a missing or broken file is an empty one.
func (s *Store) sources() map[string]source {
	m := map[string]source{}
	f, err := s.openRegular(sourcesFile)
	if err == nil {
		defer f.Close()
		err = json.NewDecoder(f).Decode(&m)
	}
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.log.Debug("remembered hashes are unreadable, files will be hashed again", "reason", err)
		}
		return map[string]source{}
	}
	return m
}

// remember adds one hash and forgets those whose content is gone.
func (s *Store) remember(path string, src source) error {
	s.commits.Lock()
	defer s.commits.Unlock()
	m := s.sources()
	m[path] = src
	for p, known := range m {
		if _, err := s.Stat(known.SHA256); err != nil {
			delete(m, p)
		}
	}
	return s.writeFile(sourcesFile, m)
}
