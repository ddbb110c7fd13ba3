package lifecycle

import (
	"cmp"
	"slices"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/naming"
	"github.com/flink-on-mesos/flink-service/internal/core/revision"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/redact"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

const (
	// failedKept is how many snapshots of a cluster that failed or were abandoned are remembered.
	failedKept = 10
	// disposeAgain is after how long a removal is tried again that nothing could perform, or that failed.
	disposeAgain = time.Minute
	// waitAgain is after how long it is tried again where nothing reached the files.
	waitAgain = 10 * time.Minute
)

// retainSnapshots has the snapshots removed that a cluster does not keep: of those that the service took by itself or
// for upgrades the oldest and those that are too old, and retained checkpoints once two submissions have followed.
func retainSnapshots(tx *state.Tx, c *state.Cluster) {
	p := c.Spec.SnapshotPolicy()
	var own, failed []*wire.Snapshot
	for _, n := range tx.State.Snapshots.Of(c.Spec.Name) {
		switch {
		case n.State == wire.SnapshotFailed || n.State == wire.SnapshotAbandoned:
			failed = append(failed, n)
		case n.State != wire.SnapshotCompleted:
		case n.Trigger == wire.TriggerRetained, n.Trigger == wire.TriggerPeriodic && n.Kind == wire.RestoreCheckpoint:
			if n.Trigger == wire.TriggerPeriodic { // Flink itself removes it when there are newer ones.
				n2 := *n
				n2.OwnsData = false
				n = &n2
			}
			if c.State == wire.Stable && superseded(c, n) {
				markDisposable(tx, n)
			}
		case n.Trigger == wire.TriggerPeriodic || n.Trigger == wire.TriggerUpgrade:
			own = append(own, n)
		}
	}
	newestFirst := func(a, b *wire.Snapshot) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(len(b.ID), len(a.ID)), cmp.Compare(b.ID, a.ID))
	}
	slices.SortFunc(failed, newestFirst)
	for _, n := range failed[min(len(failed), failedKept):] {
		tx.DropSnapshot(n.ID)
	}
	if p.KeepAll {
		return
	}
	slices.SortFunc(own, newestFirst)
	for i, n := range own {
		if i >= p.Count || i > 0 && tx.Now.Sub(n.Completed) > p.Age {
			markDisposable(tx, n)
		}
	}
}

// superseded says whether two submissions have followed the one that a checkpoint was kept for, so that nothing can
// need it any more.
func superseded(c *state.Cluster, n *wire.Snapshot) bool {
	if c.Submission == nil || c.Submission.Restore.Path == n.Path {
		return false
	}
	return n.Generation < c.Submission.Generation-1
}

// markDisposable has a snapshot removed, unless something needs it.
func markDisposable(tx *state.Tx, n *wire.Snapshot) {
	if why := neededFor(tx, n); why != "" {
		return
	}
	if !n.OwnsData {
		tx.DropSnapshot(n.ID)
		return
	}
	d := *n
	d.State, d.RetryAt, d.Message = wire.SnapshotPendingDeletion, time.Time{}, ""
	tx.SetSnapshot(d)
	advanceSnapshot(tx, d)
}

// neededFor says what needs a snapshot that may not be removed; empty for nothing.
func neededFor(tx *state.Tx, n *wire.Snapshot) string {
	if n.Pinned {
		return "it is pinned"
	}
	why := ""
	it := tx.Clusters.Root().Iterator()
	for _, c, ok := it.Next(); ok && why == ""; _, c, ok = it.Next() {
		why = neededBy(tx, c, n)
	}
	return why
}

// neededBy says what of a cluster needs a snapshot.
func neededBy(tx *state.Tx, c *state.Cluster, n *wire.Snapshot) string {
	if n.Path != "" {
		if why := naming.By(c, n.Path); why != "" {
			return why
		}
	}
	name := c.Spec.Name
	if why := revision.Needs(tx, c, n); why != "" {
		return why
	}
	if name != n.Cluster || n.State != wire.SnapshotCompleted {
		return ""
	}
	if c.Spec.ClaimsState() && (n.Kind == wire.RestoreCheckpoint || n.Format == spec.Native) {
		return "the job of cluster " + name + " claims what it is restored from, and later checkpoints may share its files"
	}
	if n.Kind != wire.RestoreSavepoint || n.Trigger == wire.TriggerAdopted {
		return ""
	}
	newer := func(o *wire.Snapshot) bool {
		return o.ID != n.ID && o.State == wire.SnapshotCompleted && o.Trigger != wire.TriggerAdopted &&
			o.Kind == wire.RestoreSavepoint && !o.Created.Before(n.Created)
	}
	if !slices.ContainsFunc(tx.State.Snapshots.Of(name), newer) {
		return "it is the newest savepoint of cluster " + name
	}
	return ""
}

