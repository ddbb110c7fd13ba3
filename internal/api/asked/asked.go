// Package asked reads what belongs to any change that a request asks for: who asks, why, and what is expected of what is
// changed.
package asked

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/flink-on-mesos/flink-service/internal/api/query"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
)

// maxReason is the longest reason in bytes.
const maxReason = 500

// guarded are the paths of our own that change a spec, so that If-Match has a meaning there.
var guarded = regexp.MustCompile(`^/v1/clusters/[^/]+(/(restart|suspend|resume|revert))?$`)

// key is where a request's context has its Change.
type key struct{}

// Change is what belongs to a change.
type Change struct {
	// reason is the query's, match the If-Match header, as they were sent; misplaced says that match has no meaning.
	reason, match string
	misplaced     bool
	generation    int64
}

// With returns the request with what belongs to a change.
func With(r *http.Request) *http.Request {
	q := Change{reason: r.URL.Query().Get("reason"), match: strings.TrimSpace(r.Header.Get("If-Match"))}
	q.misplaced = q.match != "" && (r.Method == http.MethodDelete || !guarded.MatchString(r.URL.EscapedPath()))
	return r.WithContext(context.WithValue(r.Context(), key{}, q))
}

// Of is what belongs to a change that the request of a context asks for.
func Of(ctx context.Context) (Change, error) {
	q, _ := ctx.Value(key{}).(Change)
	switch {
	case q.misplaced:
		return q, query.Invalid("If-Match", "is for changes of a cluster's spec: leave it out")
	case len(q.reason) > maxReason || strings.ContainsFunc(q.reason, unicode.IsControl) || !utf8.ValidString(q.reason):
		return q, query.Invalid("reason", "is not one line of at most %d bytes", maxReason)
	case q.match == "":
		return q, nil
	case q.match == "*":
		q.generation = -1
		return q, nil
	}
	var err error
	if q.generation, err = strconv.ParseInt(strings.Trim(q.match, `"`), 10, 64); err != nil || q.generation < 1 {
		return q, query.Invalid("If-Match", `%q is not the ETag of a cluster: send the generation of its spec, such as "3"`, query.Shorten(q.match))
	}
	return q, nil
}

// In puts into an event what belongs to the change.
func (q Change) In(e state.Event) state.Event {
	p, put := e.(state.PutCluster)
	if !put {
		return e
	}
	p.Reason, p.Match = q.reason, q.generation
	return p
}
