package jobmanager_test

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/jobmanager"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// TestCancelJobs cancels jobs in every state in which they may be found.
func TestCancelJobs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		flink *flink
		// cancels are the jobs that are asked to end; silent is that nothing is posted.
		cancels []string
		silent  bool
		least   time.Duration
		most    time.Duration
	}{
		{name: "no jobs", flink: &flink{}, most: time.Second},
		{name: "one that ended long ago", flink: &flink{jobs: []*flinkJob{{id: "a", state: "FINISHED"}}}, most: time.Second},
		{
			name:    "of every state",
			flink:   &flink{away: 2, jobs: []*flinkJob{{id: "a", state: "RUNNING"}, {id: "b", state: "FAILED"}, {id: "c", state: "RESTARTING"}, {id: "d", state: "CANCELLING", cancelling: 2}}},
			cancels: []string{"a", "c"}, least: time.Second, most: 5 * time.Second,
		},
		{name: "a JobManager that is gone", flink: &flink{away: 1000}, most: 10 * time.Second},
		{name: "one that does not end", flink: &flink{jobs: []*flinkJob{{id: "a", state: "RUNNING", stuck: true}}}, cancels: []string{"a"}, silent: true, least: 50 * time.Second, most: 2 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				posted := make(chan state.Event, 10)
				w, err := jobmanager.New(jobmanager.Options{
					Observe: func(context.Context, task.Task) (wire.Flink, error) { return wire.Flink{}, nil },
					Dial:    func(task.Task) (jobmanager.Exchange, error) { return nil, http.ErrNotSupported },
					REST: func(task.Task) (*rest.Client, error) {
						return rest.New(rest.Options{URL: "http://h:8081", HTTP: &http.Client{Transport: tt.flink}})
					},
					Post: func(e state.Event) { posted <- e },
					Log:  slog.New(slog.DiscardHandler),
				})
				if err != nil {
					t.Fatal(err)
				}
				defer w.Close()
				began := time.Now()
				a := state.CancelJobs{Cluster: "demo", JobManager: task.Task{ID: "demo-jm-1"}}
				w.CancelJobs(a)
				w.CancelJobs(a) // It is under way already.
				select {
				case e := <-posted:
					if want := (state.JobsCancelled{Cluster: "demo", JobManager: "demo-jm-1"}); e != want || tt.silent {
						t.Errorf("posted %+v, want %+v (silent: %t)", e, want, tt.silent)
					}
				case <-time.After(100 * time.Second):
					if !tt.silent {
						t.Error("nothing is posted")
					}
				}
				if took := time.Since(began); took < tt.least || took > tt.most {
					t.Errorf("it took %v, want between %v and %v", took, tt.least, tt.most)
				}
				if !slices.Equal(tt.flink.cancels, tt.cancels) {
					t.Errorf("the jobs %v were cancelled, want %v", tt.flink.cancels, tt.cancels)
				}
				if len(posted) > 0 {
					t.Errorf("also posted: %+v", <-posted)
				}
			})
		})
	}
}
