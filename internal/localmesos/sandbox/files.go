// Package sandbox serves the files of tasks as agents do: LIST_FILES and READ_FILE of the v1 API, and /files.
package sandbox

import (
	"errors"
	"io/fs"
	"net/http"
	"os/user"
	"path/filepath"
	"strconv"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	agentapi "github.com/mesos/mesos-go/api/v1/lib/agent"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/executor"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/protocol"
)

// maxRead is the most that an agent reads at once: 16 pages (mesos, files.cpp).
const maxRead = 16 * 4096

// Server serves the files of the tasks of all agents, which share one address.
type Server struct {
	// Agents are those that answer.
	Agents func() []executor.Files
	// Version is what GET_VERSION answers.
	Version func() mesos.VersionInfo
}

// listFiles and readFile ask every agent: a path is known to one of them.
func (s *Server) listFiles(path string) (infos []fs.FileInfo, err error) {
	err = s.each(func(f executor.Files) (err error) { infos, err = f.ListFiles(path); return err })
	return infos, err
}

func (s *Server) readFile(path string, offset, length int64) (data []byte, size int64, err error) {
	err = s.each(func(f executor.Files) (err error) { data, size, err = f.ReadFile(path, offset, length); return err })
	return data, size, err
}

func (s *Server) each(do func(executor.Files) error) error {
	for _, f := range s.Agents() {
		if err := do(f); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return fs.ErrNotExist
}

// Operator serves /slave(1)/api/v1.
func (s *Server) Operator(w http.ResponseWriter, r *http.Request) {
	call := new(agentapi.Call)
	if !protocol.ReadOperatorCall(w, r, call) {
		return
	}
	response := &agentapi.Response{}
	switch call.GetType() {
	case agentapi.Call_GET_HEALTH:
		response.Type, response.GetHealth = agentapi.Response_GET_HEALTH, &agentapi.Response_GetHealth{Healthy: true}
	case agentapi.Call_GET_VERSION:
		response.Type, response.GetVersion = agentapi.Response_GET_VERSION, &agentapi.Response_GetVersion{VersionInfo: s.Version()}
	case agentapi.Call_LIST_FILES:
		path := call.GetListFiles().GetPath()
		infos, err := s.listFiles(path)
		if err != nil {
			fileError(w, err)
			return
		}
		list := &agentapi.Response_ListFiles{FileInfos: []mesos.FileInfo{}}
		for _, i := range infos {
			list.FileInfos = append(list.FileInfos, fileInfo(path, i))
		}
		response.Type, response.ListFiles = agentapi.Response_LIST_FILES, list
	case agentapi.Call_READ_FILE:
		c := call.GetReadFile()
		length := int64(maxRead)
		if c.Length != nil {
			length = min(length, int64(min(*c.Length, maxRead)))
		}
		data, size, err := s.readFile(c.GetPath(), int64(c.GetOffset()), length)
		if err != nil {
			fileError(w, err)
			return
		}
		response.Type, response.ReadFile = agentapi.Response_READ_FILE, &agentapi.Response_ReadFile{Size_: uint64(size), Data: data}
	default:
		protocol.Plain(w, http.StatusNotImplemented, "The local agent does not perform "+call.GetType().String())
		return
	}
	protocol.Answer(w, r, response)
}

func fileError(w http.ResponseWriter, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		protocol.Plain(w, http.StatusNotFound, "")
		return
	}
	protocol.Plain(w, http.StatusInternalServerError, err.Error())
}

func fileInfo(dir string, i fs.FileInfo) mesos.FileInfo {
	links, size, mode := int32(1), uint64(i.Size()), unixMode(i.Mode())
	uid, gid := owner()
	return mesos.FileInfo{
		Path: filepath.Join(dir, i.Name()), Nlink: &links, Size_: &size, Mtime: protocol.Nanoseconds(i.ModTime()), Mode: &mode, UID: &uid, GID: &gid,
	}
}

// unixMode is a mode as stat(2) returns it.
func unixMode(m fs.FileMode) uint32 {
	const regular, directory, link = 0o100000, 0o040000, 0o120000
	kind := uint32(regular)
	switch {
	case m.IsDir():
		kind = directory
	case m&fs.ModeSymlink != 0:
		kind = link
	}
	return kind | uint32(m.Perm())
}

// owner is whom the files belong to: this process makes them all.
func owner() (uid, gid string) {
	u, err := user.Current()
	if err != nil {
		return "", ""
	}
	return u.Username, u.Username
}

// Browse is the old form of LIST_FILES.
func (s *Server) Browse(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Query().Get("path")
	if path == "" {
		protocol.Plain(w, http.StatusBadRequest, "Expecting 'path=value' in query.\n")
		return
	}
	infos, err := s.listFiles(path)
	if err != nil {
		fileError(w, err)
		return
	}
	out := []map[string]any{}
	uid, gid := owner()
	for _, i := range infos {
		out = append(out, map[string]any{
			"path": filepath.Join(path, i.Name()), "size": i.Size(), "nlink": 1, "mtime": float64(i.ModTime().Unix()),
			"mode": i.Mode().String(), "uid": uid, "gid": gid,
		})
	}
	protocol.WriteJSON(w, out)
}

// Read is the old form of READ_FILE. Offset -1 asks for the size alone.
func (s *Server) Read(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("path") == "" {
		protocol.Plain(w, http.StatusBadRequest, "Expecting 'path=value' in query.\n")
		return
	}
	offset, length := int64(-1), int64(-1)
	for name, to := range map[string]*int64{"offset": &offset, "length": &length} {
		text := q.Get(name)
		if text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			protocol.Plain(w, http.StatusBadRequest, "Failed to parse "+name+": Failed to convert '"+text+"' to number.\n")
			return
		}
		*to = n
	}
	if length < 0 || length > maxRead {
		length = maxRead
	}
	ask := max(offset, 0)
	if offset < 0 {
		length = 0
	}
	data, size, err := s.readFile(q.Get("path"), ask, length)
	if err != nil {
		fileError(w, err)
		return
	}
	if offset < 0 {
		offset = size
	}
	protocol.WriteJSON(w, map[string]any{"data": string(data), "offset": offset})
}

// Download sends a whole file.
func (s *Server) Download(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Query().Get("path")
	for offset := int64(0); ; {
		data, size, err := s.readFile(path, offset, maxRead)
		if err != nil {
			fileError(w, err)
			return
		}
		if offset == 0 {
			w.Header().Set("Content-Type", "application/octet-stream")
			w.Header().Set("Content-Disposition", "attachment; filename="+strconv.Quote(filepath.Base(path)))
		}
		if _, err := w.Write(data); err != nil || len(data) == 0 {
			return
		}
		if offset += int64(len(data)); offset >= size {
			return
		}
	}
}
