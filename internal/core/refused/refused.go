// Package refused keeps the changes that were asked for and refused, with the operations. It decides nothing else.
package refused

import (
	"fmt"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
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

// take takes a token; ok is false when there is none.
func take(r state.Refusals, now time.Time) (next state.Refusals, ok bool) {
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

// Record keeps a change that was asked for and refused. An equal one that follows is counted; when there are too
// many at a time, the next one that is kept says how many are missing.
func Record(tx *state.Tx, e state.RequestRefused) {
	defer tx.Answer(e.Request, nil)
	all := &tx.State.Operations
	if tx.State.Options.Uninstall {
		return // Its state is being removed.
	}
	var ok bool
	if all.Refusals, ok = take(all.Refusals, tx.Now); !ok {
		return
	}
	o := e.Operation
	o.State = wire.OperationRefused
	if last := lastOf(tx, o.Cluster); last != nil && sameRefused(last, &o) && tx.Now.Sub(last.Ended) < sameRefusal {
		again := *last
		again.Count, again.Ended = max(again.Count, 1)+1, tx.Now
		tx.KeepOperation(again)
		return
	}
	if n := all.Refusals.Unrecorded; n > 0 {
		o.Message += fmt.Sprintf(" (%d more requests were refused before, and not recorded)", n)
		all.Refusals.Unrecorded = 0
	}
	all.Last++
	o.ID, o.Started, o.Ended = all.Last, tx.Now, tx.Now
	tx.KeepOperation(o)
	prune(tx, o.Cluster)
	tx.PruneOperations(o.Cluster)
}

// lastOf is the newest operation of a cluster; nil for none.
func lastOf(tx *state.Tx, cluster string) (last *wire.Operation) {
	tx.State.Operations.Each(func(o *wire.Operation) {
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

// prune removes the oldest refused ones of a cluster, and of all, beyond what is kept.
func prune(tx *state.Tx, cluster string) {
	all, of := 0, 0
	tx.State.Operations.Each(func(o *wire.Operation) {
		if o.State == wire.OperationRefused {
			all++
			if o.Cluster == cluster {
				of++
			}
		}
	})
	tx.State.Operations.Each(func(o *wire.Operation) {
		if o.State != wire.OperationRefused || all <= maxRefused && (of <= maxRefusedOfCluster || o.Cluster != cluster) {
			return
		}
		if o.Cluster == cluster {
			of--
		}
		all--
		tx.DropOperation(o)
	})
}
