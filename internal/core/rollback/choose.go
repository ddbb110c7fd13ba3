package rollback

import (
	"fmt"

	"github.com/flink-on-mesos/flink-service/internal/core/lifecycle"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Situation is what the choice of a job's state for a rollback is made from.
type Situation struct {
	// Revision is the bad one, with its trial.
	Revision state.Revision
	// Old is the spec that runs, Target the one to go back to.
	Old, Target spec.Spec
	// Job is what was last observed of the bad program's job; nil for nothing.
	Job *wire.Job
	// Over says that the cluster has failed: what ZooKeeper knew of its job, Flink has removed.
	Over bool
	// Sessions counts the jobs that run on a session.
	Sessions int
}

// Choose decides where the job of a rollback starts. Its method is Start, KillAndLookUp, or Refuse when there is nothing to
// start from. Nothing is stopped with a savepoint: the bad program is not relied on. The first that fits:
//
//  1. without state, when the upgrade mode is stateless;
//  2. from the change's own savepoint: it is what the last good program left, and fits it whatever the bad one has done;
//  3. another Flink version, or a rollback that failed itself: from what the last good program left;
//  4. from the newest checkpoint that the bad program has completed, in ZooKeeper or as it was observed;
//  5. from what the last good program left.
func Choose(s Situation) lifecycle.Choice {
	own := s.Revision.Trial.Own
	again := s.Revision.Kind == wire.OperationRollback
	switch {
	case s.Old.Kind == spec.Session && s.Sessions > 0:
		return refuse(fmt.Sprintf("%d jobs run on the session", s.Sessions))
	case again && (s.Old.Kind == spec.Session || !usable(own) || s.Revision.Start != nil && s.Revision.Start.Path == own.Path):
		return refuse("it is a rollback itself")
	case s.Old.Kind == spec.Session:
		return lifecycle.Choice{Method: lifecycle.Start}
	case s.Old.Mode() == spec.Stateless:
		return start(wire.Restore{Kind: wire.RestoreNone}, "the upgrade mode is stateless")
	case own.Kind == "":
		return refuse("it is not known where its job began")
	}
	known, observed := state.Observed(s.Job)
	if own.Kind == wire.RestoreSavepoint || again || s.Old.FlinkVersion != s.Target.FlinkVersion {
		return chooseOwn(s, observed)
	}
	switch {
	case s.Old.HighAvailability() && s.Target.HighAvailability() && !s.Over && s.Job != nil:
		if !observed {
			known = own
		}
		return lifecycle.Choice{Method: lifecycle.KillAndLookUp, Restore: known, Reason: "the last completed checkpoint is kept"}
	case observed:
		return start(known, "it is the newest checkpoint or savepoint of the job")
	}
	return chooseOwn(s, false)
}

// chooseOwn starts from what the last good program left; observed says that the bad one has completed a checkpoint.
func chooseOwn(s Situation, observed bool) lifecycle.Choice {
	own := s.Revision.Trial.Own
	switch {
	case own.Kind == wire.RestoreNone:
		return start(own, "the job had no state when it was changed")
	case !usable(own):
		return refuse("only ZooKeeper knew the state of the job")
	case observed && s.Old.ClaimsState():
		return refuse("the bad program claims the state that it began with, and may have removed it")
	}
	return start(own, "the program of the last stable revision left it")
}

func usable(r wire.Restore) bool { return r.Path != "" && r.Path != state.MissingState }

func start(r wire.Restore, why string) lifecycle.Choice {
	return lifecycle.Choice{Method: lifecycle.Start, Restore: r, Reason: why}
}

func refuse(why string) lifecycle.Choice {
	return lifecycle.Choice{Method: lifecycle.Refuse, Reason: why}
}
