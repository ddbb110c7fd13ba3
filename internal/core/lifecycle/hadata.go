package lifecycle

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

const (
	// CleanUpAgain is after how long a removal that did not succeed is tried again.
	CleanUpAgain = 10 * time.Minute
	// forgetMost is after how long what cannot be removed is left to people.
	forgetMost = 24 * time.Hour
)

// scheduleHACleanup has the high-availability data of a cluster removed that is being forgotten.
func scheduleHACleanup(tx *state.Tx, c *state.Cluster) {
	l := &state.OrphanedHAData{Spec: c.Spec, Nonce: c.Nonce, Deleted: tx.Now}
	tx.State.OrphanedHAData, _, _ = tx.State.OrphanedHAData.Insert([]byte(l.Key()), l)
	tx.Save(state.OrphanedHADataPrefix+l.Key(), l)
	tx.Send(state.DeleteHAData{Spec: l.Spec, Nonce: l.Nonce})
}

func dropOrphanedHAData(tx *state.Tx, l *state.OrphanedHAData) {
	tx.State.OrphanedHAData, _, _ = tx.State.OrphanedHAData.Delete([]byte(l.Key()))
	tx.Save(state.OrphanedHADataPrefix+l.Key(), nil)
}

// HADataDeleted takes the success of a removal.
func HADataDeleted(tx *state.Tx, e state.HADataDeleted) {
	if l, ok := tx.State.OrphanedHAData.Get([]byte(e.Name + "-" + e.Nonce)); ok {
		dropOrphanedHAData(tx, l)
	}
}

// TickHACleanup tries again what did not succeed; the first time soon after a start.
func TickHACleanup(tx *state.Tx) {
	if tx.Now.Before(tx.State.HACleanupNext) {
		return
	}
	tx.State.HACleanupNext = tx.Now.Add(CleanUpAgain)
	it := tx.State.OrphanedHAData.Root().Iterator()
	for _, l, ok := it.Next(); ok; _, l, ok = it.Next() {
		switch {
		case inherited(tx, l):
			dropOrphanedHAData(tx, l)
		case tx.Now.Sub(l.Deleted) > forgetMost:
			dropOrphanedHAData(tx, l)
			tx.Send(state.RecordEvent{Cluster: l.Spec.Name, Event: wire.Event{
				Time: tx.Now, Type: "Leftover", Message: "the high-availability data of the deleted cluster " + l.Spec.Name + " could not be removed from ZooKeeper; remove it by hand",
			}})
		default:
			tx.Send(state.DeleteHAData{Spec: l.Spec, Nonce: l.Nonce})
		}
	}
}

// inherited says that a cluster of today uses the data that a deleted one left: both name the same place.
func inherited(tx *state.Tx, l *state.OrphanedHAData) bool {
	place := l.Spec.FlinkConfiguration[haClusterID]
	if place == "" {
		return false // The place is made of the nonce, which no other cluster has.
	}
	it := tx.Clusters.Root().Iterator()
	for _, c, ok := it.Next(); ok; _, c, ok = it.Next() {
		if c.Spec.FlinkConfiguration[haClusterID] == place {
			return true
		}
	}
	return false
}

// haClusterID is Flink's option for the node of a cluster in ZooKeeper.
const haClusterID = "high-availability.cluster-id"
