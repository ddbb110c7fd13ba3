package dist

import (
	"archive/tar"
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Take writes a jar of opt, which is one of o.Libraries, to a file of the caller's. dir is where the tar lies. What is
// written is what the manifest says, or an error.
func (o Optional) Take(dir string, l Library, to io.Writer) error {
	f, err := os.Open(filepath.Join(dir, o.File))
	if err != nil {
		return fmt.Errorf("read %s: %w", l.Path, err)
	}
	defer f.Close()
	tr := tar.NewReader(f) // It skips what is not wanted by seeking.
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%s is not in %s: remove both and run `make flink`", l.Path, o.File)
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", o.File, err)
		}
		if h.Name != l.Path {
			continue
		}
		sum := sha256.New()
		if _, err := io.Copy(io.MultiWriter(to, sum), tr); err != nil {
			return fmt.Errorf("read %s: %w", l.Path, err)
		}
		if hex.EncodeToString(sum.Sum(nil)) != l.SHA256 {
			return fmt.Errorf("%s in %s is not what the manifest says: remove both and run `make flink`", l.Path, o.File)
		}
		return nil
	}
}

// gpuPlugin is the plugin that finds GPUs by scripts. Its jar has them; in a release they lie beside it, where Flink runs them.
const gpuPlugin = "plugins/external-resource-gpu"

// unpackScripts puts the scripts of the GPU plugin beside its jar.
func unpackScripts(home string) error {
	dir := filepath.Join(home, filepath.FromSlash(gpuPlugin))
	jars, err := filepath.Glob(filepath.Join(dir, "*.jar"))
	if err != nil {
		return err
	}
	for _, jar := range jars {
		if err := unpackScriptsOf(jar, dir); err != nil {
			return fmt.Errorf("scripts of %s: %w", filepath.Base(jar), err)
		}
	}
	return nil
}

func unpackScriptsOf(jar, dir string) error {
	z, err := zip.OpenReader(jar)
	if err != nil {
		return err
	}
	defer z.Close()
	for _, f := range z.File {
		if strings.Contains(f.Name, "/") || !strings.HasSuffix(f.Name, ".sh") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return err
		}
		script, err := io.ReadAll(io.LimitReader(r, 1<<20))
		if err := errors.Join(err, r.Close()); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, f.Name), script, 0o755); err != nil {
			return err
		}
	}
	return nil
}
