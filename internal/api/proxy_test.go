package api_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/api"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// flinkUI behaves as the REST server of a JobManager does, as far as a proxy can tell.
func flinkUI(received chan<- string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Set-Cookie", "session=1")
		w.Header().Set("X-Seen-Path", r.URL.EscapedPath())
		fmt.Fprintf(w, "%s %s", r.Method, r.RequestURI)
	})
	mux.HandleFunc("/headers", func(w http.ResponseWriter, r *http.Request) {
		_ = r.Header.Write(w)
		fmt.Fprintf(w, "Host: %s\n", r.Host)
	})
	mux.HandleFunc("/old/index", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/jobs/overview?x=1")
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://"+r.Host+"/#/overview")
		w.WriteHeader(http.StatusFound)
	})
	mux.HandleFunc("/elsewhere", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://flink.apache.org/")
		w.WriteHeader(http.StatusFound)
	})
	mux.HandleFunc("POST /jars/upload", func(w http.ResponseWriter, r *http.Request) {
		in := bufio.NewReader(r.Body)
		for {
			line, err := in.ReadString('\n')
			if line != "" {
				received <- line
			}
			if err != nil {
				break
			}
		}
		fmt.Fprintf(w, `{"length":%d,"status":"success"}`, r.ContentLength)
	})
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "first")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	return mux
}

// proxyWorld has one cluster whose JobManager is an upstream that behaves like Flink.
func proxyWorld(t *testing.T, received chan<- string, change ...func(*api.Options)) *world {
	t.Helper()
	up := httptest.NewServer(flinkUI(received))
	t.Cleanup(up.Close)
	w := newWorld(t, append([]func(*api.Options){func(o *api.Options) { o.Transport = dialing(t, hostOf(t, up.URL)) }}, change...)...)
	w.json("POST", "/v1/clusters", session, http.StatusCreated)
	w.up("demo", "")
	return w
}

const ui = "/v1/clusters/demo/ui"

func TestProxyPaths(t *testing.T) {
	t.Parallel()
	w := proxyWorld(t, nil)
	for path, want := range map[string]string{
		"/":                               "GET /",
		"/jobs/overview":                  "GET /jobs/overview",
		"/v1/jobs/overview":               "GET /v1/jobs/overview",
		"//v1/config":                     "GET /v1/config", // Flink's client, given an address with a slash at its end.
		"/jobs/1/metrics?get=a,b&x=%2F":   "GET /jobs/1/metrics?get=a,b&x=%2F",
		"/jars/a%2Fb%20c.jar":             "GET /jars/a%2Fb%20c.jar",
		"/jobs/x/vertices/%E2%82%AC;a=b/": "GET /jobs/x/vertices/%E2%82%AC;a=b/",
	} {
		a := rawly(t, w.url, "GET", ui+path)
		if a.StatusCode != http.StatusOK || a.body != want {
			t.Errorf("%s: want %s, got %d %s", path, want, a.StatusCode, a.body)
		}
	}
	for _, method := range []string{"PATCH", "DELETE", "PUT", "OPTIONS"} {
		if a := rawly(t, w.url, method, ui+"/jobs/1?mode=cancel"); a.body != method+" /jobs/1?mode=cancel" {
			t.Errorf("%s: got %d %s", method, a.StatusCode, a.body)
		}
	}
}

func TestProxyHeaders(t *testing.T) {
	t.Parallel()
	w := proxyWorld(t, nil)
	a := w.do("GET", ui+"/headers", "",
		"Authorization", "token=secret", "Cookie", "dcos-acs-auth-cookie=secret", "Proxy-Authorization", "secret",
		"X-Forwarded-For", "1.2.3.4", "X-Forwarded-Host", "evil", "X-Forwarded-Proto", "https", "Forwarded", "for=1.2.3.4", "Te", "trailers", "Trailer", "X-T", "X-Real-Ip", "1.2.3.4",
		"X-Original-Url", "/cluster", "X-Rewrite-Url", "/cluster", "Keep-Alive", "timeout=5", "X-Http-Method-Override", "DELETE", "Connection", "X-Drop, keep-alive", "X-Drop", "1",
		"Accept-Language", "de", "Expect", "100-continue", "Upgrade", "websocket", "Accept-Encoding", "identity", "User-Agent", "test")
	got := strings.Split(strings.ReplaceAll(strings.TrimSpace(a.body), "\r", ""), "\n")
	var names []string
	for _, line := range got {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" && !strings.HasPrefix(value, "jobmanager.example:") {
			t.Errorf("Host: %s", value)
		}
		names = append(names, name)
	}
	if diff := cmp.Diff([]string{"Accept-Encoding", "Accept-Language", "User-Agent", "Host"}, names); diff != "" {
		t.Fatalf("headers (-want +got):\n%s", diff)
	}
	a = w.do("GET", ui+"/config", "")
	if a.Header.Get("Set-Cookie") != "" || a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Fatalf("headers of the answer: %v", a.Header)
	}
}

