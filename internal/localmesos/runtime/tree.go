package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tree is an archive of the cache that was extracted, and from which sandboxes get its files. A Flink distribution is
// some 200 MB of jars; with one tree, ten sandboxes do not take two gigabytes.
//
// Files are cloned where the file system can do that (btrfs, XFS). Elsewhere, large files of the kinds that programs
// read and do not write are hard links: one file in all sandboxes. All else is copied. Should a task change a linked
// file in place all the same, sandboxes that are made later get a new tree.
type tree struct {
	dir, kind string
	size      int64
	// linked are the files that sandboxes have links to, as they were extracted.
	linked map[string]fileState
}

// fileState tells whether a file was changed.
type fileState struct {
	size int64
	time time.Time
}

func stateOf(path string) (fileState, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return fileState{}, err
	}
	return fileState{size: info.Size(), time: info.ModTime()}, nil
}

// linkableSize is from how many bytes on a link is worth it.
const linkableSize = 64 << 10

// linkable says whether a file may be the same in several sandboxes.
func linkable(name string, size int64) bool {
	if size < linkableSize {
		return false
	}
	for _, ending := range []string{".jar", ".jsa"} {
		if strings.HasSuffix(name, ending) {
			return true
		}
	}
	return false
}

// place puts the files of an archive into a sandbox.
func (c *cache) place(ctx context.Context, e *entry, kind string, root *os.Root) error {
	select {
	case <-e.unpacking:
		defer func() { e.unpacking <- struct{}{} }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if e.tree != nil && e.tree.kind == kind && !e.tree.intact() {
		if err := os.RemoveAll(e.tree.dir); err != nil {
			return err
		}
		e.tree = nil
	}
	if e.tree == nil {
		t, err := c.extract(ctx, e, kind)
		if err != nil {
			return err
		}
		e.tree = t
		c.mu.Lock()
		e.treeSize = t.size
		c.mu.Unlock()
	}
	if e.tree.kind != kind { // One URI with two names: as rare as it is odd.
		return unpack(ctx, e.path, kind, "", root)
	}
	if err := e.tree.copyTo(ctx, root); err != nil {
		return fmt.Errorf("extract: %w", err)
	}
	return nil
}

// extract makes the tree of an entry.
func (c *cache) extract(ctx context.Context, e *entry, kind string) (_ *tree, err error) {
	c.mu.Lock()
	c.made++
	t := &tree{dir: filepath.Join(c.dir, "t"+strconv.Itoa(c.made)), kind: kind, linked: make(map[string]fileState)}
	c.mu.Unlock()
	if err := os.Mkdir(t.dir, 0o755); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(t.dir))
		}
	}()
	root, err := os.OpenRoot(t.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if err := unpack(ctx, e.path, kind, "", root); err != nil {
		return nil, err
	}
	err = filepath.WalkDir(t.dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			t.size += info.Size()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// intact says whether nobody has changed a file that sandboxes have links to.
func (t *tree) intact() bool {
	for name, was := range t.linked {
		if now, err := stateOf(filepath.Join(t.dir, name)); err != nil || now != was {
			return false
		}
	}
	return true
}

// copyTo puts the files into a sandbox, by the rules by which unpack does.
func (t *tree) copyTo(ctx context.Context, root *os.Root) error {
	x := &extraction{root: root}
	clones := true
	err := filepath.WalkDir(t.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || path == t.dir {
			return err
		}
		name, err := filepath.Rel(t.dir, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		m := fileEntry{name: name, mode: info.Mode(), time: info.ModTime()}
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			if m.link, err = os.Readlink(path); err != nil {
				return err
			}
			return x.put(m, nil)
		case d.IsDir():
			return x.put(m, nil)
		}
		if clones {
			done, err := x.clone(path, m)
			if done || err != nil {
				return err
			}
			clones = false
		}
		if linkable(name, info.Size()) && x.linkFrom(path, m) == nil {
			t.linked[name] = fileState{size: info.Size(), time: info.ModTime()}
			return nil
		}
		in, err := os.Open(path)
		if err != nil {
			return err
		}
		defer in.Close()
		return x.put(m, in)
	})
	if err != nil {
		return err
	}
	return x.finish()
}
