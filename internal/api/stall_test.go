package api

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/api/access"
)

// stalling serves one proxy with a short patience, and tells when a handler has returned.
func stalling(t *testing.T, upstream http.HandlerFunc) (address string, returned chan struct{}) {
	t.Helper()
	jobManager := httptest.NewServer(upstream)
	target, err := url.Parse(jobManager.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	a := &API{o: Options{Log: slog.New(slog.DiscardHandler), StallTimeout: 100 * time.Millisecond, Transport: transport}}
	returned = make(chan struct{}, 1)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { returned <- struct{}{} }()
		a.forward(w, r, access.Proxied{Name: "demo", Rest: "/x"}, way{target, transport})
	}))
	t.Cleanup(func() { front.Close(); transport.CloseIdleConnections(); jobManager.Close() })
	return front.Listener.Addr().String(), returned
}

func await(t *testing.T, returned chan struct{}) {
	t.Helper()
	select {
	case <-returned:
	case <-time.After(10 * time.Second):
		t.Fatal("the handler still waits for a client that stands still")
	}
}

func dial(t *testing.T, address, request string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestStalledUploadIsAnswered(t *testing.T) {
	t.Parallel()
	address, returned := stalling(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	c := dial(t, address, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("status %d, want 504", resp.StatusCode)
	}
	await(t, returned)
}

func TestClientThatDoesNotReadIsLeft(t *testing.T) {
	t.Parallel()
	address, returned := stalling(t, func(w http.ResponseWriter, _ *http.Request) {
		piece := make([]byte, 1<<20)
		for {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	})
	dial(t, address, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
	await(t, returned)
}

// deadlines records in which order deadlines and bytes come.
type deadlines struct {
	http.ResponseWriter
	log []string
}

func (d *deadlines) SetWriteDeadline(at time.Time) error {
	switch left := time.Until(at); {
	case at.IsZero():
		d.log = append(d.log, "none")
	case left > 0 && left <= answerTime:
		d.log = append(d.log, "bound")
	default:
		d.log = append(d.log, "wrong")
	}
	return nil
}

func (d *deadlines) Write(p []byte) (int, error) {
	d.log = append(d.log, "write")
	return d.ResponseWriter.Write(p)
}

// TestAnswersHaveADeadline checks that a client that does not read holds no answer, and that a deadline is not left
// to the connection's next request.
func TestAnswersHaveADeadline(t *testing.T) {
	t.Parallel()
	a := &API{o: Options{Log: slog.New(slog.DiscardHandler), Metrics: http.NotFoundHandler()}}
	for name, handle := range map[string]handler{
		"openapi": a.openapi, "metrics": a.metrics, "page": a.page, "no route": noRoute,
		"answer": func(w http.ResponseWriter, _ *http.Request) error { return answer(w, http.StatusOK, true) },
	} {
		w := &deadlines{ResponseWriter: httptest.NewRecorder()}
		a.guard(a.answering(handle)).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if want := "none bound write"; strings.Join(w.log, " ") != want {
			t.Errorf("%s: want %s, got %s", name, want, w.log)
		}
	}
}

// TestSilenceIsLoggedOnce checks that a client that polls does not fill the log.
func TestSilenceIsLoggedOnce(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	a := &API{o: Options{Log: slog.New(slog.NewTextHandler(&text, nil))}}
	for range 3 {
		a.silence("demo", "host:1", io.EOF)
	}
	a.silence("demo", "host:2", io.EOF)
	a.answers("demo", "host:2")
	a.answers("demo", "host:2")
	a.silence("demo", "host:2", io.EOF)
	if no, yes := strings.Count(text.String(), "JobManager is not responding"), strings.Count(text.String(), "JobManager is responding"); no != 3 || yes != 1 {
		t.Errorf("want 3 lines of silence and 1 of its end, got:\n%s", &text)
	}
}
