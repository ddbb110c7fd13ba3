package jobmanager_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/jobmanager"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// starving is the REST API of a JobManager with jobs that the test sets.
type starving struct {
	mu    sync.Mutex
	jobs  []map[string]any
	needs map[string]int
	kind  string
	// batch is the id of a batch job among jobs of kind.
	batch string
	trace string
}

func (s *starving) set(change func(*starving)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// RoundTrip implements http.RoundTripper.
func (s *starving) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var body any
	switch id, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/jobs/"), "/"); {
	case r.URL.Path == "/jobs/overview":
		body = map[string]any{"jobs": s.jobs}
	case strings.HasSuffix(r.URL.Path, "/exceptions"):
		body = map[string]any{"exceptionHistory": map[string]any{"entries": []map[string]any{{"exceptionName": "x.JobException", "stacktrace": s.trace}}}}
	default:
		kind := s.kind
		if id == s.batch {
			kind = "BATCH"
		}
		body = map[string]any{"jid": id, "job-type": kind, "vertices": []map[string]any{
			{"slotSharingGroupId": "a", "parallelism": s.needs[id]}, {"slotSharingGroupId": "a", "parallelism": 1}, {"slotSharingGroupId": "b", "parallelism": 1},
		}}
	}
	w := httptest.NewRecorder()
	_ = json.NewEncoder(w).Encode(body)
	return w.Result(), nil
}

// job is a row of /jobs/overview; tasks are counts by state.
func job(id, state string, tasks map[string]int) map[string]any {
	end := -1
	if state == "FAILED" || state == "FINISHED" {
		end = 2000
	}
	return map[string]any{"jid": id, "name": "Job " + id, "state": state, "start-time": 1000, "end-time": end, "tasks": tasks}
}

// waits are the waits for slots that were posted and differ from the one before, the first from last, and what the
// last JobsObserved has.
func waits(events []state.Event, last wire.SlotWait) (waits []wire.SlotWait, jobs []wire.Job) {
	for _, e := range events {
		switch e := e.(type) {
		case state.FlinkObserved:
			if e.Flink.SlotWait != last {
				last = e.Flink.SlotWait
				waits = append(waits, last)
			}
		case state.JobsObserved:
			jobs = e.Jobs
		}
	}
	return waits, jobs
}

