package cluster

import (
	"slices"
	"time"
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
	// FromSavepoint stops the job with a savepoint and starts it from there.
	FromSavepoint UpgradeMode = "savepoint"
)

// Savepoint is where a job was stopped.
type Savepoint struct {
	// Job and Name are Flink's id of the job and its name.
	Job  string `json:"job"`
	Name string `json:"name,omitempty"`
	Path string `json:"path"`
	// Time is when it was learnt of.
	Time time.Time `json:"time"`
}

// Change is a change of the spec that waits for jobs to be stopped with savepoints.
type Change struct {
	// Generation is that of the spec that is to come.
	Generation int64 `json:"generation"`
	// Suspend says that the cluster is to be suspended; otherwise it starts again with the new spec.
	Suspend bool      `json:"suspend"`
	Since   time.Time `json:"since"`
	// Savepoints are those of the jobs that have been stopped.
	Savepoints []Savepoint `json:"savepoints"`
	// Stopped says that no job runs any more: the JobManager of an application is about to end.
	Stopped bool `json:"stopped"`
}

// upgradeModes lists the modes.
func upgradeModes() []UpgradeMode { return []UpgradeMode{Stateless, LastState, FromSavepoint} }

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
	return s.Job != nil && s.Job.UpgradeMode == FromSavepoint
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
			mode == FromSavepoint && s.SavepointDirectory() == "", field,
			"savepoint needs a directory that every agent reaches: set flinkConfiguration execution.checkpointing.savepoint-dir",
		},
	}
}
