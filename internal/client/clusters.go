package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Raw performs a GET below /v1 and returns the answer as it came.
func (c *Client) Raw(ctx context.Context, segments ...string) (json.RawMessage, error) {
	return c.do(ctx, call{method: http.MethodGet, path: append([]string{"v1"}, segments...)})
}

// Clusters lists the clusters of the service.
func (c *Client) Clusters(ctx context.Context) ([]wire.Summary, error) {
	var out struct {
		Clusters []wire.Summary `json:"clusters"`
	}
	_, err := c.decode(ctx, call{method: http.MethodGet, path: []string{"v1", "clusters"}}, &out)
	return out.Clusters, err
}

// Problems lists what an operator of the service must correct.
func (c *Client) Problems(ctx context.Context) ([]wire.Problem, error) {
	var out struct {
		Problems []wire.Problem `json:"problems"`
	}
	_, err := c.decode(ctx, call{method: http.MethodGet, path: []string{"v1", "service"}}, &out)
	return out.Problems, err
}

// Cluster describes one cluster.
func (c *Client) Cluster(ctx context.Context, name string) (wire.Description, error) {
	var out wire.Description
	_, err := c.decode(ctx, call{method: http.MethodGet, path: []string{"v1", "clusters", name}}, &out)
	return out, err
}

// CreateCluster asks for a new cluster; a name that is taken is a conflict.
func (c *Client) CreateCluster(ctx context.Context, spec spec.Spec) (wire.Description, error) {
	return c.CreateClusterFrom(ctx, spec, "")
}

// PutCluster creates the cluster spec.Name or changes it to spec.
func (c *Client) PutCluster(ctx context.Context, spec spec.Spec) (wire.Description, error) {
	return c.PutClusterFrom(ctx, spec, "")
}

// DeleteCluster asks for the end of a cluster; force also ends a session with running
// jobs. The cluster is gone when Cluster answers that it is not found.
func (c *Client) DeleteCluster(ctx context.Context, name string, force bool) error {
	r := call{method: http.MethodDelete, path: []string{"v1", "clusters", name}}
	if force {
		r.query = url.Values{"force": {"true"}}
	}
	_, err := c.do(ctx, r)
	return err
}

// Import makes a spec of the files of flink-mesos. Nothing is created.
func (c *Client) Import(ctx context.Context, files wire.OldFiles) (wire.Imported, error) {
	var out wire.Imported
	_, err := c.decode(ctx, call{method: http.MethodPost, path: []string{"v1", "import"}, body: files}, &out)
	return out, err
}

// RestartCluster replaces all tasks of a cluster.
func (c *Client) RestartCluster(ctx context.Context, name string) error {
	_, err := c.do(ctx, call{method: http.MethodPost, path: []string{"v1", "clusters", name, "restart"}})
	return err
}

// Suspension says how a cluster is suspended.
type Suspension struct {
	// NoSavepoint stops without savepoints, and does not wait any more for those that are under way.
	NoSavepoint bool
	// Directory is where savepoints go; empty leaves it to Flink's configuration.
	Directory string
	// Drain ends sources as if their input did.
	Drain bool
}

// SuspendCluster asks for a cluster to be stopped, its spec and its jobs' savepoints kept.
func (c *Client) SuspendCluster(ctx context.Context, name string, s Suspension) (wire.Description, error) {
	query := url.Values{}
	if s.NoSavepoint {
		query.Set("savepoint", "false")
	}
	if s.Directory != "" {
		query.Set("directory", s.Directory)
	}
	if s.Drain {
		query.Set("drain", "true")
	}
	var out wire.Description
	_, err := c.decode(ctx, call{method: http.MethodPost, path: []string{"v1", "clusters", name, "suspend"}, query: query}, &out)
	return out, err
}

// ResumeCluster starts a suspended cluster again.
func (c *Client) ResumeCluster(ctx context.Context, name string) (wire.Description, error) {
	var out wire.Description
	_, err := c.decode(ctx, call{method: http.MethodPost, path: []string{"v1", "clusters", name, "resume"}}, &out)
	return out, err
}

// RestartTask has a new task take the place of one task of a cluster.
func (c *Client) RestartTask(ctx context.Context, name, task string) error {
	_, err := c.do(ctx, call{method: http.MethodPost, path: []string{"v1", "clusters", name, "tasks", task, "restart"}})
	return err
}

// ReplaceTask does the same, and gives up what is reserved for the task on its agent, with the volumes there.
func (c *Client) ReplaceTask(ctx context.Context, name, task string) error {
	_, err := c.do(ctx, call{method: http.MethodPost, path: []string{"v1", "clusters", name, "tasks", task, "replace"}})
	return err
}

