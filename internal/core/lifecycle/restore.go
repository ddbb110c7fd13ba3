package lifecycle

import (
	"fmt"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Situation is what the choice of a job's state is made from.
type Situation struct {
	// Old is the spec that runs, New the one that is to come.
	Old, New spec.Spec
	// Mode is the upgrade mode in force for this change.
	Mode spec.UpgradeMode
	// Job is what was last observed of the job of this submission; nil for nothing.
	Job *wire.Job
	// Last is the state that this submission began with.
	Last wire.Restore
	// Live says that a JobManager runs.
	Live bool
	// Over says that no JobManager is to run any more: the cluster is suspended, or its job has ended.
	Over bool
	// Ended is how the job ended; empty while it has not, or was suspended.
	Ended string
	// Savepoint says that a savepoint that somebody asked for is being taken.
	Savepoint bool
	// HighAvailability says that ZooKeeper may know a newer checkpoint than was observed.
	HighAvailability bool
	Now              time.Time
}

// Method is how the state of a job is brought from one submission to the next.
type Method string

// The methods.
const (
	// Start needs nothing to be stopped with care: Choice.Restore is known.
	Start Method = "start"
	// StopWithSavepoint stops the job with a savepoint.
	StopWithSavepoint Method = "stop-with-savepoint"
	// CancelJob cancels the job and restores from its last completed checkpoint.
	CancelJob Method = "cancel"
	// KillAndLookUp ends the JobManagers and asks ZooKeeper for the newest checkpoint.
	KillAndLookUp Method = "kill-and-look-up"
	// WaitForJob chooses again with the next observation.
	WaitForJob Method = "wait"
	// Refuse changes nothing.
	Refuse Method = "refuse"
)

// Choice is what Choose decided.
type Choice struct {
	Method Method
	// Restore is where the next submission begins, as far as that is known: for Start it is final, for
	// the others it is what remains when nothing newer is found.
	Restore wire.Restore
	// Reason says why, for people.
	Reason string
}

// wayOut is what to do about a state that cannot be found.
const wayOut = "name a savepoint or checkpoint in job.initialSavepointPath and change job.savepointRedeployNonce, " +
	"or set job.upgradeMode to stateless to start without state"

// Choose decides how the state of a job survives a change that restarts it. The rules are those of the Flink
// Kubernetes operator (AbstractJobReconciler), with the recorded checkpoint in place of its guesses: nothing is
// ever started empty that had a state, unless the mode is stateless.
func Choose(s Situation) Choice {
	known, observed := state.Observed(s.Job)
	if !observed {
		known = s.Last
	}
	missing := known.Path == state.MissingState
	switch {
	case awaitsSavepoint(s):
		return Choice{WaitForJob, known, "a savepoint that was asked for is being taken"}
	case redeployed(s.Old, s.New):
		return Choice{Start, wire.Restore{Kind: wire.RestoreInitial, Path: s.New.Job.InitialSavepointPath}, "the spec names this state"}
	case s.Old.Suspended && s.Last.Kind == wire.RestoreSavepoint:
		return Choice{Start, s.Last, "the job was suspended with this savepoint"}
	case s.Mode == spec.Stateless:
		return Choice{Start, wire.Restore{Kind: wire.RestoreNone}, "the upgrade mode is stateless"}
	case missing && (s.Over || !s.Live):
		return chooseMissing(s, known)
	case s.Over:
		return chooseOver(s, known)
	case s.Job != nil && s.Job.State == "CANCELLING":
		return Choice{WaitForJob, known, "the job is being cancelled"}
	case s.Mode == spec.Savepoint && running(s):
		return Choice{StopWithSavepoint, known, "the job runs"}
	case s.Mode == spec.Savepoint && !s.New.LastStateFallback() && !versionChanged(s):
		return Choice{WaitForJob, known, "the job does not run, and the fallback to its last checkpoint is disabled"}
	}
	return chooseLastState(s, known)
}

// awaitsSavepoint says that somebody waits for a savepoint that the running job takes.
func awaitsSavepoint(s Situation) bool {
	return s.Savepoint && s.Live && !s.Over && !s.New.IgnorePendingSavepoint()
}

// chooseMissing looks again for state that only ZooKeeper knew of and had lost.
func chooseMissing(s Situation, known wire.Restore) Choice {
	if s.HighAvailability && s.New.HighAvailability() && !versionChanged(s) {
		return Choice{KillAndLookUp, known, "ZooKeeper may know a checkpoint again"}
	}
	return Choice{Refuse, known, "only ZooKeeper knew the state of the job: " + wayOut}
}

// chooseOver finds the state of a job that has ended or is suspended.
func chooseOver(s Situation, known wire.Restore) Choice {
	switch {
	case known.Path != "" && s.Ended != "SUCCEEDED":
		return Choice{Start, known, "it is the newest state that is known"}
	case s.Ended == "SUCCEEDED" && known.Kind == wire.RestoreSavepoint && s.Job != nil && s.Job.Savepoint != nil:
		return Choice{Start, known, "the job ended with this savepoint"}
	case s.Ended == "SUCCEEDED" && known.Path != "":
		return Choice{Refuse, known, "the job has finished, and Flink has removed its checkpoints: " + wayOut}
	case s.Ended == "SUCCEEDED":
		return Choice{Start, initial(s.New), "the job has finished without ever having had state"}
	case s.HighAvailability && s.New.HighAvailability() && s.Ended == "" && !versionChanged(s):
		return Choice{KillAndLookUp, known, "ZooKeeper may know a checkpoint"}
	case s.Job == nil:
		return Choice{Start, startOver(s), "the job never ran"}
	}
	return Choice{Refuse, known, "no checkpoint or savepoint of the job is known: " + wayOut}
}

// chooseLastState finds the last completed checkpoint of a job that has not ended.
func chooseLastState(s Situation, known wire.Restore) Choice {
	if running(s) {
		if versionChanged(s) && s.New.SavepointDirectory() != "" {
			return Choice{StopWithSavepoint, known, "a change of Flink's version is safest with a savepoint"}
		}
		if c, decided := chooseByAge(s, known); decided {
			return c
		}
	}
	switch {
	case s.HighAvailability && (known.Path != "" || !versionChanged(s) && s.New.HighAvailability()):
		return Choice{KillAndLookUp, known, "the last completed checkpoint is kept"}
	case s.Live:
		return Choice{CancelJob, known, "the last completed checkpoint is kept"}
	case known.Path != "":
		return Choice{Start, known, "no JobManager answers: it is the newest state that was observed"}
	case s.Job == nil && !s.HighAvailability:
		return Choice{Start, startOver(s), "the job was never seen to run"}
	}
	return Choice{Refuse, known, "no JobManager answers, and no checkpoint or savepoint of the job is known: " + wayOut}
}

// chooseByAge applies the largest age of a checkpoint that the spec allows.
func chooseByAge(s Situation, known wire.Restore) (Choice, bool) {
	most := s.New.MaxCheckpointAge()
	if most == 0 || s.Job == nil || s.Now.Sub(s.Job.Started) <= most {
		return Choice{}, false
	}
	if c := s.Job.Checkpoint; c != nil && s.Now.Sub(c.Time) <= most {
		return Choice{}, false
	}
	if !s.Job.Pending.IsZero() && s.Now.Sub(s.Job.Pending) <= most {
		return Choice{WaitForJob, known, "a checkpoint is under way that is young enough"}, true
	}
	if s.New.SavepointDirectory() == "" {
		return Choice{}, false
	}
	return Choice{StopWithSavepoint, known, fmt.Sprintf("the last completed checkpoint is older than %s", most)}, true
}

// running says that the job can take a savepoint. One that was not observed yet is given the chance.
func running(s Situation) bool { return s.Live && (s.Job == nil || s.Job.State == "RUNNING") }

func versionChanged(s Situation) bool { return s.Old.FlinkVersion != s.New.FlinkVersion }

// redeployed says that the spec asks for a start from job.initialSavepointPath whatever newer state there is.
func redeployed(old, next spec.Spec) bool {
	if old.Job == nil || next.Job == nil || next.Job.InitialSavepointPath == "" {
		return false
	}
	return old.Job.SavepointRedeployNonce != next.Job.SavepointRedeployNonce || old.Job.InitialSavepointPath != next.Job.InitialSavepointPath
}

// initial is the state that the spec names.
func initial(s spec.Spec) wire.Restore {
	if s.Job == nil || s.Job.InitialSavepointPath == "" {
		return wire.Restore{Kind: wire.RestoreNone}
	}
	return wire.Restore{Kind: wire.RestoreInitial, Path: s.Job.InitialSavepointPath}
}

// startOver is where a job starts that has not run since it was given its last state.
func startOver(s Situation) wire.Restore {
	if s.Last.Path != "" {
		return s.Last
	}
	return initial(s.New)
}

// situationOf is the situation of a cluster that is to get a new spec.
func situationOf(tx *state.Tx, c *state.Cluster, next spec.Spec) Situation {
	return situation(c, next, tx.State.Snapshots, state.Controlling(tx.Tasks.Root(), c), tx.Now)
}

// savepointUnderWay says whether Flink is taking a savepoint of a cluster's job that somebody asked for.
func savepointUnderWay(all state.Snapshots, c *state.Cluster) bool {
	found := false
	all.Open.Root().WalkPrefix([]byte(c.Prefix()), func(_ []byte, n *wire.Snapshot) bool {
		found = n.Trigger == wire.TriggerManual && n.Kind == wire.RestoreSavepoint && n.State == wire.SnapshotInProgress
		return found
	})
	return found
}

func situation(c *state.Cluster, next spec.Spec, snapshots state.Snapshots, jm *task.Task, now time.Time) Situation {
	s := Situation{
		Old: c.Spec, New: next, Mode: next.Mode(), Job: c.Job, HighAvailability: c.Spec.HighAvailability(), Now: now,
		Savepoint: savepointUnderWay(snapshots, c),
		Over:      c.State == wire.Suspended || c.State == wire.Finished || c.State == wire.Failed,
	}
	if c.Result != nil {
		s.Ended = c.Result.Status
	}
	if c.Submission != nil {
		s.Last = c.Submission.Restore
	} else {
		s.Last = c.NewestState()
	}
	s.Live = jm != nil && jm.State == task.Running
	return s
}

// WouldRestore says what the next change that restarts the job of a cluster would do about its state; false for
// a session and for a cluster that is being deleted.
func WouldRestore(s *state.State, c *state.Cluster) (wire.NextRestore, bool) {
	if c.Spec.Kind == spec.Session || c.State == wire.Deleting {
		return wire.NextRestore{}, false
	}
	var now time.Time // The state has no clock: the age of checkpoints is judged as of the last observation.
	if c.Flink != nil {
		now = c.Flink.Observed
	}
	choice := Choose(situation(c, c.RequestedSpec(), s.Snapshots, state.Controlling(s.Tasks.Root(), c), now))
	return wire.NextRestore{Method: string(choice.Method), Restore: state.ShownRestore(choice.Restore), Reason: choice.Reason}, true
}
