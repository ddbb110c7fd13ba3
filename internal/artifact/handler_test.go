package artifact_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/flink-on-mesos/flink-service/internal/artifact"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// canary stands in files that nobody may read through the handler.
const canary = "CANARY-must-not-leak"

// serve starts a real server: the store in front of a mux, as the service mounts it.
func serve(t testing.TB, s *artifact.Store) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page") })
	server := httptest.NewServer(s.Route(mux))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// raw sends one request line as it is, with headers, and reads the answer. The Go client would tidy the path.
func raw(t testing.TB, addr, method, target string, headers ...string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	lines := append([]string{method + " " + target + " HTTP/1.1", "Host: x", "Connection: close"}, headers...)
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %q: %v", method, target, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %q: %v", method, target, err)
	}
	return resp, string(body)
}

func path(t testing.TB) func(string, error) string {
	return func(p string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

func TestHostilePaths(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "secret.txt")
	writeFile(t, outside, canary)
	o := options(dir)
	s := open(t, o)
	a := put(t, s, "hello", artifact.PutOptions{Name: "app.jar", Public: true})
	hidden := put(t, s, canary+" user jar", artifact.PutOptions{Name: "user.jar"})
	// A link, a directory, a FIFO's place and a record that is a link, all under good names.
	planted := func(name string, plant func(file string) error) string {
		record := put(t, s, name, artifact.PutOptions{Name: "x.jar", Public: true})
		file := filepath.Join(dir, "content", record.SHA256)
		if err := errors.Join(os.Remove(file), plant(file)); err != nil {
			t.Fatal(err)
		}
		return record.SHA256
	}
	linked := planted("link out", func(f string) error { return os.Symlink(outside, f) })
	inner := planted("link in", func(f string) error { return os.Symlink(hidden.SHA256, f) })
	folder := planted("folder", func(f string) error { return os.Mkdir(f, 0o700) })
	recordLink := put(t, s, "record link", artifact.PutOptions{Name: "x.jar", Public: true}).SHA256
	recordFile := filepath.Join(dir, "about", recordLink)
	if err := errors.Join(os.Rename(recordFile, recordFile+".moved"), os.Symlink(recordLink+".moved", recordFile)); err != nil {
		t.Fatal(err)
	}

	addr := serve(t, s)
	stable := path(t)(s.Path(a.SHA256, "app.jar"))
	base := "/artifacts/" + o.Prefix + "/"
	signed := path(t)(s.SignedPath(hidden.SHA256, "user.jar", o.Now().Add(time.Hour)))
	forged := []byte(signed)
	forged[len("/artifacts/signed/1772370000/")+3] ^= 1

	tests := []struct{ name, target string }{
		{"dots", base + "../../../../etc/passwd"},
		{"dots to a record", base + a.SHA256 + "/../../about/" + a.SHA256},
		{"dots that come back", base + "x/../" + a.SHA256 + "/app.jar"},
		{"dot", base + "./" + a.SHA256 + "/app.jar"},
		{"dots at the end", base + a.SHA256 + "/.."},
		{"dots as hash", base + "../app.jar"},
		{"mount dots", "/artifacts/../artifacts/"},
		{"encoded dots", base + "%2e%2e/%2e%2e/etc/passwd"},
		{"encoded dots twice", base + "%252e%252e/etc/passwd"},
		{"encoded slash", base + a.SHA256 + "%2fapp.jar"},
		{"encoded slash in name", base + a.SHA256 + "/..%2f..%2fsources.json"},
		{"encoded letter", base + a.SHA256 + "/%61pp.jar"},
		{"backslash", base + a.SHA256 + `\app.jar`},
		{"backslashes", base + `..\..\etc\passwd`},
		{"encoded backslash", base + a.SHA256 + "/..%5c..%5cetc"},
		{"nul", base + a.SHA256 + "/app.jar%00"},
		{"nul and extension", base + a.SHA256 + "/app%00.jar"},
		{"nul in hash", base + a.SHA256[:63] + "%00/app.jar"},
		{"newline", base + a.SHA256 + "/app.jar%0d%0aX-Evil:%201"},
		{"overlong utf-8", base + "%c0%ae%c0%ae/etc/passwd"},
		{"unicode", base + a.SHA256 + "/аpp.jar"},
		{"absolute", base + "/etc/passwd"},
		{"absolute file", base + a.SHA256 + "//etc/passwd"},
		{"absolute canary", "/artifacts/" + outside},
		{"two slashes", "/artifacts//" + o.Prefix + "/" + a.SHA256 + "/app.jar"},
		{"slash at the end", stable + "/"},
		{"upper case hash", base + strings.ToUpper(a.SHA256) + "/app.jar"},
		{"short hash", base + a.SHA256[:63] + "/app.jar"},
		{"no name", base + a.SHA256},
		{"empty name", base + a.SHA256 + "/"},
		{"hidden name", base + a.SHA256 + "/.app.jar"},
		{"long name", base + a.SHA256 + "/" + strings.Repeat("a", 201)},
		{"long path", base + strings.Repeat("a/", 4000)},
		{"list mount", "/artifacts/"},
		{"list prefix", base},
		{"list signed", "/artifacts/signed/"},
		{"files of the store", "/artifacts/sources.json"},
		{"content directory", "/artifacts/content/" + a.SHA256},
		{"no prefix", "/artifacts/" + a.SHA256 + "/app.jar"},
		{"wrong prefix", "/artifacts/prefix-of-the-tests-0123456788/" + a.SHA256 + "/app.jar"},
		{"prefix of the prefix", "/artifacts/prefix-of-the-tests-012345678/" + a.SHA256 + "/app.jar"},
		{"unknown hash", base + sum("nothing") + "/app.jar"},
		{"not public", base + hidden.SHA256 + "/user.jar"},
		{"link out of the store", base + linked + "/x.jar"},
		{"link inside the store", base + inner + "/x.jar"},
		{"folder", base + folder + "/x.jar"},
		{"record is a link", base + recordLink + "/x.jar"},
		{"forged signature", string(forged)},
		{"signature cut", strings.Replace(signed, "/sha256/", "A/sha256/", 1)},
		{"later expiry", strings.Replace(signed, "/signed/1", "/signed/2", 1)},
		{"other name", strings.TrimSuffix(signed, "user.jar") + "x.jar"},
		{"other hash", strings.Replace(signed, hidden.SHA256, a.SHA256, 1)},
		{"other kind", strings.Replace(signed, "/sha256/", "/overlay/", 1)},
		{"signed with dots", strings.Replace(signed, "/sha256/", "/x/../sha256/", 1)},
		{"signed and escaped", strings.Replace(signed, "/sha256/", "/%73ha256/", 1)},
		{"absolute form", "http://x" + base + "../../etc/passwd"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, method := range []string{"GET", "HEAD"} {
				resp, body := raw(t, addr, method, tt.target)
				if resp.StatusCode != http.StatusNotFound {
					t.Fatalf("%s %s: status %d, want 404", method, tt.target, resp.StatusCode)
				}
				if resp.Header.Get("Location") != "" || resp.Header.Get("Etag") != "" || resp.Header.Get("X-Evil") != "" {
					t.Errorf("%s: headers tell something: %v", tt.target, resp.Header)
				}
				want := `{"code":"not_found","message":"no artifact at this path"}`
				if method == "HEAD" {
					want = ""
				}
				if diff := cmp.Diff(want, body); diff != "" {
					t.Errorf("%s %s: body mismatch (-want +got):\n%s", method, tt.target, diff)
				}
			}
		})
	}
	// What the standard library refuses before it reaches us leaks nothing either.
	for _, target := range []string{base + "%zz", base + "a\x00b", "artifacts/x", base + "a b"} {
		if resp, body := raw(t, addr, "GET", target); resp.StatusCode/100 != 4 || strings.Contains(body, canary) {
			t.Errorf("GET %q: status %d, body %q", target, resp.StatusCode, body)
		}
	}
	// The good paths still answer, next to all that, and so does the rest of the service.
	for target, want := range map[string]string{stable: "hello", signed: canary + " user jar", stable + "?x=../y": "hello", "/": "page"} {
		if resp, body := raw(t, addr, "GET", target); resp.StatusCode != 200 || body != want {
			t.Errorf("GET %s: status %d, body %q", target, resp.StatusCode, body)
		}
	}
}

