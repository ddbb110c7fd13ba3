package runtime

import (
	"errors"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// clone makes a member that shares its content with a file until one of them is written to; false when the file
// system cannot.
func (x *extraction) clone(from string, m fileEntry) (bool, error) {
	if err := x.prepare(m.name); err != nil {
		return false, err
	}
	in, err := os.Open(from)
	if err != nil {
		return false, err
	}
	defer in.Close()
	out, err := x.root.OpenFile(m.name, writing|os.O_EXCL, 0o600)
	if err != nil {
		return false, err
	}
	if err := unix.IoctlFileClone(int(out.Fd()), int(in.Fd())); err != nil {
		return false, errors.Join(out.Close(), x.root.Remove(m.name))
	}
	if err := out.Close(); err != nil {
		return false, err
	}
	return true, x.dress(m)
}

// linkFrom makes a member that is a hard link to a file outside. Its directory is opened through the root, so no link
// in the sandbox leads elsewhere.
func (x *extraction) linkFrom(from string, m fileEntry) error {
	if err := x.prepare(m.name); err != nil {
		return err
	}
	dir, err := x.root.Open(path.Dir(m.name))
	if err != nil {
		return err
	}
	defer dir.Close()
	return unix.Linkat(unix.AT_FDCWD, from, int(dir.Fd()), path.Base(m.name), 0)
}
