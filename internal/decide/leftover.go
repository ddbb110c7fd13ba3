package decide

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Leftover is the record of a deleted cluster whose high-availability data is still to be removed. It is there from
// the moment in which the cluster goes, so that a process that ends in between leaves nothing behind in ZooKeeper.
type Leftover struct {
	Spec    spec.Spec `json:"spec"`
	Nonce   string    `json:"nonce"`
	Deleted time.Time `json:"deleted"`
}

// LeftoverPrefix begins the keys of leftovers.
const LeftoverPrefix = "leftover/"

const (
	// forgetAgain is after how long a removal that did not succeed is tried again.
	forgetAgain = 10 * time.Minute
	// forgetMost is after how long what cannot be removed is left to people.
	forgetMost = 24 * time.Hour
)

func (l *Leftover) key() string { return l.Spec.Name + "-" + l.Nonce }

// leave has the high-availability data of a cluster removed that is being forgotten.
func (st *step) leave(c *Cluster) {
	l := &Leftover{Spec: c.Spec, Nonce: c.Nonce, Deleted: st.now}
	st.s.leftovers, _, _ = st.s.leftovers.Insert([]byte(l.key()), l)
	st.save(LeftoverPrefix+l.key(), l)
	st.send(Forget{Spec: l.Spec, Nonce: l.Nonce})
}

func (st *step) dropLeftover(l *Leftover) {
	st.s.leftovers, _, _ = st.s.leftovers.Delete([]byte(l.key()))
	st.save(LeftoverPrefix+l.key(), nil)
}

// forgotten takes the success of a removal.
func (st *step) forgotten(e Forgotten) {
	if l, ok := st.s.leftovers.Get([]byte(e.Name + "-" + e.Nonce)); ok {
		st.dropLeftover(l)
	}
}

// tickLeftovers tries again what did not succeed; the first time soon after a start.
func (st *step) tickLeftovers() {
	if st.now.Before(st.s.forgetNext) {
		return
	}
	st.s.forgetNext = st.now.Add(forgetAgain)
	it := st.s.leftovers.Root().Iterator()
	for _, l, ok := it.Next(); ok; _, l, ok = it.Next() {
		switch {
		case st.inherited(l):
			st.dropLeftover(l)
		case st.now.Sub(l.Deleted) > forgetMost:
			st.dropLeftover(l)
			st.send(Tell{Cluster: l.Spec.Name, Note: wire.Note{
				Time: st.now, Type: "Leftover", Message: "the high-availability data of the deleted cluster " + l.Spec.Name + " could not be removed from ZooKeeper; remove it by hand",
			}})
		default:
			st.send(Forget{Spec: l.Spec, Nonce: l.Nonce})
		}
	}
}

// inherited says that a cluster of today uses the data that a deleted one left: both name the same place.
func (st *step) inherited(l *Leftover) bool {
	place := l.Spec.FlinkConfiguration[haClusterID]
	if place == "" {
		return false // The place is made of the nonce, which no other cluster has.
	}
	it := st.clusters.Root().Iterator()
	for _, c, ok := it.Next(); ok; _, c, ok = it.Next() {
		if c.Spec.FlinkConfiguration[haClusterID] == place {
			return true
		}
	}
	return false
}

// haClusterID is Flink's option for the node of a cluster in ZooKeeper.
const haClusterID = "high-availability.cluster-id"
