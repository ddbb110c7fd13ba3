package api_test

import (
	"math"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/api"
	"github.com/flink-on-mesos/flink-service/internal/autoscale"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/report"
	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// scaled is an autoscaler that knows one cluster, named shown, of which it says all that can be said.
type scaled struct{}

func (scaled) Status(cluster string) (report.Autoscaler, bool) {
	at, of := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC), autoscale.Of
	reason := autoscale.Reason{Code: autoscale.Aligned, Option: "o", Vertex: "v", Metric: "m", Actual: of(1), Limit: of(2), Of: of(3), Until: at}
	h, _ := scaled{}.History(cluster)
	v := autoscale.VertexResult{ID: "v", Name: "map", Wanted: 2, Recommended: 2, Planned: 2, Evaluation: autoscale.Evaluation{
		Parallelism: 1, MaxParallelism: 128, Partitions: 4, Load: of(0.5), TrueRate: of(math.Inf(1)), Observed: true, TargetRate: of(1), CatchUpRate: of(1),
		Lag: of(0), UpThreshold: of(1), DownThreshold: of(2), Expected: of(3),
	}}
	j := report.Job{
		ID: "j", At: at, Problem: "p", Ready: true, Acted: true, Samples: 3, Backlog: true, Reasons: report.Reasons([]autoscale.Reason{reason}, nil),
		Vertices: []report.Vertex{{VertexResult: v, Reasons: report.Reasons([]autoscale.Reason{reason}, nil)}}, TaskManagers: 1, Needed: 2,
		Blocked: []string{"cpus"}, Memory: map[string]string{"a": "b"}, LastStep: &h.Decisions[0], Overrides: map[string]int{"v": 2},
	}
	return report.Autoscaler{Cluster: cluster, Enabled: true, Acts: true, Interval: "1m0s", Message: "m", Jobs: []report.Job{j}}, cluster == "shown"
}

func (scaled) History(cluster string) (report.History, bool) {
	d := report.Decision{
		At: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC), Job: "j", Acted: true, Code: autoscale.Scaled, Message: "m",
		Changes: []report.Change{{ID: "v", Name: "map", From: 1, Recommended: 2, To: 2, Rate: autoscale.Of(1), Target: autoscale.Of(2)}},
	}
	return report.History{Cluster: cluster, Decisions: []report.Decision{d}}, cluster == "shown"
}

func (scaled) Replay(cluster string, r report.ReplayRequest) (report.Replay, error) {
	if len(r.Options) == 0 {
		return report.Replay{}, fault.New(fault.Invalid, "no options")
	}
	at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	d := report.Difference{
		Difference: autoscale.Difference{At: at, Vertex: "v", Now: 1, Before: 2, After: 3, ActBefore: true, ActAfter: true}, Name: "map",
		ReasonsBefore: report.Reasons([]autoscale.Reason{{Code: autoscale.ScaleUp}}, nil), ReasonsAfter: report.Reasons([]autoscale.Reason{{Code: autoscale.ScaleUp}}, nil),
	}
	return report.Replay{Cluster: cluster, Job: "j", From: at, To: at, Collections: 3, Differences: []report.Difference{d}}, nil
}

func TestAutoscaler(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.Autoscaler = scaled{} })
	a := into[report.Autoscaler](t, w.json("GET", "/v1/clusters/shown/autoscaler", "", 200))
	if len(a.Jobs) != 1 || len(a.Jobs[0].Vertices) != 1 || !math.IsInf(a.Jobs[0].Vertices[0].TrueRate.Float(), 1) || a.Jobs[0].Reasons[0].Message == "" {
		t.Fatalf("answer %+v", a)
	}
	w.do("GET", "/v1/clusters/none/autoscaler", "").wantFault(t, 404, fault.NotFound, "none")
	w.do("GET", "/v1/clusters/none/autoscaler/history", "").wantFault(t, 404, fault.NotFound, "none")
	const replay = "/v1/clusters/shown/autoscaler/replay"
	w.do("POST", replay, `{"options":{}}`, "Content-Type", "application/json").wantFault(t, 422, fault.Invalid, "no options")
	w.do("POST", replay, `{"option":{"a":"b"}}`, "Content-Type", "application/json").wantFault(t, 422, fault.Invalid, "option")
	without := newWorld(t)
	without.do("GET", "/v1/clusters/demo/autoscaler", "").wantFault(t, 503, fault.Unavailable, "autoscaler")
}
