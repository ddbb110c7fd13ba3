package runtime

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// ListFiles lists a directory of a sandbox in the order of names. Paths are as an agent attaches them: the real
// directory of a container (or runs/latest beside it), and /frameworks/ID/executors/ID/runs/latest. The error is
// fs.ErrNotExist for everything that is not in a sandbox of this agent, wherever links lead.
func (r *Runtime) ListFiles(path string) ([]fs.FileInfo, error) {
	f, err := r.open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	infos, err := f.Readdir(-1)
	if errors.Is(err, syscall.ENOTDIR) {
		return nil, errors.New("not a directory")
	}
	if err != nil {
		return nil, err
	}
	slices.SortFunc(infos, func(a, b fs.FileInfo) int { return strings.Compare(a.Name(), b.Name()) })
	return infos, nil
}

// ReadFile reads up to length bytes from an offset, and says how large the file is. Behind its end there is
// nothing, and no error. The error is fs.ErrNotExist as with ListFiles.
func (r *Runtime) ReadFile(path string, offset, length int64) (data []byte, size int64, err error) {
	if offset < 0 || length < 0 {
		return nil, 0, fmt.Errorf("offset %d and length %d must not be negative", offset, length)
	}
	f, err := r.open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errors.New("not a regular file")
	}
	data, err = io.ReadAll(io.NewSectionReader(f, offset, length))
	return data, info.Size(), err
}

// open opens what a client asks for, unless it is outside the sandbox that the path names. A link may lead on
// within the same sandbox.
func (r *Runtime) open(path string) (*os.File, error) {
	rest, ok := strings.CutPrefix(filepath.Clean(path), r.top()+"/")
	if !ok && strings.HasPrefix(path, "/frameworks/") {
		rest, ok = strings.CutPrefix(filepath.Clean(path), "/")
	}
	parts := strings.Split(rest, "/")
	if !ok || len(parts) < 6 || parts[0] != "frameworks" || parts[2] != "executors" || parts[4] != "runs" || strings.Contains(path, "\x00") {
		return nil, fs.ErrNotExist
	}
	runs, container := filepath.Join(append([]string{r.top()}, parts[:5]...)...), parts[5]
	if container == "latest" {
		to, err := os.Readlink(filepath.Join(runs, "latest"))
		if err != nil || !pathElement(to) {
			return nil, fs.ErrNotExist
		}
		container = to
	}
	sandbox := filepath.Join(runs, container)
	// Root refuses every absolute link, so follow first those that stay inside.
	resolved, err := filepath.EvalSymlinks(filepath.Join(append([]string{sandbox}, parts[6:]...)...))
	if err != nil {
		return nil, fs.ErrNotExist
	}
	inside, err := filepath.Rel(sandbox, resolved)
	if err != nil || !filepath.IsLocal(inside) {
		return nil, fs.ErrNotExist
	}
	root, err := os.OpenRoot(sandbox)
	if err != nil {
		return nil, fs.ErrNotExist
	}
	defer root.Close()
	// Without O_NONBLOCK a pipe would be waited for. Links that were put in meanwhile do not get past Root.
	f, err := root.OpenFile(inside, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fs.ErrNotExist
	}
	return f, nil
}