func TestSignedPathExpires(t *testing.T) {
	c := newClock()
	o := options(t.TempDir())
	o.Now = c.now
	s := open(t, o)
	a := put(t, s, "keytab", artifact.PutOptions{Name: "flink.keytab"})
	p := path(t)(s.SignedPath(a.SHA256, "flink.keytab", c.now().Add(time.Minute)))
	addr := serve(t, s)
	c.add(time.Minute - time.Second)
	if resp, body := raw(t, addr, "GET", p); resp.StatusCode != 200 || body != "keytab" || resp.Header.Get("Cache-Control") != "private, no-store" {
		t.Fatalf("before the expiry: %d %q %v", resp.StatusCode, body, resp.Header)
	}
	c.add(time.Second)
	resp, body := raw(t, addr, "GET", p)
	var e fault.Error
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("body %q: %v", body, err)
	}
	if resp.StatusCode != http.StatusGone || e.Code != fault.NotFound || !strings.Contains(e.Message, "restart the task") {
		t.Fatalf("after the expiry: %d %+v", resp.StatusCode, e)
	}
	// Who was not given the path does not learn that it is old.
	if resp, _ := raw(t, addr, "GET", strings.Replace(p, ".keytab", ".keytap", 1)); resp.StatusCode != http.StatusNotFound {
		t.Fatalf("forged and expired: %d", resp.StatusCode)
	}
	// Another key, another signature.
	o.Key, o.Dir = artifact.NewKey(), t.TempDir()
	if resp, _ := raw(t, serve(t, open(t, o)), "GET", p); resp.StatusCode != http.StatusNotFound {
		t.Fatalf("signed with another key: %d", resp.StatusCode)
	}
}

