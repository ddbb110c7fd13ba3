package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/flink-on-mesos/flink-service/internal/store"
)

// Options say where the store is.
type Options struct {
	// Dir is the directory. It is made when it is missing, readable by its owner only.
	Dir string
	// Log is told what was cut off and compacted. Default: nothing is told.
	Log *slog.Logger
	// CompactAfter is how many bytes of the log may be out of date before it is written anew; it is written anew
	// when they are also more than what is live. Default 8 MiB.
	CompactAfter int64

	// wrap lets tests break the log's file.
	wrap func(logFile) logFile
}

func (o *Options) validate() error {
	if o.Dir == "" {
		return errors.New("Dir is empty; give the directory of the state")
	}
	if o.CompactAfter < 0 {
		return fmt.Errorf("CompactAfter is %d; give a number of bytes from 0", o.CompactAfter)
	}
	if o.CompactAfter == 0 {
		o.CompactAfter = 8 << 20
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.wrap == nil {
		o.wrap = func(f logFile) logFile { return f }
	}
	return nil
}

// Dir returns the directory that a STATE_STORE such as file:/var/lib/flink-service names.
func Dir(stateStore string) (string, error) {
	rest, ok := strings.CutPrefix(stateStore, "file:")
	if !ok {
		return "", fmt.Errorf("%q does not begin with file:", stateStore)
	}
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		if !strings.HasPrefix(after, "/") {
			return "", fmt.Errorf("%q names a host; write file:/path", stateStore)
		}
		rest = after
	}
	dir, err := url.PathUnescape(rest)
	if err != nil {
		return "", fmt.Errorf("%q: %w", stateStore, err)
	}
	if dir == "" || strings.ContainsRune(dir, 0) {
		return "", fmt.Errorf("%q names no directory; write file:/path", stateStore)
	}
	return filepath.Clean(dir), nil
}

// logFile is what is used of an *os.File.
type logFile interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
	Truncate(size int64) error
}

// Store is the embedded store. New opens it.
type Store struct {
	o        Options
	lock     *os.File
	requests chan *request
	quit     chan struct{}
	done     chan struct{}
	closing  sync.Once
	closed   error // what closing the files said; read it after done

	mu     sync.Mutex // guards what is below
	log    logFile
	number uint64           // of the log
	index  map[string]place // where the live records are
	end    int64            // of the log
	live   int64            // bytes of it that are live
	failed error            // set once; then only opening again helps
}

// request is one call of Apply.
type request struct {
	changes []store.Record
	size    int
	answer  chan error
}

// New opens the store in o.Dir, or makes an empty one there.
func New(o Options) (*Store, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("file store: %w", err)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("file store: %w", err)
	}
	l, err := lock(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("file store: %w", err)
	}
	s := &Store{
		o: o, lock: l,
		requests: make(chan *request, 256),
		quit:     make(chan struct{}),
		done:     make(chan struct{}),
	}
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("file store: %w", err), unlock(l))
	}
	go s.run()
	return s, nil
}

// Load returns every record.
func (s *Store) Load(ctx context.Context) ([]store.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.quit:
		return nil, store.ErrClosed
	default:
	}
	if s.failed != nil {
		return nil, s.failed
	}
	records := make([]store.Record, 0, len(s.index))
	for _, key := range slices.Sorted(maps.Keys(s.index)) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		value, err := s.value(key)
		if err != nil {
			return nil, err
		}
		records = append(records, store.Record{Key: key, Value: value})
	}
	return records, nil
}

// value reads the live value at key.
func (s *Store) value(key string) ([]byte, error) {
	p := s.index[key]
	value := make([]byte, p.size)
	if _, err := s.log.ReadAt(value, p.offset); err != nil {
		return nil, fmt.Errorf("read record %s: %w", key, err)
	}
	if crc32.Checksum(value, castagnoli) != p.sum {
		return nil, &store.RecordError{
			Key: key, Cause: store.ErrCorrupt,
			Detail: fmt.Sprintf("%s at byte %d is not what was written", s.path(s.number), p.offset),
			Advice: "the disk may be failing: restore the state from an export",
		}
	}
	return value, nil
}

