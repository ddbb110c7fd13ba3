package jobmanager_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/jobmanager"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// flink is a JobManager's REST API as far as stopping jobs needs it. Operations are known by job and id, as in Flink.
type flink struct {
	mu   sync.Mutex
	jobs []*flinkJob
	// stops are the requests to stop that were taken, as "job id directory drain".
	stops []string
	// cancels are the jobs that were asked to end.
	cancels []string
	// away answers that it is starting, so many times.
	away int
}

type flinkJob struct {
	id, state string
	// starting is for how many looks a task of it does not run yet.
	starting int
	ended    time.Time
	// operation is the id under which it was stopped; looks counts until it is done.
	operation string
	looks     int
	// failure is why it takes no savepoint, refused that it is not even tried.
	failure string
	refused bool
	// cancelling is for how many looks it is being cancelled; a stuck one never ends.
	cancelling int
	stuck      bool
	// savepoint is the last one that its history tells of.
	savepoint string
	triggered time.Time
}

func (f *flink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away > 0 {
		f.away--
		http.Error(w, `{"errors":["starting"]}`, http.StatusServiceUnavailable)
		return
	}
	answer := func(v any) { _ = json.NewEncoder(w).Encode(v) } // The client sees what is missing.
	if r.URL.Path == "/jobs/overview" {
		list := []any{}
		for _, j := range f.jobs {
			if j.state == "CANCELLING" && !j.stuck {
				if j.cancelling--; j.cancelling <= 0 {
					j.state, j.ended = "CANCELED", time.Now()
				}
			}
			running := 2
			if j.starting > 0 {
				j.starting--
				running = 1
			}
			list = append(list, map[string]any{
				"jid": j.id, "name": "job " + j.id, "state": j.state, "end-time": j.ended.UnixMilli(),
				"tasks": map[string]int{"total": 2, "running": running},
			})
		}
		answer(map[string]any{"jobs": list})
		return
	}
	path := strings.Split(strings.TrimPrefix(r.URL.Path, "/jobs/"), "/")
	for _, j := range f.jobs {
		if j.id == path[0] {
			f.job(w, r, j, path[1:], answer)
			return
		}
	}
	http.Error(w, `{"errors":["no such job"]}`, http.StatusNotFound)
}