func TestRequestsAndAnswers(t *testing.T) {
	s := open(t, options(t.TempDir()))
	content := "0123456789"
	a := put(t, s, content, artifact.PutOptions{Name: "flink.tgz", Public: true})
	p := path(t)(s.Path(a.SHA256, "flink.tgz"))
	etag := `"` + a.SHA256 + `"`
	addr := serve(t, s)
	tests := []struct {
		name, method string
		headers      []string
		status       int
		length, body string
		contentRange string
	}{
		{"whole", "GET", nil, 200, "10", content, ""},
		{"head", "HEAD", nil, 200, "10", "", ""},
		{"first bytes", "GET", []string{"Range: bytes=0-3"}, 206, "4", "0123", "bytes 0-3/10"},
		{"from the middle", "GET", []string{"Range: bytes=4-"}, 206, "6", "456789", "bytes 4-9/10"},
		{"last bytes", "GET", []string{"Range: bytes=-2"}, 206, "2", "89", "bytes 8-9/10"},
		{"head with range", "HEAD", []string{"Range: bytes=0-3"}, 206, "4", "", "bytes 0-3/10"},
		{"past the end", "GET", []string{"Range: bytes=10-"}, 416, "33", "invalid range: failed to overlap\n", "bytes */10"},
		{"not bytes", "GET", []string{"Range: lines=1-2"}, 416, "14", "invalid range\n", ""},
		{"unchanged", "GET", []string{"If-None-Match: " + etag}, 304, "", "", ""},
		{"unchanged among others", "GET", []string{`If-None-Match: "x", W/` + etag}, 304, "", "", ""},
		{"changed", "GET", []string{`If-None-Match: "x"`}, 200, "10", content, ""},
		{"range if the same", "GET", []string{"Range: bytes=0-0", "If-Range: " + etag}, 206, "1", "0", "bytes 0-0/10"},
		{"all if another", "GET", []string{"Range: bytes=0-0", `If-Range: "x"`}, 200, "10", content, ""},
		{"only if another", "GET", []string{`If-Match: "x"`}, 412, "0", "", ""},
		{"too many ranges", "GET", []string{"Range: bytes=" + strings.Repeat("0-0,", 400) + "1-1"}, 200, "10", content, ""},
		{"post", "POST", []string{"Content-Length: 0"}, 405, "", "", ""},
		{"put", "PUT", []string{"Content-Length: 0"}, 405, "", "", ""},
		{"delete", "DELETE", nil, 405, "", "", ""},
		{"options", "OPTIONS", nil, 405, "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := raw(t, addr, tt.method, p, tt.headers...)
			if resp.StatusCode != tt.status {
				t.Fatalf("status %d, want %d", resp.StatusCode, tt.status)
			}
			if resp.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("headers %v", resp.Header)
			}
			if tt.status == 405 {
				if resp.Header.Get("Allow") != "GET, HEAD" || resp.Header.Get("Content-Length") == "" {
					t.Errorf("headers %v", resp.Header)
				}
				return
			}
			got := []string{resp.Header.Get("Content-Length"), body, resp.Header.Get("Content-Range")}
			if diff := cmp.Diff([]string{tt.length, tt.body, tt.contentRange}, got); diff != "" {
				t.Errorf("length, body, range mismatch (-want +got):\n%s", diff)
			}
			if tt.status < 300 {
				got = []string{resp.Header.Get("Etag"), resp.Header.Get("Content-Type"), resp.Header.Get("Cache-Control"), resp.Header.Get("Accept-Ranges")}
				want := []string{etag, "application/gzip", "private, max-age=31536000, immutable", "bytes"}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("headers mismatch (-want +got):\n%s", diff)
				}
			}
		})
	}
	t.Run("two ranges", func(t *testing.T) {
		resp, body := raw(t, addr, "GET", p, "Range: bytes=0-1,8-9")
		media, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
		if err != nil || resp.StatusCode != 206 || media != "multipart/byteranges" || resp.Header.Get("Content-Length") != fmt.Sprint(len(body)) {
			t.Fatalf("%d %v", resp.StatusCode, resp.Header)
		}
		parts := multipart.NewReader(strings.NewReader(body), params["boundary"])
		var got []string
		for {
			part, err := parts.NextPart()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(part)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, part.Header.Get("Content-Range")+" "+string(b))
		}
		if diff := cmp.Diff([]string{"bytes 0-1/10 01", "bytes 8-9/10 89"}, got); diff != "" {
			t.Fatalf("parts mismatch (-want +got):\n%s", diff)
		}
	})
}

