package dist

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
)

// inputs is a hash over everything that shapes an archive.
type inputs struct{ h hash.Hash }

func newInputs() *inputs {
	k := &inputs{sha256.New()}
	k.add("recipe", recipe)
	return k
}

func (k *inputs) add(kind, value string) {
	fmt.Fprintf(k.h, "%s %q\n", kind, value)
}

func (k *inputs) sum() string { return hex.EncodeToString(k.h.Sum(nil)) }

func (k *inputs) files(kind string, names []string) error {
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("read input: %w", err)
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return fmt.Errorf("read input %s: %w", name, err)
		}
		k.add(kind, filepath.Base(name)+" "+hex.EncodeToString(h.Sum(nil)))
	}
	return nil
}

// jars adds what goes into lib beside the Flink.
func (k *inputs) jars(o Options) error {
	if err := k.files("jar", o.Jars); err != nil {
		return err
	}
	if o.Driver != nil {
		sum := sha256.Sum256(o.Driver)
		k.add("jar", DriverName+" "+hex.EncodeToString(sum[:]))
	}
	return nil
}

func (k *inputs) tree(home string) error {
	root, err := os.OpenRoot(home)
	if err != nil {
		return fmt.Errorf("read Flink home: %w", err)
	}
	defer root.Close()
	entries, err := listTree(root, ".")
	if err != nil {
		return err
	}
	for _, e := range complete(entries) {
		k.add("entry", fmt.Sprintf("%s %t %t", e.name, e.dir, e.mode&0o111 != 0))
		if e.dir {
			continue
		}
		h := sha256.New()
		if _, err := copyEntry(h, e); err != nil {
			return fmt.Errorf("read %s: %w", e.name, err)
		}
		k.add("content", hex.EncodeToString(h.Sum(nil)))
	}
	return nil
}
