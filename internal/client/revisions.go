package client

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Change is what belongs to any change of a cluster's spec.
type Change struct {
	// Reason is why, for the history; empty for none.
	Reason string
	// Generation is that of the spec which the cluster is expected to have; 0 for whatever it has.
	Generation int64
}

// changeKey is where a context has a Change.
type changeKey struct{}

// With has the changes of a cluster's spec that are made with the context be this one.
func With(ctx context.Context, ch Change) context.Context {
	return context.WithValue(ctx, changeKey{}, ch)
}

// query is the query of a call with the reason of the change, when it is one.
func (ch Change) query(r call) url.Values {
	if ch.Reason == "" || r.method == http.MethodGet {
		return r.query
	}
	query := maps.Clone(r.query)
	if query == nil {
		query = url.Values{}
	}
	query.Set("reason", ch.Reason)
	return query
}

// expect says in a request which generation is expected, when it is a change.
func (ch Change) expect(req *http.Request) {
	if ch.Generation > 0 && req.Method != http.MethodGet {
		req.Header.Set("If-Match", `"`+strconv.FormatInt(ch.Generation, 10)+`"`)
	}
}

// Revisions lists the revisions of a cluster's spec that are kept, the newest first.
func (c *Client) Revisions(ctx context.Context, name string) ([]wire.Revision, error) {
	var out wire.Revisions
	_, err := c.decode(ctx, call{method: http.MethodGet, path: []string{"v1", "clusters", name, "revisions"}}, &out)
	return out.Revisions, err
}

// DiffRevisions says how a revision, by its number or tag, differs from another one; from the present spec when that is
// empty.
func (c *Client) DiffRevisions(ctx context.Context, name, revision, to string) (wire.RevisionDiff, error) {
	var out wire.RevisionDiff
	r := call{method: http.MethodGet, path: []string{"v1", "clusters", name, "revisions", revision, "diff"}}
	if to != "" {
		r.query = url.Values{"to": {to}}
	}
	_, err := c.decode(ctx, r, &out)
	return out, err
}

// TagRevision gives a revision a name; an empty one takes it away.
func (c *Client) TagRevision(ctx context.Context, name, revision, tag string) (wire.Revision, error) {
	var out wire.Revision
	_, err := c.decode(ctx, call{
		method: http.MethodPut, path: []string{"v1", "clusters", name, "revisions", revision, "tag"}, body: wire.TagRequest{Tag: tag},
	}, &out)
	return out, err
}

// RevertCluster gives a cluster the spec of an earlier revision again.
func (c *Client) RevertCluster(ctx context.Context, name string, q wire.RevertRequest) (wire.Description, error) {
	var out wire.Description
	_, err := c.decode(ctx, call{method: http.MethodPost, path: []string{"v1", "clusters", name, "revert"}, body: q}, &out)
	return out, err
}
