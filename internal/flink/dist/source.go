package dist

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// maxUnpacked bounds what a tarball may unpack to: a full Flink with all options is
// about 1 GB; more is a mistake or an attack.
const maxUnpacked = 8 << 30

// unpack extracts the one top directory of a Flink tarball into dir, without its name.
// Entries that lead outside are refused by os.Root.
func unpack(ctx context.Context, archive, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return fmt.Errorf("open Flink tarball: %w", err)
	}
	defer f.Close()
	zr, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return fmt.Errorf("%s is not a gzipped tarball: %w", archive, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", archive, err)
	}
	defer root.Close()

	tr := tar.NewReader(zr)
	var top string
	var total int64
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("unpack %s: %w", archive, err)
		}
		name := strings.TrimPrefix(path.Clean(h.Name), "./")
		first, rest, _ := strings.Cut(name, "/")
		if first == "." && rest == "" {
			continue
		}
		if first == "" || first == ".." {
			return fmt.Errorf("unpack %s: %s leads outside", archive, h.Name)
		}
		if top == "" {
			top = first
		}
		if first != top {
			return fmt.Errorf("%s has more than one top directory (%s and %s): it is no Flink distribution", archive, top, first)
		}
		if rest == "" {
			continue
		}
		if total += h.Size; total > maxUnpacked {
			return fmt.Errorf("%s unpacks to more than %d bytes: it is no Flink distribution", archive, int64(maxUnpacked))
		}
		if err := unpackEntry(root, tr, h, top, rest); err != nil {
			return fmt.Errorf("unpack %s: %s: %w", archive, h.Name, err)
		}
	}
	return nil
}

func unpackEntry(root *os.Root, r io.Reader, h *tar.Header, top, name string) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755)
	case tar.TypeReg:
		mode := fs.FileMode(0o644)
		if h.Mode&0o111 != 0 {
			mode = 0o755
		}
		f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
		if err != nil {
			return err
		}
		if _, err := io.Copy(f, r); err != nil {
			f.Close()
			return err
		}
		return f.Close()
	case tar.TypeSymlink:
		return root.Symlink(h.Linkname, name)
	case tar.TypeLink:
		target := strings.TrimPrefix(path.Clean(h.Linkname), top+"/")
		return root.Link(target, name)
	default:
		return fmt.Errorf("entry of type %q: only files, directories and links belong into a Flink distribution", h.Typeflag)
	}
}

// findHome returns the Flink home that is dir itself or its only subdirectory.
func findHome(dir string) (string, error) {
	if isHome(dir) {
		return dir, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("read Flink directory: %w", err)
	}
	for _, e := range entries {
		if sub := filepath.Join(dir, e.Name()); e.IsDir() && isHome(sub) {
			return sub, nil
		}
	}
	return "", fmt.Errorf("%s has no lib directory with flink-dist or flink-runtime in it: it is no Flink home", dir)
}

func isHome(dir string) bool {
	_, err := versionOf(dir)
	return err == nil
}

var versionedJar = regexp.MustCompile(`^flink-(?:dist|runtime)(?:_2\.1[12])?-([0-9]+\.[0-9]+[0-9A-Za-z.\-]*)\.jar$`)

// versionOf reads Flink's version off the name of flink-dist or flink-runtime in lib,
// and off the manifest of that jar when its name has none.
func versionOf(home string) (string, error) {
	entries, err := os.ReadDir(filepath.Join(home, "lib"))
	if err != nil {
		return "", fmt.Errorf("find Flink's version: %w", err)
	}
	for _, e := range entries {
		if m := versionedJar.FindStringSubmatch(e.Name()); m != nil {
			return m[1], nil
		}
	}
	for _, e := range entries {
		if e.Name() == "flink-dist.jar" || e.Name() == "flink-runtime.jar" {
			return jarVersion(filepath.Join(home, "lib", e.Name()))
		}
	}
	return "", fmt.Errorf("find Flink's version: neither flink-dist nor flink-runtime is in %s", filepath.Join(home, "lib"))
}

func jarVersion(jar string) (string, error) {
	z, err := zip.OpenReader(jar)
	if err != nil {
		return "", fmt.Errorf("find Flink's version: %w", err)
	}
	defer z.Close()
	f, err := z.Open("META-INF/MANIFEST.MF")
	if err != nil {
		return "", fmt.Errorf("find Flink's version in %s: %w", jar, err)
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, 1<<20))
	for lines.Scan() {
		if v, ok := strings.CutPrefix(lines.Text(), "Implementation-Version:"); ok {
			return strings.TrimSpace(v), nil
		}
	}
	return "", fmt.Errorf("find Flink's version: the manifest of %s names none", jar)
}
