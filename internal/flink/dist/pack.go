package dist

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// entry is a file or directory of the archive to be.
type entry struct {
	name string // relative to Home, with slashes
	dir  bool
	mode fs.FileMode
	open func() (io.ReadCloser, error)
	size int64
}

// epoch is the time of every entry: tar cannot go without one, and zero (1970) makes
// some tools complain about implausibly old files.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// hashed is what packing learns about each file.
type hashed struct {
	name   string
	size   int64
	sha256 string
}

// pack writes the entries below Home as a deterministic tar in a gzip layer that only stores.
func pack(w io.Writer, entries []entry) ([]hashed, error) {
	zw, err := gzip.NewWriterLevel(w, gzip.NoCompression)
	if err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	sums, err := packTar(zw, Home, entries)
	if err != nil {
		return nil, err
	}
	if err := zw.Close(); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	return sums, nil
}

// packTar writes the entries below a directory as a deterministic tar.
func packTar(w io.Writer, below string, entries []entry) ([]hashed, error) {
	tw := tar.NewWriter(w)
	sums := make([]hashed, 0, len(entries))
	for _, e := range entries {
		name := path.Join(below, e.name)
		header := &tar.Header{Name: name, Mode: 0o644, ModTime: epoch, Format: tar.FormatPAX, Typeflag: tar.TypeReg, Size: e.size}
		if e.dir {
			header.Name, header.Mode, header.Typeflag, header.Size = name+"/", 0o755, tar.TypeDir, 0
		} else if e.mode&0o111 != 0 {
			header.Mode = 0o755
		}
		if err := tw.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("pack %s: %w", name, err)
		}
		if e.dir {
			continue
		}
		sum, err := copyEntry(tw, e)
		if err != nil {
			return nil, fmt.Errorf("pack %s: %w", name, err)
		}
		sums = append(sums, hashed{e.name, e.size, sum})
	}
	if err := tw.Close(); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	return sums, nil
}

func copyEntry(w io.Writer, e entry) (string, error) {
	r, err := e.open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(w, io.TeeReader(r, h)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// listTree lists a Flink home as entries, sorted. Symbolic links are followed as long as
// they stay inside root (os.Root sees to that); what is neither file nor directory is refused.
// Directories that only a running Flink fills (log) are left out.
func listTree(root *os.Root, at string) ([]entry, error) {
	var entries []entry
	var walk func(rel string, depth int) error
	walk = func(rel string, depth int) error {
		if depth > 40 {
			return fmt.Errorf("%s: directories are nested too deep, or a link leads back to itself", rel)
		}
		f, err := root.Open(path.Join(at, rel))
		if err != nil {
			return err
		}
		names, err := f.Readdirnames(-1)
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return err
		}
		for _, name := range names {
			sub := path.Join(rel, name)
			if sub == "log" || strings.HasPrefix(name, ".") {
				continue
			}
			info, err := root.Stat(path.Join(at, sub))
			if err != nil {
				return err
			}
			switch {
			case info.IsDir():
				entries = append(entries, entry{name: sub, dir: true})
				if err := walk(sub, depth+1); err != nil {
					return err
				}
			case info.Mode().IsRegular():
				entries = append(entries, entry{
					name: sub, mode: info.Mode(), size: info.Size(),
					open: func() (io.ReadCloser, error) { return root.Open(path.Join(at, sub)) },
				})
			default:
				return fmt.Errorf("%s is neither a file nor a directory", sub)
			}
		}
		return nil
	}
	if err := walk(".", 0); err != nil {
		return nil, fmt.Errorf("read Flink home: %w", err)
	}
	return entries, nil
}

// complete sorts entries, replaces earlier ones of the same name by later ones, and adds
// the directories that every home has.
func complete(entries []entry) []entry {
	byName := map[string]entry{}
	for _, e := range entries {
		byName[e.name] = e
		for d := path.Dir(e.name); d != "."; d = path.Dir(d) {
			byName[d] = entry{name: d, dir: true}
		}
	}
	for _, d := range []string{"bin", "conf", "lib", "plugins"} {
		if _, ok := byName[d]; !ok {
			byName[d] = entry{name: d, dir: true}
		}
	}
	full := map[string]bool{}
	for _, e := range byName {
		if !e.dir {
			full[path.Dir(e.name)] = true
		}
	}
	all := make([]entry, 0, len(byName))
	for _, e := range byName {
		if e.dir && path.Dir(e.name) == "plugins" && !full[e.name] {
			continue // Flink does not start when the directory of a plugin has no jar (DirectoryBasedPluginFinder).
		}
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return all
}
