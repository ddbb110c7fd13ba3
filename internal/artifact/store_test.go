package artifact_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/flink-on-mesos/flink-service/internal/artifact"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// options are sound ones for a store in dir.
func options(dir string) artifact.Options {
	return artifact.Options{
		Dir: dir, Prefix: "prefix-of-the-tests-0123456789", Key: bytes.Repeat([]byte{7}, 32),
		Log: slog.New(slog.DiscardHandler), Now: newClock().now,
	}
}

func open(t testing.TB, o artifact.Options) *artifact.Store {
	t.Helper()
	s, err := artifact.New(o)
	if err != nil {
		t.Fatalf("New() error: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() }) // Tests that close it themselves close it twice.
	return s
}

func put(t testing.TB, s *artifact.Store, content string, o artifact.PutOptions) artifact.Artifact {
	t.Helper()
	a, err := s.Put(context.Background(), strings.NewReader(content), o)
	if err != nil {
		t.Fatalf("Put(%s) error: %v", o.Name, err)
	}
	return a
}

func sum(content string) string {
	h := sha256.Sum256([]byte(content))
	return hex.EncodeToString(h[:])
}

func writeFile(t testing.TB, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func entries(t testing.TB, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func wantCode(t testing.TB, what string, err error, want fault.Code) {
	t.Helper()
	if err == nil {
		t.Fatalf("%s: no error, want code %s", what, want)
	}
	if got := fault.CodeOf(err); got != want {
		t.Fatalf("%s: code %s (%v), want %s", what, got, err, want)
	}
}

func TestNewNamesEveryBadOption(t *testing.T) {
	_, err := artifact.New(artifact.Options{Mount: "artifacts", Prefix: "short", MaxUpload: -1})
	wantCode(t, "New", err, fault.Invalid)
	for _, field := range []string{"Dir", "Mount", "Prefix", "Key", "MaxUpload", "Log"} {
		if !strings.Contains(err.Error(), field+":") {
			t.Errorf("New() error does not name %s: %v", field, err)
		}
	}
}

func TestPutKeepsContentUnderItsHash(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	o := options(dir)
	o.Now = c.now
	s := open(t, o)
	var progress []int64
	got := put(t, s, "hello", artifact.PutOptions{Name: "app.jar", Progress: func(n int64) { progress = append(progress, n) }})
	want := artifact.Artifact{SHA256: sum("hello"), Name: "app.jar", Size: 5, Created: c.now(), MediaType: "application/java-archive"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("Put() mismatch (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int64{5}, progress); diff != "" {
		t.Fatalf("progress mismatch (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("artifact:"+want.SHA256+"/app.jar", got.URI()); diff != "" {
		t.Fatalf("URI() mismatch (-want +got):\n%s", diff)
	}
	u, err := spec.ParseArtifactURI(got.URI())
	if err != nil || u != (spec.ArtifactURI{SHA256: want.SHA256, Name: "app.jar"}) {
		t.Fatalf("ParseArtifactURI() = %v, %v", u, err)
	}

	// The same bytes under another name are one file, younger and better known.
	c.add(time.Hour)
	again := put(t, s, "hello", artifact.PutOptions{Name: "job.jar", Public: true})
	want.Name, want.Created, want.Public = "job.jar", c.now(), true
	if diff := cmp.Diff(want, again); diff != "" {
		t.Fatalf("second Put() mismatch (-want +got):\n%s", diff)
	}
	// Public is for good.
	put(t, s, "hello", artifact.PutOptions{Name: "job.jar"})
	list, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]artifact.Artifact{want}, list); diff != "" {
		t.Fatalf("List() mismatch (-want +got):\n%s", diff)
	}
	f, _, err := s.Open(want.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	content, err := io.ReadAll(f)
	if err != nil || string(content) != "hello" {
		t.Fatalf("content = %q, %v", content, err)
	}
	if left := entries(t, filepath.Join(dir, "incoming")); len(left) != 0 {
		t.Fatalf("left in incoming: %v", left)
	}
}

// broken gives some bytes and then an error.
type broken struct{ rest int }

var errBroken = errors.New("connection lost")

func (b *broken) Read(p []byte) (int, error) {
	if b.rest == 0 {
		return 0, errBroken
	}
	n := min(len(p), b.rest)
	b.rest -= n
	return n, nil
}

func TestPutLeavesNothingAfterAnError(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	tests := []struct {
		name   string
		ctx    context.Context
		reader io.Reader
		opts   artifact.PutOptions
		want   fault.Code
	}{
		{"empty name", context.Background(), strings.NewReader("x"), artifact.PutOptions{}, fault.Invalid},
		{"path as name", context.Background(), strings.NewReader("x"), artifact.PutOptions{Name: "../x"}, fault.Invalid},
		{"over the bound", context.Background(), strings.NewReader("12345"), artifact.PutOptions{Name: "a", MaxBytes: 4}, fault.TooLarge},
		{"over the store's bound", context.Background(), strings.NewReader(strings.Repeat("x", 1025)), artifact.PutOptions{Name: "a"}, fault.TooLarge},
		{"connection lost", context.Background(), &broken{rest: 1000}, artifact.PutOptions{Name: "a"}, fault.Internal},
		{"given up", cancelled, strings.NewReader("x"), artifact.PutOptions{Name: "a"}, fault.Internal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			o := options(dir)
			o.MaxUpload = 1024
			s := open(t, o)
			_, err := s.Put(tt.ctx, tt.reader, tt.opts)
			wantCode(t, "Put", err, tt.want)
			for _, d := range []string{"incoming", "content", "about"} {
				if left := entries(t, filepath.Join(dir, d)); len(left) != 0 {
					t.Errorf("left in %s: %v", d, left)
				}
			}
		})
	}
	dir := t.TempDir()
	if _, err := open(t, options(dir)).Put(context.Background(), &broken{rest: 10}, artifact.PutOptions{Name: "a"}); !errors.Is(err, errBroken) {
		t.Fatalf("Put() error = %v, want the reader's", err)
	}
	if a := put(t, open(t, options(t.TempDir())), "1234", artifact.PutOptions{Name: "a", MaxBytes: 4}); a.Size != 4 {
		t.Fatalf("content of exactly the bound: size %d", a.Size)
	}
}

func TestStartRemovesWhatIsHalfWritten(t *testing.T) {
	dir := t.TempDir()
	s := open(t, options(dir))
	good := put(t, s, "good", artifact.PutOptions{Name: "good.jar"})
	cut := put(t, s, "cut short", artifact.PutOptions{Name: "cut.jar"})
	bare := sum("content whose record never came")

	// What a crash leaves: an unfinished upload, content without a record, a record without content, a short file.
	writeFile(t, filepath.Join(dir, "incoming", "UNFINISHED"), "half")
	writeFile(t, filepath.Join(dir, "content", bare), "content whose record never came")
	orphan := filepath.Join(dir, "about", sum("gone"))
	writeFile(t, orphan, "{}")
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(orphan, old, old); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "content", cut.SHA256), 3); err != nil {
		t.Fatal(err)
	}
	for _, sha := range []string{cut.SHA256, bare} {
		_, err := s.Stat(sha)
		wantCode(t, "Stat before the start", err, fault.NotFound)
	}

	// An upload of a living process is none of it.
	pr, pw := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := s.Put(context.Background(), pr, artifact.PutOptions{Name: "slow.jar"})
		done <- err
	}()
	if _, err := pw.Write([]byte("slow")); err != nil {
		t.Fatal(err)
	}
	second := open(t, options(dir))
	if err := pw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatalf("upload during another process' start: %v", err)
	}

	got := map[string]bool{}
	for _, sha := range entries(t, filepath.Join(dir, "content")) {
		got[sha] = true
	}
	want := map[string]bool{good.SHA256: true, sum("slow"): true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("content mismatch (-want +got):\n%s", diff)
	}
	if left := entries(t, filepath.Join(dir, "incoming")); len(left) != 0 {
		t.Fatalf("left in incoming: %v", left)
	}
	if _, err := os.Stat(orphan); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("orphaned record: %v", err)
	}
	if _, err := second.Stat(good.SHA256); err != nil {
		t.Fatal(err)
	}
}

