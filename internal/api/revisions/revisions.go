// Package revisions answers which specs a cluster had and how they differ, and brings an earlier one back.
package revisions

import (
	"context"
	"net/http"
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/api/query"
	"github.com/flink-on-mesos/flink-service/internal/core/revision"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/redact"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// API answers requests. All fields are required. It is safe for use by several goroutines.
type API struct {
	// View returns the state as last published.
	View func() *state.State
	// Write posts an event and waits until what it asks for was saved.
	Write func(ctx context.Context, build func(request uint64) state.Event) error
	// Exclusive waits until no other request reads a spec to put it back.
	Exclusive func(ctx context.Context) (release func(), err error)
	// Admit makes a spec that can be stored out of one that is asked for.
	Admit func(sent, stored spec.Spec) (admitted spec.Spec, notes []string, err error)
	Nonce func() string
	// Stop says how the jobs of a cluster are stopped when it gets a spec; nil is without savepoints.
	Stop func(spec.Spec) *state.StopRequest
	// ReadTag and ReadRevert read bodies in JSON or YAML.
	ReadTag    func(w http.ResponseWriter, r *http.Request) (wire.TagRequest, error)
	ReadRevert func(w http.ResponseWriter, r *http.Request) (wire.RevertRequest, error)
	// Answer writes an answer, unless there is an error; Accepted answers the cluster of a change that was accepted.
	Answer   func(w http.ResponseWriter, v any, err error) error
	Accepted func(w http.ResponseWriter, cluster string) error
}

// List answers the revisions of a cluster, the newest first.
func (v API) List(w http.ResponseWriter, r *http.Request) error {
	list, err := v.list(r.PathValue("name"))
	return v.Answer(w, list, err)
}

// Describe answers one revision with its spec.
func (v API) Describe(w http.ResponseWriter, r *http.Request) error {
	found, err := v.describe(r.PathValue("name"), r.PathValue("revision"))
	return v.Answer(w, found, err)
}

// Diff answers how a revision differs from the one in the query, or from the present spec.
func (v API) Diff(w http.ResponseWriter, r *http.Request) error {
	d, err := v.diff(r.PathValue("name"), r.PathValue("revision"), r.URL.Query().Get("to"))
	return v.Answer(w, d, err)
}

// Tag gives a revision a name, or takes it away.
func (v API) Tag(w http.ResponseWriter, r *http.Request) error {
	q, err := v.ReadTag(w, r)
	if err != nil {
		return err
	}
	found, err := v.tag(r.Context(), r.PathValue("name"), r.PathValue("revision"), q.Tag)
	return v.Answer(w, found, err)
}

// Revert gives a cluster the spec of an earlier revision again.
func (v API) Revert(w http.ResponseWriter, r *http.Request) error {
	q, err := v.ReadRevert(w, r)
	if err != nil {
		return err
	}
	name := r.PathValue("name")
	if err := v.revert(r.Context(), name, q); err != nil {
		return err
	}
	return v.Accepted(w, name)
}

// list answers the revisions of a cluster, the newest first.
func (v API) list(cluster string) (wire.Revisions, error) {
	list, err := v.of(cluster)
	out := wire.Revisions{Revisions: make([]wire.Revision, 0, len(list))}
	for _, r := range slices.Backward(list) {
		out.Revisions = append(out.Revisions, shown(r))
	}
	return out, err
}

// of lists the revisions of a cluster that is there.
func (v API) of(cluster string) ([]*state.Revision, error) {
	s := v.View()
	if _, ok := s.Clusters.Get([]byte(cluster)); !ok {
		return nil, fault.New(fault.NotFound, "there is no cluster %q", query.Shorten(cluster))
	}
	return s.RevisionsOf(cluster), nil
}

// find finds a revision by its number or tag.
func (v API) find(cluster, name string) (*state.Revision, error) {
	list, err := v.of(cluster)
	if err != nil {
		return nil, err
	}
	if r := revision.Find(list, name); r != nil {
		return r, nil
	}
	return nil, fault.New(fault.NotFound, "cluster %q has no revision %q, or keeps it no more: see its revisions", cluster, query.Shorten(name))
}

// shown is a revision as it may be shown.
func shown(r *state.Revision) wire.Revision {
	s := r.Revision
	for _, p := range []**wire.Restore{&s.Start, &s.End} {
		if *p != nil {
			restore := **p
			restore.Path = redact.URI(restore.Path)
			*p = &restore
		}
	}
	return s
}

// describe answers one revision with its spec.
func (v API) describe(cluster, name string) (wire.RevisionSpec, error) {
	r, err := v.find(cluster, name)
	if err != nil {
		return wire.RevisionSpec{}, err
	}
	return wire.RevisionSpec{Revision: shown(r), Spec: redact.Spec(r.Spec)}, nil
}

// diff answers how a revision differs from another one: from the present spec when that is empty.
func (v API) diff(cluster, name, to string) (wire.RevisionDiff, error) {
	from, err := v.find(cluster, name)
	if err != nil {
		return wire.RevisionDiff{}, err
	}
	after, number, err := v.target(cluster, to)
	if err != nil {
		return wire.RevisionDiff{}, err
	}
	d := wire.RevisionDiff{From: from.Number, To: number, Before: redact.Spec(from.Spec), After: redact.Spec(after), Changes: redact.Changes(from.Spec, after)}
	if d.Changes == nil {
		d.Changes = []wire.SpecChange{}
	}
	return d, nil
}

// target is the spec of a revision and its number, or the one that the cluster was asked for last.
func (v API) target(cluster, name string) (spec.Spec, int64, error) {
	if name != "" {
		r, err := v.find(cluster, name)
		if err != nil {
			return spec.Spec{}, 0, err
		}
		return r.Spec, r.Number, nil
	}
	c, ok := v.View().Clusters.Get([]byte(cluster))
	if !ok {
		return spec.Spec{}, 0, fault.New(fault.NotFound, "there is no cluster %q", query.Shorten(cluster))
	}
	return c.RequestedSpec(), c.RequestedGeneration(), nil
}

// tag gives a revision a name, or takes it away, and answers the revision.
func (v API) tag(ctx context.Context, cluster, name, tag string) (wire.Revision, error) {
	r, err := v.find(cluster, name)
	if err != nil {
		return wire.Revision{}, err
	}
	err = v.Write(ctx, func(request uint64) state.Event {
		return state.TagRevision{Request: request, Cluster: cluster, Number: r.Number, Tag: tag}
	})
	if err != nil {
		return wire.Revision{}, err
	}
	n := *r
	n.Tag = tag
	return shown(&n), nil
}

// revert gives a cluster the spec of an earlier revision again. What asks for a restart, for the start from a state, and
// for a suspension is not part of that.
func (v API) revert(ctx context.Context, cluster string, q wire.RevertRequest) error {
	if q.State != "" && q.State != wire.RevertLatest && q.State != wire.RevertOwn {
		return query.Invalid("state", "%q is not a state to start from: use latest or own", query.Shorten(q.State))
	}
	release, err := v.Exclusive(ctx)
	if err != nil {
		return err
	}
	defer release()
	r, err := v.find(cluster, q.Revision)
	if err != nil {
		return err
	}
	present, ok := view.Spec(v.View(), cluster)
	if !ok {
		return fault.New(fault.NotFound, "there is no cluster %q", query.Shorten(cluster))
	}
	next, notes, err := v.Admit(revision.Again(r.Spec, present), present)
	if err != nil {
		return err
	}
	if q.State == wire.RevertOwn {
		if next, err = own(r, next); err != nil {
			return err
		}
	}
	if next.Equal(present) {
		return fault.New(fault.Conflict, "cluster %q has the spec of revision %d already: there is nothing to revert", cluster, r.Number)
	}
	return v.Write(ctx, func(request uint64) state.Event {
		return state.PutCluster{
			Request: request, Spec: next, Nonce: v.Nonce(), UpdateOnly: true, Notes: notes, Stop: v.Stop(next), Revert: r.Number,
			Now: next.Job != nil && next.Job.UpgradeMode == spec.Stateless,
		}
	})
}

// own has a spec start from the state that its revision left.
func own(r *state.Revision, next spec.Spec) (spec.Spec, error) {
	switch {
	case next.Job == nil:
		return next, query.Invalid("state", "own is for application and job clusters: a session has no state of its own")
	case r.End == nil || r.End.Path == "":
		return next, query.Invalid("state", "no savepoint or checkpoint is known with which revision %d ended: use latest", r.Number)
	}
	job := *next.Job
	job.InitialSavepointPath = r.End.Path
	job.SavepointRedeployNonce++
	next.Job = &job
	return next, nil
}
