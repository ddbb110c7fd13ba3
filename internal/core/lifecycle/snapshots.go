package lifecycle

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/calendar"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/redact"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

const (
	// snapshotAgain is after how long a snapshot, or a removal, is asked for again: who performs it may have missed it.
	snapshotAgain = 5 * time.Second
	// retryFirst and retryMost bound the pauses between tries, which double.
	retryFirst = 10 * time.Second
	retryMost  = 10 * time.Minute
)

// Snapshot takes an event about snapshots.
func Snapshot(tx *state.Tx, e state.Event) {
	switch e := e.(type) {
	case state.CreateSnapshot:
		CreateSnapshot(tx, e)
	case state.ChangeSnapshot:
		ChangeSnapshot(tx, e)
	case state.SnapshotTaken:
		SnapshotTaken(tx, e)
	case state.SnapshotDisposed:
		SnapshotDisposed(tx, e)
	default:
		panic(fmt.Sprintf("lifecycle: event %T is not about snapshots", e))
	}
}

// CreateSnapshot takes a snapshot of a job, or adopts one that exists.
func CreateSnapshot(tx *state.Tx, e state.CreateSnapshot) {
	c := tx.Edit(e.Cluster)
	if c == nil {
		tx.Answer(e.Request, fault.New(fault.NotFound, "there is no cluster %q", e.Cluster))
		return
	}
	n := newSnapshot(tx, c, wire.TriggerManual)
	n.By, n.Kind, n.Format, n.Directory, n.Job = e.By, cmp.Or(e.Snapshot.Kind, wire.RestoreSavepoint), e.Snapshot.Format, e.Snapshot.Directory, e.Snapshot.Job
	kind := wire.OperationSnapshot
	if e.Snapshot.Path != "" {
		kind = wire.OperationAdopt
		n.Trigger, n.State, n.Path, n.OwnsData, n.Completed = wire.TriggerAdopted, wire.SnapshotCompleted, e.Snapshot.Path, false, tx.Now
	} else if err := snapshotPossible(tx, c, &n); err != nil {
		tx.Answer(e.Request, err)
		return
	}
	tx.SetSnapshot(n)
	tx.Record(c, wire.Operation{Kind: kind, By: e.By, Subject: n.ID, State: wire.OperationSucceeded})
	if n.State == wire.SnapshotCompleted {
		tx.RecordData(c, "SnapshotAdopted", snapshotData(n), "%s %s was adopted as %s", n.Kind, redact.URI(n.Path), n.ID)
	}
	tx.SaveCluster(c)
	advanceSnapshot(tx, n)
	tx.Answer(e.Request, nil)
}

// newSnapshot is one of a cluster that is to be triggered. The caller completes and keeps it.
func newSnapshot(tx *state.Tx, c *state.Cluster, trigger wire.SnapshotTrigger) wire.Snapshot {
	n := wire.Snapshot{
		ID: c.NewSnapshotID(), Cluster: c.Spec.Name, Kind: wire.RestoreSavepoint, Trigger: trigger, FlinkVersion: c.Spec.FlinkVersion,
		Generation: c.Generation, State: wire.SnapshotPending, OwnsData: true,
	}
	n.Created = tx.Now
	if c.Job != nil {
		n.Job = c.Job.ID
	}
	return n
}

// snapshotPossible completes a snapshot that was asked for, or says why there cannot be one now.
func snapshotPossible(tx *state.Tx, c *state.Cluster, n *wire.Snapshot) error {
	p := c.Spec.SnapshotPolicy()
	if n.Kind == wire.RestoreCheckpoint {
		n.Format, n.Directory = "full", ""
	} else {
		n.Format, n.Directory = cmp.Or(n.Format, p.Format), cmp.Or(n.Directory, p.Directory)
		if n.Directory == "" && c.Spec.SavepointDirectory() == "" {
			return fault.New(fault.Invalid, "a savepoint needs a directory that every agent reaches: name one, or set flinkConfiguration execution.checkpointing.savepoint-dir")
		}
	}
	if c.Spec.Kind != spec.Session {
		n.Job = "" // It has one job.
		if c.Job != nil {
			n.Job = c.Job.ID
		}
	}
	if _, ok := tx.ControllingJobManager(c); !ok || !c.Active() {
		return fault.New(fault.Conflict, "cluster %q is %s: a snapshot is taken of a running job", c.Spec.Name, c.State)
	}
	switch {
	case n.Job == "":
		return fault.New(fault.Conflict, "no job of cluster %q is known: name the job, or wait until it runs", c.Spec.Name)
	case c.Spec.Kind != spec.Session && c.Job.State != "RUNNING":
		return fault.New(fault.Conflict, "the job of cluster %q is %s: a snapshot is taken of a running job", c.Spec.Name, c.Job.State)
	case c.Rollout != nil:
		return fault.New(fault.Conflict, "the jobs of cluster %q are being stopped", c.Spec.Name)
	}
	return nil
}

