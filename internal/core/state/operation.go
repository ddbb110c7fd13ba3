package state

import (
	"fmt"
	"time"

	iradix "github.com/hashicorp/go-immutable-radix/v2"

	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Bounds of the operations that are kept.
const (
	// MaxOperations is how many there are of all clusters, and maxOfCluster of one.
	MaxOperations = 1000
	maxOfCluster  = 100
	// OperationAge is how long one that has ended is kept.
	OperationAge = 30 * 24 * time.Hour
	// pruneAgain is the time between two looks for those that are too old.
	pruneAgain = time.Hour
)

// OperationPrefix begins the keys of operations; their number follows with leading zeros.
const OperationPrefix = "operation/"

// Operations are the changes that were asked for, with what became of each. They outlive their clusters.
type Operations struct {
	// ByID has them by their key.
	ByID *iradix.Tree[*wire.Operation]
	// Last is the largest number that was given, Version the newest change of any.
	Last, Version int64
	// PruneNext is when to look for those that are too old.
	PruneNext time.Time
	// Refusals bounds how fast refused ones are saved.
	Refusals Refusals
}

// NewOperations returns the operations that were stored.
func NewOperations(stored []wire.Operation) Operations {
	all := Operations{ByID: iradix.New[*wire.Operation]()}
	for i := range stored {
		o := stored[i]
		all.ByID, _, _ = all.ByID.Insert(operationKey(o.ID), &o)
		all.Last, all.Version = max(all.Last, o.ID), max(all.Version, o.Version)
	}
	return all
}

// operationKey sorts as the numbers do.
func operationKey(id int64) []byte { return fmt.Appendf(nil, "%019d", id) }

// Refusals is a token bucket for operations that were refused. It is not stored.
type Refusals struct {
	// Used is how many tokens are taken, as of At.
	Used int
	At   time.Time
	// Unrecorded counts those that found no token since one was kept.
	Unrecorded int
}

// Each calls do for every operation, the oldest first.
func (o Operations) Each(do func(*wire.Operation)) { each(o.ByID, do) }

// Get returns an operation by its number.
func (o Operations) Get(id int64) (*wire.Operation, bool) { return o.ByID.Get(operationKey(id)) }

// Record adds an operation that was asked for now and has ended, or runs. It has no number yet. The operation
// that runs for the cluster, if any, is superseded when this one runs; the caller saves the cluster.
func (tx *Tx) Record(c *Cluster, o wire.Operation) {
	o.ID, o.Cluster, o.Started = tx.State.Operations.Last+1, c.Spec.Name, tx.Now
	tx.State.Operations.Last = o.ID
	if o.State == wire.OperationRunning {
		tx.EndOperation(c, wire.OperationSuperseded, fmt.Sprintf("operation %d took its place", o.ID))
		c.Operation = o.ID
	} else {
		o.Ended = tx.Now
	}
	tx.KeepOperation(o)
	tx.PruneOperations(c.Spec.Name)
}

// EndOperation ends the operation that runs for a cluster; it does nothing when there is none. The caller saves
// the cluster.
func (tx *Tx) EndOperation(c *Cluster, end wire.OperationState, message string) {
	old, ok := tx.State.Operations.Get(c.Operation)
	c.Operation = 0
	if !ok || old.State != wire.OperationRunning {
		return
	}
	o := *old
	o.State, o.Message, o.Ended = end, message, tx.Now
	tx.KeepOperation(o)
}

// KeepOperation keeps and saves an operation.
func (tx *Tx) KeepOperation(o wire.Operation) {
	all := &tx.State.Operations
	all.Version++
	o.Version = all.Version
	all.ByID, _, _ = all.ByID.Insert(operationKey(o.ID), &o)
	tx.Save(OperationPrefix+string(operationKey(o.ID)), &o)
	tx.Send(OperationChanged{Operation: o})
}

// PruneOperations removes the oldest ones of a cluster, and of all, beyond what is kept. One that runs stays.
func (tx *Tx) PruneOperations(cluster string) {
	all, of := tx.State.Operations.ByID.Len(), 0
	each(tx.State.Operations.ByID, func(o *wire.Operation) {
		if o.Cluster == cluster {
			of++
		}
	})
	each(tx.State.Operations.ByID, func(o *wire.Operation) {
		if o.State == wire.OperationRunning || all <= MaxOperations && (of <= maxOfCluster || o.Cluster != cluster) {
			return
		}
		if o.Cluster == cluster {
			of--
		}
		all--
		tx.DropOperation(o)
	})
}

// TickOperations removes those that ended long ago, now and then.
func (tx *Tx) TickOperations() {
	if tx.Now.Before(tx.State.Operations.PruneNext) {
		return
	}
	tx.State.Operations.PruneNext = tx.Now.Add(pruneAgain)
	each(tx.State.Operations.ByID, func(o *wire.Operation) {
		// The newest one keeps the numbers from beginning anew.
		if o.State != wire.OperationRunning && tx.Now.Sub(o.Ended) > OperationAge && o.Version < tx.State.Operations.Version && o.ID < tx.State.Operations.Last {
			tx.DropOperation(o)
		}
	})
}

// DropOperation forgets an operation.
func (tx *Tx) DropOperation(o *wire.Operation) {
	key := operationKey(o.ID)
	tx.State.Operations.ByID, _, _ = tx.State.Operations.ByID.Delete(key)
	tx.Save(OperationPrefix+string(key), nil)
}

// each calls do for every value of a tree as it is now.
func each[T any](tree *iradix.Tree[T], do func(T)) {
	it := tree.Root().Iterator()
	for _, v, ok := it.Next(); ok; _, v, ok = it.Next() {
		do(v)
	}
}

// By says in an event of the API who asked for it.
func By(e Event, who wire.Actor) Event {
	switch e := e.(type) {
	case PutCluster:
		e.By = who
		return e
	case DeleteCluster:
		e.By = who
		return e
	case TagRevision:
		e.By = who
		return e
	case RestartTask:
		e.By = who
		return e
	case CreateSnapshot:
		e.By = who
		return e
	case ChangeSnapshot:
		e.By = who
		return e
	case PauseLaunches:
		e.By = who
		return e
	}
	return e
}
