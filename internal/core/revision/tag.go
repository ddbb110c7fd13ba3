package revision

import (
	"regexp"
	"strconv"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// tagForm is what a tag looks like: never a number, so that either names a revision.
var tagForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,62}$`)

// Find returns the revision of a cluster with a number or a tag; nil for none.
func Find(list []*state.Revision, name string) *state.Revision {
	number, err := strconv.ParseInt(name, 10, 64)
	for _, r := range list {
		if err == nil && r.Number == number || r.Tag != "" && r.Tag == name {
			return r
		}
	}
	return nil
}

// Tag gives a revision a name, or takes it away.
func Tag(tx *state.Tx, e state.TagRevision) {
	c := tx.Edit(e.Cluster)
	if c == nil {
		tx.Answer(e.Request, fault.New(fault.NotFound, "there is no cluster %q", e.Cluster))
		return
	}
	list := tx.State.RevisionsOf(e.Cluster)
	r := Find(list, strconv.FormatInt(e.Number, 10))
	if err := tagRefusal(list, r, e); err != nil {
		tx.Answer(e.Request, err)
		return
	}
	n := *r
	subject := "revision " + strconv.FormatInt(e.Number, 10)
	if n.Tag = e.Tag; e.Tag != "" {
		subject += ": " + e.Tag
	}
	tx.SetRevision(n)
	if e.Tag == "" {
		prune(tx, c)
	}
	tx.Record(c, wire.Operation{Kind: wire.OperationTag, By: e.By, Subject: subject, State: wire.OperationSucceeded})
	tx.Answer(e.Request, nil)
}

// tagRefusal is why a revision cannot have a tag; nil when it can.
func tagRefusal(list []*state.Revision, r *state.Revision, e state.TagRevision) error {
	if r == nil {
		return fault.New(fault.NotFound, "cluster %q has no revision %d", e.Cluster, e.Number)
	}
	if e.Tag == "" {
		return nil
	}
	if !tagForm.MatchString(e.Tag) {
		var l fault.List
		l.Add("tag", "%q is not a tag: use a letter, then letters, digits, dots, underscores and hyphens, at most 63", e.Tag)
		return l.Err("the request is not valid")
	}
	tags := 0
	for _, o := range list {
		switch {
		case o.Tag == "" || o.Number == r.Number:
		case o.Tag == e.Tag:
			return fault.New(fault.Conflict, "revision %d of cluster %q has the tag %q: take it away there first", o.Number, e.Cluster, e.Tag)
		default:
			tags++
		}
	}
	if tags >= MaxTags {
		return fault.New(fault.Conflict, "%d revisions of cluster %q have a tag, which is the most: take one away first", tags, e.Cluster)
	}
	return nil
}
