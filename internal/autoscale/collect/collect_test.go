package collect_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/collect"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/testkit/jobmetrics"
)

var (
	now     = time.UnixMilli(1_700_000_060_000).UTC()
	running = time.UnixMilli(1_700_000_000_000).UTC()
	of      = autoscale.Of
)

// job is a job with all that a collection can have.
func job() autoscale.Collection {
	id := func(n int) string { return fmt.Sprintf("%08x%024x", n, 7) }
	group := fmt.Sprintf("%032x", 9)
	return autoscale.Collection{
		At: now, Running: running,
		Vertices: []autoscale.Vertex{
			{
				ID: id(1), Name: "Source: orders", SlotSharingGroup: group, Parallelism: 3, MaxParallelism: 128, Partitions: 12,
				Totals: autoscale.Totals{Written: 900, Busy: of(1234)},
				Metrics: autoscale.Metrics{
					Busy: autoscale.Aggregate{Min: of(1), Max: of(900), Avg: of(450.5)}, BackPressured: of(20.5), Pending: of(1000),
					SourceIn: of(950), SourceInPerSecond: of(15.25), SourceOut: of(900),
				},
			},
			{
				ID: id(2), Name: "Source: rates", SlotSharingGroup: group, Parallelism: 1, MaxParallelism: 128, Finished: true,
				Totals: autoscale.Totals{Read: 5, Written: 5, Busy: of(1)},
			},
			{
				ID: id(3), Name: "join", SlotSharingGroup: group, Parallelism: 2, MaxParallelism: 64,
				Inputs: []autoscale.Input{{ID: id(1), Ship: "HASH"}, {ID: id(2), Ship: "BROADCAST"}},
				Totals: autoscale.Totals{Read: 905, Written: 10, Busy: of(77)},
				Metrics: autoscale.Metrics{
					Busy: autoscale.Aggregate{Min: of(3), Max: of(4), Avg: of(3.5)}, InPerSecond: of(15.5),
				},
			},
			{
				ID: id(4), Name: "sink", Parallelism: 1, MaxParallelism: 1, Inputs: []autoscale.Input{{ID: id(3), Ship: "FORWARD"}},
				Totals: autoscale.Totals{Read: 10, Busy: of(0)}, // Its busy time is NaN.
			},
		},
		TaskManagers: autoscale.TaskManagers{
			HeapMax: of(1 << 30), HeapUsed: of(1 << 29), ManagedUsed: of(0), MetaspaceUsed: of(90e6), GC: of(12), SlotsTotal: of(8), SlotsAvailable: of(2),
		},
	}
}

// jobManager serves collections and counts the requests and how many there are at a time.
type jobManager struct {
	show               func() autoscale.Collection
	status             func(path string) int
	total, busy, limit atomic.Int32
}

