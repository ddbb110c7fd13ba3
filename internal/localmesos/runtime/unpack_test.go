package runtime_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// part is a member of an archive.
type part struct {
	name, content, link string
	mode                fs.FileMode
	kind                byte
}

func file(name, content string, mode fs.FileMode) part {
	return part{name: name, content: content, mode: mode, kind: tar.TypeReg}
}

func dir(name string, mode fs.FileMode) part {
	return part{name: name + "/", mode: mode, kind: tar.TypeDir}
}

func symlink(name, to string) part {
	return part{name: name, link: to, mode: 0o777, kind: tar.TypeSymlink}
}

func hardlink(name, to string) part {
	return part{name: name, link: to, mode: 0o644, kind: tar.TypeLink}
}

var written = time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)

func tarball(t testing.TB, kind string, parts ...part) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, p := range parts {
		h := &tar.Header{Name: p.name, Linkname: p.link, Mode: int64(p.mode), Typeflag: p.kind, Size: int64(len(p.content)), ModTime: written}
		if p.kind == tar.TypeXGlobalHeader {
			h = &tar.Header{Typeflag: p.kind, PAXRecords: map[string]string{"comment": "a commit"}}
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(p.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if kind == "tar" {
		return b.Bytes()
	}
	return gzipped(t, b.Bytes())
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipped(t testing.TB, parts ...part) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, p := range parts {
		h := &zip.FileHeader{Name: p.name, Method: zip.Deflate, Modified: written}
		content, mode := p.content, p.mode
		switch p.kind {
		case tar.TypeSymlink:
			content, mode = p.link, mode|fs.ModeSymlink
		case tar.TypeDir:
			mode |= fs.ModeDir
		}
		if p.mode != 0 { // Or else it is an archive without permissions.
			h.SetMode(mode)
		}
		f, err := w.CreateHeader(h)
		if err == nil && p.kind != tar.TypeDir {
			_, err = f.Write([]byte(content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// archived writes an archive to a file.
func archived(t testing.TB, name string, data []byte) mesos.CommandInfo_URI {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return uri("file://" + path)
}

func TestUnpackKeepsTheTree(t *testing.T) {
	t.Parallel()
	parts := []part{
		{kind: tar.TypeXGlobalHeader},
		dir(".", 0o700),
		dir("./flink", 0o755),
		dir("flink/closed", 0o555),
		file("flink/closed/in", "closed", 0o444),
		file("flink/run.sh", "#!/bin/sh\necho run", 0o755),
		file("flink/world", "w", 0o666),
		symlink("flink/latest", "closed"),
		symlink("flink/absolute", "/etc/passwd"),
		hardlink("flink/hard", "flink/run.sh"),
		file("no/dirs/before", "x", 0o640),
		file("twice", "one", 0o644),
		file("twice", "two", 0o600),
		symlink("link", "twice"),
		file("link", "not through the link", 0o644),
		{name: "pipe", kind: tar.TypeFifo, mode: 0o644},
	}
	want := strings.TrimSpace(`
755 2020 directory flink
555 2020 directory flink/closed
444 2020 regular file flink/closed/in
755 2020 regular file flink/run.sh
666 2020 regular file flink/world
640 2020 regular file no/dirs/before
600 2020 regular file twice
644 2020 regular file link
absolute -> /etc/passwd
latest -> closed
two not through the link
run closed`)
	command := `stat -c '%a %.4y %F %n' flink flink/closed flink/closed/in flink/run.sh flink/world no/dirs/before twice link
cd flink; for l in absolute latest; do echo "$l -> $(readlink $l)"; done
echo $(cat ../twice ../link | sed 's/^two/two /'); echo $(./run.sh; cat latest/in)
if test -e hard; then test hard -ef run.sh || echo hard is a copy; fi
test ! -e ../pipe -a ! -e ../pax_global_header || echo too much
chmod 755 closed ` // So that the sandbox can be removed by others than root.
	noZip := func(p part) bool {
		return p.kind == tar.TypeXGlobalHeader || p.kind == tar.TypeLink || p.kind == tar.TypeFifo
	}
	var simple []part
	for _, p := range parts {
		if !noZip(p) {
			simple = append(simple, p)
		}
	}
	for name, data := range map[string][]byte{"a.tar": tarball(t, "tar", parts...), "a.tgz": tarball(t, "tgz", parts...), "a.zip": zipped(t, simple...)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := launch(t, newRuntime(t), shell("t", command, archived(t, name, data)))
			x.await(mesos.TASK_FINISHED)
			if got := strings.TrimSpace(x.file("stdout")); got != want {
				t.Errorf("stdout is\n%s\nwant\n%s\nstderr %s", got, want, x.file("stderr"))
			}
			if info, err := os.Stat(x.sandbox()); err != nil || info.Mode().Perm() != 0o750 {
				t.Errorf("the archive changed the sandbox: %v, %v", info.Mode(), err)
			}
		})
	}
}

// TestZipWithoutPermissions is about archives of systems that have none.
func TestZipWithoutPermissions(t *testing.T) {
	t.Parallel()
	x := launch(t, newRuntime(t), shell("t", "stat -c %a a d/b", archived(t, "a.zip", zipped(t, part{name: "a", content: "x"}, part{name: "d/b", content: "x"}))))
	x.await(mesos.TASK_FINISHED)
	if got := x.file("stdout"); got != "644\n644\n" {
		t.Errorf("modes are %q", got)
	}
}

// TestBzip2 unpacks what tar(1) and bzip2(1) made of a file with the content "hello".
func TestBzip2(t *testing.T) {
	t.Parallel()
	path, err := filepath.Abs("testdata/hello.tar.bz2")
	if err != nil {
		t.Fatal(err)
	}
	x := launch(t, newRuntime(t), shell("t", "cat hello", uri(path)))
	x.await(mesos.TASK_FINISHED)
	if got := x.file("stdout"); got != "hello\n" {
		t.Errorf("content is %q", got)
	}
}

func TestUnpackStaysInside(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("untouched"), 0o600); err != nil {
		t.Fatal(err)
	}
	up := strings.Repeat("../", 40)
	cases := map[string][]part{
		"parent":              {file("../evil", "x", 0o644)},
		"far up":              {file(up+outside[1:]+"/evil", "x", 0o644)},
		"absolute":            {file(filepath.Join(outside, "evil"), "x", 0o644)},
		"inner parent":        {file("a/../../evil", "x", 0o644)},
		"directory":           {dir("../evil", 0o755)},
		"through a link":      {symlink("out", outside), file("out/evil", "x", 0o644)},
		"through two links":   {symlink("a", "b"), symlink("b", outside), file("a/evil", "x", 0o644)},
		"through a far link":  {symlink("out", up+outside[1:]), file("out/evil", "x", 0o644)},
		"directory in a link": {symlink("out", outside), dir("out/evil", 0o755)},
		"link in a link":      {symlink("out", outside), symlink("out/evil", "/etc/passwd")},
		"mode of a link":      {symlink("out", outside), dir("out", 0o777)},
		"hard link":           {hardlink("in", "../../../../../../../../../../.."+secret), file("in", "x", 0o644)},
		"absolute hard link":  {hardlink("in", secret)},
		"hard link in a link": {symlink("out", outside), hardlink("in", "out/secret")},
	}
	for name, parts := range cases {
		for _, kind := range []string{"tgz", "zip"} {
			if kind == "zip" && strings.Contains(name, "hard link") {
				continue // A zip archive has none.
			}
			t.Run(name+" "+kind, func(t *testing.T) {
				t.Parallel()
				data := tarball(t, "tgz", parts...)
				if kind == "zip" {
					data = zipped(t, parts...)
				}
				x := launch(t, newRuntime(t), shell("t", "true", archived(t, "a."+kind, data)))
				x.await(mesos.TASK_FAILED)
				if _, err := os.Lstat(filepath.Join(x.sandbox(), "..", "evil")); err == nil {
					t.Error("a file was written beside the sandbox")
				}
			})
		}
	}
	t.Cleanup(func() {
		entries, err := os.ReadDir(outside)
		if data, _ := os.ReadFile(secret); err != nil || len(entries) != 1 || string(data) != "untouched" {
			t.Errorf("outside are %v with %q, %v", entries, data, err)
		}
		if info, err := os.Stat(secret); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file outside is now %v, %v", info.Mode(), err)
		}
	})
}

// TestLinkOfAnArchiveIsReplaced has a file of the same name as a link that leads out.
func TestLinkOfAnArchiveIsReplaced(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("untouched"), 0o644); err != nil {
		t.Fatal(err)
	}
	x := launch(t, newRuntime(t), shell("t", "cat out", archived(t, "a.tgz", tarball(t, "tgz", symlink("out", outside), file("out", "inside", 0o644)))))
	x.await(mesos.TASK_FINISHED)
	if data, err := os.ReadFile(outside); err != nil || string(data) != "untouched" || x.file("stdout") != "inside" {
		t.Errorf("outside is %q (%v), inside %q", data, err, x.file("stdout"))
	}
}