func TestConnectionIsKept(t *testing.T) {
	s := open(t, options(t.TempDir()))
	a := put(t, s, strings.Repeat("x", 1<<20), artifact.PutOptions{Name: "flink.tgz", Public: true})
	p := path(t)(s.Path(a.SHA256, "flink.tgz"))
	conn, err := net.Dial("tcp", serve(t, s))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for _, target := range []string{p, p + "x/", p, "/artifacts/../x", p} {
		if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		if err != nil || n != resp.ContentLength || resp.Close {
			t.Fatalf("%s: %d bytes of %d, close %v, %v", target, n, resp.ContentLength, resp.Close, err)
		}
	}
}

// fileSink is a ResponseWriter that notes what it was asked to read from.
type fileSink struct {
	*httptest.ResponseRecorder
	files int
}

func (s *fileSink) ReadFrom(src io.Reader) (int64, error) {
	if l, ok := src.(*io.LimitedReader); ok {
		if _, ok := l.R.(*os.File); ok {
			s.files++
		}
	}
	return io.Copy(struct{ io.Writer }{s.ResponseRecorder}, src)
}

func TestFilesReachTheConnectionAsFiles(t *testing.T) {
	s := open(t, options(t.TempDir()))
	a := put(t, s, "hello", artifact.PutOptions{Name: "a", Public: true})
	for _, header := range []string{"", "bytes=1-2"} {
		r := httptest.NewRequest("GET", path(t)(s.Path(a.SHA256, "a")), nil)
		r.Header.Set("Range", header)
		sink := &fileSink{ResponseRecorder: httptest.NewRecorder()}
		s.ServeHTTP(sink, r)
		if sink.files != 1 || sink.Body.Len() == 0 {
			t.Errorf("Range %q: %d files, body %q", header, sink.files, sink.Body)
		}
	}
}

