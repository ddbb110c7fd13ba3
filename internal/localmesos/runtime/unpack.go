package runtime

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// archives are the endings of the names that Mesos' fetcher extracts, longer ones first.
var archives = []struct{ ending, kind string }{
	{".tar.gz", "tgz"},
	{".tgz", "tgz"},
	{".tar.bz2", "tbz"},
	{".tbz2", "tbz"},
	{".tar.xz", "txz"},
	{".txz", "txz"},
	{".tar", "tar"},
	{".zip", "zip"},
	{".gz", "gz"},
}

// archive says which kind of archive a name stands for; empty for none.
func archive(name string) string {
	for _, a := range archives {
		if strings.HasSuffix(name, a.ending) {
			return a.kind
		}
	}
	return ""
}

// unpack extracts an archive, which the URI calls name, into the sandbox. It reads the formats itself rather than
// call tar and unzip: through os.Root nothing is written outside, whatever names and links the archive holds; it can
// be stopped between members; and it needs no program on the machine.
func unpack(ctx context.Context, file, kind, name string, root *os.Root) error {
	x := &extraction{root: root}
	var err error
	switch kind {
	case "zip":
		err = x.unzip(ctx, file)
	case "txz":
		err = errors.New("a local agent does not extract xz: use tar.gz")
	default:
		err = x.stream(ctx, file, kind, name)
	}
	if err == nil {
		err = x.finish()
	}
	if err != nil {
		return fmt.Errorf("extract: %w", err)
	}
	return nil
}

// extraction is the state of one archive. The modes and times of directories are set last, as both would be in
// the way of the files in them.
type extraction struct {
	root *os.Root
	dirs []fileEntry
}

func (x *extraction) stream(ctx context.Context, file, kind, name string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	var in io.Reader = bufio.NewReaderSize(f, 1<<20)
	switch kind {
	case "tgz", "gz":
		z, err := gzip.NewReader(in)
		if err != nil {
			return err
		}
		defer z.Close()
		in = z
	case "tbz":
		in = bzip2.NewReader(in)
	}
	if kind == "gz" {
		plain := path.Base(strings.TrimSuffix(name, ".gz"))
		return write(func() (*os.File, error) { return x.root.OpenFile(plain, writing, 0o644) }, in, 0)
	}
	return x.untar(ctx, tar.NewReader(in))
}

func (x *extraction) untar(ctx context.Context, in *tar.Reader) error {
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue // It describes the archive (git archive writes one) and is no file.
		}
		m := fileEntry{name: h.Name, mode: h.FileInfo().Mode(), time: h.ModTime, link: h.Linkname, hard: h.Typeflag == tar.TypeLink}
		if err := x.put(m, in); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

func (x *extraction) unzip(ctx context.Context, file string) error {
	z, err := zip.OpenReader(file)
	if err != nil {
		return err
	}
	defer z.Close()
	for _, f := range z.File {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := x.unzipOne(f); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

func (x *extraction) unzipOne(f *zip.File) error {
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	m := fileEntry{name: f.Name, mode: f.Mode(), time: f.Modified}
	if system := f.CreatorVersion >> 8; system != zipUnix && system != zipDarwin {
		m.mode &^= 0o022 // It says no permissions, and Go reads that as all.
	}
	if m.mode&fs.ModeSymlink != 0 {
		text, err := io.ReadAll(io.LimitReader(in, 4096)) // PATH_MAX.
		if err != nil {
			return err
		}
		m.link = string(text)
	}
	return x.put(m, in)
}

// The systems that keep Unix permissions in a zip archive (APPNOTE.TXT 4.4.2).
const zipUnix, zipDarwin = 3, 19

// fileEntry describes one member of an archive.
type fileEntry struct {
	name string
	mode fs.FileMode
	time time.Time
	link string
	hard bool // link names an earlier member, whose file this is too
}

// put writes one member. It replaces files and links that are there, as tar does, and never writes through them.
func (x *extraction) put(m fileEntry, in io.Reader) error {
	m.name = path.Clean(m.name)
	if m.mode.IsDir() {
		if err := x.root.MkdirAll(m.name, 0o755); err != nil {
			return err
		}
		if m.name != "." { // The sandbox's own mode stays.
			x.dirs = append(x.dirs, m)
		}
		return nil
	}
	link := m.mode&fs.ModeSymlink != 0
	if !m.hard && !link && !m.mode.IsRegular() {
		return nil // Devices and pipes have no place in a sandbox.
	}
	if m.hard && path.Clean(m.link) == m.name {
		return nil
	}
	if err := x.prepare(m.name); err != nil {
		return err
	}
	switch {
	case m.hard:
		return x.root.Link(path.Clean(m.link), m.name)
	case link:
		return x.root.Symlink(m.link, m.name)
	}
	if err := write(func() (*os.File, error) { return x.root.OpenFile(m.name, writing|os.O_EXCL, 0o600) }, in, 0); err != nil {
		return err
	}
	return x.dress(m)
}

// prepare makes room for a member: its directory is there, and nothing of its name.
func (x *extraction) prepare(name string) error {
	if err := x.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	if err := x.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// dress sets mode and time. Permissions are kept without regard to the umask; set-user-id and the like are not.
func (x *extraction) dress(m fileEntry) error {
	if err := x.root.Chmod(m.name, m.mode.Perm()); err != nil {
		return err
	}
	if m.time.IsZero() {
		return nil
	}
	return x.root.Chtimes(m.name, m.time, m.time)
}

// finish dresses the directories, the deepest first.
func (x *extraction) finish() error {
	for _, d := range slices.Backward(x.dirs) {
		info, err := x.root.Lstat(d.name)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			continue // A later member replaced it.
		}
		if err := x.dress(d); err != nil {
			return err
		}
	}
	return nil
}