func TestStartRefusesALinkAsDirectory(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(dir, "content")); err != nil {
		t.Fatal(err)
	}
	if _, err := artifact.New(options(dir)); err == nil || !strings.Contains(err.Error(), "content") {
		t.Fatalf("New() error = %v, want one that names content", err)
	}
}

func TestCollectSparesWhatIsKeptOrYoung(t *testing.T) {
	c := newClock()
	o := options(t.TempDir())
	o.Now = c.now
	registry := prometheus.NewRegistry()
	o.Registerer = registry
	s := open(t, o)
	kept := put(t, s, "kept", artifact.PutOptions{Name: "a"})
	old := put(t, s, "old", artifact.PutOptions{Name: "b"})
	again := put(t, s, "put again", artifact.PutOptions{Name: "c"})
	c.add(2 * time.Hour)
	put(t, s, "put again", artifact.PutOptions{Name: "c"})
	young := put(t, s, "young", artifact.PutOptions{Name: "d"})

	removed, err := s.Collect(context.Background(), func(sha string) bool { return sha == kept.SHA256 }, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]artifact.Artifact{old}, removed); diff != "" {
		t.Fatalf("Collect() mismatch (-want +got):\n%s", diff)
	}
	for _, a := range []artifact.Artifact{kept, again, young} {
		if _, err := s.Stat(a.SHA256); err != nil {
			t.Errorf("Stat(%s) error: %v", a.Name, err)
		}
	}
	wantMetric(t, registry, "flink_mesos_artifact_stored_files", 3)
	wantMetric(t, registry, "flink_mesos_artifact_stored_bytes", 4+9+5)
	if err := s.Delete(young.SHA256); err != nil {
		t.Fatal(err)
	}
	wantMetric(t, registry, "flink_mesos_artifact_stored_files", 2)
	wantCode(t, "second Delete", s.Delete(young.SHA256), fault.NotFound)
	wantCode(t, "Delete of nonsense", s.Delete("../content"), fault.NotFound)
}

