package cli_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/cli"
	"github.com/flink-on-mesos/flink-service/internal/cli/command"
	"github.com/flink-on-mesos/flink-service/internal/cli/terminal"
	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/testkit/adminrouter"
	"github.com/flink-on-mesos/flink-service/internal/testkit/service"
)

// world is a service in virtual time and a directory of files.
type world struct {
	server *service.Service
	cosmos *adminrouter.Cosmos
	dir    string
	// handler is the server unless a test puts something before it.
	handler http.Handler
	// poll is the pace of following; 0 means 491.3 ms: nothing else happens at its multiples.
	poll time.Duration
	// width is that of the terminal in columns; 0 means 120.
	width int
}

// inWorld runs a test in a bubble of virtual time, with a service that has no clusters.
func inWorld(t *testing.T, test func(*testing.T, *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s, err := service.Start(service.Options{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Errorf("close the service: %v", err)
			}
		}()
		// Commands look at moments at which the service does nothing.
		time.Sleep(time.Until(began.Add(113 * time.Millisecond)))
		test(t, &world{server: s, handler: s, dir: t.TempDir(), cosmos: &adminrouter.Cosmos{
			App: "/flink", Options: map[string]any{"service": map[string]any{"name": "flink", "log_level": "INFO", "user": "nobody"}},
		}})
	})
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
	f, result := factory(tty, stdin)
	f.Client = func() (*client.Client, error) {
		return client.New(client.Options{BaseURL: "http://dcos.example/service/flink", Service: "flink", Cluster: "http://dcos.example", HTTP: &http.Client{Transport: w}})
	}
	f.Open = func(name string) (*os.File, error) { return os.Open(filepath.Join(w.dir, filepath.Base(name))) }
	f.Streams.Width = cmp.Or(w.width, f.Streams.Width)
	f.Poll = cmp.Or(w.poll, 491300*time.Microsecond)
	code := cli.Run(ctx, f, plugin(args))
	synctest.Wait() // What the command has set off has happened.
	return result(code)
}

// offline runs the program where there is no service.
func offline(t testing.TB, args ...string) result {
	t.Helper()
	f, result := factory(false, "")
	f.Client = func() (*client.Client, error) { return nil, errors.New("there is no service") }
	return result(cli.Run(t.Context(), f, plugin(args)))
}

// plugin calls the program as the DC/OS CLI does.
func plugin(args []string) []string { return append([]string{"flink"}, args...) }

// factory makes what a command may use, but for a service and files, and the reader of what it printed.
func factory(tty bool, stdin string) (*command.Factory, func(command.Exit) result) {
	var out, errs bytes.Buffer
	f := &command.Factory{
		Streams: &terminal.Streams{
			In: strings.NewReader(stdin), Out: &out, Err: &errs,
			InTerminal: tty, OutTerminal: tty, ErrTerminal: tty, Width: 120,
		},
		Clock:   command.SystemClock{},
		Env:     func(string) string { return "" },
		Version: "1.0.0",
	}
	return f, func(code command.Exit) result { return result{code, out.String(), visible(errs.String())} }
}

// bar matches what the upload's bar draws, which depends on the time it takes.
var bar = regexp.MustCompile(`\r[^\r\n]*uploading [^\r\n]*(\r *\r)?|\r {20,}\r`)

// visible makes control characters readable, and leaves out the bar and what rewrites a line with the same text.
func visible(text string) string {
	text = bar.ReplaceAllString(text, "")
	text = strings.NewReplacer("\r\x1b[K", "\n<rewrite>", "\r", "<return>", "\x1b", "<escape>").Replace(text)
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(slices.CompactFunc(lines, func(a, b string) bool { return a == b && strings.HasPrefix(a, "<rewrite>") }), "")
}
