package tasklog_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/tasklog"
)

// agent serves files as an agent of Mesos does: at offset -1 it tells the size.
func agent(t *testing.T, files map[string]string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		text, ok := files[q.Get("path")]
		offset, err := strconv.Atoi(q.Get("offset"))
		switch {
		case r.URL.Path != "/files/read" || err != nil:
			w.WriteHeader(http.StatusBadRequest)
		case !ok:
			w.WriteHeader(http.StatusNotFound)
		case offset == -1:
			_, _ = w.Write([]byte(`{"data":"","offset":` + strconv.Itoa(len(text)) + `}`))
		default:
			_, _ = w.Write([]byte(`{"data":` + strconv.Quote(text[min(offset, len(text)):]) + `,"offset":` + strconv.Itoa(offset) + `}`))
		}
	}))
	t.Cleanup(s.Close)
	return s.URL + "/slave(1)"
}

func TestLastError(t *testing.T) {
	t.Parallel()
	r, err := tasklog.New(tasklog.Options{Transport: http.DefaultTransport})
	if err != nil {
		t.Fatal(err)
	}
	long := "2026-11-30 23:00:00,123 ERROR a.B [] - lost\n" + strings.Repeat("a line that is of no use\n", 10000) + "2026-11-30 23:00:00,123 ERROR a.B [] - found\n"
	endpoint := agent(t, map[string]string{"/sandbox/stdout": long, "/sandbox/stderr": "", "/other/stderr": "flink: no Flink"})
	for sandbox, want := range map[string]string{"/sandbox": "found", "/other": "no Flink"} {
		if got, err := r.LastError(t.Context(), endpoint, sandbox); err != nil || got != want {
			t.Errorf("LastError(%s): want %q, got %q, %v", sandbox, want, got, err)
		}
	}
	if got, err := r.LastError(t.Context(), endpoint, "/gone"); err == nil {
		t.Errorf("LastError() of a sandbox that is gone: want an error, got %q", got)
	}
	if got, err := r.LastError(t.Context(), "", "/sandbox"); err == nil {
		t.Errorf("LastError() without an address: want an error, got %q", got)
	}
}