// TestProxyPrefix goes through a gateway that strips a prefix, as Admin Router does, and follows redirects.
func TestProxyPrefix(t *testing.T) {
	t.Parallel()
	w := proxyWorld(t, nil)
	target, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	gateway := httptest.NewServer(http.StripPrefix("/service/dev/flink", &httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) { pr.SetURL(target) },
	}))
	t.Cleanup(gateway.Close)
	for path, want := range map[string]string{
		ui:                "GET / at " + ui + "/",
		ui + "/moved":     "GET / at " + ui + "/",
		ui + "/old/index": "GET /jobs/overview?x=1 at " + ui + "/jobs/overview",
	} {
		resp, err := gateway.Client().Get(gateway.URL + "/service/dev/flink" + path)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		at := strings.TrimPrefix(resp.Request.URL.Path, "/service/dev/flink")
		if got := string(data) + " at " + at; got != want {
			t.Errorf("%s: want %s, got %s", path, want, got)
		}
	}
	if a := w.do("GET", ui+"/elsewhere", ""); a.Header.Get("Location") != "https://flink.apache.org/" {
		t.Errorf("a redirect elsewhere: %s", a.Header.Get("Location"))
	}
}

// TestProxyUpload checks that an upload reaches the JobManager as it is sent, with its length.
func TestProxyUpload(t *testing.T) {
	t.Parallel()
	received := make(chan string, 2)
	w := proxyWorld(t, received)
	r, pipe := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "POST", w.url+ui+"/jars/upload", r)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 12
	go func() {
		fmt.Fprintln(pipe, "first")
		if line := <-received; line != "first\n" {
			t.Errorf("got %q before the second line was sent", line)
		}
		fmt.Fprint(pipe, "second")
		pipe.Close()
	}()
	if a := w.send(req); a.body != `{"length":12,"status":"success"}` {
		t.Fatalf("got %d %s", a.StatusCode, a.body)
	}
	if line := <-received; line != "second" {
		t.Fatalf("got %q", line)
	}
}

func TestProxyStall(t *testing.T) {
	t.Parallel()
	w := proxyWorld(t, nil, func(o *api.Options) { o.StallTimeout = 100 * time.Millisecond })
	w.do("GET", ui+"/hang", "").wantFault(t, http.StatusGatewayTimeout, fault.Upstream, "did not respond within 100ms")
	// Once the answer has begun, only a cut connection says that it is not whole.
	resp, err := http.Get(w.url + ui + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	in := bufio.NewReader(resp.Body)
	if line, err := in.ReadString('\n'); line != "first\n" || err != nil {
		t.Fatalf("the first line: %q, %v", line, err)
	}
	if _, err := in.ReadString('\n'); err == nil || err == io.EOF { //nolint:errorlint // EOF itself would be a whole answer.
		t.Fatalf("the end of a cut answer: %v", err)
	}
}

func TestProxyUnanswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) {
		o.Transport = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: fmt.Errorf("connection refused")}
		}}
	})
	w.json("POST", "/v1/clusters", session, http.StatusCreated)
	a := w.do("GET", ui+"/", "", "Accept", "application/json")
	a.wantFault(t, http.StatusServiceUnavailable, fault.Unavailable, "cluster demo has no running JobManager (state CREATED: ")
	if a.Header.Get("Retry-After") != "5" {
		t.Errorf("Retry-After: %q", a.Header.Get("Retry-After"))
	}
	a = w.do("GET", ui+"/", "", "Accept", "text/html,*/*;q=0.8")
	if a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(a.body, "<h1>demo has no running JobManager</h1>") || a.Header.Get("Retry-After") != "5" {
		t.Errorf("page: %d %s", a.StatusCode, a.body)
	}
	w.up("demo", "")
	w.do("GET", ui+"/config", "").wantFault(t, http.StatusBadGateway, fault.Upstream, "is not responding (connection refused)")
}
