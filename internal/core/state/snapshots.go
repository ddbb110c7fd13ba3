package state

import (
	"fmt"

	iradix "github.com/hashicorp/go-immutable-radix/v2"

	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Snapshots are the savepoints and checkpoints that are known. They outlive their clusters.
type Snapshots struct {
	// ByID has all of them, Open those about which something is still to be done.
	ByID, Open *iradix.Tree[*wire.Snapshot]
}

// SnapshotChange is what is done to a snapshot on request.
type SnapshotChange string

// The changes of a snapshot.
const (
	PinSnapshot    SnapshotChange = "pin"
	UnpinSnapshot  SnapshotChange = "unpin"
	DeleteSnapshot SnapshotChange = "delete"
	// ForgetSnapshot removes the record and leaves the files.
	ForgetSnapshot SnapshotChange = "forget"
)

// NewSnapshots returns the snapshots that were stored.
func NewSnapshots(stored []wire.Snapshot) Snapshots {
	all := Snapshots{ByID: iradix.New[*wire.Snapshot](), Open: iradix.New[*wire.Snapshot]()}
	for i := range stored {
		all.set(&stored[i])
	}
	return all
}

func (s *Snapshots) set(n *wire.Snapshot) {
	key := []byte(n.ID)
	s.ByID, _, _ = s.ByID.Insert(key, n)
	if n.State.Open() {
		s.Open, _, _ = s.Open.Insert(key, n)
	} else {
		s.Open, _, _ = s.Open.Delete(key)
	}
}

// Get returns a snapshot by its id.
func (s Snapshots) Get(id string) (*wire.Snapshot, bool) { return s.ByID.Get([]byte(id)) }

// Of lists the snapshots of the clusters of a name, by id; of all when it is empty.
func (s Snapshots) Of(cluster string) []*wire.Snapshot {
	var list []*wire.Snapshot
	each(s.ByID, func(n *wire.Snapshot) {
		if cluster == "" || n.Cluster == cluster {
			list = append(list, n)
		}
	})
	return list
}

// NewSnapshotID numbers a snapshot of a cluster. The caller saves the cluster.
func (c *Cluster) NewSnapshotID() string {
	c.Snapshots++
	return fmt.Sprintf("%ssnap-%d", c.Prefix(), c.Snapshots)
}

// SetSnapshot keeps and saves a snapshot.
func (tx *Tx) SetSnapshot(n wire.Snapshot) {
	tx.State.Snapshots.set(&n)
	tx.Save(SnapshotPrefix+n.ID, &n)
}

// KeepSnapshot keeps a snapshot of which nothing changed that must survive a restart.
func (tx *Tx) KeepSnapshot(n wire.Snapshot) { tx.State.Snapshots.set(&n) }

// DropSnapshot forgets a snapshot.
func (tx *Tx) DropSnapshot(id string) {
	key := []byte(id)
	tx.State.Snapshots.ByID, _, _ = tx.State.Snapshots.ByID.Delete(key)
	tx.State.Snapshots.Open, _, _ = tx.State.Snapshots.Open.Delete(key)
	tx.Save(SnapshotPrefix+id, nil)
}
