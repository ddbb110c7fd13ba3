package admin_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/admin"
	"github.com/flink-on-mesos/flink-service/internal/audit"
)

func TestAuditVerify(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	dir := filepath.Join(data, "audit")
	l, err := audit.Open(audit.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/a", "/b"} {
		if err := l.Add(audit.Entry{Path: path}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	verify := func(args ...string) (int, string) {
		var out bytes.Buffer
		code := admin.Main("1", "c", append([]string{"audit", "verify"}, args...), []string{"MESOS_MASTER=local", "DATA_DIR=" + data}, &out, &out)
		return code, out.String()
	}
	code, said := verify()
	if code != 0 || !strings.Contains(said, "2 entries") {
		t.Fatalf("audit verify: %d %s", code, said)
	}
	hash := strings.TrimSpace(said[strings.LastIndex(said, " "):])
	if code, said := verify("--contains", hash, dir); code != 0 {
		t.Errorf("with the hash of the newest: %d %s", code, said)
	}
	if code, said := verify("--contains", strings.Repeat("0", 64)); code != 1 || !strings.Contains(said, "no entry has the hash") {
		t.Errorf("with another hash: %d %s", code, said)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files: %v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[0], bytes.Replace(text, []byte("/a"), []byte("/c"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, said := verify(); code != 1 || !strings.Contains(said, "line 1 was changed") {
		t.Errorf("of a changed record: %d %s", code, said)
	}
}
