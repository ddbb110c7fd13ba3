package savepoint_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/flink/savepoint"
)

// snapshot makes one as Flink lays it out.
func snapshot(t *testing.T, begin uint32) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "savepoint-1")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	content := binary.BigEndian.AppendUint32(nil, begin)
	content = binary.BigEndian.AppendUint32(content, 4)
	content = binary.BigEndian.AppendUint64(content, 17)
	for name, data := range map[string][]byte{"_metadata": content, "0b1c": []byte("state")} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const magic = 0x4960672d

func TestRemove(t *testing.T) {
	t.Parallel()
	dir := snapshot(t, magic)
	if h, err := savepoint.ReadHeader("file:" + dir); err != nil || h.Version != 4 || h.CheckpointID != 17 {
		t.Errorf("ReadHeader() = %+v, %v", h, err)
	}
	for range 2 { // The second finds nothing left, as after a stop between removal and answer.
		if err := savepoint.Remove("file://" + dir); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}

func TestRemoveRefuses(t *testing.T) {
	t.Parallel()
	other := snapshot(t, 0xcafebabe)
	withFolder := snapshot(t, magic)
	if err := os.Mkdir(filepath.Join(withFolder, "mine"), 0o755); err != nil {
		t.Fatal(err)
	}
	target := snapshot(t, magic)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	plain := t.TempDir()
	if err := os.WriteFile(filepath.Join(plain, "precious"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for path, outOfReach := range map[string]bool{
		"s3://bucket/sp": true, "hdfs://host/sp": true, "file://host/sp": true, "/no/such/parent/sp": true, link: true, plain: true,
		"relative/sp": false, other: false, withFolder: false,
	} {
		err := savepoint.Remove(path)
		if err == nil || errors.Is(err, savepoint.ErrOutOfReach) != outOfReach {
			t.Errorf("Remove(%s) = %v, out of reach: %t", path, err, outOfReach)
		}
	}
	for _, file := range []string{filepath.Join(other, "0b1c"), filepath.Join(withFolder, "0b1c"), filepath.Join(target, "0b1c"), filepath.Join(plain, "precious")} {
		if _, err := os.Stat(file); err != nil {
			t.Errorf("%s is gone: %v", file, err)
		}
	}
}

// TestRemoveSiblings removes what a job left, and nothing of another one or of somebody else.
func TestRemoveSiblings(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put := func(job, name string, begin uint32) string {
		t.Helper()
		dir := filepath.Join(root, job, name)
		if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(snapshot(t, begin), dir); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	gone := []string{put("a", "chk-7", magic), put("a", "chk-9", magic)}
	kept := []string{put("b", "chk-1", magic), put("c", "chk-2", 0xcafebabe), put("c", "notes", magic)}
	for _, folder := range []string{"a/shared", "a/taskowned", "c/shared"} {
		if err := os.MkdirAll(filepath.Join(root, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "c", "shared", "0c1d"), []byte("state"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := savepoint.RemoveSiblings("file://" + filepath.Join(root, "a", "chk-8")); err != nil {
		t.Fatal(err)
	}
	if err := savepoint.RemoveSiblings(filepath.Join(root, "c", "chk-3")); err == nil {
		t.Error("what is no checkpoint is not told of")
	}
	for _, dir := range append(gone, filepath.Join(root, "a")) {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", dir, err)
		}
	}
	for _, dir := range append(kept, filepath.Join(root, "c", "shared", "0c1d")) {
		if _, err := os.Stat(dir); err != nil {
			t.Errorf("%s is gone: %v", dir, err)
		}
	}
	for path, outOfReach := range map[string]bool{"s3://bucket/a/chk-1": true, filepath.Join(root, "b", "savepoint-1"): false} {
		if err := savepoint.RemoveSiblings(path); err == nil || errors.Is(err, savepoint.ErrOutOfReach) != outOfReach {
			t.Errorf("RemoveSiblings(%s) = %v", path, err)
		}
	}
	if err := savepoint.RemoveSiblings(filepath.Join(root, "gone", "chk-1")); err != nil {
		t.Errorf("of a job whose folder is gone: %v", err)
	}
}
