package lifecycle_test

import (
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/core/lifecycle"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

var now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// app is an application; each option changes it.
func app(options ...func(*spec.Spec)) spec.Spec {
	s := spec.Spec{
		Name: "demo", Kind: spec.Application, FlinkVersion: "2.3.0", Job: &spec.JobSpec{JarURI: "file:///a.jar"},
		FlinkConfiguration: map[string]string{},
	}
	for _, o := range options {
		o(&s)
	}
	return s
}

func ha(s *spec.Spec) { s.FlinkConfiguration["high-availability.type"] = "zookeeper" }
func savepointDir(s *spec.Spec) {
	s.FlinkConfiguration["execution.checkpointing.savepoint-dir"] = "file:///sp"
}
func newer(s *spec.Spec) { s.FlinkVersion = "2.4.0" }
func noFallback(s *spec.Spec) {
	s.FlinkConfiguration["kubernetes.operator.job.upgrade.last-state-fallback.enabled"] = "false"
}

func maxAge(s *spec.Spec) {
	s.FlinkConfiguration["kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age"] = "10 min"
}

func named(s *spec.Spec) {
	s.Job.InitialSavepointPath, s.Job.SavepointRedeployNonce = "file:///named", 1
}

// job is an observed job; ages are minutes, -1 for none.
func job(state string, checkpoint, savepoint, pending int) *wire.Job {
	j := &wire.Job{ID: "j1", State: state, Running: state == "RUNNING", Started: now.Add(-time.Hour)}
	at := func(age int, path string) *wire.Checkpoint {
		if age < 0 {
			return nil
		}
		return &wire.Checkpoint{ID: int64(100 - age), Path: path, Time: now.Add(-time.Duration(age) * time.Minute)}
	}
	j.Checkpoint, j.Savepoint = at(checkpoint, "file:///cp"), at(savepoint, "file:///sp/1")
	if pending >= 0 {
		j.Pending = now.Add(-time.Duration(pending) * time.Minute)
	}
	return j
}

// The table of upgrades, line by line: the conditions and results of the Flink Kubernetes operator
// (ApplicationReconcilerUpgradeModeTest), and what a record of the last checkpoint adds.
func TestChoose(t *testing.T) {
	t.Parallel()
	last := wire.Restore{Kind: wire.RestoreSavepoint, Path: "file:///last"}
	tests := []struct {
		name     string
		old, new spec.Spec
		mode     spec.UpgradeMode
		job      *wire.Job
		last     wire.Restore
		dead     bool
		over     bool
		ended    string
		want     lifecycle.Method
		path     string
	}{
		{name: "stateless", old: app(), new: app(), mode: spec.Stateless, job: job("RUNNING", 1, -1, -1), want: lifecycle.Start},
		{name: "stateless with high availability", old: app(ha), new: app(ha), mode: spec.Stateless, job: job("RUNNING", 1, -1, -1), want: lifecycle.Start},
		{name: "stateless of a job that is being cancelled", old: app(), new: app(), mode: spec.Stateless, job: job("CANCELLING", 1, -1, -1), want: lifecycle.Start},
		{name: "savepoint, running", old: app(savepointDir), new: app(savepointDir), mode: spec.Savepoint, job: job("RUNNING", 1, -1, -1), want: lifecycle.StopWithSavepoint, path: "file:///cp"},
		{name: "savepoint, restarting, falls back", old: app(savepointDir), new: app(savepointDir), mode: spec.Savepoint, job: job("RESTARTING", 1, -1, -1), want: lifecycle.CancelJob, path: "file:///cp"},
		{name: "savepoint, restarting, high availability", old: app(ha), new: app(ha), mode: spec.Savepoint, job: job("RESTARTING", 1, -1, -1), want: lifecycle.KillAndLookUp, path: "file:///cp"},
		{name: "savepoint, restarting, no fallback", old: app(noFallback), new: app(noFallback), mode: spec.Savepoint, job: job("RESTARTING", 1, -1, -1), want: lifecycle.WaitForJob, path: "file:///cp"},
		{name: "savepoint, restarting, no fallback, another version", old: app(noFallback), new: app(noFallback, newer), mode: spec.Savepoint, job: job("RESTARTING", 1, -1, -1), want: lifecycle.CancelJob, path: "file:///cp"},
		{name: "cancelling", old: app(ha), new: app(ha), mode: spec.LastState, job: job("CANCELLING", 1, -1, -1), want: lifecycle.WaitForJob, path: "file:///cp"},
		{name: "last-state, high availability", old: app(ha), new: app(ha), mode: spec.LastState, job: job("RUNNING", 1, -1, -1), want: lifecycle.KillAndLookUp, path: "file:///cp"},
		{name: "last-state, nothing observed", old: app(ha), new: app(ha), mode: spec.LastState, last: last, want: lifecycle.KillAndLookUp, path: "file:///last"},
		{name: "last-state without high availability", old: app(), new: app(), mode: spec.LastState, job: job("RUNNING", 1, -1, -1), want: lifecycle.CancelJob, path: "file:///cp"},
		{name: "last-state, no JobManager", old: app(), new: app(), mode: spec.LastState, job: job("RUNNING", 1, -1, -1), dead: true, want: lifecycle.Start, path: "file:///cp"},
		{name: "last-state, no JobManager, no state", old: app(), new: app(), mode: spec.LastState, job: job("RUNNING", -1, -1, -1), dead: true, want: lifecycle.Refuse},
		{name: "last-state, the JobManager never started", old: app(), new: app(), mode: spec.LastState, last: last, dead: true, want: lifecycle.Start, path: "file:///last"},
		{name: "high availability switched off, path known", old: app(ha), new: app(), mode: spec.LastState, job: job("RUNNING", 1, -1, -1), want: lifecycle.KillAndLookUp, path: "file:///cp"},
		{name: "high availability switched off, path unknown", old: app(ha), new: app(), mode: spec.LastState, job: job("RUNNING", -1, -1, -1), want: lifecycle.CancelJob},
		{name: "high availability switched on", old: app(), new: app(ha), mode: spec.LastState, job: job("RUNNING", 1, -1, -1), want: lifecycle.CancelJob, path: "file:///cp"},
		{name: "another version, with a savepoint directory", old: app(ha, savepointDir), new: app(ha, savepointDir, newer), mode: spec.LastState, job: job("RUNNING", 1, -1, -1), want: lifecycle.StopWithSavepoint, path: "file:///cp"},
		{name: "another version, path known", old: app(ha), new: app(ha, newer), mode: spec.LastState, job: job("RUNNING", 1, -1, -1), want: lifecycle.KillAndLookUp, path: "file:///cp"},
		{name: "another version, path unknown: never by metadata", old: app(ha), new: app(ha, newer), mode: spec.LastState, job: job("RUNNING", -1, -1, -1), want: lifecycle.CancelJob},
		{name: "another version, path unknown, no JobManager", old: app(ha), new: app(ha, newer), mode: spec.LastState, job: job("RUNNING", -1, -1, -1), dead: true, want: lifecycle.Refuse},
		{name: "checkpoint young enough", old: app(ha, maxAge, savepointDir), new: app(ha, maxAge, savepointDir), mode: spec.LastState, job: job("RUNNING", 5, -1, -1), want: lifecycle.KillAndLookUp, path: "file:///cp"},
		{name: "checkpoint too old", old: app(ha, maxAge, savepointDir), new: app(ha, maxAge, savepointDir), mode: spec.LastState, job: job("RUNNING", 15, -1, -1), want: lifecycle.StopWithSavepoint, path: "file:///cp"},
		{name: "checkpoint too old, one under way", old: app(ha, maxAge, savepointDir), new: app(ha, maxAge, savepointDir), mode: spec.LastState, job: job("RUNNING", 15, -1, 2), want: lifecycle.WaitForJob, path: "file:///cp"},
		{name: "checkpoint too old, nowhere for a savepoint", old: app(ha, maxAge), new: app(ha, maxAge), mode: spec.LastState, job: job("RUNNING", 15, -1, -1), want: lifecycle.KillAndLookUp, path: "file:///cp"},
		{name: "the later of savepoint and checkpoint", old: app(), new: app(), mode: spec.LastState, job: job("RUNNING", 5, 2, -1), dead: true, want: lifecycle.Start, path: "file:///sp/1"},
		{name: "the later of checkpoint and savepoint", old: app(), new: app(), mode: spec.LastState, job: job("RUNNING", 2, 5, -1), dead: true, want: lifecycle.Start, path: "file:///cp"},
		{name: "failed", old: app(), new: app(), mode: spec.LastState, job: job("FAILED", 3, -1, -1), dead: true, over: true, ended: "FAILED", want: lifecycle.Start, path: "file:///cp"},
		{name: "failed without state", old: app(), new: app(), mode: spec.LastState, job: job("FAILED", -1, -1, -1), dead: true, over: true, ended: "FAILED", want: lifecycle.Refuse},
		{name: "finished by itself", old: app(), new: app(), mode: spec.LastState, job: job("FINISHED", 3, -1, -1), dead: true, over: true, ended: "SUCCEEDED", want: lifecycle.Refuse, path: "file:///cp"},
		{name: "finished, never had state", old: app(), new: app(), mode: spec.LastState, job: job("FINISHED", -1, -1, -1), dead: true, over: true, ended: "SUCCEEDED", want: lifecycle.Start},
		{name: "named state", old: app(ha), new: app(ha, named), mode: spec.LastState, job: job("RUNNING", 1, -1, -1), want: lifecycle.Start, path: "file:///named"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := lifecycle.Choose(lifecycle.Situation{
				Old: tt.old, New: tt.new, Mode: tt.mode, Job: tt.job, Last: tt.last, Live: !tt.dead, Over: tt.over, Ended: tt.ended,
				HighAvailability: tt.old.HighAvailability(), Now: now,
			})
			if got.Method != tt.want || got.Restore.Path != tt.path {
				t.Errorf("Choose() = %s from %q (%s), want %s from %q", got.Method, got.Restore.Path, got.Reason, tt.want, tt.path)
			}
			if got.Reason == "" {
				t.Error("Choose() gives no reason")
			}
		})
	}
}
