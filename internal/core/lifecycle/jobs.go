package lifecycle

import (
	"strconv"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/redact"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// lookupAgain is after how long the newest checkpoint is asked for again.
const lookupAgain = 5 * time.Second

// JobsObserved keeps what is known of the job of an application or job cluster. It is saved when what a later
// start restores from has changed.
func JobsObserved(tx *state.Tx, e state.JobsObserved) {
	c, ok := tx.ClusterOfLiveJobManager(e.Cluster, e.JobManager)
	if !ok || len(e.Jobs) == 0 {
		return
	}
	if c.Spec.Kind == spec.Session {
		sessionJobs(tx, c, e.Jobs)
		return
	}
	j := mainJob(c, e.Jobs)
	old := c.Job
	keepKnown(&j, old)
	if old == nil || old.State != j.State {
		c.JobSince = tx.Now
		tx.RecordEvent(c, "JobStatusChanged", "job %s is %s", j.ID, j.State)
	}
	if old != nil && old.Running && !j.Running && !j.Terminal() {
		RecoveryBegins(tx, c, "job "+j.ID+" is "+j.State)
	}
	c.Job = &j
	recoverySeen(tx, c, j.Running, j.Restarts)
	observeHealth(tx, c)
	was, _ := state.Observed(old)
	is, _ := state.Observed(&j)
	if old == nil || old.ID != j.ID || old.State != j.State || was.Path != is.Path {
		tx.SaveCluster(c)
	}
	if c.Rollout != nil && c.Rollout.Waiting != "" {
		chooseAgain(tx, c)
	}
}

// sessionJobs records which jobs of a session have started and ended. Those that ran before they could be observed,
// such as before a restart of the service, are taken as known.
func sessionJobs(tx *state.Tx, c *state.Cluster, jobs []wire.Job) {
	known := make(map[string]string, len(jobs))
	for _, j := range jobs {
		was, old := c.SessionJobs[j.ID]
		known[j.ID] = j.State
		if c.SessionJobs == nil || was == j.State {
			continue
		}
		name := j.ID
		if j.Name != "" {
			name += " (" + j.Name + ")"
		}
		ended := j.Terminal()
		if !old && !ended {
			tx.RecordEvent(c, "JobStarted", "job %s was submitted", name)
		}
		switch {
		case ended && j.Failure != "":
			tx.RecordEvent(c, "JobEnded", "job %s is %s: %s", name, j.State, redact.Text(j.Failure))
		case ended:
			tx.RecordEvent(c, "JobEnded", "job %s is %s", name, j.State)
		}
	}
	c.SessionJobs = known
}

// keepKnown keeps what was observed of a job before: a JobManager that has just taken over knows of no checkpoint
// until it has restored one.
func keepKnown(j, old *wire.Job) {
	if old == nil || old.ID != j.ID {
		return
	}
	if j.Checkpoint == nil || j.Checkpoint.Path == "" {
		j.Checkpoint = old.Checkpoint
	}
	if j.Savepoint == nil {
		j.Savepoint = old.Savepoint
	}
}

// mainJob is the job that a cluster was submitted for: the one with the id of its submission, or else the newest
// that has not ended.
func mainJob(c *state.Cluster, jobs []wire.Job) wire.Job {
	best := jobs[0]
	for _, j := range jobs {
		switch {
		case c.Submission != nil && j.ID == c.JobID(c.Submission.Identity):
			return j
		case best.Terminal() && !j.Terminal(), best.Terminal() == j.Terminal() && j.Started.After(best.Started):
			best = j
		}
	}
	return best
}

// lookUp asks for the newest checkpoint of the submission before, once all of its JobManagers have ended: until
// then one more may be completed. It says whether the cluster waits for that.
func lookUp(tx *state.Tx, c *state.Cluster) bool {
	s := c.Submission
	if s == nil || s.Lookup == nil {
		return false
	}
	if len(c.JobManagers) > 0 || tx.Now.Sub(c.LookupAsked) < lookupAgain {
		return true
	}
	c.LookupAsked = tx.Now
	tx.Send(state.FindCheckpoint{
		Cluster: c.Spec.Name, Nonce: c.Nonce, Submission: s.Number, Lookup: *s.Lookup, RemoveGraphs: s.Lookup.Checkpoint == nil || s.Lookup.Checkpoint.Path == "",
	})
	return true
}

// CheckpointFound has the submission that waits for it started from the newest checkpoint.
func CheckpointFound(tx *state.Tx, e state.CheckpointFound) {
	c := tx.Edit(e.Cluster)
	if c == nil || c.Submission == nil || c.Submission.Number != e.Submission || c.Submission.Lookup == nil || len(c.JobManagers) > 0 {
		return
	}
	if e.Error != "" {
		tx.RecordEvent(c, "CheckpointLookup", "the newest checkpoint could not be looked up in ZooKeeper; it is tried again: %s", e.Error)
		return
	}
	s := *c.Submission
	c.Submission = &s
	if e.Newest == 0 && !e.JobKnown && expected(s.Lookup) {
		stateMissing(tx, c)
		return
	}
	s.Restore, s.Identity = found(s, e.Newest)
	recordRestored(tx, c, s.Lookup.JobID, s.Generation-1, s.Restore)
	s.Lookup = nil
	tx.RecordEvent(c, "Restore", "cluster %s starts %s", c.Spec.Name, describeRestore(c))
	tx.SaveCluster(c)
	Converge(tx, c.Spec.Name)
}

// expected says that a job had state, or may have had, of which only ZooKeeper knows.
func expected(l *state.Lookup) bool {
	return l.Known.Path == state.MissingState || l.Ran && l.Known.Path == ""
}

// stateMissing ends a change whose job would start empty although it ran before. The next change looks again.
func stateMissing(tx *state.Tx, c *state.Cluster) {
	s := c.Submission
	s.Restore = wire.Restore{Kind: wire.RestoreHighAvailability, Path: state.MissingState, Reason: "ZooKeeper has lost it"}
	s.Identity, s.Lookup = s.Lookup.Identity, nil
	c.State, c.Message = wire.Failed, "the job ran before, and neither ZooKeeper nor the service knows a checkpoint of it: "+wayOut
	tx.RecordEvent(c, "StateMissing", "cluster %s is not started without its state: %s", c.Spec.Name, c.Message)
	tx.SaveCluster(c)
	Converge(tx, c.Spec.Name)
}

// found is where a submission restores from, and whose identity it has, when ZooKeeper's newest checkpoint is known.
func found(s state.Submission, newest int64) (wire.Restore, int64) {
	known, c, p := s.Lookup.Known, s.Lookup.Checkpoint, s.Lookup.Savepoint
	switch {
	case newest == 0:
		known.Reason = "ZooKeeper knows no checkpoint of the job"
		return known, s.Identity
	case p != nil && p.Path != "" && p.ID > newest:
		return wire.Restore{Kind: wire.RestoreSavepoint, Path: p.Path, Time: p.Time, Reason: "it is newer than every checkpoint"}, s.Identity
	case c != nil && c.Path != "":
		// Checkpoints of a job are siblings: …/<job id>/chk-<number> (FsCheckpointStorageAccess).
		r := wire.Restore{Kind: wire.RestoreCheckpoint, Path: c.Path[:strings.LastIndex(c.Path, "/")+1] + "chk-" + strconv.FormatInt(newest, 10)}
		r.Reason = "it is the newest checkpoint in ZooKeeper"
		return r, s.Identity
	}
	// Where checkpoints lie was never observed: Flink itself finds them, in the old namespace and under the
	// old job id, where the graph of the old program was removed.
	return wire.Restore{Kind: wire.RestoreHighAvailability, Path: state.MissingState, Reason: "the path of its last checkpoint was never observed"}, s.Lookup.Identity
}

// TickLookups asks again for checkpoints that were not answered.
func TickLookups(tx *state.Tx) {
	it := tx.State.Busy.Root().Iterator()
	for name, c, ok := it.Next(); ok; name, c, ok = it.Next() {
		if c.Submission != nil && c.Submission.Lookup != nil && len(c.JobManagers) == 0 {
			Converge(tx, string(name))
		}
	}
}
