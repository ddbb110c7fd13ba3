package app

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/store"
)

func fetch(t *testing.T, h http.Handler, method, target string) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, target, nil))
	return w.Result()
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// TestStandby has a standby pass requests on, and answer reads by itself when the leader is gone.
func TestStandby(t *testing.T) {
	t.Parallel()
	leader := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(forwarded) == "" {
			t.Error("a forwarded request is not marked")
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"path":"`+r.URL.Path+`"}`)
	}))
	s := newStandby(http.DefaultTransport)
	if r := fetch(t, s, http.MethodGet, "/v1/clusters"); r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" {
		t.Errorf("without a leader: %s", r.Status)
	}
	u, err := url.Parse(leader.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.leader.Store(u)
	for _, path := range []string{"/v1/clusters", "/v1/clusters/demo/ui/jobs", "/"} {
		if got := text(t, fetch(t, s, http.MethodGet, path)); got != `{"path":"`+path+`"}` {
			t.Errorf("GET %s: %s", path, got)
		}
	}
	leader.Close()
	r := fetch(t, s, http.MethodGet, "/v1/clusters")
	if got := text(t, r); got != `{"path":"/v1/clusters"}` || r.Header.Get("Age") == "" {
		t.Errorf("a read after the leader's loss: %s %s, Age %q", r.Status, got, r.Header.Get("Age"))
	}
	for _, request := range [][2]string{{http.MethodPost, "/v1/clusters"}, {http.MethodGet, "/v1/clusters/demo/ui/jobs"}, {http.MethodGet, "/v1/clusters/other"}} {
		r := fetch(t, s, request[0], request[1])
		if got := text(t, r); r.StatusCode != http.StatusServiceUnavailable || !strings.Contains(got, "unavailable") {
			t.Errorf("%s %s after the leader's loss: %s %s", request[0], request[1], r.Status, got)
		}
	}
	if r := fetch(t, s, http.MethodGet, "/v1/health"); r.StatusCode != http.StatusOK || !strings.Contains(text(t, r), "standby") {
		t.Errorf("health of a standby: %s", r.Status)
	}
}

// TestStandbyPassesNothingTwice keeps two instances that each take the other for the leader from going round in circles.
func TestStandbyPassesNothingTwice(t *testing.T) {
	t.Parallel()
	s := newStandby(http.DefaultTransport)
	s.leader.Store(&url.URL{Scheme: "http", Host: "127.0.0.1:1"})
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/clusters", nil)
	r.Header.Set(forwarded, "1")
	s.ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("a request that was forwarded already: %d", w.Code)
	}
}

func TestDeposed(t *testing.T) {
	t.Parallel()
	refused := fmt.Errorf("save the state: %w: ZooKeeper has not confirmed it for 4s", store.ErrFenced)
	if err := deposed(refused); !errors.Is(err, errDeposed) || !errors.Is(err, store.ErrFenced) {
		t.Errorf("a write that is refused for the lost lock: %v", err)
	}
	other := errors.New("disk full")
	for _, err := range []error{nil, errDeposed, other} {
		if got := deposed(err); !errors.Is(got, err) || (err == nil) != (got == nil) {
			t.Errorf("deposed(%v) = %v", err, got)
		}
	}
}