// wantMetric compares one gauge or counter without labels.
func wantMetric(t testing.TB, r *prometheus.Registry, name string, want float64) {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			if got := m.GetGauge().GetValue() + m.GetCounter().GetValue(); got != want {
				t.Errorf("%s = %v, want %v", name, got, want)
			}
			return
		}
	}
	t.Errorf("no metric %s", name)
}

func TestMetricsAreNamedByTheRule(t *testing.T) {
	registry := prometheus.NewRegistry()
	o := options(t.TempDir())
	o.Registerer = registry
	s := open(t, o)
	if _, err := artifact.New(o); err == nil {
		t.Fatal("two stores registered the same metrics")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s2 := open(t, o) // Close has made room.
	put(t, s2, "x", artifact.PutOptions{Name: "x"})
	s2.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/artifacts/x", nil))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile(`^flink_mesos_artifact_[a-z_]+_(total|seconds|bytes|files|uploads)$`)
	for _, f := range families {
		if !form.MatchString(f.GetName()) || f.GetHelp() == "" {
			t.Errorf("metric %s: %q", f.GetName(), f.GetHelp())
		}
	}
	if len(families) != 8 {
		t.Errorf("%d metrics, want 8", len(families))
	}
}

func TestPutsOfTheSameContentTogether(t *testing.T) {
	s := open(t, options(t.TempDir()))
	var wg sync.WaitGroup
	errs := make(chan error, 40)
	for i := range 20 {
		wg.Go(func() {
			_, err := s.Put(context.Background(), strings.NewReader("same"), artifact.PutOptions{Name: fmt.Sprintf("n%d.jar", i)})
			errs <- err
		})
		wg.Go(func() {
			if _, err := s.List(); err != nil {
				errs <- err
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	list, err := s.List()
	if err != nil || len(list) != 1 {
		t.Fatalf("List() = %v, %v; want one artifact", list, err)
	}
}
