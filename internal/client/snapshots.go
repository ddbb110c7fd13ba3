package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Snapshots lists the snapshots of a cluster, also of one that is gone, or of all when it is empty, the newest first.
func (c *Client) Snapshots(ctx context.Context, cluster string) ([]wire.Snapshot, error) {
	var out wire.Snapshots
	path := []string{"v1", "snapshots"}
	if cluster != "" {
		path = []string{"v1", "clusters", cluster, "snapshots"}
	}
	_, err := c.decode(ctx, call{method: http.MethodGet, path: path}, &out)
	return out.Snapshots, err
}

// Snapshot describes one snapshot.
func (c *Client) Snapshot(ctx context.Context, id string) (wire.Snapshot, error) {
	var out wire.Snapshot
	_, err := c.decode(ctx, call{method: http.MethodGet, path: []string{"v1", "snapshots", id}}, &out)
	return out, err
}

// CreateSnapshot has a snapshot of a cluster's job taken, or adopts one.
func (c *Client) CreateSnapshot(ctx context.Context, cluster string, r wire.SnapshotRequest) (wire.Snapshot, error) {
	var out wire.Snapshot
	_, err := c.decode(ctx, call{method: http.MethodPost, path: []string{"v1", "clusters", cluster, "snapshots"}, body: r}, &out)
	return out, err
}

// PinSnapshot keeps a snapshot until it is unpinned.
func (c *Client) PinSnapshot(ctx context.Context, id string, pinned bool) (wire.Snapshot, error) {
	command := "unpin"
	if pinned {
		command = "pin"
	}
	var out wire.Snapshot
	_, err := c.decode(ctx, call{method: http.MethodPost, path: []string{"v1", "snapshots", id, command}}, &out)
	return out, err
}

// VerifySnapshot looks at the files of a snapshot.
func (c *Client) VerifySnapshot(ctx context.Context, id string) (wire.Verification, error) {
	var out wire.Verification
	_, err := c.decode(ctx, call{method: http.MethodPost, path: []string{"v1", "snapshots", id, "verify"}}, &out)
	return out, err
}

// DeleteSnapshot removes a snapshot, with its files unless they are to be kept.
func (c *Client) DeleteSnapshot(ctx context.Context, id string, keepFiles bool) (wire.Snapshot, error) {
	var out wire.Snapshot
	r := call{method: http.MethodDelete, path: []string{"v1", "snapshots", id}}
	if keepFiles {
		r.query = url.Values{"keepFiles": {"true"}}
	}
	_, err := c.decode(ctx, r, &out)
	return out, err
}

// PlanCluster asks what a spec would do, without doing it.
func (c *Client) PlanCluster(ctx context.Context, sp spec.Spec, fromSnapshot string) (wire.Plan, error) {
	var out wire.Plan
	query := url.Values{"dryRun": {"true"}}
	if fromSnapshot != "" {
		query.Set("fromSnapshot", fromSnapshot)
	}
	_, err := c.decode(ctx, call{method: http.MethodPut, path: []string{"v1", "clusters", sp.Name}, query: query, body: sp}, &out)
	return out, err
}

// fromSnapshot is the query for a start from a snapshot; nil for none.
func fromSnapshot(id string) url.Values {
	if id == "" {
		return nil
	}
	return url.Values{"fromSnapshot": {id}}
}

// CreateClusterFrom is CreateCluster for a job that starts from a snapshot, which may be empty for none.
func (c *Client) CreateClusterFrom(ctx context.Context, sp spec.Spec, snapshot string) (wire.Description, error) {
	var out wire.Description
	_, err := c.decode(ctx, call{method: http.MethodPost, path: []string{"v1", "clusters"}, query: fromSnapshot(snapshot), body: sp}, &out)
	return out, err
}

// PutClusterFrom is PutCluster for a job that starts from a snapshot, which may be empty for none.
func (c *Client) PutClusterFrom(ctx context.Context, sp spec.Spec, snapshot string) (wire.Description, error) {
	var out wire.Description
	_, err := c.decode(ctx, call{method: http.MethodPut, path: []string{"v1", "clusters", sp.Name}, query: fromSnapshot(snapshot), body: sp}, &out)
	return out, err
}

// DeleteClusterWithSavepoints has the jobs of a cluster stopped with savepoints and then deletes it. If one fails, the
// cluster is kept, and its description says why (status.changeFailure).
func (c *Client) DeleteClusterWithSavepoints(ctx context.Context, name, directory string) error {
	query := url.Values{"savepoint": {"true"}}
	if directory != "" {
		query.Set("directory", directory)
	}
	_, err := c.do(ctx, call{method: http.MethodDelete, path: []string{"v1", "clusters", name}, query: query})
	return err
}

// DeleteClusterWithoutSavepoints asks for the end of a cluster without savepoints of its jobs, also where its spec asks
// for one on deletion.
func (c *Client) DeleteClusterWithoutSavepoints(ctx context.Context, name string, force bool) error {
	query := url.Values{"savepoint": {"false"}}
	if force {
		query.Set("force", "true")
	}
	_, err := c.do(ctx, call{method: http.MethodDelete, path: []string{"v1", "clusters", name}, query: query})
	return err
}
