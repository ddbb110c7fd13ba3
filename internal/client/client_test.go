package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// serve starts a server and returns a client of it.
func serve(t testing.TB, h http.Handler, change ...func(*client.Options)) *client.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	o := client.Options{BaseURL: s.URL + "/service/flink/", Token: "abc", Service: "flink", HTTP: s.Client()}
	for _, c := range change {
		c(&o)
	}
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestNew checks the options.
func TestNew(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, url, token, want string }{
		{name: "no scheme", url: "127.0.0.1:8080", want: `service address "127.0.0.1:8080" is not a URL: parse "127.0.0.1:8080": first path segment in URL cannot contain colon`},
		{name: "no host", url: "http://", want: `service address "http://" must start with http:// or https:// and name a host, such as http://127.0.0.1:8080`},
		{name: "user", url: "http://me:secret@host/", want: `service address http://me:xxxxx@host/ carries a user: leave it out and log in with dcos auth login`},
		{name: "token of two lines", url: "http://host", token: "a\nb", want: "the token (DCOS_ACS_TOKEN) contains a line break: run dcos auth login"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := client.New(client.Options{BaseURL: c.url, Token: c.token})
			if err == nil || err.Error() != c.want {
				t.Fatalf("New() error:\nwant %s\ngot  %v", c.want, err)
			}
		})
	}
}

// TestUIURL checks that addresses are built below any prefix.
func TestUIURL(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"http://host":                       "http://host/v1/clusters/demo/ui/",
		"http://host/":                      "http://host/v1/clusters/demo/ui/",
		"https://host/service/dev/flink/#/": "https://host/service/dev/flink/v1/clusters/demo/ui/",
	} {
		c, err := client.New(client.Options{BaseURL: base})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.UIURL("demo"); got != want {
			t.Errorf("UIURL() of %s: want %s, got %s", base, want, got)
		}
	}
}

// TestErrors checks that each kind of answer becomes one line with advice.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status int
		kind   string
		body   string
		want   string
		code   fault.Code
	}{
		{name: "the API's", status: 404, body: `{"code":"not_found","message":"there is no cluster \"x\""}`, want: `there is no cluster "x"`, code: fault.NotFound},
		{name: "the API's with fields", status: 422, body: `{"code":"invalid","message":"the spec is not valid","details":[{"field":"name","message":"is empty"}]}`, want: "the spec is not valid: name: is empty", code: fault.Invalid},
		{name: "an unknown code", status: 418, body: `{"code":"teapot","message":"short and stout"}`, want: "HOST answered 418 I'm a teapot: short and stout", code: fault.Upstream},
		{name: "not logged in", status: 401, kind: "text/html", body: "<html>", want: "authentication with HOST failed (401 Unauthorized): run dcos auth login", code: fault.Unauthorized},
		{name: "not permitted", status: 403, body: "", want: "HOST denies access to this service (403 Forbidden): request the permission, or log in as another user with dcos auth login", code: fault.Forbidden},
		{name: "no such service", status: 404, kind: "text/html", body: "<html>", want: `there is no service named "flink" at HOST (404 Not Found): set the name with --name, or with dcos config set flink.service_name NAME`},
		{name: "service away", status: 502, kind: "text/html", body: "<html>", want: "HOST cannot reach the service (502 Bad Gateway): it may still be starting; check its state in Marathon and retry"},
		{name: "too large", status: 413, body: "<html>", want: "HOST does not take a request of this size (413 Request Entity Too Large)", code: fault.TooLarge},
		{name: "a web page", status: 200, kind: "text/html", body: "<!DOCTYPE html>", want: "http://HOST/service/flink/v1/clusters answered with a web page instead of JSON: set the name with --name, or with dcos config set flink.service_name NAME"},
		{name: "not JSON", status: 200, body: "ok", want: "http://HOST/service/flink/v1/clusters answered with a response that is not JSON: set the name with --name, or with dcos config set flink.service_name NAME"},
		{name: "other JSON", status: 200, body: `{"clusters":7}`, want: "unexpected response from http://HOST/service/flink (json: cannot unmarshal number into Go struct field .clusters of type []wire.Summary): compare the versions: dcos flink version"},
		{name: "Flink's", status: 404, body: `{"errors":["org.apache.flink.runtime.rest.NotFoundException: Job 17 not found\n\tat a.b.C(D.java:1)"]}`, want: "Flink: Job 17 not found", code: fault.NotFound},
		{name: "Flink's internal", status: 500, body: `{"errors":["Internal server error.","<Exception on server side:\njava.util.concurrent.CompletionException: org.apache.flink.util.FlinkException: No slots\n\tat a.b.C(D.java:1)\nEnd of exception on server side>"]}`, want: "Flink: No slots", code: fault.Upstream},
		{name: "Marathon's", status: 500, body: `{"message":"it\nbroke"}`, want: "HOST answered 500 Internal Server Error: it broke", code: fault.Upstream},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var host string
			cl := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				host = r.Host
				if got := r.Header.Get("Authorization"); got != "token=abc" {
					t.Errorf("Authorization: want token=abc, got %q", got)
				}
				if c.kind != "" {
					w.Header().Set("Content-Type", c.kind)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			_, err := cl.Clusters(t.Context())
			if err == nil {
				t.Fatal("Clusters(): no error")
			}
			if got := strings.ReplaceAll(err.Error(), host, "HOST"); got != c.want {
				t.Errorf("Clusters() error:\nwant %s\ngot  %s", c.want, got)
			}
			e, ok := errors.AsType[*fault.Error](err)
			_, connection := errors.AsType[*client.ConnectionError](err)
			if connection != (c.code == "") || ok && e.Code != c.code {
				t.Errorf("error of type %T, want code %q", err, c.code)
			}
		})
	}
}