// TestSlotWait follows a session whose jobs wait for slots, get them and end.
func TestSlotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &starving{needs: map[string]int{"j1": 8, "j2": 2, "j3": 4}, batch: "j3", kind: "STREAMING"}
		w := &watched{}
		var err error
		w.Watcher, err = jobmanager.New(jobmanager.Options{
			Observe: w.observe, Post: w.post, Log: slog.New(slog.DiscardHandler),
			Dial: func(task.Task) (jobmanager.Exchange, error) { panic("no driver here") },
			REST: func(task.Task) (*rest.Client, error) {
				return rest.New(rest.Options{URL: "http://jobmanager:8081", HTTP: &http.Client{Transport: f}})
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		w.Watch(theJobManager)
		var last wire.SlotWait
		for _, step := range []struct {
			name    string
			running int
			// used are the slots that are taken.
			used  int
			jobs  []map[string]any
			kind  string
			trace string
			after time.Duration
			want  []wire.SlotWait
		}{
			{name: "no job", after: 10 * time.Second},
			{name: "just submitted", running: 1, jobs: []map[string]any{job("j1", "RUNNING", map[string]int{"scheduled": 8})}, after: 4 * time.Second},
			{
				name: "it waits", running: 2, after: 4 * time.Second,
				jobs: []map[string]any{job("j1", "RUNNING", map[string]int{"scheduled": 8}), job("j2", "RUNNING", map[string]int{"running": 2})},
				want: []wire.SlotWait{{Job: "j1", Name: "Job j1", State: "RUNNING", Slots: 9, AllSlots: 12, Jobs: 1}},
			},
			{
				name: "it restarts for that", running: 2, trace: "x\nCaused by: org.apache.flink.NoResourceAvailableException: no", after: 2 * time.Second,
				jobs: []map[string]any{job("j1", "RESTARTING", map[string]int{}), job("j2", "RUNNING", map[string]int{"running": 2})},
				want: []wire.SlotWait{{Job: "j1", Name: "Job j1", State: "RESTARTING", Slots: 9, AllSlots: 12, Jobs: 1, Failed: true}},
			},
			{
				name: "and waits again", running: 2, trace: "x", after: 2 * time.Second,
				jobs: []map[string]any{job("j1", "RUNNING", map[string]int{"scheduled": 8}), job("j2", "RUNNING", map[string]int{"running": 2})},
				want: []wire.SlotWait{{Job: "j1", Name: "Job j1", State: "RUNNING", Slots: 9, AllSlots: 12, Jobs: 1, Failed: true}},
			},
			{
				name: "between two attempts it is neither", running: 2, trace: "x", after: 4 * time.Second,
				jobs: []map[string]any{job("j1", "FAILING", map[string]int{}), job("j2", "RUNNING", map[string]int{"running": 2})},
				want: []wire.SlotWait{{Job: "j1", Name: "Job j1", State: "FAILING", Slots: 9, AllSlots: 12, Jobs: 1, Failed: true}},
			},
			{
				name: "it runs", running: 2, after: 2 * time.Second,
				jobs: []map[string]any{job("j1", "RUNNING", map[string]int{"running": 8}), job("j2", "RUNNING", map[string]int{"running": 2})},
				want: []wire.SlotWait{{}},
			},
			{
				name: "it restarts for another reason", running: 1, trace: "x\nCaused by: java.io.IOException: disk", after: 20 * time.Second,
				jobs: []map[string]any{job("j1", "RESTARTING", map[string]int{"scheduled": 8})},
			},
			{
				name: "a batch job whose subtasks take turns", running: 1, kind: "BATCH", after: 20 * time.Second,
				jobs: []map[string]any{job("j2", "RUNNING", map[string]int{"scheduled": 2, "running": 1})},
			},
			{
				name: "the adaptive scheduler holds it back", running: 1, kind: "STREAMING", after: 20 * time.Second,
				jobs: []map[string]any{job("j2", "CREATED", map[string]int{})},
				want: []wire.SlotWait{{Job: "j2", Name: "Job j2", State: "CREATED", Slots: 3, AllSlots: 3, Jobs: 1}},
			},
			{
				name: "a batch job first in line does not hide it", running: 2, kind: "STREAMING", after: 20 * time.Second,
				jobs: []map[string]any{job("j3", "RUNNING", map[string]int{"scheduled": 2, "running": 1}), job("j2", "CREATED", map[string]int{})},
				want: []wire.SlotWait{{Job: "j2", Name: "Job j2", State: "CREATED", Slots: 3, AllSlots: 8, Jobs: 1}},
			},
			{
				name: "all jobs have their slots, and subtasks are being started", running: 2, used: 8, kind: "STREAMING", after: 20 * time.Second,
				jobs: []map[string]any{job("j3", "RUNNING", map[string]int{"running": 6}), job("j2", "RUNNING", map[string]int{"scheduled": 2})},
				want: []wire.SlotWait{{}},
			},
			{
				name: "one of them has none", running: 2, used: 5, kind: "STREAMING", after: 20 * time.Second,
				jobs: []map[string]any{job("j3", "RUNNING", map[string]int{"running": 6}), job("j2", "RUNNING", map[string]int{"scheduled": 2})},
				want: []wire.SlotWait{{Job: "j2", Name: "Job j2", State: "RUNNING", Slots: 3, AllSlots: 8, Jobs: 1}},
			},
			{
				name: "it fails", trace: "x\nCaused by: java.io.IOException: no room", after: 20 * time.Second,
				jobs: []map[string]any{job("j2", "FAILED", map[string]int{})},
				want: []wire.SlotWait{{}},
			},
		} {
			w.mu.Lock()
			w.events = nil
			w.flink.JobsRunning, w.flink.JobsFailed = step.running, len(step.jobs)-step.running
			w.flink.SlotsTotal, w.flink.SlotsAvailable = step.used+1, 1
			w.mu.Unlock()
			f.set(func(f *starving) { f.jobs, f.kind, f.trace = step.jobs, step.kind, step.trace })
			time.Sleep(step.after)
			synctest.Wait()
			w.mu.Lock()
			got, jobs := waits(w.events, last)
			w.mu.Unlock()
			if diff := cmp.Diff(step.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("%s: posted waits mismatch (-want +got):\n%s", step.name, diff)
			}
			if len(got) > 0 {
				last = got[len(got)-1]
			}
			if step.name == "it fails" {
				want := []wire.Job{{ID: "j2", Name: "Job j2", State: "FAILED", Failure: "no room", Started: time.Unix(1, 0).UTC(), Restarts: -1}}
				if diff := cmp.Diff(want, jobs); diff != "" {
					t.Fatalf("the jobs that were posted last mismatch (-want +got):\n%s", diff)
				}
			}
		}
		w.Close()
	})
}
