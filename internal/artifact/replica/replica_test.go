package replica_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/artifact"
	"github.com/flink-on-mesos/flink-service/internal/artifact/replica"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// open is the store of an instance; all share the keys of the state.
func open(t *testing.T) *artifact.Store {
	t.Helper()
	s, err := artifact.New(artifact.Options{
		Dir: t.TempDir(), Prefix: strings.Repeat("p", 22), Key: bytes.Repeat([]byte("k"), 32), MaxUpload: 1 << 20, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	replica.Serve(s)
	return s
}

// serve has an instance answer others; change may break its answers.
func serve(t *testing.T, s *artifact.Store, change func(http.ResponseWriter, *http.Request) bool) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Test") != "1" {
			t.Errorf("%s has no header", r.URL.Path)
		}
		if change == nil || !change(w, r) {
			s.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func put(t *testing.T, s *artifact.Store, content string, public bool) string {
	t.Helper()
	a, err := s.Put(t.Context(), strings.NewReader(content), artifact.PutOptions{Name: "a.jar", Public: public})
	if err != nil {
		t.Fatal(err)
	}
	return a.SHA256
}

func newReplicator(s *artifact.Store) *replica.Replicator {
	return replica.New(replica.Options{Store: s, Transport: http.DefaultTransport, Header: http.Header{"X-Test": {"1"}}, Log: slog.New(slog.DiscardHandler)})
}

func has(s *artifact.Store, sha string) bool { _, err := s.Stat(sha); return err == nil }

// TestMirror copies uploads and no distributions, once.
func TestMirror(t *testing.T) {
	t.Parallel()
	leader, standby := open(t), open(t)
	upload, distribution := put(t, leader, "upload", false), put(t, leader, "distribution", true)
	fetched := 0
	url := serve(t, leader, func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, upload) {
			fetched++
		}
		return false
	})
	r := newReplicator(standby)
	for range 2 {
		list, err := r.Mirror(t.Context(), url)
		if err != nil || len(list) != 1 || list[0].SHA256 != upload {
			t.Fatalf("Mirror() = %v, %v", list, err)
		}
	}
	if !has(standby, upload) || has(standby, distribution) || fetched != 1 {
		t.Errorf("the upload is there: %t, the distribution: %t, fetched %d times", has(standby, upload), has(standby, distribution), fetched)
	}
}

// TestWrongContent keeps nothing whose hash is not the one that was asked for.
func TestWrongContent(t *testing.T) {
	t.Parallel()
	leader, standby := open(t), open(t)
	sha := put(t, leader, "right", false)
	url := serve(t, leader, func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, sha) {
			return false
		}
		_, _ = io.WriteString(w, "wrong")
		return true
	})
	if _, err := newReplicator(standby).Mirror(t.Context(), url); err == nil || !strings.Contains(err.Error(), "the content has the hash") {
		t.Errorf("Mirror() = %v", err)
	}
	if list, err := standby.List(); err != nil || len(list) != 0 {
		t.Errorf("kept are %v, %v", list, err)
	}
}

// TestSupply brings what a cluster names from whichever instance has it, and says where it looked in vain.
func TestSupply(t *testing.T) {
	t.Parallel()
	own, empty, other := open(t), open(t), open(t)
	sha := put(t, other, "needed", false)
	nowhere := strings.Repeat("0", 64)
	gone := httptest.NewServer(nil)
	gone.Close()
	instances := []string{gone.URL, serve(t, empty, nil), serve(t, other, nil)}
	r := newReplicator(own)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	first := true
	r.Supply(ctx, func(context.Context) ([]string, error) {
		if first {
			first = false
			return nil, errors.New("not known yet")
		}
		return instances, nil
	}, func() map[string]string {
		if has(own, sha) {
			cancel()
		}
		return map[string]string{sha: "a.jar", nowhere: "b.jar"}
	})
	if !has(own, sha) {
		t.Fatal("the upload is not there")
	}
	notFound := fault.New(fault.NotFound, "there is no artifact")
	if err := r.Explain(nowhere, notFound); !errors.Is(err, notFound) || !strings.Contains(err.Error(), "also not found on "+instances[0]) {
		t.Errorf("Explain() = %v", err)
	}
	if err := r.Explain(sha, notFound); err.Error() != notFound.Error() {
		t.Errorf("Explain() of one that is there = %v", err)
	}
}
