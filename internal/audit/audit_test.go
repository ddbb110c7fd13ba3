package audit_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/audit"
)

func entry(path string) audit.Entry {
	return audit.Entry{
		Time: time.Date(2026, 3, 1, 12, 0, 0, 1, time.FixedZone("x", 3600)), Request: "r", Token: "admin-1", Address: "10.0.0.1", Method: "PUT",
		Path: path, Cluster: "demo", Scope: "admin", Status: 200, Outcome: audit.Done,
	}
}

// open opens a record and adds entries to it.
func open(t *testing.T, dir string, paths ...string) *audit.Log {
	t.Helper()
	l, err := audit.Open(audit.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		if err := l.Add(entry(p)); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func file(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("files: %v, %v", found, err)
	}
	return found[0]
}

// TestChain goes on after restarts, one of them in the middle of a line, and one chain remains.
func TestChain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := open(t, dir, "/a", "/b").Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file(t, dir), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"number":3,"ti`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	l := open(t, dir, "/c")
	if got := l.Read(audit.Query{After: -1, Limit: 10}); len(got) != 3 || got[0].Path != "/c" || got[0].Number != 3 {
		t.Errorf("after a restart: %+v", got)
	}
	if got := l.Read(audit.Query{After: 1, Limit: 1}); len(got) != 1 || got[0].Path != "/b" {
		t.Errorf("after entry 1: %+v", got)
	}
	if got := l.Read(audit.Query{After: -1, Limit: 10, Cluster: "other"}); len(got) != 0 {
		t.Errorf("of another cluster: %+v", got)
	}
	v, err := audit.Verify(dir, "")
	if err != nil || v.Entries != 3 || v.First.Number != 1 || v.Last.Path != "/c" {
		t.Fatalf("Verify() = %+v, %v", v, err)
	}
	if _, err := audit.Verify(dir, v.First.Hash); err != nil {
		t.Errorf("with a hash that is there: %v", err)
	}
	if _, err := audit.Verify(dir, strings.Repeat("0", 64)); err == nil || !strings.Contains(err.Error(), "no entry has the hash") {
		t.Errorf("with a hash that is not there: %v", err)
	}
	if _, err := audit.Verify(t.TempDir(), ""); err == nil {
		t.Error("nothing is verified")
	}
}

// TestTampering changes a record in every way and looks whether it shows.
func TestTampering(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := open(t, dir, "/a", "/b", "/c", "/d").Close(); err != nil {
		t.Fatal(err)
	}
	path := file(t, dir)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(good, []byte("\n"))[:4]
	join := func(of ...int) []byte {
		var all []byte
		for _, i := range of {
			all = append(all, lines[i]...)
		}
		return all
	}
	for name, tt := range map[string]struct {
		text []byte
		want string
	}{
		"changed":       {bytes.Replace(good, []byte(`"status":200`), []byte(`"status":403`), 1), "line 1 was changed"},
		"another order": {join(0, 2, 1, 3), "line 2 does not follow entry 1"},
		"removed":       {join(0, 1, 3), "line 3 does not follow entry 2"},
		"twice":         {join(0, 1, 1, 2, 3), "line 3 does not follow entry 2"},
		"a field more":  {bytes.Replace(good, []byte(`{"number":2`), []byte(`{"x":1,"number":2`), 1), "line 2 was changed"},
		"not JSON":      {bytes.Replace(good, []byte(`{"number":3`), []byte(`"number":3`), 1), "line 3 is not an entry"},
		"as it was":     {good, ""},
	} {
		if err := os.WriteFile(path, tt.text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := audit.Verify(dir, "")
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: want %q, got %v", name, tt.want, err)
		}
	}
}

// TestFiles writes more than is kept: the oldest file goes, and what is left is one chain.
func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var also bytes.Buffer
	l, err := audit.Open(audit.Options{Dir: dir, Also: &also, FileSize: 4096})
	if err != nil {
		t.Fatal(err)
	}
	long := entry("/" + strings.Repeat("x", 1000))
	const entries, files = 100, 16
	for range entries {
		if err := l.Add(long); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(also.Bytes(), []byte("\n")); n != entries {
		t.Errorf("%d lines went elsewhere, want %d", n, entries)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(found) != files {
		t.Errorf("%d files, want %d (%v)", len(found), files, err)
	}
	v, err := audit.Verify(dir, "")
	if err != nil || v.First.Number < 2 || v.Last.Number != entries {
		t.Errorf("Verify() = %d entries from %d to %d, %v", v.Entries, v.First.Number, v.Last.Number, err)
	}
	again, err := audit.Open(audit.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := again.Add(entry("/after")); err != nil {
		t.Fatal(err)
	}
	if v, err = audit.Verify(dir, ""); err != nil || v.Last.Number != entries+1 {
		t.Errorf("after a restart: entry %s, %v", fmt.Sprint(v.Last.Number), err)
	}
}
