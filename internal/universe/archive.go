package universe

import (
	"archive/zip"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

// entry is one file of an archive: content, or that of a file.
type entry struct {
	name       string
	file       string
	content    []byte
	executable bool
}

// writeZip packs entries. The same content gives the same bytes: times are fixed, and the order is the given one.
// The modes are kept as Unix has them, which the DC/OS CLI and the Mesos fetcher restore.
func writeZip(path string, entries []entry) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := zip.NewWriter(f)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, flate.BestCompression) })
	for _, e := range entries {
		if err := addEntry(w, e); err != nil {
			return err
		}
	}
	return w.Close()
}

func addEntry(w *zip.Writer, e entry) error {
	// 1980 is the first year that the format can hold.
	h := &zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
	mode := fs.FileMode(0o644)
	if e.executable {
		mode = 0o755
	}
	h.SetMode(mode)
	to, err := w.CreateHeader(h)
	if err != nil {
		return err
	}
	if e.file == "" {
		_, err = to.Write(e.content)
		return err
	}
	from, err := os.Open(e.file)
	if err != nil {
		return err
	}
	defer from.Close()
	_, err = io.Copy(to, from)
	return err
}

// hashFile returns the SHA-256 of a file in lower-case hexadecimal.
func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}
