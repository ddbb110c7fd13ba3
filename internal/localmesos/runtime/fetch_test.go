package runtime_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/localmesos/runtime"
)

func uri(value string, change ...func(*mesos.CommandInfo_URI)) mesos.CommandInfo_URI {
	u := mesos.CommandInfo_URI{Value: value}
	for _, c := range change {
		c(&u)
	}
	return u
}

var yes, no = true, false

func cache(u *mesos.CommandInfo_URI) { u.Cache = &yes }

func executable(u *mesos.CommandInfo_URI) { u.Executable = &yes }

func asItIs(u *mesos.CommandInfo_URI) { u.Extract = &no }

func as(name string) func(*mesos.CommandInfo_URI) {
	return func(u *mesos.CommandInfo_URI) { u.OutputFile = &name }
}

// site serves files and counts the requests.
func site(t *testing.T, files map[string]string) (url string, requests *atomic.Int64) {
	t.Helper()
	requests = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		body, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if strings.HasSuffix(r.URL.Path, ".gz") {
			w.Header().Set("Content-Encoding", "gzip") // As many servers do; curl keeps the file as it is.
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL, requests
}

func TestFetch(t *testing.T) {
	t.Parallel()
	tgz := string(tarball(t, "tgz", file("in/tgz", "from tgz", 0o644)))
	base, _ := site(t, map[string]string{
		"/plain": "plain", "/a/tool": "#!/bin/sh\necho tool $1\n", "/x.tgz": tgz, "/x.tar.gz": tgz, "/kept.tgz": tgz, "/script.tgz": "#!/bin/sh\necho script\n",
		"/y.tar": string(tarball(t, "tar", file("in/tar", "from tar", 0o644))), "/z.zip": string(zipped(t, file("in/zip", "from zip", 0o644))),
		"/text.gz": string(gzipped(t, []byte("from gz"))), "/q": "query", "/noarchive": "no archive",
	})
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"local": 0o640, "a%20b?c": 0o644, "bin": 0o755} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho "+name), mode); err != nil {
			t.Fatal(err)
		}
	}
	extract := func(u *mesos.CommandInfo_URI) { u.Extract = &yes }
	for name, tc := range map[string]struct {
		uris    []mesos.CommandInfo_URI
		command string
		want    string
		files   string // in the sandbox beside stdout and stderr
	}{
		"plain":         {[]mesos.CommandInfo_URI{uri(base + "/plain")}, "cat plain", "plain", "plain"},
		"leading blank": {[]mesos.CommandInfo_URI{uri(" " + base + "/plain")}, "cat plain", "plain", "plain"},
		"executable":    {[]mesos.CommandInfo_URI{uri(base+"/a/tool", executable)}, "./tool 1", "tool 1", "tool"},
		"not executable": {
			[]mesos.CommandInfo_URI{uri(base + "/a/tool")}, "test ! -x tool && echo no", "no", "tool",
		},
		"output file":   {[]mesos.CommandInfo_URI{uri(base+"/plain", as("d/e/f"))}, "cat d/e/f", "plain", "d"},
		"query in name": {[]mesos.CommandInfo_URI{uri(base + "/q?a=b")}, "cat 'q?a=b'", "query", "q?a=b"},
		"tgz":           {[]mesos.CommandInfo_URI{uri(base + "/x.tgz")}, "cat in/tgz", "from tgz", "in x.tgz"},
		"tar.gz":        {[]mesos.CommandInfo_URI{uri(base + "/x.tar.gz")}, "cat in/tgz", "from tgz", "in x.tar.gz"},
		"tar":           {[]mesos.CommandInfo_URI{uri(base + "/y.tar")}, "cat in/tar", "from tar", "in y.tar"},
		"zip":           {[]mesos.CommandInfo_URI{uri(base + "/z.zip")}, "cat in/zip", "from zip", "in z.zip"},
		"gz":            {[]mesos.CommandInfo_URI{uri(base + "/text.gz")}, "cat text", "from gz", "text text.gz"},
		"gz from cache": {[]mesos.CommandInfo_URI{uri(base+"/text.gz", cache)}, "cat text", "from gz", "text"},
		"tgz by output file": {
			[]mesos.CommandInfo_URI{uri(base+"/x.tar.gz?sig=1", as("d/x.tgz"))}, "cat in/tgz", "from tgz", "d in",
		},
		"tgz as it is":    {[]mesos.CommandInfo_URI{uri(base+"/kept.tgz", asItIs)}, "echo", "", "kept.tgz"},
		"tgz from cache":  {[]mesos.CommandInfo_URI{uri(base+"/x.tgz", cache)}, "cat in/tgz", "from tgz", "in"},
		"zip from cache":  {[]mesos.CommandInfo_URI{uri(base+"/z.zip", cache)}, "cat in/zip", "from zip", "in"},
		"tool from cache": {[]mesos.CommandInfo_URI{uri(base+"/a/tool", cache, executable)}, "./tool 2", "tool 2", "tool"},
		"executables are not extracted": {
			[]mesos.CommandInfo_URI{uri(base+"/script.tgz", executable, extract)}, "./script.tgz", "script", "script.tgz",
		},
		"no archive": {[]mesos.CommandInfo_URI{uri(base+"/noarchive", extract)}, "cat noarchive", "no archive", "noarchive"},
		"file":       {[]mesos.CommandInfo_URI{uri("file://" + dir + "/local")}, "stat -c %a local; sh local", "640\nlocal", "local"},
		"file of localhost": {
			[]mesos.CommandInfo_URI{uri("file://localhost" + dir + "/local")}, "sh local", "local", "local",
		},
		"path":                  {[]mesos.CommandInfo_URI{uri(dir + "/bin")}, "./bin", "bin", "bin"},
		"paths are not decoded": {[]mesos.CommandInfo_URI{uri(dir + "/a%20b?c")}, "tail -1 a*", "echo a%20b?c", "a%20b?c"},
		"many": {
			[]mesos.CommandInfo_URI{uri(base + "/x.tgz"), uri(base + "/y.tar"), uri(base + "/z.zip"), uri(base+"/a/tool", executable)},
			"cat in/*; ./tool 3", "from tarfrom tgzfrom ziptool 3", "in tool x.tgz y.tar z.zip",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := launch(t, newRuntime(t), shell("t", tc.command, tc.uris...))
			x.await(mesos.TASK_FINISHED)
			if got := strings.TrimSuffix(x.file("stdout"), "\n"); got != tc.want {
				t.Errorf("stdout is %q, want %q", got, tc.want)
			}
			var names []string
			entries, err := os.ReadDir(x.sandbox())
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if e.Name() != "stdout" && e.Name() != "stderr" {
					names = append(names, e.Name())
				}
			}
			if got := strings.Join(names, " "); got != tc.files {
				t.Errorf("sandbox holds %q, want %q", got, tc.files)
			}
		})
	}
}

