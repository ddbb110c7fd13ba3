package jobmanager_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/jobmanager"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// TestExceptions posts what Flink's exception history has, the oldest first, again when there is more, and not again
// when there is not.
func TestExceptions(t *testing.T) {
	t.Parallel()
	var entries atomic.Int64
	entries.Store(1)
	entry := func(n int64) string {
		return fmt.Sprintf(`{"exceptionName":"java.lang.RuntimeException","stacktrace":"java.lang.RuntimeException: boom %d\n\tat a.B.c(B.java:1)","timestamp":%d,"taskName":"map (1/2)","taskManagerId":"demo-tm-1"}`, n, 1000*n)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/jobs/overview":
			fmt.Fprint(w, `{"jobs":[{"jid":"j1","name":"job","state":"RUNNING","start-time":1,"tasks":{"total":1,"running":1}},
				{"jid":"j2","name":"sound","state":"RUNNING","start-time":1,"tasks":{"total":1,"running":1}}]}`)
		case "/jobs/j1/metrics": // The job restarts with each exception.
			fmt.Fprintf(w, `[{"id":"numRestarts","value":"%d"}]`, entries.Load())
		case "/jobs/j2/metrics":
			fmt.Fprint(w, `[{"id":"numRestarts","value":"0"}]`)
		case "/jobs/j2/exceptions":
			t.Error("a job without trouble is asked for its exceptions, which fills Flink's cache")
			fmt.Fprint(w, `{}`)
		case "/jobs/j1/exceptions":
			list := ""
			for n := entries.Load(); n > 0; n-- {
				if list != "" {
					list += ","
				}
				list += entry(n)
			}
			fmt.Fprintf(w, `{"exceptionHistory":{"entries":[%s]}}`, list)
		default:
			fmt.Fprint(w, `{}`)
		}
	}))
	defer server.Close()
	posted := make(chan state.JobFailed, 100)
	var others sync.Map
	w, err := jobmanager.New(jobmanager.Options{
		Observe: func(ctx context.Context, _ task.Task) (wire.Flink, error) { return wire.Flink{}, ctx.Err() },
		Dial:    func(task.Task) (jobmanager.Exchange, error) { return nil, fmt.Errorf("no driver") },
		REST:    func(task.Task) (*rest.Client, error) { return rest.New(rest.Options{URL: server.URL}) },
		Post: func(e state.Event) {
			if f, ok := e.(state.JobFailed); ok {
				posted <- f
				return
			}
			others.Store(fmt.Sprintf("%T", e), true)
		},
		Busy: time.Millisecond, Idle: time.Millisecond, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	w.Watch(state.Watch{Cluster: "demo", JobManager: task.Task{ID: "demo-jm-1"}, Jobs: true})
	next := func() state.JobFailed {
		t.Helper()
		select {
		case f := <-posted:
			return f
		case <-time.After(10 * time.Second):
			t.Fatal("nothing is posted")
			return state.JobFailed{}
		}
	}
	exception := func(n int64) wire.JobException {
		return wire.JobException{Time: time.UnixMilli(1000 * n).UTC(), Message: fmt.Sprintf("boom %d", n), Task: "map (1/2)", TaskManager: "demo-tm-1"}
	}
	want := state.JobFailed{Cluster: "demo", JobManager: "demo-jm-1", Job: "j1", Exceptions: []wire.JobException{exception(1)}}
	if diff := cmp.Diff(want, next()); diff != "" {
		t.Errorf("first (-want +got):\n%s", diff)
	}
	entries.Store(2)
	want.Exceptions = []wire.JobException{exception(1), exception(2)}
	if diff := cmp.Diff(want, next()); diff != "" {
		t.Errorf("second (-want +got):\n%s", diff)
	}
	if len(posted) > 0 {
		t.Errorf("the same is posted again: %+v", <-posted)
	}
}
