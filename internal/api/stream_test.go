package api_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// viewer reads a stream.
type viewer struct {
	t     *testing.T
	lines *bufio.Scanner
}

// watch opens a stream that goes on after a message.
func watch(t *testing.T, w *world, last string) *viewer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/v1/stream", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if kind := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || kind != "text/event-stream" || resp.Header.Get("X-Accel-Buffering") != "no" {
		t.Fatalf("the stream: %d, %v", resp.StatusCode, resp.Header)
	}
	return &viewer{t, bufio.NewScanner(resp.Body)}
}

// message is what a stream says.
type message struct {
	id         string
	All        bool             `json:"all"`
	Clusters   []wire.Summary   `json:"clusters"`
	Removed    []string         `json:"removed"`
	Operations []wire.Operation `json:"operations"`
}

// until reads messages until one is of a kind.
func (v *viewer) until(kind string) message {
	v.t.Helper()
	var m message
	is := ""
	for v.lines.Scan() {
		name, value, _ := strings.Cut(v.lines.Text(), ": ")
		switch name {
		case "event":
			is = value
		case "id":
			m.id = value
		case "data":
			if is != kind {
				continue
			}
			if err := json.Unmarshal([]byte(value), &m); err != nil {
				v.t.Fatal(err)
			}
			return m
		}
	}
	v.t.Fatalf("the stream ended before %s: %v", kind, v.lines.Err())
	return m
}

// TestStream sees all clusters first and then what changes, and goes on where it was.
func TestStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := watch(t, w, "")
	first := v.until("clusters")
	if !first.All || len(first.Clusters) != 0 {
		t.Fatalf("the first message: %+v", first)
	}
	w.json("POST", "/v1/clusters", `{"name":"demo"}`, http.StatusCreated)
	if m := v.until("operations"); len(m.Operations) != 1 || m.Operations[0].Cluster != "demo" {
		t.Fatalf("the operation: %+v", m)
	}
	if m := v.until("clusters"); m.All || len(m.Clusters) != 1 || m.Clusters[0].Name != "demo" {
		t.Fatalf("the new cluster: %+v", m)
	}
	again := watch(t, w, first.id)
	if m := again.until("clusters"); !m.All || len(m.Clusters) != 1 {
		t.Fatalf("the first message again: %+v", m)
	}
	if m := again.until("operations"); len(m.Operations) != 1 {
		t.Fatalf("what came since: %+v", m)
	}
	w.json("DELETE", "/v1/clusters/demo", "", http.StatusAccepted)
	m := v.until("clusters")
	for len(m.Removed) == 0 { // First it is being deleted.
		m = v.until("clusters")
	}
	if m.Removed[0] != "demo" {
		t.Fatalf("the removed cluster: %+v", m)
	}
}

// TestStreamRefusesUnknownPosition refuses what is no id of a message.
func TestStreamRefusesUnknownPosition(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []string{"x", "1", "1.-2", "1.2.3"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/v1/stream", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Last-Event-ID", id)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%q: %d", id, resp.StatusCode)
		}
	}
}
