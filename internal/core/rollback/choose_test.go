package rollback_test

import (
	"testing"

	"github.com/flink-on-mesos/flink-service/internal/core/lifecycle"
	"github.com/flink-on-mesos/flink-service/internal/core/rollback"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// TestChoose finds where the job of a rollback starts.
func TestChoose(t *testing.T) {
	t.Parallel()
	savepoint := wire.Restore{Kind: wire.RestoreSavepoint, Path: "file:/own"}
	checkpoint := wire.Restore{Kind: wire.RestoreCheckpoint, Path: "file:/chk"}
	none := wire.Restore{Kind: wire.RestoreNone}
	missing := wire.Restore{Kind: wire.RestoreHighAvailability, Path: state.MissingState}
	went := &wire.Job{State: "RUNNING", Checkpoint: &wire.Checkpoint{ID: 9, Path: "file:/new/chk-9"}}
	ran := &wire.Job{State: "RESTARTING"}
	for _, c := range []struct {
		name string
		own  wire.Restore
		job  *wire.Job
		// how changes the rest.
		how    func(*rollback.Situation)
		method lifecycle.Method
		path   string
	}{
		{"its own savepoint, though the bad one went on", savepoint, went, nil, lifecycle.Start, "file:/own"},
		{"its own savepoint, over Flink versions", savepoint, went, version, lifecycle.Start, "file:/own"},
		{"a checkpoint of the bad one", checkpoint, went, nil, lifecycle.Start, "file:/new/chk-9"},
		{"none of the bad one", checkpoint, ran, nil, lifecycle.Start, "file:/chk"},
		{"another Flink version cannot read that of the bad one", checkpoint, went, version, lifecycle.Start, "file:/chk"},
		{"another Flink version, and the state is claimed", checkpoint, went, both(version, claim), lifecycle.Refuse, ""},
		{"claimed, but it never completed a checkpoint", savepoint, ran, claim, lifecycle.Start, "file:/own"},
		{"claimed, and it did", savepoint, went, claim, lifecycle.Refuse, ""},
		{"ZooKeeper may know a newer one", checkpoint, went, highlyAvailable, lifecycle.KillAndLookUp, "file:/new/chk-9"},
		{"ZooKeeper may know one", checkpoint, ran, highlyAvailable, lifecycle.KillAndLookUp, "file:/chk"},
		{"it never ran", checkpoint, nil, highlyAvailable, lifecycle.Start, "file:/chk"},
		{"a failed job is not in ZooKeeper", checkpoint, ran, both(highlyAvailable, over), lifecycle.Start, "file:/chk"},
		{"no state before", none, ran, nil, lifecycle.Start, ""},
		{"only ZooKeeper knew", missing, nil, nil, lifecycle.Refuse, ""},
		{"not known yet", wire.Restore{}, nil, nil, lifecycle.Refuse, ""},
		{"stateless", savepoint, went, func(s *rollback.Situation) { s.Old.Job.UpgradeMode = spec.Stateless }, lifecycle.Start, ""},
		{"a rollback that fails goes back further, once", checkpoint, went, again("file:/new/chk-9"), lifecycle.Start, "file:/chk"},
		{"and not twice", checkpoint, went, again("file:/chk"), lifecycle.Refuse, ""},
		{"a session", none, nil, session(0), lifecycle.Start, ""},
		{"a session with jobs", none, nil, session(2), lifecycle.Refuse, ""},
	} {
		s := rollback.Situation{
			Revision: state.Revision{Trial: &state.Trial{Own: c.own}}, Job: c.job,
			Old: spec.Spec{Kind: spec.Application, FlinkVersion: "2.3.0", Job: &spec.JobSpec{UpgradeMode: spec.LastState}}, Target: spec.Spec{FlinkVersion: "2.3.0"},
		}
		if c.how != nil {
			c.how(&s)
		}
		if got := rollback.Choose(s); got.Method != c.method || c.method != lifecycle.Refuse && got.Restore.Path != c.path || got.Reason == "" && s.Old.Kind != spec.Session {
			t.Errorf("%s: %s from %q (%s), want %s from %q", c.name, got.Method, got.Restore.Path, got.Reason, c.method, c.path)
		}
	}
}

func version(s *rollback.Situation) { s.Target.FlinkVersion = "1.20.5" }

func over(s *rollback.Situation) { s.Over = true }

func claim(s *rollback.Situation) {
	s.Old.FlinkConfiguration = map[string]string{"execution.state-recovery.claim-mode": "CLAIM"}
}

func highlyAvailable(s *rollback.Situation) {
	s.Old.FlinkConfiguration = map[string]string{"high-availability.type": "zookeeper"}
	s.Target.FlinkConfiguration = s.Old.FlinkConfiguration
}

func again(from string) func(*rollback.Situation) {
	return func(s *rollback.Situation) {
		s.Revision.Kind, s.Revision.Start = wire.OperationRollback, &wire.Restore{Path: from}
	}
}

func session(jobs int) func(*rollback.Situation) {
	return func(s *rollback.Situation) { s.Old.Kind, s.Old.Job, s.Sessions = spec.Session, nil, jobs }
}

func both(a, b func(*rollback.Situation)) func(*rollback.Situation) {
	return func(s *rollback.Situation) { a(s); b(s) }
}
