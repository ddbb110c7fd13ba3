package state

import (
	"fmt"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Bounds of the refused operations. Whoever may send requests can have any number refused: they push no other
// operation out, and do not keep the store busy.
const (
	// maxRefused is how many are kept of all clusters, and maxRefusedOfCluster of one.
	maxRefused          = 200
	maxRefusedOfCluster = 20
	// refusedBurst is how many may be saved at once, and refusedEvery after how long one more may.
	refusedBurst = 10
	refusedEvery = 6 * time.Second
	// sameRefusal is how long an equal one is counted instead of kept anew.
	sameRefusal = time.Hour
)

// Refusals is a token bucket for refused operations. It is not stored.
type Refusals struct {
	// Used is how many tokens are taken, as of At.
	Used int
	At   time.Time
	// Unrecorded counts those that found no token since one was kept.
	Unrecorded int
}

// take takes a token; ok is false when there is none.
func (r Refusals) take(now time.Time) (next Refusals, ok bool) {
	if back := int(now.Sub(r.At) / refusedEvery); back >= r.Used {
		r.Used, r.At = 0, now
	} else if back > 0 {
		r.Used, r.At = r.Used-back, r.At.Add(time.Duration(back)*refusedEvery)
	}
	if r.Used >= refusedBurst {
		r.Unrecorded++
		return r, false
	}
	r.Used++
	return r, true
}

// RecordRefused keeps a change that was asked for and refused. An equal one that follows is counted; when there are too
// many at a time, the next one that is kept says how many are missing.
func (tx *Tx) RecordRefused(e RequestRefused) {
	defer tx.Answer(e.Request, nil)
	all := &tx.State.Operations
	if tx.State.Options.Uninstall {
		return // Its state is being removed.
	}
	var ok bool
	if all.Refusals, ok = all.Refusals.take(tx.Now); !ok {
		return
	}
	o := e.Operation
	o.State = wire.OperationRefused
	if last := tx.lastOf(o.Cluster); last != nil && sameRefused(last, &o) && tx.Now.Sub(last.Ended) < sameRefusal {
		again := *last
		again.Count, again.Ended = max(again.Count, 1)+1, tx.Now
		tx.setOperation(again)
		return
	}
	if n := all.Refusals.Unrecorded; n > 0 {
		o.Message += fmt.Sprintf(" (%d more requests were refused before, and not recorded)", n)
		all.Refusals.Unrecorded = 0
	}
	all.Last++
	o.ID, o.Started, o.Ended = all.Last, tx.Now, tx.Now
	tx.setOperation(o)
	tx.pruneOperations(o.Cluster)
}

// lastOf is the newest operation of a cluster; nil for none.
func (tx *Tx) lastOf(cluster string) (last *wire.Operation) {
	each(tx.State.Operations.ByID, func(o *wire.Operation) {
		if o.Cluster == cluster {
			last = o
		}
	})
	return last
}

// sameRefused says whether two operations are the same request, refused for the same reason.
func sameRefused(a, b *wire.Operation) bool {
	return a.State == b.State && a.Kind == b.Kind && a.Subject == b.Subject && a.By == b.By && a.Message == b.Message
}

// pruneRefused removes the oldest refused ones of a cluster, and of all, beyond what is kept.
func (tx *Tx) pruneRefused(cluster string) {
	all, of := 0, 0
	each(tx.State.Operations.ByID, func(o *wire.Operation) {
		if o.State == wire.OperationRefused {
			all++
			if o.Cluster == cluster {
				of++
			}
		}
	})
	each(tx.State.Operations.ByID, func(o *wire.Operation) {
		if o.State != wire.OperationRefused || all <= maxRefused && (of <= maxRefusedOfCluster || o.Cluster != cluster) {
			return
		}
		if o.Cluster == cluster {
			of--
		}
		all--
		tx.dropOperation(o)
	})
}
