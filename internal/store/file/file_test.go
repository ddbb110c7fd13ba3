package file_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/store/file"
	"github.com/flink-on-mesos/flink-service/internal/store/storetest"
)

func mustOpen(t *testing.T, o file.Options) *file.Store {
	t.Helper()
	s, err := file.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func set(key, value string) store.Record { return store.Record{Key: key, Value: []byte(value)} }

func TestContract(t *testing.T) {
	t.Parallel()
	for name, compactAfter := range map[string]int64{"seldom compacted": 0, "often compacted": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t *testing.T) storetest.Place {
				dir := t.TempDir()
				return storetest.Place{
					Open: func(t *testing.T) store.Store {
						return mustOpen(t, file.Options{Dir: dir, CompactAfter: compactAfter})
					},
					// What a killed process leaves is what the files hold now: the next one gets a copy of them.
					Crash: func(t *testing.T, _ store.Store) {
						copied := t.TempDir()
						if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
							t.Fatal(err)
						}
						dir = copied
					},
				}
			})
		})
	}
}

func TestDir(t *testing.T) {
	t.Parallel()
	tests := []struct {
		url, want, says string
	}{
		{url: "file:/var/lib/x", want: "/var/lib/x"},
		{url: "file:///var/lib/x/", want: "/var/lib/x"},
		{url: "file:data", want: "data"},
		{url: "file:/a%20b", want: "/a b"},
		{url: "file:", says: "names no directory"},
		{url: "file://host/x", says: "names a host"},
		{url: "file:/a%zz", says: "invalid URL escape"},
		{url: "zk://a/b", says: "does not begin with file:"},
	}
	for _, test := range tests {
		got, err := file.Dir(test.url)
		if test.says != "" {
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("Dir(%q) = %v, want %q in it", test.url, err, test.says)
			}
			continue
		}
		if err != nil || got != test.want {
			t.Errorf("Dir(%q) = %q, %v, want %q", test.url, got, err, test.want)
		}
	}
}

func TestLocked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := mustOpen(t, file.Options{Dir: dir})
	_, err := file.New(file.Options{Dir: dir})
	if !errors.Is(err, file.ErrLocked) {
		t.Fatalf("New() = %v, want %v", err, file.ErrLocked)
	}
	for _, part := range []string{dir, "process " + strconv.Itoa(os.Getpid())} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("New() = %q, want %q in it", err, part)
		}
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, file.Options{Dir: dir})
}

// logOf returns the only log in dir.
func logOf(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "state-*"))
	if err != nil || len(names) != 1 {
		t.Fatalf("logs: %v, %v, want one", names, err)
	}
	return names[0]
}