// advanceSnapshot does what is due about a snapshot.
func advanceSnapshot(tx *state.Tx, n wire.Snapshot) {
	if tx.Now.Before(n.RetryAt) {
		return
	}
	switch n.State {
	case wire.SnapshotPending:
		triggerSnapshot(tx, n)
	case wire.SnapshotInProgress:
		awaitSnapshot(tx, n)
	case wire.SnapshotPendingDeletion, wire.SnapshotDeleting, wire.SnapshotFailedDeletion:
		disposeSnapshot(tx, n)
	case wire.SnapshotCompleted, wire.SnapshotFailed, wire.SnapshotAbandoned:
	}
}

// snapshotJobManager is whom to ask for a snapshot; why says why nobody can be asked.
func snapshotJobManager(tx *state.Tx, n wire.Snapshot) (jm *task.Task, why string) {
	c, ok := tx.Clusters.Get([]byte(n.Cluster))
	if !ok || c.State == wire.Deleting {
		return nil, "the cluster is gone"
	}
	jm, ok = tx.ControllingJobManager(c)
	switch {
	case !c.Active() || !ok:
		return nil, "no JobManager runs"
	case c.Spec.Kind != spec.Session && (c.Job == nil || c.Job.ID != n.Job):
		return nil, "another job took the place of this one"
	case c.Spec.Kind != spec.Session && c.Job.State != "RUNNING":
		return nil, "the job is " + c.Job.State
	}
	return jm, ""
}