func TestFetchFails(t *testing.T) {
	t.Parallel()
	base, _ := site(t, map[string]string{"/broken.tgz": "certainly no gzip", "/cut.tgz": string(tarball(t, "tgz", file("a", strings.Repeat("x", 1000), 0o644))[:60]), "/x.txz": "xz", "/ok": "ok"})
	dir := t.TempDir()
	for name, tc := range map[string]struct {
		uri  mesos.CommandInfo_URI
		want string
	}{
		"missing":         {uri(base + "/missing?signature=geheim"), "received HTTP return code 404"},
		"nobody there":    {uri("http://user:geheim@127.0.0.1:1/x?signature=geheim"), "refused"},
		"missing, cached": {uri(base+"/missing?signature=geheim", cache), "404"},
		"no gzip":         {uri(base + "/broken.tgz"), "gzip: invalid header"},
		"cut":             {uri(base + "/cut.tgz"), "unexpected EOF"},
		"xz":              {uri(base + "/x.txz"), "use tar.gz"},
		"scheme":          {uri("hdfs://host/x"), "http, https and file, not hdfs"},
		"relative":        {uri("some/file"), "not an absolute path"},
		"no file":         {uri("http://127.0.0.1"), "names no file"},
		"directory":       {uri("file://" + dir), "not a regular file"},
		"slash":           {uri(base + "/a/"), "cannot be a file in the sandbox"},
		"dots":            {uri(base + "/.."), "cannot be a file in the sandbox"},
		"outside":         {uri(base+"/ok", as("../x")), "cannot be a file in the sandbox"},
		"absolute":        {uri(base+"/ok", as("/tmp/x")), "cannot be a file in the sandbox"},
		"quote":           {uri(base + "/it's"), "may hold no"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := launch(t, newRuntime(t), shell("t", "true", tc.uri))
			s := x.await(mesos.TASK_FAILED)
			if len(s) != 1 || s[0].GetReason() != mesos.REASON_CONTAINER_LAUNCH_FAILED {
				t.Errorf("statuses are %s", words(s))
			}
			if log := x.file("stderr"); !strings.Contains(log, tc.want) || strings.Contains(log, "geheim") {
				t.Errorf("stderr is %q: want %q and no secret", log, tc.want)
			}
		})
	}
}

