package client

import (
	"context"
	"net/http"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/report"
)

// Autoscaler says what the autoscaler knows of the jobs of a cluster.
func (c *Client) Autoscaler(ctx context.Context, cluster string) (report.Autoscaler, error) {
	var out report.Autoscaler
	_, err := c.decode(ctx, call{method: http.MethodGet, path: []string{"v1", "clusters", cluster, "autoscaler"}}, &out)
	return out, err
}

// AutoscalerHistory lists the last decisions about the jobs of a cluster, the newest first.
func (c *Client) AutoscalerHistory(ctx context.Context, cluster string) (report.History, error) {
	var out report.History
	_, err := c.decode(ctx, call{method: http.MethodGet, path: []string{"v1", "clusters", cluster, "autoscaler", "history"}}, &out)
	return out, err
}

// ReplayAutoscaler asks what other options would have decided of the recorded metrics of a job.
func (c *Client) ReplayAutoscaler(ctx context.Context, cluster string, r report.ReplayRequest) (report.Replay, error) {
	var out report.Replay
	_, err := c.decode(ctx, call{method: http.MethodPost, path: []string{"v1", "clusters", cluster, "autoscaler", "replay"}, body: r}, &out)
	return out, err
}
