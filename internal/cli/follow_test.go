package cli_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/cli/command"
)

// between puts a handler before the service that is told the number of the request, from 1 on, and
// says whether it has answered.
func (w *world) between(h func(n int, w http.ResponseWriter, r *http.Request) bool) {
	n := 0
	inner := w.handler
	w.handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		n++
		if !h(n, rw, r) {
			inner.ServeHTTP(rw, r)
		}
	})
}

// away answers as Admin Router does while the service is being restarted.
func away(w http.ResponseWriter) bool {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(http.StatusBadGateway)
	return true
}

// TestRestartOfTheService checks that following survives a restart of the service, and says so once.
func TestRestartOfTheService(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.between(func(n int, rw http.ResponseWriter, _ *http.Request) bool { return n > 2 && n < 6 && away(rw) })
		r := w.run(t, false, "", "cluster", "create", "demo")
		if r.code != command.ExitOK || strings.Count(r.err, "trying again") != 1 {
			t.Errorf("exit code %d, errors:\n%s", r.code, r.err)
		}
	})
	// A 404 of Admin Router does not mean that the cluster is gone.
	inWorld(t, func(t *testing.T, w *world) {
		w.run(t, false, "", "cluster", "create", "demo")
		w.between(func(n int, rw http.ResponseWriter, _ *http.Request) bool {
			if n != 2 {
				return false
			}
			rw.WriteHeader(http.StatusNotFound)
			return true
		})
		r := w.run(t, false, "", "cluster", "delete", "demo", "--yes")
		if r.code != command.ExitOK || !strings.Contains(r.err, "trying again") {
			t.Errorf("exit code %d, errors:\n%s", r.code, r.err)
		}
		if r = w.run(t, false, "", "cluster", "describe", "demo"); r.code != command.ExitNotFound {
			t.Errorf("cluster demo is still there: exit code %d", r.code)
		}
	})
}

// TestPatienceEnds checks that a service which stays away ends the following.
func TestPatienceEnds(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.poll = 10 * time.Second
		w.between(func(n int, rw http.ResponseWriter, _ *http.Request) bool { return n > 2 && away(rw) })
		began := time.Now()
		r := w.run(t, false, "", "cluster", "create", "demo")
		if r.code != command.ExitUnreachable {
			t.Errorf("exit code %d, errors:\n%s", r.code, r.err)
		}
		if took := time.Since(began); took < 2*time.Minute || took > 3*time.Minute {
			t.Errorf("gave up after %s", took)
		}
	})
}

// TestInterrupt checks what Ctrl-C says and how it ends.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w.between(func(n int, _ http.ResponseWriter, _ *http.Request) bool {
			if n == 3 {
				cancel()
			}
			return false
		})
		r := w.runContext(ctx, false, "", "cluster", "create", "demo")
		if r.code != command.ExitInterrupted || !strings.Contains(r.err, "cluster demo is still coming up") {
			t.Errorf("exit code %d, errors:\n%s", r.code, r.err)
		}
		if r := w.run(t, false, "", "cluster", "describe", "demo"); r.code != command.ExitOK {
			t.Errorf("the cluster is gone: %s", r.err)
		}
	})
}

// TestFollowLogs checks that following prints what is added, without a gap, until it is interrupted.
func TestFollowLogs(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.run(t, false, "", "cluster", "create", "demo")
		w.server.Append("demo-x7k2-jm-1", "stdout", "line 0\nline 1\n")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w.between(func(n int, _ http.ResponseWriter, _ *http.Request) bool {
			switch {
			case n > 3 && n <= 6:
				w.server.Append("demo-x7k2-jm-1", "stdout", fmt.Sprintf("line %d\n", n-2))
			case n == 12:
				cancel()
			}
			return false
		})
		r := w.runContext(ctx, false, "", "cluster", "logs", "demo", "--follow", "--lines", "1")
		if want := "line 1\nline 2\nline 3\nline 4\n"; r.out != want || r.code != command.ExitOK {
			t.Errorf("exit code %d, mismatch (-want +got):\n%s", r.code, cmp.Diff(want, r.out))
		}
	})
}

// TestFollowEvents checks that only new events are printed.
func TestFollowEvents(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.run(t, false, "", "cluster", "create", "demo")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w.between(func(n int, rw http.ResponseWriter, r *http.Request) bool {
			switch n {
			case 3:
				again := r.Clone(r.Context())
				again.Method, again.URL.Path = http.MethodPost, "/v1/clusters/demo/tasks/demo-x7k2-jm-1/restart"
				rec := &discard{}
				w.server.ServeHTTP(rec, again)
			case 6:
				cancel()
			}
			return false
		})
		r := w.runContext(ctx, false, "", "cluster", "events", "demo", "--follow")
		lines := strings.Split(strings.TrimSpace(r.out), "\n")
		if r.code != command.ExitOK || !strings.HasSuffix(lines[len(lines)-1], "\tJobManagerPlaced\tJobManager demo-x7k2-jm-2 is being started on agent1.example") || strings.Count(r.out, "\tRestarting\t") != 1 {
			t.Errorf("exit code %d, output:\n%s", r.code, r.out)
		}
	})
}

// discard is an answer that nobody reads.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header {
	if d.header == nil {
		d.header = http.Header{}
	}
	return d.header
}

func (d *discard) Write(p []byte) (int, error) { return len(p), nil }

func (d *discard) WriteHeader(int) {}

// TestHostileText checks that what comes from elsewhere cannot drive the terminal.
func TestHostileText(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.between(func(_ int, rw http.ResponseWriter, _ *http.Request) bool {
			rw.WriteHeader(http.StatusConflict)
			fmt.Fprint(rw, `{"code":"conflict","message":"a\u001b[2Jb\nError: c\u009b"}`)
			return true
		})
		r := w.run(t, true, "", "cluster", "list")
		if want := "Error: a [2Jb Error: c\n"; r.err != want {
			t.Errorf("errors: want %q, got %q", want, r.err)
		}
	})
}

// TestCompletionScript compares the first level of the shell's script with the program.
func TestCompletionScript(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../cli-plugin/completion/bash/flink.sh")
	if err != nil {
		t.Fatal(err)
	}
	list := func(name string) []string {
		block := regexp.MustCompile(`(?s)local ` + name + `=\(\n(.*?)\)`).FindSubmatch(text)
		if block == nil {
			t.Fatalf("the script has no list %s", name)
		}
		var words []string
		for w := range strings.FieldsSeq(string(block[1])) {
			words = append(words, strings.Trim(w, `"`))
		}
		return words
	}
	commands := root(t)
	commands.InitDefaultHelpCmd()
	var want []string
	for _, c := range commands.Commands() {
		want = append(want, c.Name())
		if fn := "_dcos_flink_" + strings.ReplaceAll(c.Name(), "-", "_") + "()"; !strings.Contains(string(text), fn) {
			t.Errorf("the script has no function %s", fn)
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, list("commands")); diff != "" {
		t.Errorf("commands mismatch (-want +got):\n%s", diff)
	}
	help := offline(t, "--help").out
	for _, f := range list("flags") {
		if !strings.Contains(help, strings.TrimSuffix(f, "=")+" ") {
			t.Errorf("flag %s of the script is not in the help", f)
		}
	}
}
