package runtime

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ListFiles lists a directory of a sandbox in the order of names. Paths are as an agent attaches them: the real
// directory of a container, or /frameworks/ID/executors/ID/runs/latest. The error is fs.ErrNotExist for
// everything that is not in a sandbox of this agent.
func (r *Runtime) ListFiles(path string) ([]fs.FileInfo, error) {
	dir, err := r.resolve(path)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fs.ErrNotExist
	}
	infos := make([]fs.FileInfo, 0, len(entries))
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // It was removed meanwhile.
		}
		if err != nil {
			return nil, err
		}
		infos = append(infos, info)
	}
	return infos, nil
}

// ReadFile reads up to length bytes from an offset, and says how large the file is.
func (r *Runtime) ReadFile(path string, offset, length int64) (data []byte, size int64, err error) {
	file, err := r.resolve(path)
	if err != nil {
		return nil, 0, err
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, 0, fs.ErrNotExist
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

// resolve finds the real path of what a client asks for.
func (r *Runtime) resolve(path string) (string, error) {
	top := filepath.Join(r.o.WorkDir, "slaves", r.o.AgentID)
	if strings.HasPrefix(path, "/frameworks/") {
		path = filepath.Join(top, filepath.FromSlash(path))
	}
	clean := filepath.Clean(path)
	if !strings.HasPrefix(clean, top+string(filepath.Separator)) {
		return "", fs.ErrNotExist
	}
	resolved, err := filepath.EvalSymlinks(clean)
	if err != nil {
		return "", fs.ErrNotExist
	}
	// A link in a sandbox may point anywhere; what it points to is not ours to show. What belongs to one sandbox
	// has frameworks/ID/executors/ID/runs/ID before it.
	rest, ok := strings.CutPrefix(resolved, top+string(filepath.Separator))
	if parts := strings.Split(rest, string(filepath.Separator)); !ok || len(parts) < 6 || !strings.Contains(clean, filepath.Join(parts[:5]...)) {
		return "", fs.ErrNotExist
	}
	return resolved, nil
}