// Events lists what happened to a cluster, oldest first, also to one that is gone; after is the cursor of an earlier
// answer, empty for all that is kept.
func (c *Client) Events(ctx context.Context, name, after string) (wire.Notes, error) {
	var out wire.Notes
	_, err := c.decode(ctx, call{method: http.MethodGet, path: []string{"v1", "clusters", name, "events"}, query: from(after)}, &out)
	return out, err
}

// Operations lists the changes of a cluster that were asked for, the newest first, also of one that is gone; with a
// cursor those that are new or have changed since, in the order of their changes.
func (c *Client) Operations(ctx context.Context, name, after string) (wire.Operations, error) {
	var out wire.Operations
	_, err := c.decode(ctx, call{method: http.MethodGet, path: []string{"v1", "clusters", name, "operations"}, query: from(after)}, &out)
	return out, err
}

// from is the query for what comes after a cursor.
func from(after string) url.Values {
	if after == "" {
		return nil
	}
	return url.Values{"after": {after}}
}

// Placement asks whether more TaskManagers of a cluster would fit now; with refresh Mesos is asked for offers first.
func (c *Client) Placement(ctx context.Context, name string, taskManagers int, refresh bool) (wire.Fit, error) {
	var out wire.Fit
	query := url.Values{"taskManagers": {strconv.Itoa(taskManagers)}}
	if refresh {
		query.Set("refresh", "true")
	}
	_, err := c.decode(ctx, call{method: http.MethodGet, path: []string{"v1", "clusters", name, "placement"}, query: query}, &out)
	return out, err
}

// TaskFile reads at most length bytes of a file in a task's sandbox from offset on.
// Nothing is returned at the end of the file.
func (c *Client) TaskFile(ctx context.Context, name, task, path string, offset, length int64) ([]byte, error) {
	segments := append([]string{"v1", "clusters", name, "tasks", task, "files"}, strings.Split(strings.Trim(path, "/"), "/")...)
	return c.do(ctx, call{
		method: http.MethodGet,
		path:   segments,
		query:  url.Values{"offset": {strconv.FormatInt(offset, 10)}, "length": {strconv.FormatInt(length, 10)}},
		accept: "text/plain, */*",
	})
}

// UIURL is the address of a cluster's Flink UI, for a browser or Flink's own CLI.
func (c *Client) UIURL(name string) string {
	return c.URL("v1/clusters/" + url.PathEscape(name) + "/ui/")
}

// Version is what the service says about its own build.
type Version struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
}

// Version returns the service's version.
func (c *Client) Version(ctx context.Context) (Version, error) {
	var out Version
	_, err := c.decode(ctx, call{method: http.MethodGet, path: []string{"v1", "version"}}, &out)
	return out, err
}

// JournalEntry is an event and what the service did about it.
type JournalEntry struct {
	Time  time.Time `json:"time"`
	Event string    `json:"event"`
	// Data is the event itself, in the form of the release that wrote it; empty for a very large one.
	Data    json.RawMessage `json:"data,omitempty"`
	Actions []string        `json:"actions,omitempty"`
	// Missing counts the entries before this one that could not be written in time.
	Missing int `json:"missing,omitempty"`
}

// Journal lists the last events, the oldest first: at most limit of those that contain a text.
func (c *Client) Journal(ctx context.Context, limit int, contains string) ([]JournalEntry, error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if contains != "" {
		query.Set("contains", contains)
	}
	var out struct {
		Entries []JournalEntry `json:"entries"`
	}
	_, err := c.decode(ctx, call{method: http.MethodGet, path: []string{"v1", "debug", "journal"}, query: query}, &out)
	return out.Entries, err
}

// Outcome says what became of one offer.
type Outcome struct {
	Time     time.Time `json:"time"`
	OfferIDs []string  `json:"offerIds"`
	AgentID  string    `json:"agentId"`
	Hostname string    `json:"hostname"`
	// Result is accepted or declined.
	Result  string   `json:"result"`
	Tasks   []string `json:"tasks,omitempty"`
	Reasons []string `json:"reasons,omitempty"`
}

// Offers lists the outcomes of the last offers.
func (c *Client) Offers(ctx context.Context) ([]Outcome, error) {
	var out struct {
		Offers []Outcome `json:"offers"`
	}
	_, err := c.decode(ctx, call{method: http.MethodGet, path: []string{"v1", "debug", "offers"}}, &out)
	return out.Offers, err
}
