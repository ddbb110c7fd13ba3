package rest_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
)

func number(f float64) *rest.Number {
	n := rest.Number(f)
	return &n
}

// sameNumber takes NaN for equal to NaN.
var sameNumber = cmp.Comparer(func(a, b rest.Number) bool {
	return a == b || math.IsNaN(float64(a)) && math.IsNaN(float64(b))
})

func TestMetrics(t *testing.T) {
	t.Parallel()
	c, asked := jobManager(t, map[string]string{
		"GET /jobs/j1/vertices/v1/subtasks/metrics": `[{"id":"a","min":1.5,"max":"NaN","avg":"Infinity","sum":3},{"id":"b"},{"id":"c","sum":null}]`,
		"GET /taskmanagers/metrics":                 `[{"id":"Status.JVM.CPU.Load","max":0.5}]`,
		"GET /jobmanager/metrics":                   `[{"id":"taskSlotsTotal","value":"4"}]`,
		"GET /jobs/j2/vertices/v1/subtasks/metrics": `[{"id":"a","min":"many"}]`,
	})
	got, err := c.VertexMetrics(t.Context(), "j1", "v1", []string{"a", "0.Source__x, y.b&c"})
	if err != nil {
		t.Fatal(err)
	}
	want := []rest.AggregatedMetric{
		{ID: "a", Min: number(1.5), Max: number(math.NaN()), Avg: number(math.Inf(1)), Sum: number(3)}, {ID: "b"}, {ID: "c"},
	}
	if diff := cmp.Diff(want, got, sameNumber); diff != "" {
		t.Errorf("VertexMetrics() mismatch (-want +got):\n%s", diff)
	}
	if want := "GET /jobs/j1/vertices/v1/subtasks/metrics?get=a,0.Source__x%2C+y.b%26c"; !asked.has(want) {
		t.Errorf("%s was not asked", want)
	}
	if got, err = c.TaskManagerMetrics(t.Context(), nil); err != nil || len(got) != 1 || *got[0].Max != 0.5 {
		t.Errorf("TaskManagerMetrics() = %v, %v", got, err)
	}
	if !asked.has("GET /taskmanagers/metrics") {
		t.Error("all names of metrics are asked for without a parameter")
	}
	slots, err := c.JobManagerMetrics(t.Context(), []string{"taskSlotsTotal"})
	if diff := cmp.Diff(map[string]string{"taskSlotsTotal": "4"}, slots); diff != "" || err != nil {
		t.Errorf("JobManagerMetrics() mismatch (-want +got), %v:\n%s", err, diff)
	}
	if _, err := c.VertexMetrics(t.Context(), "j2", "v1", nil); err == nil {
		t.Error("a metric that is no number must be an error")
	}
	if _, err := c.VertexMetrics(t.Context(), "j3", "v1", nil); !rest.IsNotFound(err) {
		t.Errorf("a job that does not exist is %v", err)
	}
}

func TestJobGraph(t *testing.T) {
	t.Parallel()
	c, _ := jobManager(t, map[string]string{
		"GET /jobs/j1": `{"jid":"j1","state":"RUNNING","timestamps":{"RUNNING":1700000000123,"FAILED":0},
			"vertices":[{"id":"v1","name":"Source: x","slotSharingGroupId":"g","maxParallelism":128,"parallelism":2,"status":"RUNNING",
				"tasks":{"RUNNING":2},"metrics":{"read-records":5,"write-records":7,"accumulated-busy-time":"NaN"}}],
			"plan":{"nodes":[{"id":"v1"},{"id":"v2","inputs":[{"num":0,"id":"v1","ship_strategy":"HASH","exchange":"x"}]}]}}`,
	})
	g, err := c.JobGraph(t.Context(), "j1")
	if err != nil {
		t.Fatal(err)
	}
	if want := time.UnixMilli(1700000000123); !g.Since("RUNNING").Equal(want) || !g.Since("FAILED").IsZero() || !g.Since("CREATED").IsZero() {
		t.Errorf("running since %v, failed since %v", g.Since("RUNNING"), g.Since("FAILED"))
	}
	v := g.Vertices[0]
	got := []any{v.ID, v.SlotSharingGroup, v.Parallelism, v.MaxParallelism, v.Metrics.ReadRecords, v.Metrics.WrittenRecords}
	if diff := cmp.Diff([]any{"v1", "g", 2, 128, int64(5), int64(7)}, got); diff != "" || !math.IsNaN(float64(*v.Metrics.Busy)) {
		t.Errorf("vertex mismatch (-want +got):\n%s", diff)
	}
	if in := g.Plan.Nodes[1].Inputs; len(in) != 1 || in[0].ID != "v1" || in[0].ShipStrategy != "HASH" {
		t.Errorf("the plan's inputs are %v", in)
	}
}
