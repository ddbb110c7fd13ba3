package runtime

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
	"strings"
)

// unpack extracts an archive into the sandbox. Nothing is written outside, whatever names and links it holds.
func unpack(ctx context.Context, file, kind, sandbox string) error {
	root, err := os.OpenRoot(sandbox)
	if err != nil {
		return err
	}
	defer root.Close()
	if kind == "zip" {
		return unzip(ctx, file, root)
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	var in io.Reader = bufio.NewReaderSize(f, 1<<20)
	if kind == "tgz" {
		z, err := gzip.NewReader(in)
		if err != nil {
			return fmt.Errorf("extract: %w", err)
		}
		defer z.Close()
		in = z
	}
	return untar(ctx, tar.NewReader(in), root)
}

func untar(ctx context.Context, in *tar.Reader, root *os.Root) error {
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("extract: %w", err)
		}
		if err := put(root, h.Name, h.FileInfo().Mode(), h.Linkname, h.Typeflag == tar.TypeLink, in); err != nil {
			return fmt.Errorf("extract %s: %w", h.Name, err)
		}
	}
}

func unzip(ctx context.Context, file string, root *os.Root) error {
	z, err := zip.OpenReader(file)
	if err != nil {
		return fmt.Errorf("extract: %w", err)
	}
	defer z.Close()
	for _, f := range z.File {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("extract: %w", err)
		}
		if err := unzipOne(f, root); err != nil {
			return fmt.Errorf("extract %s: %w", f.Name, err)
		}
	}
	return nil
}

func unzipOne(f *zip.File, root *os.Root) error {
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	link := ""
	if f.Mode()&fs.ModeSymlink != 0 {
		text, err := io.ReadAll(io.LimitReader(in, 4096))
		if err != nil {
			return err
		}
		link = string(text)
	}
	return put(root, f.Name, f.Mode(), link, false, in)
}

// put writes one member of an archive.
func put(root *os.Root, name string, mode fs.FileMode, link string, hard bool, in io.Reader) error {
	name = path.Clean(strings.TrimPrefix(name, "./"))
	if name == "." {
		return nil
	}
	if mode.IsDir() {
		return root.MkdirAll(name, mode.Perm()|0o700)
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	if hard || mode&fs.ModeSymlink != 0 {
		if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if hard {
			return root.Link(path.Clean(link), name)
		}
		return root.Symlink(link, name)
	}
	if !mode.IsRegular() {
		return nil // Devices and pipes have no place in a sandbox.
	}
	out, err := root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode.Perm()|0o200)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return errors.Join(err, out.Close())
	}
	return out.Close()
}