// Apply makes the changes durable.
func (s *Store) Apply(ctx context.Context, changes []store.Record) error {
	batch, err := store.Normalize(changes)
	if err != nil {
		return err
	}
	r := &request{answer: make(chan error, 1)}
	for i, c := range batch {
		// The caller may use its memory again as soon as Apply returns, which may be before the write.
		batch[i].Value = bytes.Clone(c.Value)
		r.size += recordSize(c)
	}
	if r.size > maxFrame {
		return fmt.Errorf("the changes take %d bytes, the most for one Apply is %d", r.size, maxFrame)
	}
	r.changes = batch
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-s.quit:
		return store.ErrClosed
	default:
	}
	select {
	case <-s.quit:
		return store.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	case s.requests <- r:
	}
	select {
	case err := <-r.answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-s.done:
		select {
		case err := <-r.answer:
			return err
		default:
			return store.ErrClosed
		}
	}
}

// Close finishes the writes under way and lets go of the directory.
func (s *Store) Close() error {
	s.closing.Do(func() { close(s.quit) })
	<-s.done
	return s.closed
}

// run performs requests in the order they came, as many as are there in one write.
func (s *Store) run() {
	defer close(s.done)
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.closed = errors.Join(s.log.Close(), unlock(s.lock))
	}()
	// one write takes no more than this, so that the first of many callers does not wait for all.
	const enough = 16 << 20
	var held *request
	for {
		group, size := []*request(nil), 0
		if held != nil {
			group, size, held = append(group, held), held.size, nil
		} else {
			select {
			case r := <-s.requests:
				group, size = append(group, r), r.size
			case <-s.quit:
				select {
				case r := <-s.requests:
					group, size = append(group, r), r.size
				default:
					return
				}
			}
		}
	more:
		for size < enough {
			select {
			case r := <-s.requests:
				if size+r.size > maxFrame {
					held = r
					break more
				}
				group, size = append(group, r), size+r.size
			default:
				break more
			}
		}
		err := s.commit(group)
		for _, r := range group {
			r.answer <- err
		}
	}
}

// commit writes the changes of all requests as one frame.
func (s *Store) commit(group []*request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	changes := group[0].changes
	if len(group) > 1 {
		var all []store.Record
		for _, r := range group {
			all = append(all, r.changes...)
		}
		var err error
		if changes, err = store.Normalize(all); err != nil {
			return err
		}
	}
	// Deleting what is not there needs no write.
	changes = slices.DeleteFunc(slices.Clone(changes), func(c store.Record) bool {
		_, ok := s.index[c.Key]
		return len(c.Value) == 0 && !ok
	})
	if len(changes) == 0 {
		return nil
	}
	type update struct {
		key string
		place
	}
	updates := make([]update, 0, len(changes))
	frame := appendFrame(nil, changes, func(r store.Record, offset, size int) {
		updates = append(updates, update{r.Key, place{
			offset: s.end + int64(offset), size: uint32(len(r.Value)),
			sum: crc32.Checksum(r.Value, castagnoli), frame: uint32(size),
		}})
	})
	if err := s.write(frame); err != nil {
		return err
	}
	for _, u := range updates {
		s.live -= int64(s.index[u.key].frame)
		if u.size == 0 {
			delete(s.index, u.key)
			continue
		}
		s.index[u.key] = u.place
		s.live += int64(u.frame)
	}
	if old := s.end - s.live; old > s.o.CompactAfter && old > s.live {
		// The changes are durable in the log as it is, so a compaction that cannot be made now is not the
		// caller's trouble; it is tried again with the next write.
		if err := s.compact(); err != nil {
			s.o.Log.Warn("state log not compacted", "dir", s.o.Dir, "error", err)
		}
	}
	return nil
}

// write appends a frame and waits until it is on disk. When it fails, the log is as it was, or the store has failed for good.
func (s *Store) write(frame []byte) error {
	_, err := s.log.WriteAt(frame, s.end)
	if err == nil {
		if err = s.log.Sync(); err == nil {
			s.end += int64(len(frame))
			return nil
		}
		// After a failed fsync the kernel may forget that the pages were never written.
		s.failed = fmt.Errorf("%w: fsync %s: %w", store.ErrFailed, s.path(s.number), err)
		return s.failed
	}
	err = fmt.Errorf("write %s: %w", s.path(s.number), err)
	if undo := s.log.Truncate(s.end); undo != nil {
		s.failed = fmt.Errorf("%w: %w, and undo: %w", store.ErrFailed, err, undo)
		return s.failed
	}
	return err
}
