package jobmanager_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/jobmanager"
	"github.com/flink-on-mesos/flink-service/internal/task"
	flinks "github.com/flink-on-mesos/flink-service/internal/testkit/jobmanager"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// rescaling is a Watcher before a scripted Flink whose application has one subtask on the first of three TaskManagers.
func rescaling(t *testing.T, adaptive bool) (w *jobmanager.Watcher, posted chan state.Event, puts *atomic.Int32) {
	t.Helper()
	flink, err := flinks.NewFlink(flinks.FlinkOptions{
		Version: "2.3.0", Program: "endless.jar", Adaptive: adaptive, After: func(d time.Duration, f func()) { time.AfterFunc(d/10, f) },
		NextJob: func() int { return 1 }, NextJar: func() int { return 1 },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(flink.Close)
	for i := range 3 {
		flink.Register(fmt.Sprintf("tm-%d", i+1), "agent-1", 1)
	}
	puts = new(atomic.Int32)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			puts.Add(1)
		}
		flink.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	posted = make(chan state.Event, 10)
	w, err = jobmanager.New(jobmanager.Options{
		Observe: func(context.Context, task.Task) (wire.Flink, error) { return wire.Flink{}, errors.New("not observed") },
		Dial:    func(task.Task) (jobmanager.Exchange, error) { return nil, errors.New("no driver") },
		REST:    func(task.Task) (*rest.Client, error) { return rest.New(rest.Options{URL: server.URL}) },
		Post:    func(e state.Event) { posted <- e }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w, posted, puts
}

func wantRescaled(t *testing.T, posted chan state.Event, want state.Rescaled) {
	t.Helper()
	select {
	case got := <-posted:
		if diff := cmp.Diff(state.Event(want), got); diff != "" {
			t.Fatalf("posted (-want +got):\n%s", diff)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("nothing is posted")
	}
}

// The job of a scripted Flink, and its only vertex.
const (
	scriptedJob    = "00000000000000000000000000000001"
	scriptedVertex = "abababababababababababababababab"
)

func TestRescale(t *testing.T) {
	t.Parallel()
	w, posted, puts := rescaling(t, true)
	a := state.Rescale{Cluster: "demo", JobManager: task.Task{ID: "jm"}, Number: 1, Job: scriptedJob, Parallelism: map[string]int{scriptedVertex: 3, "gone": 5}}
	for range 3 { // It is asked for again while it is under way.
		w.Rescale(a)
	}
	wantRescaled(t, posted, state.Rescaled{Cluster: "demo", Number: 1})
	// Another process of the service asks for the same: Flink is not told again.
	w.Rescale(a)
	wantRescaled(t, posted, state.Rescaled{Cluster: "demo", Number: 1})
	if n := puts.Load(); n != 1 {
		t.Errorf("the requirements were set %d times", n)
	}
	a.Number, a.Parallelism, a.Idle = 2, map[string]int{scriptedVertex: 1}, 2
	w.Rescale(a)
	wantRescaled(t, posted, state.Rescaled{Cluster: "demo", Number: 2, Idle: []string{"tm-2", "tm-3"}})
}

// TestRescaleRefused checks that a scheduler that cannot rescale is told from a JobManager that does not answer.
func TestRescaleRefused(t *testing.T) {
	t.Parallel()
	w, posted, _ := rescaling(t, false)
	w.Rescale(state.Rescale{Cluster: "demo", JobManager: task.Task{ID: "jm"}, Number: 1, Job: scriptedJob, Parallelism: map[string]int{scriptedVertex: 3}})
	wantRescaled(t, posted, state.Rescaled{Cluster: "demo", Number: 1, Failure: "Cannot update job resource requirements when the adaptive scheduler is not used."})
}