// disposeSnapshot has the files of a snapshot removed: by a JobManager of its cluster, or in the file system.
func disposeSnapshot(tx *state.Tx, n wire.Snapshot) {
	d := state.DisposeSnapshot{}
	if c, ok := tx.Clusters.Get([]byte(n.Cluster)); ok && c.State != wire.Deleting {
		if jm, ok := tx.ControllingJobManager(c); ok {
			d.JobManager = jm
		}
	}
	n.State, n.RetryAt = wire.SnapshotDeleting, tx.Now.Add(disposeAgain)
	tx.SetSnapshot(n)
	d.Snapshot, d.Siblings = n, naming.LastOfJob(tx, &n)
	tx.Send(d)
}

// SnapshotDisposed takes what became of a removal. The record goes last.
func SnapshotDisposed(tx *state.Tx, e state.SnapshotDisposed) {
	old, ok := tx.State.Snapshots.Get(e.ID)
	if !ok || old.State != wire.SnapshotDeleting {
		return
	}
	n := *old
	c := tx.Edit(n.Cluster)
	switch {
	case e.Waits:
		n.RetryAt = tx.Now.Add(waitAgain)
		n.State, n.Message = wire.SnapshotPendingDeletion, "it waits for a JobManager of cluster "+n.Cluster+": the service cannot reach its files by itself"
		tx.SetSnapshot(n)
	case e.Failure != "":
		n.State, n.Message, n.Failures = wire.SnapshotFailedDeletion, redact.Text(e.Failure), n.Failures+1
		n.RetryAt = tx.Now.Add(min(time.Hour, disposeAgain<<min(n.Failures, 10)))
		tx.SetSnapshot(n)
		if c != nil {
			tx.RecordData(c, "SnapshotDeletionFailed", snapshotData(n), "the files of %s %s could not be removed: %s", n.Kind, n.ID, n.Message)
		}
	default:
		tx.DropSnapshot(n.ID)
		if c != nil {
			tx.RecordData(c, "SnapshotDeleted", snapshotData(n), "%s %s was removed with its files", n.Kind, n.ID)
		}
	}
}

// ChangeSnapshot pins, unpins or deletes a snapshot.
func ChangeSnapshot(tx *state.Tx, e state.ChangeSnapshot) {
	old, ok := tx.State.Snapshots.Get(e.ID)
	if !ok {
		tx.Answer(e.Request, fault.New(fault.NotFound, "there is no snapshot %q", e.ID))
		return
	}
	n := *old
	kind := wire.OperationPin
	switch e.Change {
	case state.PinSnapshot, state.UnpinSnapshot:
		if n.State == wire.SnapshotPendingDeletion || n.State == wire.SnapshotDeleting || n.State == wire.SnapshotFailedDeletion {
			tx.Answer(e.Request, fault.New(fault.Conflict, "snapshot %q is being deleted", e.ID))
			return
		}
		if n.Pinned = e.Change == state.PinSnapshot; !n.Pinned {
			kind = wire.OperationUnpin
		}
		tx.SetSnapshot(n)
	case state.DeleteSnapshot, state.ForgetSnapshot:
		kind = wire.OperationDispose
		if n.State == wire.SnapshotPending || n.State == wire.SnapshotInProgress {
			tx.Answer(e.Request, fault.New(fault.Conflict, "snapshot %q is being taken: delete it when it is there", e.ID))
			return
		}
		if why := neededFor(tx, &n); why != "" && n.State == wire.SnapshotCompleted {
			tx.Answer(e.Request, fault.New(fault.Conflict, "snapshot %q cannot be deleted: %s", e.ID, why))
			return
		}
		n.OwnsData = n.OwnsData && e.Change == state.DeleteSnapshot && n.Path != ""
		n.Pinned = false
		markDisposable(tx, &n)
	}
	if c := tx.Edit(n.Cluster); c != nil {
		tx.Record(c, wire.Operation{Kind: kind, By: e.By, Subject: n.ID, State: wire.OperationSucceeded})
	}
	tx.Answer(e.Request, nil)
}
