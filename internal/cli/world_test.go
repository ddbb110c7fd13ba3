package cli_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/cli"
	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/cli/terminal"
	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/testkit/adminrouter"
	"github.com/flink-on-mesos/flink-service/internal/testkit/apiserver"
)

// world is a stand-in service and a directory of files.
type world struct {
	server *apiserver.Server
	cosmos *adminrouter.Cosmos
	dir    string
	// handler is the server unless a test puts something before it.
	handler http.Handler
	// poll is the pace of following; 0 means a millisecond.
	poll  time.Duration
	slept time.Duration
}

// newWorld returns a world without clusters.
func newWorld(t testing.TB) *world {
	t.Helper()
	s := apiserver.New()
	return &world{server: s, handler: s, dir: t.TempDir(), cosmos: &adminrouter.Cosmos{
		App: "/flink", Options: map[string]any{"service": map[string]any{"name": "flink", "log_level": "INFO", "user": "nobody"}},
	}}
}

// file makes a file of the world.
func (w *world) file(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// RoundTrip serves a request in memory.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	in := r.Clone(r.Context())
	in.RequestURI = r.URL.RequestURI()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	if strings.HasPrefix(in.URL.Path, "/cosmos/") {
		w.cosmos.ServeHTTP(rec, in)
	} else {
		http.StripPrefix("/service/flink", w.handler).ServeHTTP(rec, in)
	}
	resp := rec.Result()
	resp.Request = r
	return resp, nil
}

// Now implements command.Clock with the stand-in's time.
func (w *world) Now() time.Time { return w.server.Now().Add(w.slept) }

// Sleep implements command.Clock without waiting.
func (w *world) Sleep(ctx context.Context, d time.Duration) error {
	w.slept += d
	return context.Cause(ctx)
}

// result is what a command did.
type result struct {
	code     command.Exit
	out, err string
}

// run runs the program. Where tty is set all three streams are terminals.
func (w *world) run(t testing.TB, tty bool, stdin string, args ...string) result {
	t.Helper()
	return w.runContext(t.Context(), tty, stdin, args...)
}

// runContext is run with a context.
func (w *world) runContext(ctx context.Context, tty bool, stdin string, args ...string) result {
	var out, errs bytes.Buffer
	f := &command.Factory{
		Streams: &terminal.Streams{
			In: strings.NewReader(stdin), Out: &out, Err: &errs,
			InTerminal: tty, OutTerminal: tty, ErrTerminal: tty, Width: 120,
		},
		Clock: w,
		Env:   func(string) string { return "" },
		Client: func() (*client.Client, error) {
			return client.New(client.Options{BaseURL: "http://dcos.example/service/flink", Service: "flink", Cluster: "http://dcos.example", HTTP: &http.Client{Transport: w}})
		},
		Open:    func(name string) (*os.File, error) { return os.Open(filepath.Join(w.dir, filepath.Base(name))) },
		Poll:    max(w.poll, time.Millisecond),
		Version: "1.0.0",
	}
	code := cli.Run(ctx, f, args)
	return result{code, out.String(), visible(errs.String())}
}

// bar matches what the upload's bar draws, which depends on the time it takes.
var bar = regexp.MustCompile(`\r[^\r\n]*uploading [^\r\n]*(\r *\r)?|\r {20,}\r`)

// visible makes control characters readable and leaves the bar out.
func visible(text string) string {
	text = bar.ReplaceAllString(text, "")
	return strings.NewReplacer("\r\x1b[K", "\n<rewrite>", "\r", "<return>", "\x1b", "<escape>").Replace(text)
}
