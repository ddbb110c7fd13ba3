package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/api"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/task"
)

// agent behaves as the files API of a Mesos agent: at most 64 KiB at once, the bytes of the file as they are.
func agent(files map[string]string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /files/read", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		text, ok := files[q.Get("path")]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		offset, err := strconv.Atoi(q.Get("offset"))
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		length, err := strconv.Atoi(q.Get("length"))
		if err != nil || length > 64<<10 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		offset = min(offset, len(text))
		fmt.Fprintf(w, `{"data":"%s","offset":%d}`, quoted(text[offset:min(len(text), offset+length)]), offset)
	})
	mux.HandleFunc("GET /files/browse", func(w http.ResponseWriter, r *http.Request) {
		list := []map[string]any{}
		for path, text := range files {
			if strings.HasPrefix(path, r.URL.Query().Get("path")+"/") {
				list = append(list, map[string]any{"path": path, "size": len(text), "mode": "-rw-r--r--", "mtime": 1.5, "nlink": 1, "uid": "root", "gid": "root"})
			}
		}
		_ = json.NewEncoder(w).Encode(list)
	})
	return mux
}

// quoted writes bytes as Mesos writes them into JSON: only what must be escaped is.
func quoted(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '/':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func TestFiles(t *testing.T) {
	t.Parallel()
	const run = "/var/lib/mesos/slaves/a-1/frameworks/f-1/executors/x/runs/1"
	long := strings.Repeat("€ line \"with\" \\ everything \x01\x7f\n", 10000) + "\xff\xfe end"
	files := map[string]string{run + "/stdout": long, run + "/log/a b.txt": "in a directory", "/etc/passwd": "root"}
	up := httptest.NewServer(agent(files))
	t.Cleanup(up.Close)
	w := newWorld(t, func(o *api.Options) { o.Transport = dialing(t, hostOf(t, up.URL)) })
	w.json("POST", "/v1/clusters", session, http.StatusCreated)
	jm := w.up("demo", "http://10.0.0.7:5051/slave(1)")
	base := "/v1/clusters/demo/tasks/" + jm.ID + "/files/"

	// Before a status told the sandbox, the agent's virtual path is asked for.
	files["/frameworks/f-1/executors/"+jm.ID+"/runs/latest/stdout"] = "virtual"
	if a := w.do("GET", base+"stdout", ""); a.body != "virtual" {
		t.Fatalf("virtual path: %d %s", a.StatusCode, a.body)
	}
	w.loop.Post(state.Updated{TaskID: jm.ID, AgentID: "a-1", State: task.Running, Sandbox: run})
	w.poll("the sandbox", func(s *state.State) bool { task, _ := view.TaskOf(s, "demo", jm.ID); return task.Sandbox == run })

	for _, c := range []struct{ name, path, want string }{
		{"whole", "stdout", long},
		{"from the start", "stdout?offset=0&length=10", long[:10]},
		{"in the middle of a letter", "stdout?offset=1&length=3", long[1:4]},
		{"over the limit of an agent", "stdout?offset=5&length=200001", long[5 : 5+200001]},
		{"at the end", "stdout?offset=" + strconv.Itoa(len(long)) + "&length=10", ""},
		{"after the end", "stdout?offset=99999999&length=10", ""},
		{"below", "log/a%20b.txt?offset=0&length=100", "in a directory"},
	} {
		a := w.do("GET", base+c.path, "")
		if a.StatusCode != http.StatusOK || a.body != c.want || a.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: got %d with %d bytes, want %d", c.name, a.StatusCode, len(a.body), len(c.want))
		}
	}
	for _, c := range []struct {
		name, path string
		status     int
		code       fault.Code
	}{
		{"missing", "nothing", 404, fault.NotFound},
		{"up", "..%2f..%2fetc%2fpasswd", 422, fault.Invalid},
		{"up with dots", "%2e%2e/%2e%2e/x", 404, fault.NotFound},
		{"up and down", "a%2f..%2fstdout", 422, fault.Invalid},
		{"absolute", "%2fetc%2fpasswd", 422, fault.Invalid},
		{"NUL", "stdout%00", 422, fault.Invalid},
		{"backslash", "..%5cx", 422, fault.Invalid},
		{"offset", "stdout?offset=-1&length=1", 422, fault.Invalid},
		{"length", "stdout?offset=0&length=0", 422, fault.Invalid},
		{"text", "stdout?offset=x", 422, fault.Invalid},
	} {
		a := rawly(t, w.url, "GET", base+c.path)
		if e := into[fault.Error](t, a); a.StatusCode != c.status || e.Code != c.code {
			t.Errorf("%s: got %d %s", c.name, a.StatusCode, a.body)
		}
	}
	a := w.do("GET", base+"log/", "")
	if want := `{"files":[{"path":"log/a b.txt","size":14,"mode":"-rw-r--r--","mtime":1.5}]}`; strings.TrimSpace(a.body) != want {
		t.Errorf("list: want %s, got %s", want, a.body)
	}
	if a := w.do("HEAD", base+"stdout", ""); a.StatusCode != http.StatusOK {
		t.Errorf("HEAD: %d", a.StatusCode)
	}
	up.Close()
	w.do("GET", base+"stdout", "").wantFault(t, http.StatusBadGateway, fault.Upstream, "the agent at 10.0.0.7:5051 is not responding")
}

func TestFilesWithoutAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.json("POST", "/v1/clusters", session, http.StatusCreated)
	jm := w.up("demo", "")
	w.do("GET", "/v1/clusters/demo/tasks/"+jm.ID+"/files/stdout", "").
		wantFault(t, http.StatusServiceUnavailable, fault.Unavailable, "the address of the agent")
}
