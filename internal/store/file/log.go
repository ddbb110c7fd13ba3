package file

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/store"
)

// path returns the name of the log with the given number.
func (s *Store) path(number uint64) string {
	return filepath.Join(s.o.Dir, fmt.Sprintf("state-%06d.log", number))
}

// open finds the newest log, reads it, and removes what a crash during compaction left.
func (s *Store) open() error {
	entries, err := os.ReadDir(s.o.Dir)
	if err != nil {
		return err
	}
	var stale []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "state-") && strings.HasSuffix(e.Name(), ".log.tmp") {
			stale = append(stale, filepath.Join(s.o.Dir, e.Name()))
			continue
		}
		digits, ok := strings.CutPrefix(e.Name(), "state-")
		if !ok {
			continue
		}
		number, err := strconv.ParseUint(strings.TrimSuffix(digits, ".log"), 10, 64)
		if err != nil || filepath.Join(s.o.Dir, e.Name()) != s.path(number) {
			continue
		}
		// A log gets its name when it is complete, so the newest one holds everything.
		if s.number != 0 {
			stale = append(stale, s.path(min(s.number, number)))
		}
		s.number = max(s.number, number)
	}
	if s.number == 0 {
		if err := s.create(1, nil); err != nil {
			return err
		}
	} else if err := s.read(); err != nil {
		return fmt.Errorf("%s: %w", s.path(s.number), err)
	}
	for _, name := range stale {
		if err := os.Remove(name); err != nil {
			return errors.Join(err, s.log.Close())
		}
	}
	return nil
}

// read opens the log and finds its live records.
func (s *Store) read() error {
	f, err := os.OpenFile(s.path(s.number), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	s.log = s.o.wrap(f)
	if err := s.scan(f); err != nil {
		return errors.Join(err, s.log.Close())
	}
	return nil
}

func (s *Store) scan(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	s.index, s.live = map[string]place{}, 0
	s.end, err = scan(s.log, info.Size(), func(key string, value []byte, offset int64, size int) {
		s.live -= int64(s.index[key].frame)
		if value == nil {
			delete(s.index, key)
			return
		}
		s.index[key] = place{
			offset: offset, size: uint32(len(value)),
			sum: crc32.Checksum(value, castagnoli), frame: uint32(size),
		}
		s.live += int64(size)
	})
	if err == nil {
		return nil
	}
	if !errors.Is(err, errFrame) {
		return err
	}
	more, err := frameAfter(s.log, s.end, info.Size())
	if err != nil {
		return err
	}
	if more {
		return fmt.Errorf("%w: the frame at byte %d is damaged and later ones are sound; restore the state from an export, "+
			"or cut the file off at that byte to lose what came after", store.ErrCorrupt, s.end)
	}
	// The write that a crash interrupted was never answered.
	s.o.Log.Warn("unfinished write cut off", "file", s.path(s.number), "at", s.end, "bytes", info.Size()-s.end)
	if err := s.log.Truncate(s.end); err != nil {
		return err
	}
	return s.log.Sync()
}

// compact writes the live records to a new log and goes on with that.
func (s *Store) compact() error {
	old, number := s.log, s.number
	if err := s.create(number+1, s.index); err != nil {
		return err
	}
	s.o.Log.Debug("state log compacted", "file", s.path(s.number), "bytes", s.end)
	return errors.Join(old.Close(), os.Remove(s.path(number)))
}

// create makes a log of the given number with the live records of the present one, and goes on with it.
func (s *Store) create(number uint64, live map[string]place) error {
	name := s.path(number)
	f, err := os.OpenFile(name+".tmp", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	log := s.o.wrap(f)
	index, end, err := s.copyTo(log, live)
	if err == nil {
		err = log.Sync()
	}
	if err == nil {
		err = os.Rename(name+".tmp", name)
	}
	if err != nil {
		return errors.Join(err, log.Close(), os.Remove(name+".tmp"))
	}
	if err := syncDir(s.o.Dir); err != nil {
		// Which of the two logs a crash would leave is unknown now, so neither may be written.
		s.failed = fmt.Errorf("%w: fsync %s: %w", store.ErrFailed, s.o.Dir, err)
		return errors.Join(s.failed, log.Close())
	}
	s.log, s.number, s.index, s.end, s.live = log, number, index, end, 0
	for _, p := range index {
		s.live += int64(p.frame)
	}
	return nil
}

// copyTo writes the live records of the present log to a new one.
func (s *Store) copyTo(log logFile, live map[string]place) (map[string]place, int64, error) {
	const enough = 1 << 20
	index := make(map[string]place, len(live))
	if _, err := log.WriteAt([]byte(magic), 0); err != nil {
		return nil, 0, err
	}
	end := int64(len(magic))
	var batch []store.Record
	size := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		frame := appendFrame(nil, batch, func(r store.Record, offset, size int) {
			index[r.Key] = place{
				offset: end + int64(offset), size: uint32(len(r.Value)),
				sum: crc32.Checksum(r.Value, castagnoli), frame: uint32(size),
			}
		})
		if _, err := log.WriteAt(frame, end); err != nil {
			return err
		}
		end += int64(len(frame))
		batch, size = batch[:0], 0
		return nil
	}
	for key := range live {
		value, err := s.value(key)
		if err != nil {
			return nil, 0, err
		}
		batch = append(batch, store.Record{Key: key, Value: value})
		if size += len(value); size >= enough {
			if err := flush(); err != nil {
				return nil, 0, err
			}
		}
	}
	if err := flush(); err != nil {
		return nil, 0, err
	}
	return index, end, nil
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