func (f *flink) job(w http.ResponseWriter, r *http.Request, j *flinkJob, path []string, answer func(any)) {
	if r.Method == http.MethodPatch && r.URL.Query().Get("mode") == "cancel" {
		f.cancels = append(f.cancels, j.id)
		j.state, j.cancelling = "CANCELLING", 3
		answer(map[string]any{})
		return
	}
	switch path[0] {
	case "stop":
		var body struct {
			Directory string `json:"targetDirectory"`
			Drain     bool   `json:"drain"`
			ID        string `json:"triggerId"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || len(body.ID) != 32 {
			http.Error(w, `{"errors":["bad request"]}`, http.StatusBadRequest)
			return
		}
		if j.refused {
			http.Error(w, `{"errors":["`+j.failure+`"]}`, http.StatusConflict)
			return
		}
		if j.operation == "" {
			j.operation = body.ID
			f.stops = append(f.stops, fmt.Sprint(j.id, " ", body.Directory, " ", body.Drain))
		}
		answer(map[string]string{"request-id": body.ID})
	case "savepoints":
		switch j.looks++; {
		case j.operation != path[1]:
			http.Error(w, `{"errors":["no such operation"]}`, http.StatusNotFound)
		case j.looks < 4:
			answer(map[string]any{"status": map[string]string{"id": "IN_PROGRESS"}})
		case j.failure != "":
			answer(map[string]any{"status": map[string]string{"id": "COMPLETED"}, "operation": map[string]any{"failure-cause": map[string]string{"stack-trace": j.failure}}})
		default:
			j.state, j.ended = "FINISHED", time.Now()
			answer(map[string]any{"status": map[string]string{"id": "COMPLETED"}, "operation": map[string]string{"location": "file:/sp/" + j.id}})
		}
	case "checkpoints":
		latest := map[string]any{}
		if j.savepoint != "" {
			latest["savepoint"] = map[string]any{"external_path": j.savepoint, "trigger_timestamp": j.triggered.UnixMilli()}
		}
		answer(map[string]any{"latest": latest})
	}
}

// RoundTrip serves a request in memory.
func (f *flink) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	rec := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	f.ServeHTTP(rec, r)
	return rec.Result(), nil
}

// stopJobs asks for a stop and returns what was posted until its end.
func stopJobs(t *testing.T, f *flink, a state.StopJobs) []state.JobsStopped {
	t.Helper()
	posted := make(chan state.JobsStopped, 100)
	jm := task.Task{ID: "demo-jm-1", Hostname: "h", Ports: map[string]int{"rest": 8081}}
	w, err := jobmanager.New(jobmanager.Options{
		Observe: func(ctx context.Context, _ task.Task) (wire.Flink, error) {
			<-ctx.Done()
			return wire.Flink{}, ctx.Err()
		},
		Dial: func(task.Task) (jobmanager.Exchange, error) { return nil, http.ErrNotSupported },
		REST: func(task.Task) (*rest.Client, error) {
			return rest.New(rest.Options{URL: "http://h:8081", HTTP: &http.Client{Transport: f}})
		},
		Post: func(e state.Event) {
			if s, ok := e.(state.JobsStopped); ok {
				posted <- s
			}
		},
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	a.Cluster, a.Nonce, a.JobManager, a.Number = "demo", "aaaa", jm, 7
	w.StopJobs(a) // Without a conversation nothing is done.
	w.Watch(state.Watch{Cluster: "demo", JobManager: jm})
	w.StopJobs(a)
	w.StopJobs(a) // It is under way already.
	var all []state.JobsStopped
	for {
		e := <-posted
		if e.Cluster != "demo" || e.Number != 7 {
			t.Errorf("posted: %+v", e)
		}
		all = append(all, e)
		if e.Done || e.Failure != "" {
			return all
		}
	}
}

// paths are the savepoints of an event.
func paths(e state.JobsStopped) []string {
	var out []string
	for _, s := range e.Savepoints {
		out = append(out, s.Job+" "+s.Path)
	}
	return out
}

// TestStopJobs stops jobs in every state in which they may be found.
func TestStopJobs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		jobs    func(since time.Time) []*flinkJob
		request state.StopJobs
		away    int
		stops   []string
		want    []string
		failure string
	}{
		"none": {jobs: func(time.Time) []*flinkJob { return nil }},
		"two, while the JobManager starts and a task does not run yet": {
			jobs: func(time.Time) []*flinkJob {
				return []*flinkJob{{id: "a", state: "RUNNING"}, {id: "b", state: "RUNNING", starting: 5}, {id: "old", state: "FAILED"}}
			},
			away: 3, request: state.StopJobs{Stop: state.StopRequest{Directory: "file:/sp", Drain: true}},
			stops: []string{"a file:/sp true", "b file:/sp true"}, want: []string{"a file:/sp/a", "b file:/sp/b"},
		},
		"one is known": {
			jobs: func(time.Time) []*flinkJob {
				return []*flinkJob{{id: "a", state: "FINISHED"}, {id: "b", state: "RUNNING"}}
			},
			request: state.StopJobs{Known: []string{"a"}},
			stops:   []string{"b  false"}, want: []string{"b file:/sp/b"},
		},
		"one was stopped and its operation is forgotten": {
			jobs: func(since time.Time) []*flinkJob {
				return []*flinkJob{{id: "a", state: "FINISHED", ended: since.Add(time.Second), savepoint: "file:/sp/found", triggered: since}}
			},
			request: state.StopJobs{Single: true}, want: []string{"a file:/sp/found"},
		},
		"an application has ended before": {
			jobs: func(since time.Time) []*flinkJob {
				return []*flinkJob{{id: "a", state: "FINISHED", ended: since.Add(-time.Minute), savepoint: "file:/sp/old", triggered: since.Add(-time.Hour)}}
			},
			request: state.StopJobs{Single: true}, failure: "there was no job to stop any more: job a (job a) is FINISHED",
		},
		"an application has two jobs": {
			jobs: func(time.Time) []*flinkJob {
				return []*flinkJob{{id: "a", state: "RUNNING"}, {id: "b", state: "RUNNING"}}
			},
			request: state.StopJobs{Single: true}, failure: "runs 2 jobs at once",
		},
		"one fails": {
			jobs: func(time.Time) []*flinkJob {
				return []*flinkJob{{id: "a", state: "RUNNING"}, {id: "b", state: "RUNNING", failure: "java.io.IOException: disk full"}}
			},
			stops: []string{"a  false", "b  false"}, want: []string{"a file:/sp/a"}, failure: "the savepoint of job b (job b) failed: disk full",
		},
		"one is refused": {
			jobs: func(time.Time) []*flinkJob {
				return []*flinkJob{{id: "a", state: "RUNNING", refused: true, failure: "no checkpointing"}}
			},
			failure: "job a (job a) cannot be stopped with a savepoint: no checkpointing",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c.request.Since = time.Now()
				f := &flink{jobs: c.jobs(c.request.Since), away: c.away}
				all := stopJobs(t, f, c.request)
				last := all[len(all)-1]
				if diff := cmp.Diff(c.want, paths(last)); diff != "" {
					t.Errorf("savepoints (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(c.stops, f.stops); diff != "" {
					t.Errorf("stops (-want +got):\n%s", diff)
				}
				if c.failure == "" != last.Done || !strings.Contains(last.Failure, c.failure) {
					t.Errorf("done is %t, the failure %q, want %q", last.Done, last.Failure, c.failure)
				}
			})
		})
	}
}

// TestStopAgain stops once what two lives of the service ask for: the id of the request follows from the change.
func TestStopAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &flink{jobs: []*flinkJob{{id: "a", state: "RUNNING"}}}
		request := state.StopJobs{Since: time.Now(), Single: true}
		first := stopJobs(t, f, request)
		f.jobs[0].looks = 0
		second := stopJobs(t, f, request)
		if len(f.stops) != 1 {
			t.Errorf("the job was asked to stop %d times", len(f.stops))
		}
		if diff := cmp.Diff(paths(first[len(first)-1]), paths(second[len(second)-1])); diff != "" {
			t.Errorf("savepoints (-first +second):\n%s", diff)
		}
	})
}
