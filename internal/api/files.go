package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/flink-on-mesos/flink-service/internal/api/query"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// Limits of reading a sandbox, in bytes.
const (
	// agentRead is the most that an agent gives at once (Mesos, files.cpp: 16 pages).
	agentRead = 64 << 10
	// agentAnswer bounds one answer of an agent: each byte may take six in JSON.
	agentAnswer = 8 * agentRead
	// listAnswer bounds the list of a directory.
	listAnswer = 4 << 20
	// maxFileLength bounds one answer of ours.
	maxFileLength = 1 << 30
)

// sandboxFile answers a part of a file in a task's sandbox as text, or the list of a directory as JSON when
// the path is empty or ends in a slash.
func (a *API) sandboxFile(w http.ResponseWriter, r *http.Request) error {
	name, id := r.PathValue("name"), r.PathValue("task")
	vw := a.o.Core.View()
	if _, ok := view.Spec(vw, name); !ok {
		return noCluster(name)
	}
	task, ok := view.PlaceOf(vw, name, id)
	if !ok {
		return fault.New(fault.NotFound, "cluster %s has no task %s", name, query.Shorten(id))
	}
	file := r.PathValue("path")
	sandbox := sandboxOf(task, view.Service(vw).FrameworkID)
	full, err := inSandbox(sandbox, file)
	if err != nil {
		return err
	}
	agent, err := agentOf(task)
	if err != nil {
		return err
	}
	f := agentFile{api: a, agent: agent, path: full, task: id, name: file}
	if file == "" || strings.HasSuffix(file, "/") {
		return f.list(w, r, sandbox)
	}
	offset, err := query.Number(r, "offset", 0, 0, 1<<62)
	if err != nil {
		return err
	}
	length, err := query.Number(r, "length", maxFileLength, 1, maxFileLength)
	if err != nil {
		return err
	}
	return f.send(w, r, offset, length)
}

// sandboxOf is the directory of a task at its agent: the real one when a status told it, and
// otherwise the virtual one, which an agent knows from the framework's and the executor's id.
func sandboxOf(task task.Task, framework string) string {
	if task.Sandbox != "" {
		return task.Sandbox
	}
	return "/frameworks/" + framework + "/executors/" + task.ID + "/runs/latest"
}

// inSandbox joins a path of ours to a sandbox. It refuses everything that is not plainly below it.
func inSandbox(sandbox, file string) (string, error) {
	clean := strings.TrimSuffix(file, "/")
	if clean == "" {
		return sandbox, nil
	}
	if path.Clean("/"+clean) != "/"+clean || strings.ContainsAny(clean, "\x00\\") || !utf8.ValidString(clean) {
		return "", query.Invalid("path", "%q is not a path inside the sandbox", query.Shorten(file))
	}
	return strings.TrimRight(sandbox, "/") + "/" + clean, nil
}

// agentOf is the address of a task's agent: scheme, host and port. Files are beside the agent's own path.
func agentOf(task task.Task) (*url.URL, error) {
	u, err := url.Parse(task.Endpoint)
	if task.Endpoint == "" || err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fault.New(fault.Unavailable, "the address of the agent of task %s is unknown until its next offer", task.ID)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// agentFile is one file or directory at an agent.
type agentFile struct {
	api   *API
	agent *url.URL
	// path is the full one; task and name are what the user called it.
	path, task, name string
}

// call asks the agent's files API.
func (f agentFile) call(ctx context.Context, verb string, values url.Values, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, f.api.o.CallTimeout)
	defer cancel()
	u := *f.agent
	u.Path = "/files/" + verb
	values.Set("path", f.path)
	u.RawQuery = values.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("ask the agent for %s: %w", f.path, err)
	}
	resp, err := f.api.o.AgentTransport.RoundTrip(req)
	if err != nil {
		return nil, f.upstream(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return nil, f.upstream(err)
	case resp.StatusCode == http.StatusNotFound:
		return nil, fault.New(fault.NotFound, "task %s has no file %s, or its sandbox was removed", f.task, query.Shorten(f.name))
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return nil, fault.New(fault.Upstream, "the agent at %s denies the service access to sandboxes (%s)", f.agent.Host, resp.Status)
	case resp.StatusCode != http.StatusOK:
		return nil, fault.New(fault.Upstream, "the agent at %s responded with %s: %s", f.agent.Host, resp.Status, query.Shorten(strings.TrimSpace(string(data))))
	case int64(len(data)) > limit:
		return nil, fault.New(fault.Upstream, "the response of the agent at %s exceeds %d bytes", f.agent.Host, limit)
	}
	return data, nil
}