// TestConnection checks what is said when nothing answers.
func TestConnection(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(hang.Close)
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(cut.Close)
	for _, c := range []struct{ name, url, want string }{
		{"refused", "http://127.0.0.1:1", "cannot connect to http://127.0.0.1:1: check that the service is running and that its address is correct"},
		{"no TLS", "https://" + strings.TrimPrefix(plain.URL, "http://"), "does not speak TLS: use http:// in its address"},
		{"silent", hang.URL, "timed out: check that the service is healthy (GET /v1/health) and retry"},
		{"cut", cut.URL, "closed the connection before responding: try again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cl, err := client.New(client.Options{BaseURL: c.url, Timeout: 50e6, HTTP: &http.Client{Transport: &http.Transport{}}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = cl.Clusters(t.Context())
			if err == nil || !strings.HasSuffix(err.Error(), c.want) {
				t.Errorf("Clusters() error:\nwant …%s\ngot  %v", c.want, err)
			}
			if !client.Temporary(err) {
				t.Errorf("Temporary(%v) is false", err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cl, err := client.New(client.Options{BaseURL: hang.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cl.Clusters(ctx); !errors.Is(err, context.Canceled) || client.Temporary(err) {
		t.Errorf("Clusters() of a cancelled context: %v", err)
	}
}

// TestReason reduces texts of Flink to a line.
func TestReason(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "no reason given"},
		{"plain", "Job 1 not found", "Job 1 not found"},
		{"generic first", "Internal server error.\nmore", "more"},
		{"cause", "org.apache.flink.util.FlinkException: Could not run.\n\tat a.B.c(D.java:1)\nCaused by: java.io.IOException: disk full\n\tat e\n", "Could not run: java.io.IOException: disk full"},
		{"innermost cause", "a.B: x\nCaused by: c.D: y\n\t... 3 more\nCaused by: e.F: z", "a.B: x: e.F: z"},
		{"the same again", "java.util.concurrent.ExecutionException: c.D: y\nCaused by: c.D: y", "c.D: y"},
		{"the same without class", "The main method caused an error: no input\nCaused by: java.lang.Exception: no input", "The main method caused an error: no input"},
		{"control characters", "a\x1b[2Jb\x07", "a [2Jb"},
		{"long", strings.Repeat("é", 600), strings.Repeat("é", 500) + "…"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, client.Reason(c.text)); diff != "" {
				t.Errorf("Reason() mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNames checks that a name never changes which resource is meant.
func TestNames(t *testing.T) {
	t.Parallel()
	var paths []string
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.EscapedPath())
		_, _ = io.WriteString(w, "{}")
	}))
	for _, name := range []string{"", ".", ".."} {
		if _, err := c.Cluster(t.Context(), name); err == nil {
			t.Errorf("Cluster(%q): no error", name)
		}
	}
	if _, err := c.TaskFile(t.Context(), "demo", "task", "../../secret", 0, 1); err == nil {
		t.Error("TaskFile(../../secret): no error")
	}
	for _, name := range []string{"a/b", "a?b", "a b", "%2e%2e"} {
		if _, err := c.Cluster(t.Context(), name); err != nil {
			t.Errorf("Cluster(%q): %v", name, err)
		}
	}
	want := []string{
		"/service/flink/v1/clusters/a%2Fb", "/service/flink/v1/clusters/a%3Fb", "/service/flink/v1/clusters/a%20b",
		"/service/flink/v1/clusters/%252e%252e",
	}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("paths mismatch (-want +got):\n%s", diff)
	}
}

// TestUpload sends a large file and checks that it is neither kept in memory nor sent without its length.
func TestUpload(t *testing.T) {
	t.Parallel()
	const size = 300 << 20
	name := filepath.Join(t.TempDir(), "large.jar")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, size); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	c := serve(t, http.HandlerFunc(swallow))

	var before, after runtime.MemStats
	var sent int64
	up := client.File{Name: "large.jar", Size: size, Data: file, Sent: func(n int) { sent += int64(n) }}
	runtime.ReadMemStats(&before)
	id, err := c.Flink("demo").UploadJar(t.Context(), up)
	if err != nil {
		t.Fatal(err)
	}
	artifact, err := c.UploadArtifact(t.Context(), up)
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if !strings.HasSuffix(id, "_large.jar") {
		t.Errorf("UploadJar() id is %q", id)
	}
	if artifact.Size != size || sent != 2*size {
		t.Errorf("size: want %d, got %d; sent: want %d, got %d", size, artifact.Size, 2*size, sent)
	}
	// The allocations of client and server together; a copy of the file would be far above.
	if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
		t.Errorf("uploading %d MiB twice allocated %d MiB", size>>20, used>>20)
	}
}

// swallow takes uploads as the service and Flink do, and keeps their size alone.
func swallow(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	jar := strings.HasSuffix(r.URL.Path, "/jars/upload")
	if jar {
		parts, err := r.MultipartReader()
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		part, err := parts.NextPart()
		if err != nil || part.FormName() != "jarfile" {
			http.Error(w, "want a part named jarfile", http.StatusBadRequest)
			return
		}
		body = part
	}
	n, err := io.Copy(io.Discard, body)
	switch {
	case err != nil || r.ContentLength < n:
		http.Error(w, fmt.Sprintf("%d bytes of %d: %v", n, r.ContentLength, err), http.StatusBadRequest)
	case jar:
		_, _ = io.WriteString(w, `{"filename":"/tmp/flink-web-upload/0_large.jar","status":"success"}`)
	default:
		_, _ = fmt.Fprintf(w, `{"uri":"artifact:1/large.jar","size":%d}`, n)
	}
}

// TestUploadAgain checks that an upload survives a redirect, which sends it from the start.
func TestUploadAgain(t *testing.T) {
	t.Parallel()
	text := "a jar"
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/there") {
			_, _ = io.Copy(io.Discard, r.Body)
			http.Redirect(w, r, "/there", http.StatusTemporaryRedirect)
			return
		}
		var b bytes.Buffer
		_, _ = b.ReadFrom(r.Body)
		if b.String() != text || r.ContentLength != int64(len(text)) {
			t.Errorf("body: want %q, got %q of length %d", text, b.String(), r.ContentLength)
		}
		_, _ = io.WriteString(w, `{"uri":"artifact:1/a.jar"}`)
	}))
	a, err := c.UploadArtifact(t.Context(), client.File{Name: "a.jar", Size: int64(len(text)), Data: strings.NewReader(text)})
	if err != nil || a.URI != "artifact:1/a.jar" {
		t.Fatalf("UploadArtifact() = %v, %v", a, err)
	}
}