func triggerSnapshot(tx *state.Tx, n wire.Snapshot) {
	jm, why := snapshotJobManager(tx, n)
	if why != "" {
		abandonSnapshot(tx, n, why)
		return
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%s", n.ID, n.Failures, jm.ID))
	n.State, n.Request, n.JobManager, n.RetryAt = wire.SnapshotInProgress, hex.EncodeToString(sum[:16]), jm.ID, tx.Now.Add(snapshotAgain)
	tx.SetSnapshot(n)
	tx.Send(state.TakeSnapshot{Snapshot: n, JobManager: *jm})
}

// awaitSnapshot asks again for a snapshot under way, unless who takes it is gone.
func awaitSnapshot(tx *state.Tx, n wire.Snapshot) {
	jm, why := snapshotJobManager(tx, n)
	if why == "" && jm.ID != n.JobManager {
		why = "its JobManager was replaced"
	}
	if why != "" {
		abandonSnapshot(tx, n, why)
		return
	}
	n.RetryAt = tx.Now.Add(snapshotAgain)
	tx.KeepSnapshot(n)
	tx.Send(state.TakeSnapshot{Snapshot: n, JobManager: *jm})
}

func abandonSnapshot(tx *state.Tx, n wire.Snapshot, why string) {
	n.State, n.Message, n.RetryAt = wire.SnapshotAbandoned, why, time.Time{}
	tx.SetSnapshot(n)
	if c := tx.Edit(n.Cluster); c != nil {
		tx.RecordData(c, "SnapshotAbandoned", snapshotData(n), "%s %s was abandoned: %s", n.Kind, n.ID, why)
	}
}

// SnapshotTaken takes what became of a snapshot.
func SnapshotTaken(tx *state.Tx, e state.SnapshotTaken) {
	old, ok := tx.State.Snapshots.Get(e.ID)
	if !ok || old.State != wire.SnapshotInProgress || old.Request != e.FlinkRequest {
		return
	}
	n, c := *old, tx.Edit(old.Cluster)
	n.RetryAt = time.Time{}
	switch {
	case e.Failure == "":
		n.State, n.Path, n.Size, n.Completed, n.Message = wire.SnapshotCompleted, e.Path, e.Size, tx.Now, ""
	case c != nil && n.Failures < c.Spec.SnapshotPolicy().Retries:
		n.State, n.Failures, n.Message = wire.SnapshotPending, n.Failures+1, redact.Text(e.Failure)
		n.RetryAt = tx.Now.Add(min(retryMost, retryFirst<<min(n.Failures-1, 10)))
	default:
		n.State, n.Failures, n.Message = wire.SnapshotFailed, n.Failures+1, redact.Text(e.Failure)
	}
	tx.SetSnapshot(n)
	if c == nil {
		return
	}
	if n.State == wire.SnapshotCompleted {
		tx.RecordData(c, "SnapshotCompleted", snapshotData(n), "%s %s is at %s", n.Kind, n.ID, redact.URI(n.Path))
	} else {
		tx.RecordData(c, "SnapshotFailed", snapshotData(n), "%s %s failed: %s", n.Kind, n.ID, n.Message)
	}
	retainSnapshots(tx, c)
}

func snapshotData(n wire.Snapshot) map[string]string {
	return map[string]string{"snapshot": n.ID, "kind": string(n.Kind), "trigger": string(n.Trigger)}
}

// recordStopped keeps what the jobs of a cluster were stopped with as snapshots.
func recordStopped(tx *state.Tx, c *state.Cluster, ch *state.Rollout) {
	trigger := wire.TriggerUpgrade
	switch {
	case ch.Stop.Cancel:
		trigger = wire.TriggerRetained
	case ch.Delete:
		trigger = wire.TriggerDelete
	case ch.Spec.Suspended:
		trigger = wire.TriggerSuspend
	}
	known := map[string]bool{}
	for _, n := range tx.State.Snapshots.Of(c.Spec.Name) {
		known[n.Path] = true
	}
	for _, p := range ch.Savepoints {
		if p.Path == "" || known[p.Path] {
			continue
		}
		n := newSnapshot(tx, c, trigger)
		n.Job, n.Path, n.State, n.Completed, n.Format = p.Job, p.Path, wire.SnapshotCompleted, tx.Now, spec.Canonical
		if ch.Stop.Cancel {
			n.Kind, n.Format = wire.RestoreCheckpoint, ""
		}
		tx.SetSnapshot(n)
	}
}

// recordRestored keeps a checkpoint of a job of a cluster, of a generation, from which its next job starts as a
// snapshot, so that its files are removed when nothing needs them any more: Flink leaves them behind when the job ends. The caller saves
// the cluster.
func recordRestored(tx *state.Tx, c *state.Cluster, job string, generation int64, r wire.Restore) {
	if r.Kind != wire.RestoreCheckpoint || job == "" || path.Base(path.Dir(r.Path)) != job {
		return
	}
	for _, n := range tx.State.Snapshots.Of(c.Spec.Name) {
		if n.Path == r.Path {
			return
		}
	}
	n := newSnapshot(tx, c, wire.TriggerRetained)
	n.Job, n.Generation = job, generation
	n.Kind, n.Path, n.State, n.Completed = wire.RestoreCheckpoint, r.Path, wire.SnapshotCompleted, tx.Now
	tx.SetSnapshot(n)
}

// TickSnapshots begins the snapshots that are due, and goes on with those under way.
func TickSnapshots(tx *state.Tx) {
	it := tx.State.Snapshots.Open.Root().Iterator()
	for _, n, ok := it.Next(); ok; _, n, ok = it.Next() {
		advanceSnapshot(tx, *n)
	}
	busy := tx.State.Busy.Root().Iterator()
	for name, c, ok := busy.Next(); ok; name, c, ok = busy.Next() {
		if c.Spec.ScheduledSnapshots() && c.Active() && c.Rollout == nil && c.Job != nil && c.Job.Running {
			beginDue(tx, string(name), c)
		}
	}
}

// beginDue begins the periodic snapshots of a cluster whose job runs. Of each kind there is one at a time.
func beginDue(tx *state.Tx, name string, c *state.Cluster) {
	if !c.SavepointDue.IsZero() && tx.Now.Before(c.SavepointDue) && (c.CheckpointDue.IsZero() || tx.Now.Before(c.CheckpointDue)) {
		return
	}
	p := c.Spec.SnapshotPolicy()
	if _, dark := p.Blackout.At(tx.Now); dark {
		return
	}
	c = tx.Edit(name)
	c.SavepointDue = beginPeriodic(tx, c, wire.RestoreSavepoint, p.Savepoints)
	c.CheckpointDue = beginPeriodic(tx, c, wire.RestoreCheckpoint, p.Checkpoints)
}

// beginPeriodic begins a periodic snapshot of a kind if it is due, and returns when the next one is.
func beginPeriodic(tx *state.Tx, c *state.Cluster, kind wire.RestoreKind, schedule *calendar.Schedule) time.Time {
	never := tx.Now.AddDate(10, 0, 0)
	if schedule == nil {
		return never
	}
	last := c.Job.Started
	for _, n := range tx.State.Snapshots.Of(c.Spec.Name) {
		if n.Kind == kind && n.Trigger == wire.TriggerPeriodic && n.Created.After(last) {
			last = n.Created
			if n.State == wire.SnapshotPending || n.State == wire.SnapshotInProgress {
				return tx.Now.Add(snapshotAgain)
			}
		}
	}
	due := schedule.Next(last)
	if due.IsZero() {
		return never
	}
	if tx.Now.Before(due) {
		return due
	}
	n := newSnapshot(tx, c, wire.TriggerPeriodic)
	n.Kind, n.By = kind, wire.Actor{Name: serviceActor}
	if err := snapshotPossible(tx, c, &n); err != nil {
		return tx.Now.Add(snapshotAgain)
	}
	tx.SetSnapshot(n)
	tx.SaveCluster(c)
	advanceSnapshot(tx, n)
	return schedule.Next(tx.Now)
}