func TestRenderedContent(t *testing.T) {
	c := newClock()
	o := options(t.TempDir())
	o.Now = c.now
	registry := prometheus.NewRegistry()
	o.Registerer = registry
	var logged strings.Builder
	o.Log = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := open(t, o)
	modified := c.now().Add(-time.Hour)
	s.Handle("overlay", func(_ context.Context, id string) ([]byte, time.Time, error) {
		switch id {
		case "demo":
			return []byte("jobmanager.rpc.address: x\n"), modified, nil
		case "gone":
			return nil, time.Time{}, fault.New(fault.NotFound, "cluster gone: %s", canary)
		default:
			return nil, time.Time{}, errors.New("store broke: " + canary)
		}
	})
	addr := serve(t, s)
	rendered := func(id string) string {
		return path(t)(s.RenderedPath("overlay", id, "conf.yaml", c.now().Add(time.Hour)))
	}
	resp, body := raw(t, addr, "GET", rendered("demo"))
	if resp.StatusCode != 200 || body != "jobmanager.rpc.address: x\n" || resp.Header.Get("Content-Length") != "26" {
		t.Fatalf("%d %q %v", resp.StatusCode, body, resp.Header)
	}
	got := []string{resp.Header.Get("Etag"), resp.Header.Get("Content-Type"), resp.Header.Get("Cache-Control"), resp.Header.Get("Last-Modified")}
	want := []string{`"` + sum(body) + `"`, "text/plain; charset=utf-8", "private, no-store", modified.Format(http.TimeFormat)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("headers mismatch (-want +got):\n%s", diff)
	}
	if resp, _ := raw(t, addr, "GET", rendered("demo"), "If-None-Match: "+got[0]); resp.StatusCode != 304 {
		t.Errorf("unchanged: %d", resp.StatusCode)
	}
	for id, want := range map[string]int{"gone": 404, "broken": 500} {
		resp, body := raw(t, addr, "GET", rendered(id))
		if resp.StatusCode != want || strings.Contains(body, canary) || resp.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %q", id, resp.StatusCode, body)
		}
	}
	if !strings.Contains(logged.String(), "store broke") {
		t.Error("the cause of the 500 is not in the log")
	}
	if signature := strings.Split(rendered("demo"), "/")[4]; strings.Contains(logged.String(), signature) || strings.Contains(logged.String(), o.Prefix) {
		t.Error("a path that opens something is in the log")
	}
	if _, err := s.RenderedPath("keytab", "demo", "x", c.now()); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("RenderedPath() of an unknown kind: %v", err)
	}
	// A kind that is signed but whose renderer is gone after an upgrade.
	o2 := options(t.TempDir())
	if resp, _ := raw(t, serve(t, open(t, o2)), "GET", rendered("demo")); resp.StatusCode != 404 {
		t.Errorf("kind without renderer: %d", resp.StatusCode)
	}
	wantRequests(t, registry, map[string]float64{"rendered 200": 1, "rendered 304": 1, "rendered 404": 1, "rendered 500": 1})
	for _, kind := range []string{"overlay", "sha256", "", "a/b", ".."} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Handle(%q) did not panic", kind)
				}
			}()
			s.Handle(kind, func(context.Context, string) ([]byte, time.Time, error) { return nil, time.Time{}, nil })
		}()
	}
}

// wantRequests compares the counters of requests, keyed by path and code. The server counts after the last
// byte has gone, so the client may have to wait.
func wantRequests(t testing.TB, r *prometheus.Registry, want map[string]float64) {
	t.Helper()
	var diff string
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		families, err := r.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, f := range families {
			if f.GetName() != "flink_mesos_artifact_requests_total" {
				continue
			}
			for _, m := range f.GetMetric() {
				got[m.GetLabel()[1].GetValue()+" "+m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			}
		}
		if diff = cmp.Diff(want, got); diff == "" {
			return
		}
	}
	t.Errorf("requests mismatch (-want +got):\n%s", diff)
}

func TestKeyHidesItself(t *testing.T) {
	k := artifact.NewKey()
	var logged strings.Builder
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "key", k)
	for _, s := range []string{fmt.Sprintf("%v %+v %#v %s", k, k, k, k), logged.String()} {
		if !strings.Contains(s, "[hidden]") || strings.Contains(s, fmt.Sprintf("%x", []byte(k))) {
			t.Errorf("key shows: %s", s)
		}
	}
	if a, b := artifact.NewPrefix(), artifact.NewPrefix(); a == b || len(a) < 22 || url.PathEscape(a) != a {
		t.Errorf("NewPrefix() = %q, %q", a, b)
	}
}

func TestPathsRefuseWhatCannotBeInThem(t *testing.T) {
	s := open(t, options(t.TempDir()))
	sha := sum("x")
	for _, tt := range []struct{ sha, name string }{
		{"", "a"},
		{"../" + sha[3:], "a"},
		{strings.ToUpper(sum("x")), "a"},
		{sha, ""},
		{sha, ".."},
		{sha, "-rf"},
		{sha, "a/b"},
		{sha, "a b"},
		{sha, "é"},
		{sha, "a\x00"},
		{sha, "a?b"},
		{sha, "a%2fb"},
	} {
		if p, err := s.Path(tt.sha, tt.name); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("Path(%q, %q) = %q, %v", tt.sha, tt.name, p, err)
		}
		if p, err := s.SignedPath(tt.sha, tt.name, time.Now()); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("SignedPath(%q, %q) = %q, %v", tt.sha, tt.name, p, err)
		}
		if u, err := spec.ParseArtifactURI("artifact:" + tt.sha + "/" + tt.name); err == nil {
			t.Errorf("ParseArtifactURI(%q, %q) = %v", tt.sha, tt.name, u)
		}
	}
}
