package artifact

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// PutOptions say how to store one file.
type PutOptions struct {
	// Name is the file name, see CheckName. Add takes the name of the source when it is empty.
	Name string
	// MaxBytes bounds the content. 0 means Options.MaxUpload for Put and no bound for Add.
	MaxBytes int64
	// Public serves the artifact at its stable path too.
	Public bool
	// Progress, when set, is called with the bytes read so far, at least once and at most once for each
	// buffer of 256 KiB.
	Progress func(bytes int64)
}

// bufferSize is what one upload holds in memory, in bytes.
const bufferSize = 256 << 10

var buffers = sync.Pool{New: func() any { b := make([]byte, bufferSize); return &b }}

// Put stores what r holds and returns when it is safe on disk. Content that is there already is
// kept once; its name and age become those of this call. Errors: Invalid for the name, TooLarge
// over the bound, Unavailable when the disk is full, the error of r, or what the disk said. After
// an error nothing is left.
func (s *Store) Put(ctx context.Context, r io.Reader, o PutOptions) (a Artifact, err error) {
	s.metrics.open.Inc()
	defer func() {
		s.metrics.open.Dec()
		if err != nil {
			s.metrics.uploads.WithLabelValues(failure(err)).Inc()
		}
	}()
	if err := CheckName(o.Name); err != nil {
		return Artifact{}, err
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = s.options.MaxUpload
	}
	in, err := s.receive()
	if err != nil {
		return Artifact{}, storage(err)
	}
	defer in.discard()
	sha, size, err := copyHashed(ctx, in.file, r, o)
	s.metrics.received.Add(float64(size))
	if err != nil {
		return Artifact{}, storage(err)
	}
	if err := in.file.Sync(); err != nil {
		return Artifact{}, storage(fmt.Errorf("write artifact: %w", err))
	}
	info, err := in.file.Stat()
	if err != nil {
		return Artifact{}, fmt.Errorf("write artifact: %w", err)
	}
	a, result, err := s.commit(in.name, sha, about{Name: o.Name, Public: o.Public, Size: size, Modified: info.ModTime().UnixNano()})
	if err != nil {
		return Artifact{}, storage(err)
	}
	s.metrics.uploads.WithLabelValues(result).Inc()
	return a, nil
}

// failure sorts an error of an upload into the metrics' label.
func failure(err error) string {
	switch fault.CodeOf(err) {
	case fault.Internal, fault.Unavailable:
		return uploadFailed
	default:
		return uploadRefused
	}
}

// storage gives the one disk error that a user can act on its own code.
func storage(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return errors.Join(fault.New(fault.Unavailable, "the artifact directory is full: delete artifacts or enlarge the disk, then try again"), err)
	}
	return err
}

// incoming is a file that nobody serves yet.
type incoming struct {
	store *Store
	file  *os.File
	name  string
}

// receive creates a file for an upload. Its lock tells a starting process that we are alive.
func (s *Store) receive() (*incoming, error) {
	name := filepath.Join(incomingDir, rand.Text())
	f, err := s.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write artifact: %w", err)
	}
	in := &incoming{store: s, file: f, name: name}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		in.discard()
		return nil, fmt.Errorf("lock artifact: %w", err)
	}
	return in, nil
}

// discard closes the file and removes its name, unless the name has become content.
func (in *incoming) discard() {
	if err := in.store.root.Remove(in.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		in.store.log.Warn("half-written artifact stays until the next start", "file", in.name, "reason", err)
	}
	_ = in.file.Close() // Synced before it became content, of no interest otherwise.
}

// copyHashed copies r to w and returns the hash and the number of bytes read. Memory is one buffer.
func copyHashed(ctx context.Context, w io.Writer, r io.Reader, o PutOptions) (string, int64, error) {
	p := buffers.Get().(*[]byte)
	defer buffers.Put(p)
	buf, hash := *p, sha256.New()
	var size int64
	for {
		if err := ctx.Err(); err != nil {
			return "", size, fmt.Errorf("read artifact: %w", err)
		}
		n, err := readBuffer(r, buf)
		size += int64(n)
		if o.MaxBytes > 0 && size > o.MaxBytes {
			return "", size, tooLarge(o.MaxBytes)
		}
		hash.Write(buf[:n])
		if _, err := w.Write(buf[:n]); err != nil {
			return "", size, fmt.Errorf("write artifact: %w", err)
		}
		if o.Progress != nil {
			o.Progress(size)
		}
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(hash.Sum(nil)), size, nil
		}
		if err != nil {
			return "", size, fmt.Errorf("read artifact: %w", err)
		}
	}
}

// readBuffer fills buf as far as r goes, so that small network reads do not become small writes.
func readBuffer(r io.Reader, buf []byte) (int, error) {
	n := 0
	for n < len(buf) {
		m, err := r.Read(buf[n:])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func tooLarge(limit int64) error {
	return fault.New(fault.TooLarge, "the artifact has more than %d bytes: raise the upload limit of the service, or refer to it by a URI of its own", limit)
}

// commit turns the file at name, which is whole and synced, into the content of sha.
func (s *Store) commit(name, sha string, record about) (a Artifact, result string, err error) {
	s.commits.Lock()
	defer s.commits.Unlock()
	record.Version, record.Created = aboutVersion, s.options.Now().UTC()
	f, known, err := s.Open(sha)
	switch {
	case err == nil:
		// The content that is served stays; only what is known about it becomes younger.
		info, err := f.Stat()
		if err := errors.Join(err, f.Close()); err != nil {
			return Artifact{}, "", fmt.Errorf("store artifact %s: %w", sha, err)
		}
		record.Modified = info.ModTime().UnixNano()
		record.Public = record.Public || known.Public
		if err := s.writeFile(filepath.Join(aboutDir, sha), record); err != nil {
			return Artifact{}, "", err
		}
		return record.artifact(sha), uploadKnown, nil
	case fault.CodeOf(err) != fault.NotFound:
		return Artifact{}, "", err
	}
	// The record first: content appears in one step, with all that is needed to serve it.
	if err := s.writeFile(filepath.Join(aboutDir, sha), record); err != nil {
		return Artifact{}, "", err
	}
	if err := s.root.Rename(name, filepath.Join(contentDir, sha)); err != nil {
		return Artifact{}, "", fmt.Errorf("store artifact %s: %w", sha, err)
	}
	if err := s.syncDir(contentDir); err != nil {
		return Artifact{}, "", err
	}
	s.metrics.stored(1, record.Size)
	s.log.Info("artifact stored", "sha256", sha, "name", record.Name, "bytes", record.Size, "public", record.Public)
	return record.artifact(sha), uploadStored, nil
}

// writeFile writes v as JSON so that readers and power cuts see the old file or the new one.
func (s *Store) writeFile(name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	in, err := s.receive()
	if err != nil {
		return err
	}
	defer in.discard()
	if _, err := io.Copy(in.file, bytes.NewReader(data)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := in.file.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := s.root.Rename(in.name, name); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return s.syncDir(filepath.Dir(name))
}
