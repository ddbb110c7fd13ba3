package runtime

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// hold marks the work directory as used while this process lives, and first removes what earlier ones left there,
// unless another process uses it now.
func (r *Runtime) hold() error {
	lock, err := os.Open(r.o.WorkDir) // A directory can be locked as a file can.
	if err != nil {
		return err
	}
	r.lock = lock
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		if err := r.clean(); err != nil {
			return errors.Join(err, lock.Close())
		}
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err != nil && !errors.Is(err, syscall.EWOULDBLOCK) {
		return errors.Join(err, lock.Close())
	}
	return nil
}

// release ends hold; once more is no error. A process that is being forked right now has a copy of the file, so the
// lock is taken off rather than left to go with it.
func (r *Runtime) release() error {
	_ = syscall.Flock(int(r.lock.Fd()), syscall.LOCK_UN) // Closing does it else.
	if err := r.lock.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// clean removes the sandboxes of earlier agents but for the newest, as a real agent's garbage collection keeps those
// for a while, and their caches. Persistent volumes stay: nobody but their owner may remove them.
func (r *Runtime) clean() error {
	if err := os.RemoveAll(filepath.Join(r.o.WorkDir, "fetch")); err != nil {
		return err
	}
	runs, err := filepath.Glob(filepath.Join(r.o.WorkDir, "slaves", "*", "frameworks", "*", "executors", "*", "runs", "*"))
	if err != nil {
		return err
	}
	type sandbox struct {
		path string
		used time.Time
	}
	var all []sandbox
	for _, path := range runs {
		if info, err := os.Lstat(path); err == nil && info.IsDir() { // Not the link latest.
			all = append(all, sandbox{path, lastWritten(path, info)})
		}
	}
	slices.SortFunc(all, func(a, b sandbox) int { return cmp.Or(b.used.Compare(a.used), cmp.Compare(a.path, b.path)) })
	for _, s := range all[min(len(all), r.o.Keep):] {
		if err := r.remove(s.path); err != nil {
			return err
		}
	}
	if n := len(all) - r.o.Keep; n > 0 {
		r.o.Log.Info("old sandboxes are removed", "work directory", r.o.WorkDir, "removed", n, "kept", r.o.Keep)
	}
	return nil
}

// lastWritten is when a task last wrote to its output, or its sandbox was made.
func lastWritten(path string, info fs.FileInfo) time.Time {
	last := info.ModTime()
	for _, name := range []string{"stdout", "stderr"} {
		if i, err := os.Lstat(filepath.Join(path, name)); err == nil && i.ModTime().After(last) {
			last = i.ModTime()
		}
	}
	return last
}