func TestCacheDownloadsOnce(t *testing.T) {
	t.Parallel()
	base, requests := site(t, map[string]string{"/x.tgz": string(tarball(t, "tgz", file("in", "from tgz", 0o644)))})
	r := newRuntime(t)
	var runs []*run
	for i := range 8 {
		runs = append(runs, launch(t, r, shell(fmt.Sprintf("t%d", i), "cat in; echo mine >>in", uri(base+"/x.tgz", cache))))
	}
	for _, x := range runs {
		x.await(mesos.TASK_FINISHED)
		if got := x.file("stdout"); got != "from tgz" {
			t.Errorf("%s has %q", x.id, got)
		}
		if _, err := os.Stat(filepath.Join(x.sandbox(), "x.tgz")); err == nil {
			t.Error("the archive was copied into the sandbox")
		}
	}
	if n := requests.Load(); n != 1 {
		t.Errorf("%d requests for a cached file, want 1", n)
	}
	launch(t, r, shell("again", "cat in", uri(base+"/x.tgz"))).await(mesos.TASK_FINISHED)
	if n := requests.Load(); n != 2 {
		t.Errorf("%d requests after one without cache, want 2", n)
	}
}

// TestCacheForgetsFailures downloads again what could not be had.
func TestCacheForgetsFailures(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) == 1 {
			w.Header().Set("Content-Length", "100") // The connection is closed before.
		}
		_, _ = io.WriteString(w, "content")
	}))
	defer s.Close()
	r := newRuntime(t)
	launch(t, r, shell("a", "true", uri(s.URL+"/x", cache))).await(mesos.TASK_FAILED)
	x := launch(t, r, shell("b", "cat x", uri(s.URL+"/x", cache)))
	x.await(mesos.TASK_FINISHED)
	if got := x.file("stdout"); got != "content" || requests.Load() != 2 {
		t.Errorf("content is %q after %d requests", got, requests.Load())
	}
}

