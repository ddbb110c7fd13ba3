package spec

import (
	"slices"
)

// UpgradeMode says what becomes of the job of an application or job cluster when a change of its spec
// needs new processes, in the words of the Flink Kubernetes operator.
type UpgradeMode string

// The upgrade modes.
const (
	// Stateless starts the job anew, from job.initialSavepointPath if there is one. It is the default without high availability.
	Stateless UpgradeMode = "stateless"
	// LastState goes on from the last checkpoint that high availability knows of. It is the default with it.
	LastState UpgradeMode = "last-state"
	// Savepoint stops the job with a savepoint and starts it from there.
	Savepoint UpgradeMode = "savepoint"
)

// upgradeModes lists the modes.
func upgradeModes() []UpgradeMode { return []UpgradeMode{Stateless, LastState, Savepoint} }

// savepointOptions are the options that name Flink's default directory of savepoints.
func savepointOptions() []string {
	return []string{"execution.checkpointing.savepoint-dir", "state.savepoints.dir"}
}

// SavepointDirectory is where Flink puts savepoints that are given no directory; empty for nowhere.
func (s Spec) SavepointDirectory() string {
	for _, key := range savepointOptions() {
		if dir := s.FlinkConfiguration[key]; dir != "" {
			return dir
		}
	}
	return ""
}

// UpgradesFromSavepoint says whether a change stops the job with a savepoint first.
func (s Spec) UpgradesFromSavepoint() bool {
	return s.Job != nil && s.Job.UpgradeMode == Savepoint
}

// checkUpgrade holds the checks of job.upgradeMode.
func (s Spec) checkUpgrade() []problem {
	if s.Job == nil || s.Job.UpgradeMode == "" {
		return nil
	}
	const field = "job.upgradeMode"
	mode := s.Job.UpgradeMode
	return []problem{
		{!slices.Contains(upgradeModes(), mode), field, quote(string(mode)) + " is not an upgrade mode: use stateless, last-state or savepoint"},
		{
			mode == LastState && !s.HighAvailability(), field,
			"last-state needs high availability, which keeps the last checkpoint: set flinkConfiguration high-availability.type to zookeeper, or use savepoint",
		},
		{
			mode == Stateless && s.HighAvailability(), field,
			"with high availability a job goes on from its last checkpoint: use last-state or savepoint, or delete the cluster and create it anew",
		},
		{
			mode == Savepoint && s.SavepointDirectory() == "", field,
			"savepoint needs a directory that every agent reaches: set flinkConfiguration execution.checkpointing.savepoint-dir",
		},
	}
}
