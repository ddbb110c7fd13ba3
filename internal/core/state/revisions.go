package state

import (
	"fmt"
	"time"

	iradix "github.com/hashicorp/go-immutable-radix/v2"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// RevisionPrefix begins the keys of revisions; the cluster, a dot and the number with leading zeros follow.
const RevisionPrefix = "revision/"

// Revision is a spec that a cluster has or had, with what became of it.
type Revision struct {
	wire.Revision
	Spec spec.Spec `json:"spec"`
	// Stopped is since when no job ran because of the change; zero before, and for a change that stops none.
	Stopped time.Time `json:"stopped,omitzero"`
	// Trial is set while the revision is watched and not known to be good.
	Trial *Trial `json:"trial,omitempty"`
}

// Trial is how far a revision is watched that may be rolled back.
type Trial struct {
	// Since is when it began, Healthy since when all is well; zero while it is not.
	Since   time.Time `json:"since"`
	Healthy time.Time `json:"healthy,omitzero"`
	// Target is the revision to go back to.
	Target int64 `json:"target"`
	// Own is the state that the last program left that was known to be good; its kind is empty until it is known.
	Own wire.Restore `json:"own,omitzero"`
	// Fault is the last exception of the job, and Faults how often it came in a row; Refused is one that says that the
	// state does not fit the program.
	Fault   string `json:"fault,omitempty"`
	Faults  int    `json:"faults,omitempty"`
	Refused string `json:"refused,omitempty"`
	// Restarts are those of the job when all was well first; -1 before.
	Restarts int64 `json:"restarts"`
	// Held is why the revision is bad and stays nevertheless; empty while it is watched.
	Held string `json:"held,omitempty"`
}

// revisionKey sorts the revisions of a cluster as their numbers do. No name of a cluster has a dot.
func revisionKey(cluster string, number int64) string {
	return fmt.Sprintf("%s.%019d", cluster, number)
}

// NewRevisions returns the revisions that were stored, by their keys.
func NewRevisions(stored []Revision) *iradix.Tree[*Revision] {
	all := iradix.New[*Revision]()
	for i := range stored {
		r := stored[i]
		all, _, _ = all.Insert([]byte(revisionKey(r.Cluster, r.Number)), &r)
	}
	return all
}

// RevisionsOf lists the revisions of a cluster, the oldest first.
func (s *State) RevisionsOf(cluster string) []*Revision {
	var list []*Revision
	s.Revisions.Root().WalkPrefix([]byte(cluster+"."), func(_ []byte, r *Revision) bool {
		list = append(list, r)
		return false
	})
	return list
}

// NextGeneration is the generation that a change of a cluster's spec makes. It is one that no earlier change had, also
// none that was aborted.
func (s *State) NextGeneration(c *Cluster) int64 {
	last := c.RequestedGeneration()
	if list := s.RevisionsOf(c.Spec.Name); len(list) > 0 {
		last = max(last, list[len(list)-1].Number)
	}
	return last + 1
}

// RequestedGeneration is that of RequestedSpec.
func (c *Cluster) RequestedGeneration() int64 {
	if c.Rollout != nil {
		return c.Rollout.Generation
	}
	return c.Generation
}

// SetRevision keeps and saves a revision.
func (tx *Tx) SetRevision(r Revision) {
	tx.KeepRevision(r)
	tx.Save(RevisionPrefix+revisionKey(r.Cluster, r.Number), &r)
}

// KeepRevision keeps a revision of which nothing changed that must survive a restart.
func (tx *Tx) KeepRevision(r Revision) {
	tx.State.Revisions, _, _ = tx.State.Revisions.Insert([]byte(revisionKey(r.Cluster, r.Number)), &r)
}

// DropRevision forgets a revision.
func (tx *Tx) DropRevision(r *Revision) {
	key := revisionKey(r.Cluster, r.Number)
	tx.State.Revisions, _, _ = tx.State.Revisions.Delete([]byte(key))
	tx.Save(RevisionPrefix+key, nil)
}