func (jm *jobManager) start(t *testing.T) *collect.Collector {
	t.Helper()
	shown := jobmetrics.Handler(func() autoscale.Collection { return jm.show() }, 3)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		jm.total.Add(1)
		n := jm.busy.Add(1)
		defer jm.busy.Add(-1)
		for most := jm.limit.Load(); n > most && !jm.limit.CompareAndSwap(most, n); most = jm.limit.Load() {
		}
		if jm.status != nil {
			if status := jm.status(r.URL.Path); status != 0 {
				w.WriteHeader(status)
				fmt.Fprint(w, `{"errors":["broken"]}`)
				return
			}
		}
		shown.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	client, err := rest.New(rest.Options{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	return collect.New(collect.Options{Client: client, Job: jobmetrics.JobID})
}

func TestCollect(t *testing.T) {
	t.Parallel()
	want := job()
	jm := &jobManager{show: func() autoscale.Collection { return want }}
	c := jm.start(t)
	for range 2 {
		got, err := c.Collect(t.Context(), now)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("Collect() mismatch (-want +got):\n%s", diff)
		}
	}
	// The job, names and values of the source, values of two vertices, the cluster; once their names.
	if got := jm.total.Load(); got != 2*(1+2+2+2)+3 {
		t.Errorf("%d requests for two collections", got)
	}
	if got := jm.limit.Load(); got > 2 {
		t.Errorf("%d requests at a time, at most 2 are allowed", got)
	}
}

func TestUnknownMetrics(t *testing.T) {
	t.Parallel()
	want := job()
	want.Vertices[0].Metrics.Pending = autoscale.Value{}
	want.Vertices[0].Metrics.SourceIn = autoscale.Value{}
	want.Vertices[0].Partitions = 0
	want.Vertices[2].Metrics.InPerSecond = autoscale.Value{}
	want.TaskManagers.GC, want.TaskManagers.SlotsAvailable = autoscale.Value{}, autoscale.Value{}
	jm := &jobManager{show: func() autoscale.Collection { return want }}
	got, err := jm.start(t).Collect(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Collect() mismatch (-want +got):\n%s", diff)
	}
}

// TestRestart asks for the names of metrics again when the job has been restarted.
func TestRestart(t *testing.T) {
	t.Parallel()
	shown := job()
	jm := &jobManager{show: func() autoscale.Collection { return shown }}
	c := jm.start(t)
	if _, err := c.Collect(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	before := jm.total.Load()
	shown.Running = running.Add(30 * time.Second)
	got, err := c.Collect(t.Context(), now)
	if err != nil || !got.Running.Equal(shown.Running) {
		t.Fatalf("running since %v, want %v (%v)", got.Running, shown.Running, err)
	}
	if n := jm.total.Load() - before; n != before {
		t.Errorf("%d requests after a restart, want %d as at first", n, before)
	}
}

// TestMetricGone asks for the names again when Flink answers nothing to those of before.
func TestMetricGone(t *testing.T) {
	t.Parallel()
	shown := job()
	jm := &jobManager{show: func() autoscale.Collection { return shown }}
	c := jm.start(t)
	if _, err := c.Collect(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	shown.Vertices[2].Metrics.InPerSecond, shown.TaskManagers.GC = autoscale.Value{}, autoscale.Value{}
	got, err := c.Collect(t.Context(), now)
	if err != nil || got.Vertices[2].Metrics.Busy.Max.Known() {
		t.Errorf("busy time %v, %v: the answer was empty", got.Vertices[2].Metrics.Busy, err)
	}
	if got, err = c.Collect(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(shown, got); diff != "" {
		t.Errorf("Collect() mismatch (-want +got):\n%s", diff)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{
		"job": "/jobs/" + jobmetrics.JobID, "vertex": "/subtasks/metrics", "TaskManagers": "/taskmanagers/metrics", "JobManager": "/jobmanager/metrics",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			jm := &jobManager{show: job, status: func(asked string) int {
				if strings.HasSuffix(asked, path) {
					return http.StatusInternalServerError
				}
				return 0
			}}
			_, err := jm.start(t).Collect(t.Context(), now)
			if err == nil || !strings.Contains(err.Error(), "broken") || !strings.Contains(err.Error(), jobmetrics.JobID) {
				t.Errorf("Collect() says %v, want Flink's complaint and the job", err)
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		jm := &jobManager{show: job, status: func(path string) int {
			if strings.HasSuffix(path, "/taskmanagers/metrics") {
				cancel()
			}
			return 0
		}}
		if _, err := jm.start(t).Collect(ctx, now); !errors.Is(err, context.Canceled) {
			t.Errorf("Collect() says %v, want that it was cancelled", err)
		}
	})
	t.Run("not all run", func(t *testing.T) {
		t.Parallel()
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"jid":"j","state":"RUNNING","timestamps":{"RUNNING":5},"vertices":[{"id":"a","parallelism":2,"tasks":{"RUNNING":1,"SCHEDULED":1}}]}`)
		}))
		defer s.Close()
		client, err := rest.New(rest.Options{URL: s.URL})
		if err != nil {
			t.Fatal(err)
		}
		_, err = collect.New(collect.Options{Client: client, Job: "j"}).Collect(t.Context(), now)
		if !errors.Is(err, collect.ErrNotRunning) {
			t.Errorf("Collect() says %v, want ErrNotRunning", err)
		}
	})
}