// TestEveryCut cuts the log at every byte: the store opens with a whole number of batches, and can be written.
func TestEveryCut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, file.Options{Dir: dir})
	ends := []int64{}
	const batches = 5
	for i := range batches {
		if err := s.Apply(t.Context(), []store.Record{set("a", fmt.Sprint(i)), set("b", fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(logOf(t, dir))
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, info.Size())
	}
	whole, err := os.ReadFile(logOf(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	for cut := len("flinkst1"); cut <= len(whole); cut++ {
		for _, tail := range [][]byte{nil, make([]byte, 40), bytes.Repeat([]byte{0xa5}, 30)} {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "state-000001.log"), append(bytes.Clone(whole[:cut]), tail...), 0o600); err != nil {
				t.Fatal(err)
			}
			s := mustOpen(t, file.Options{Dir: dir})
			records, err := s.Load(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			complete := 0
			for complete < len(ends) && ends[complete] <= int64(cut) {
				complete++
			}
			if complete == 0 && len(records) == 0 {
				continue
			}
			if len(records) != 2 || string(records[0].Value) != fmt.Sprint(complete-1) || string(records[1].Value) != fmt.Sprint(complete-1) {
				t.Fatalf("cut at %d: %v, want batch %d", cut, records, complete-1)
			}
			if err := s.Apply(t.Context(), []store.Record{set("c", "1")}); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestDamage changes every byte of what is not the last frame: the store refuses to open and leaves the file alone.
func TestDamage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, file.Options{Dir: dir})
	var before int64
	for i := range 3 {
		info, err := os.Stat(logOf(t, dir))
		if err != nil {
			t.Fatal(err)
		}
		before = info.Size()
		if err := s.Apply(t.Context(), []store.Record{set("a", fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(logOf(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	for at := range before {
		dir := t.TempDir()
		name := filepath.Join(dir, "state-000001.log")
		damaged := bytes.Clone(whole)
		damaged[at] ^= 0x10
		if err := os.WriteFile(name, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := file.New(file.Options{Dir: dir})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Fatalf("byte %d damaged: New() = %v, want an error that names %s", at, err, name)
		}
		if now, err := os.ReadFile(name); err != nil || !bytes.Equal(now, damaged) {
			t.Fatalf("byte %d damaged: the file was changed (%v)", at, err)
		}
	}
}

// breaking is a log file that fails on demand.
type breaking struct {
	file.LogFile
	room      *atomic.Int64 // bytes that may still be written; negative: no limit
	syncFails *atomic.Bool
	truncFail *atomic.Bool
}

var errBroken = errors.New("broken on purpose")

func (b breaking) WriteAt(p []byte, at int64) (int, error) {
	room := b.room.Load()
	if room < 0 || room >= int64(len(p)) {
		if room >= 0 {
			b.room.Add(-int64(len(p)))
		}
		return b.LogFile.WriteAt(p, at)
	}
	n, err := b.LogFile.WriteAt(p[:room], at)
	b.room.Store(0)
	return n, errors.Join(err, unix.ENOSPC)
}

func (b breaking) Sync() error {
	if b.syncFails.Load() {
		return errBroken
	}
	return b.LogFile.Sync()
}

func (b breaking) Truncate(size int64) error {
	if b.truncFail.Load() {
		return errBroken
	}
	return b.LogFile.Truncate(size)
}

func breakable(dir string) (file.Options, breaking) {
	b := breaking{room: new(atomic.Int64), syncFails: new(atomic.Bool), truncFail: new(atomic.Bool)}
	b.room.Store(-1)
	o := file.Options{Dir: dir}
	o.SetWrap(func(f file.LogFile) file.LogFile {
		mine := b
		mine.LogFile = f
		return mine
	})
	return o, b
}

func TestPartialWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o, b := breakable(dir)
	s := mustOpen(t, o)
	if err := s.Apply(t.Context(), []store.Record{set("a", "1")}); err != nil {
		t.Fatal(err)
	}
	for room := range int64(30) {
		b.room.Store(room)
		if err := s.Apply(t.Context(), []store.Record{set("a", "2"), set("b", "much more than there is room")}); !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("Apply() = %v, want %v", err, unix.ENOSPC)
		}
		b.room.Store(-1)
		if records, err := s.Load(t.Context()); err != nil || len(records) != 1 || string(records[0].Value) != fmt.Sprint(room+1) {
			t.Fatalf("Load() = %v, %v", records, err)
		}
		if err := s.Apply(t.Context(), []store.Record{set("a", fmt.Sprint(room+2))}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	records, err := mustOpen(t, file.Options{Dir: dir}).Load(t.Context())
	if err != nil || len(records) != 1 || string(records[0].Value) != "31" {
		t.Fatalf("Load() = %v, %v, want a = 31", records, err)
	}
}

// TestFailedForGood checks that a store which does not know what is on disk says so until it is opened again.
func TestFailedForGood(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		breakIt    func(b breaking)
		mayBeThere bool
	}{
		{"fsync", func(b breaking) { b.syncFails.Store(true) }, true},
		{"truncate", func(b breaking) { b.room.Store(3); b.truncFail.Store(true) }, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			o, b := breakable(dir)
			s := mustOpen(t, o)
			if err := s.Apply(t.Context(), []store.Record{set("a", "1")}); err != nil {
				t.Fatal(err)
			}
			test.breakIt(b)
			for range 2 {
				if err := s.Apply(t.Context(), []store.Record{set("a", "2")}); !errors.Is(err, store.ErrFailed) {
					t.Fatalf("Apply() = %v, want %v", err, store.ErrFailed)
				}
				b.syncFails.Store(false)
				b.truncFail.Store(false)
				b.room.Store(-1)
			}
			if _, err := s.Load(t.Context()); !errors.Is(err, store.ErrFailed) {
				t.Fatalf("Load() = %v, want %v", err, store.ErrFailed)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			records, err := mustOpen(t, file.Options{Dir: dir}).Load(t.Context())
			if err != nil || len(records) != 1 {
				t.Fatalf("Load() = %v, %v", records, err)
			}
			if got := string(records[0].Value); got != "1" && !test.mayBeThere {
				t.Errorf("a = %s, want 1", got)
			}
		})
	}
}

func TestCompactionFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o, b := breakable(dir)
	o.CompactAfter = 1000
	s := mustOpen(t, o)
	long := strings.Repeat("x", 600)
	for range 2 {
		if err := s.Apply(t.Context(), []store.Record{set("a", long), set("b", long)}); err != nil {
			t.Fatal(err)
		}
	}
	// Room for the write, none for the new log.
	b.room.Store(50)
	if err := s.Apply(t.Context(), []store.Record{set("c", "1")}); err != nil {
		t.Fatal(err)
	}
	b.room.Store(-1)
	if err := s.Apply(t.Context(), []store.Record{set("a", long), set("b", "2"), set("d", "1")}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(logOf(t, dir)); err != nil || info.Size() > 1000 {
		t.Errorf("the log was not compacted once there was room: %d bytes, %v", info.Size(), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	records, err := mustOpen(t, file.Options{Dir: dir}).Load(t.Context())
	if err != nil || len(records) != 4 {
		t.Fatalf("Load() = %d records, %v, want 4", len(records), err)
	}
}

// TestCrashInCompaction leaves what a crash in the middle of a compaction leaves.
func TestCrashInCompaction(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, file.Options{Dir: dir})
	if err := s.Apply(t.Context(), []store.Record{set("a", "1")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"state-000002.log.tmp": "flin"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old, err := os.ReadFile(filepath.Join(dir, "state-000001.log"))
	if err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, file.Options{Dir: dir, CompactAfter: 1})
	for i := range 20 {
		if err := s.Apply(t.Context(), []store.Record{set("a", fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// The old log was not removed.
	if err := os.WriteFile(filepath.Join(dir, "state-000001.log"), old, 0o600); err != nil {
		t.Fatal(err)
	}
	records, err := mustOpen(t, file.Options{Dir: dir}).Load(t.Context())
	if err != nil || len(records) != 1 || string(records[0].Value) != "19" {
		t.Fatalf("Load() = %v, %v, want a = 19", records, err)
	}
	logOf(t, dir)
}

// TestFullDisk fills a real file system.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("a small file system needs the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	s := mustOpen(t, file.Options{Dir: dir})
	written := 0
	for {
		err := s.Apply(t.Context(), []store.Record{set(fmt.Sprintf("task/%04d", written), strings.Repeat("x", 3000))})
		if errors.Is(err, unix.ENOSPC) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		written++
	}
	if written < 20 {
		t.Fatalf("%d records fit, want more", written)
	}
	if records, err := s.Load(t.Context()); err != nil || len(records) != written {
		t.Fatalf("Load() = %d records, %v, want %d", len(records), err, written)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, file.Options{Dir: dir})
	if records, err := s.Load(t.Context()); err != nil || len(records) != written {
		t.Fatalf("Load() after opening = %d records, %v, want %d", len(records), err, written)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestNothingLeft(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s, err := file.New(file.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(t.Context(), []store.Record{set("a", "1")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestGroupCommit checks that callers share the wait for the disk.
func TestGroupCommit(t *testing.T) {
	t.Parallel()
	o := file.Options{Dir: t.TempDir()}
	var syncs atomic.Int64
	gate := make(chan struct{})
	var hold atomic.Bool
	o.SetWrap(func(f file.LogFile) file.LogFile { return counting{f, &syncs, &hold, gate} })
	s := mustOpen(t, o)
	before := syncs.Load()
	hold.Store(true)
	var group sync.WaitGroup
	const callers = 200
	for i := range callers {
		group.Go(func() {
			if err := s.Apply(t.Context(), []store.Record{set(fmt.Sprintf("task/%d", i), "x")}); err != nil {
				t.Error(err)
			}
		})
	}
	// The disk is busy until all have come.
	for deadline := time.Now().Add(10 * time.Second); s.Queued() < callers-50; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d callers wait for the disk, want more", s.Queued())
		}
	}
	close(gate)
	group.Wait()
	if n := syncs.Load() - before; n > callers/2 {
		t.Errorf("%d fsyncs for %d callers, want far fewer", n, callers)
	}
	records, err := s.Load(t.Context())
	if err != nil || len(records) != callers {
		t.Fatalf("Load() = %d records, %v, want %d", len(records), err, callers)
	}
}

type counting struct {
	file.LogFile
	syncs *atomic.Int64
	hold  *atomic.Bool
	gate  chan struct{}
}

func (c counting) Sync() error {
	c.syncs.Add(1)
	if c.hold.Load() {
		<-c.gate
	}
	return c.LogFile.Sync()
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte("flinkst1"))
	f.Add([]byte("flinkst1\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, log []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "state-000001.log"), log, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := file.New(file.Options{Dir: dir})
		if err != nil {
			return
		}
		defer s.Close()
		if _, err := s.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Apply(t.Context(), []store.Record{set("a", "1")}); err != nil {
			t.Fatal(err)
		}
	})
}

// TestFormatOne reads a log as release 1 writes it. It is never changed, only joined by tests of later formats.
func TestFormatOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/format-1")); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, file.Options{Dir: dir})
	got, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []store.Record{
		set("cluster/demo", `{"kind":"cluster","schema":1,"data":{"n":2}}`),
		set("framework", `{"kind":"framework","schema":1,"data":{"id":"f-1"}}`),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("Load() mismatch (-want +got):\n%s", diff)
	}
}
