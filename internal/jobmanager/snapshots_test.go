package jobmanager_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/jobmanager"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// background is a Flink that does what it is asked for in the background: it is over at the second look.
type background struct {
	mu sync.Mutex
	// begun counts how often each id was begun, looks how often it was asked for.
	begun, looks map[string]int
	failure      string
}

func (b *background) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var body struct {
		Request string `json:"triggerId"`
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.Method == http.MethodPost:
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if body.Request == "" {
			body.Request = "d1"
		}
		b.begun[body.Request]++
		fmt.Fprintf(w, `{"request-id":%q}`, body.Request)
	case strings.Contains(r.URL.Path, "/checkpoints/details/"):
		fmt.Fprint(w, `{"id":7,"external_path":"file:/cp/chk-7"}`)
	case len(parts) == 3: // The checkpoints of the job.
		fmt.Fprint(w, `{"latest":{"savepoint":{"id":3,"external_path":"file:/sp/1","state_size":42}}}`)
	default:
		id := parts[len(parts)-1]
		if b.begun[id] == 0 {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"errors":["unknown trigger id"]}`)
			return
		}
		if b.looks[id]++; b.looks[id] < 2 {
			fmt.Fprint(w, `{"status":{"id":"IN_PROGRESS"}}`)
			return
		}
		failure := "null"
		if b.failure != "" {
			failure = fmt.Sprintf(`{"stack-trace":%q}`, b.failure)
		}
		fmt.Fprintf(w, `{"status":{"id":"COMPLETED"},"operation":{"location":"file:/sp/1","checkpointId":7,"failure-cause":%s}}`, failure)
	}
}

func TestSnapshots(t *testing.T) {
	t.Parallel()
	flink := &background{begun: map[string]int{}, looks: map[string]int{}}
	server := httptest.NewServer(flink)
	defer server.Close()
	posted := make(chan state.Event, 10)
	w, err := jobmanager.New(jobmanager.Options{
		Observe: func(context.Context, task.Task) (wire.Flink, error) { return wire.Flink{}, errors.New("not observed") },
		Dial:    func(task.Task) (jobmanager.Exchange, error) { return nil, errors.New("no driver") },
		REST:    func(task.Task) (*rest.Client, error) { return rest.New(rest.Options{URL: server.URL}) },
		Post:    func(e state.Event) { posted <- e }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	want := func(what string, e state.Event) {
		t.Helper()
		select {
		case got := <-posted:
			if diff := cmp.Diff(e, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: nothing is posted", what)
		}
	}
	n := wire.Snapshot{ID: "demo-aaaa-snap-1", Job: "j1", Kind: wire.RestoreSavepoint}
	n.Request = "r1"
	for range 3 { // It is asked for again while it is under way.
		w.TakeSnapshot(state.TakeSnapshot{Snapshot: n})
	}
	want("savepoint", state.SnapshotTaken{ID: n.ID, FlinkRequest: "r1", Path: "file:/sp/1", Size: 42})
	// Another process of the service asks for the same: Flink knows it already.
	w.TakeSnapshot(state.TakeSnapshot{Snapshot: n})
	want("the same again", state.SnapshotTaken{ID: n.ID, FlinkRequest: "r1", Path: "file:/sp/1", Size: 42})
	flink.mu.Lock()
	if flink.begun["r1"] != 1 {
		t.Errorf("the savepoint was begun %d times", flink.begun["r1"])
	}
	flink.failure = "java.io.IOException: the disk is full\n\tat a.B"
	flink.mu.Unlock()
	n.Request = "r2"
	w.TakeSnapshot(state.TakeSnapshot{Snapshot: n})
	want("failure", state.SnapshotTaken{ID: n.ID, FlinkRequest: "r2", Path: "file:/sp/1", Failure: "the disk is full", Size: 42})
	flink.mu.Lock()
	flink.failure = ""
	flink.mu.Unlock()
	n.Kind, n.Request = wire.RestoreCheckpoint, "r3"
	w.TakeSnapshot(state.TakeSnapshot{Snapshot: n})
	want("checkpoint", state.SnapshotTaken{ID: n.ID, FlinkRequest: "r3", Path: "file:/cp/chk-7"})

	n.Path = "s3://bucket/sp"
	w.DisposeSnapshot(state.DisposeSnapshot{Snapshot: n, JobManager: &task.Task{ID: "demo-jm-1"}})
	want("disposal by the JobManager", state.SnapshotDisposed{ID: n.ID})
	w.DisposeSnapshot(state.DisposeSnapshot{Snapshot: n})
	want("disposal without one", state.SnapshotDisposed{ID: n.ID, Waits: true})
	dir := filepath.Join(t.TempDir(), "sp")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "_metadata"), []byte("\x49\x60\x67\x2d\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x07"), 0o644); err != nil {
		t.Fatal(err)
	}
	n.Path = "file:" + dir
	w.DisposeSnapshot(state.DisposeSnapshot{Snapshot: n})
	want("disposal in the file system", state.SnapshotDisposed{ID: n.ID})
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the files are still there: %v", err)
	}
	job := t.TempDir()
	for _, name := range []string{"chk-6", "chk-7"} {
		if err := os.Mkdir(filepath.Join(job, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(job, name, "_metadata"), []byte("\x49\x60\x67\x2d\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x07"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	n.Path = "file:" + filepath.Join(job, "chk-7")
	w.DisposeSnapshot(state.DisposeSnapshot{Snapshot: n, Siblings: true})
	want("disposal with its siblings", state.SnapshotDisposed{ID: n.ID})
	if _, err := os.Stat(job); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder of the job is still there: %v", err)
	}
}
