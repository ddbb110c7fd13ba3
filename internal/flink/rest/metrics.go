package rest

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Number is a number in Flink's answers, where NaN and infinities are strings.
type Number float64

// UnmarshalJSON implements json.Unmarshaler.
func (n *Number) UnmarshalJSON(data []byte) error {
	text := strings.Trim(string(data), `"`)
	if text == "null" {
		*n = Number(math.NaN())
		return nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("%s is not a number", data)
	}
	*n = Number(f)
	return nil
}

// JobGraph is one running job in detail: its vertices with their counters, and its plan.
type JobGraph struct {
	ID    string `json:"jid"`
	State string `json:"state"`
	// Timestamps are when the job last got into a state, in milliseconds since 1970; 0 is never.
	Timestamps map[string]int64 `json:"timestamps"`
	Vertices   []GraphVertex    `json:"vertices"`
	Plan       struct {
		Nodes []PlanNode `json:"nodes"`
	} `json:"plan"`
}

// Since returns when the job last got into a state; the zero time is never.
func (g JobGraph) Since(state string) time.Time {
	ms := g.Timestamps[state]
	if ms <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// GraphVertex is a vertex with its counters, which begin at 0 when the job restarts.
type GraphVertex struct {
	Vertex
	MaxParallelism int `json:"maxParallelism"`
	Metrics        struct {
		ReadRecords    int64   `json:"read-records"`
		WrittenRecords int64   `json:"write-records"`
		Busy           *Number `json:"accumulated-busy-time"` // Milliseconds over all subtasks.
	} `json:"metrics"`
}

// PlanNode is a vertex in the job's plan.
type PlanNode struct {
	ID     string `json:"id"`
	Inputs []struct {
		ID           string `json:"id"`
		ShipStrategy string `json:"ship_strategy"`
	} `json:"inputs"`
}

// JobGraph asks for one job with its counters and its plan. Flink caches the answer for
// web.refresh-interval, 3 s unless set.
func (c *Client) JobGraph(ctx context.Context, id string) (JobGraph, error) {
	var g JobGraph
	err := c.call(ctx, http.MethodGet, "/jobs/"+url.PathEscape(id), nil, &g)
	return g, err
}

// AggregatedMetric is a metric over the subtasks of a vertex or over the TaskManagers. What Flink
// does not say is nil.
type AggregatedMetric struct {
	ID  string  `json:"id"`
	Min *Number `json:"min"`
	Max *Number `json:"max"`
	Avg *Number `json:"avg"`
	Sum *Number `json:"sum"`
}

// VertexMetrics asks for metrics over the subtasks of a vertex by name; without names it lists
// those that there are, without numbers.
func (c *Client) VertexMetrics(ctx context.Context, job, vertex string, names []string) ([]AggregatedMetric, error) {
	var list []AggregatedMetric
	path := "/jobs/" + url.PathEscape(job) + "/vertices/" + url.PathEscape(vertex) + "/subtasks/metrics"
	err := c.call(ctx, http.MethodGet, path+metricQuery(names), nil, &list)
	return list, err
}

// TaskManagerMetrics asks for metrics over all TaskManagers by name; without names it lists those
// that there are, without numbers.
func (c *Client) TaskManagerMetrics(ctx context.Context, names []string) ([]AggregatedMetric, error) {
	var list []AggregatedMetric
	err := c.call(ctx, http.MethodGet, "/taskmanagers/metrics"+metricQuery(names), nil, &list)
	return list, err
}

// JobManagerMetrics asks for metrics of the JobManager by name.
func (c *Client) JobManagerMetrics(ctx context.Context, names []string) (map[string]string, error) {
	var list []struct{ ID, Value string }
	if err := c.call(ctx, http.MethodGet, "/jobmanager/metrics"+metricQuery(names), nil, &list); err != nil {
		return nil, err
	}
	metrics := make(map[string]string, len(list))
	for _, m := range list {
		metrics[m.ID] = m.Value
	}
	return metrics, nil
}

func metricQuery(names []string) string {
	if len(names) == 0 {
		return ""
	}
	escaped := make([]string, 0, len(names))
	for _, name := range names {
		escaped = append(escaped, url.QueryEscape(name))
	}
	return "?get=" + strings.Join(escaped, ",")
}