// slow is a server whose answers take until go is called; begun tells of requests, ended of those that were given up.
func slow(t *testing.T, body string) (url string, begun, ended chan struct{}, free func()) {
	t.Helper()
	begun, ended, open := make(chan struct{}, 100), make(chan struct{}, 100), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		begun <- struct{}{}
		select {
		case <-open:
			_, _ = io.WriteString(w, body)
		case <-r.Context().Done():
			ended <- struct{}{}
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, begun, ended, func() { close(open) }
}

func receive(t *testing.T, what string, from <-chan struct{}) {
	t.Helper()
	select {
	case <-from:
	case <-time.After(patience):
		t.Fatalf("no %s within %s", what, patience)
	}
}

func TestKillWhileFetching(t *testing.T) {
	t.Parallel()
	for name, mark := range map[string]func(*mesos.CommandInfo_URI){"direct": asItIs, "cached": cache} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, begun, ended, _ := slow(t, "")
			r := newRuntime(t)
			x := launch(t, r, shell("t", "echo started", uri(url+"/x", mark)))
			receive(t, "request", begun)
			r.Kill("t", nil)
			s := x.await(mesos.TASK_KILLED)
			if len(s) != 1 || s[0].GetSource() != mesos.SOURCE_AGENT || s[0].GetReason() != mesos.REASON_EXECUTOR_UNREGISTERED {
				t.Errorf("statuses are %+v", s)
			}
			receive(t, "end of the download", ended)
			if x.file("stdout") != "" {
				t.Error("the command was started")
			}
		})
	}
}

// TestKillLeavesTheDownloadOfOthers kills the task that began a download that another waits for.
func TestKillLeavesTheDownloadOfOthers(t *testing.T) {
	t.Parallel()
	url, begun, ended, free := slow(t, "content")
	r := newRuntime(t)
	a := launch(t, r, shell("a", "true", uri(url+"/x", cache)))
	receive(t, "request", begun)
	b := launch(t, r, shell("b", "cat x", uri(url+"/x", cache)))
	eventually(t, "wait for the cache", func() bool { return strings.Contains(b.file("stderr"), "from cache") })
	r.Kill("a", nil)
	a.await(mesos.TASK_KILLED)
	free()
	b.await(mesos.TASK_FINISHED)
	if got := b.file("stdout"); got != "content" || len(ended) > 0 || len(begun) > 0 {
		t.Errorf("content is %q; %d downloads were given up, %d begun again", got, len(ended), len(begun))
	}
}

func TestCloseWhileFetching(t *testing.T) {
	t.Parallel()
	url, begun, ended, _ := slow(t, "")
	work := t.TempDir()
	r := newRuntime(t, func(o *runtime.Options) { o.WorkDir = work })
	x := launch(t, r, shell("t", "true", uri(url+"/x", cache)))
	receive(t, "request", begun)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	receive(t, "end of the download", ended)
	if len(x.statuses) > 0 {
		t.Errorf("%+v is reported after Close", <-x.statuses)
	}
	if left, _ := filepath.Glob(work + "/fetch/*"); len(left) > 0 {
		t.Errorf("%v is left of the cache", left)
	}
}

func TestStall(t *testing.T) {
	t.Parallel()
	url, _, ended, _ := slow(t, "")
	x := launch(t, newRuntime(t, func(o *runtime.Options) { o.StallTimeout = 20 * time.Millisecond }), shell("t", "true", uri(url+"/x")))
	x.await(mesos.TASK_FAILED)
	receive(t, "end of the download", ended)
	if log := x.file("stderr"); !strings.Contains(log, "the download stalled for 20ms") {
		t.Errorf("stderr is %q", log)
	}
}

func TestFirstErrorEndsTheOthers(t *testing.T) {
	t.Parallel()
	url, begun, ended, _ := slow(t, "")
	pipe := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-pipe
		http.NotFound(w, r)
	}))
	defer s.Close()
	x := launch(t, newRuntime(t), shell("t", "true", uri(url+"/x"), uri(s.URL+"/missing")))
	receive(t, "request", begun)
	close(pipe)
	x.await(mesos.TASK_FAILED)
	receive(t, "end of the other download", ended)
	if log := x.file("stderr"); !strings.Contains(log, "404") || strings.Contains(log, "canceled") {
		t.Errorf("stderr is %q: want the error that came first", log)
	}
}