func (f agentFile) upstream(err error) error {
	return fault.New(fault.Upstream, "the agent at %s is not responding: %v", f.agent.Host, err)
}

// read reads up to length bytes.
func (f agentFile) read(ctx context.Context, offset, length int64) ([]byte, error) {
	body, err := f.call(ctx, "read", url.Values{
		"offset": {strconv.FormatInt(offset, 10)}, "length": {strconv.FormatInt(min(length, agentRead), 10)},
	}, agentAnswer)
	if err != nil {
		return nil, err
	}
	var chunk struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &chunk); err != nil {
		return nil, fault.New(fault.Upstream, "invalid response from the agent at %s: %v", f.agent.Host, err)
	}
	data, err := unquote(chunk.Data)
	if err != nil || int64(len(data)) > length {
		return nil, fault.New(fault.Upstream, "invalid response from the agent at %s: not a file chunk", f.agent.Host)
	}
	return data, nil
}

// send writes a part of a file as it comes. The first read decides about the status.
func (f agentFile) send(w http.ResponseWriter, r *http.Request, offset, length int64) error {
	data, err := f.read(r.Context(), offset, length)
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	header.Set("Cache-Control", "no-store")
	control := http.NewResponseController(w)
	for len(data) > 0 {
		_ = control.SetWriteDeadline(time.Now().Add(f.api.o.CallTimeout)) // A writer without deadlines has its own rules.
		if _, err := w.Write(data); err != nil {
			return nil //nolint:nilerr // The client is gone; nobody is left to be told.
		}
		offset, length = offset+int64(len(data)), length-int64(len(data))
		if length == 0 || r.Method == http.MethodHead {
			break
		}
		if data, err = f.read(r.Context(), offset, length); err != nil {
			// The status is sent. Only a cut connection says that this is not the end of the file.
			f.api.o.Log.Info("sandbox file was cut off", "task", f.task, "file", f.name, "offset", offset, "error", err)
			panic(http.ErrAbortHandler)
		}
	}
	return nil
}

// fileInfo is one entry of a directory.
type fileInfo struct {
	// Path is relative to the sandbox.
	Path string `json:"path"`
	// Size is in bytes; Mode is as ls writes it; Modified is in seconds since 1970.
	Size     int64   `json:"size"`
	Mode     string  `json:"mode"`
	Modified float64 `json:"mtime"`
}

func (f agentFile) list(w http.ResponseWriter, r *http.Request, sandbox string) error {
	body, err := f.call(r.Context(), "browse", url.Values{}, listAnswer)
	if err != nil {
		return err
	}
	files := []fileInfo{}
	if err := json.Unmarshal(body, &files); err != nil {
		return fault.New(fault.Upstream, "invalid response from the agent at %s: %v", f.agent.Host, err)
	}
	for i := range files {
		files[i].Path = strings.TrimPrefix(strings.TrimPrefix(files[i].Path, strings.TrimRight(sandbox, "/")), "/")
	}
	return answer(w, http.StatusOK, map[string]any{"files": files})
}

// unquote reads a JSON string byte by byte. An agent puts the bytes of a file into it as they are, also those that
// are not UTF-8 or were cut in two; encoding/json would replace them and the offset of what follows would be wrong.
func unquote(quoted []byte) ([]byte, error) {
	if len(quoted) < 2 || quoted[0] != '"' || quoted[len(quoted)-1] != '"' {
		return nil, errors.New("not a string")
	}
	s := quoted[1 : len(quoted)-1]
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			out = append(out, s[i])
			continue
		}
		i++ // The scanner of encoding/json has seen that an escape is complete.
		switch s[i] {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			c := escaped(s[i+1:])
			i += 4
			if utf16.IsSurrogate(c) && len(s) > i+6 && s[i+1] == '\\' && s[i+2] == 'u' {
				if both := utf16.DecodeRune(c, escaped(s[i+3:])); both != utf8.RuneError {
					c, i = both, i+6
				}
			}
			out = utf8.AppendRune(out, c)
		default:
			out = append(out, s[i])
		}
	}
	return out, nil
}

// escaped is the number that four hexadecimal digits write.
func escaped(digits []byte) rune {
	n, err := strconv.ParseUint(string(digits[:4]), 16, 32)
	if err != nil {
		return utf8.RuneError
	}
	return rune(n)
}
