package spec

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// UpgradeMode says what becomes of the job of an application or job cluster when a change of its spec
// needs new processes, in the words of the Flink Kubernetes operator.
type UpgradeMode string

// The upgrade modes.
const (
	// Stateless starts the job anew, from job.initialSavepointPath if there is one. It is the default
	// without high availability.
	Stateless UpgradeMode = "stateless"
	// LastState restores the job from its last completed checkpoint. It is the default with high
	// availability.
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
	if s.Job == nil {
		return nil
	}
	const field = "job.upgradeMode"
	mode := s.Job.UpgradeMode
	return []problem{
		{mode != "" && !slices.Contains(upgradeModes(), mode), field, quote(string(mode)) + " is not an upgrade mode: use stateless, last-state or savepoint"},
		{
			mode == LastState && !s.HighAvailability() && s.checkpointDirectory() == "", field,
			"last-state needs checkpoints that outlive the JobManager: set flinkConfiguration execution.checkpointing.dir " +
				"to a directory that every agent reaches, or high-availability.type to zookeeper",
		},
		{
			mode == Savepoint && s.SavepointDirectory() == "", field,
			"savepoint needs a directory that every agent reaches: set flinkConfiguration execution.checkpointing.savepoint-dir",
		},
		{
			s.Job.SavepointRedeployNonce != 0 && s.Job.InitialSavepointPath == "", "job.savepointRedeployNonce",
			"asks for a start from job.initialSavepointPath, which is empty: name the savepoint or checkpoint there",
		},
	}
}

// Mode is the upgrade mode in force: that of the spec, or its default.
func (s Spec) Mode() UpgradeMode {
	switch {
	case s.Job != nil && s.Job.UpgradeMode != "":
		return s.Job.UpgradeMode
	case s.HighAvailability():
		return LastState
	}
	return Stateless
}

// checkpointDirectory is where Flink puts checkpoints; empty for the JobManager's memory.
func (s Spec) checkpointDirectory() string {
	return s.firstOption("execution.checkpointing.dir", "state.checkpoints.dir")
}

func (s Spec) firstOption(keys ...string) string {
	for _, key := range keys {
		if v := s.FlinkConfiguration[key]; v != "" {
			return v
		}
	}
	return ""
}

// Options of the Flink Kubernetes operator that say how an upgrade finds the state of the job. They have the
// operator's names and defaults.
const (
	optionFallback      = "kubernetes.operator.job.upgrade.last-state-fallback.enabled"
	optionCheckpointAge = "kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age"
	optionPending       = "kubernetes.operator.job.upgrade.ignore-pending-savepoint"
)

// LastStateFallback says whether an upgrade in mode savepoint uses the last checkpoint when the job does not
// run; true unless the spec says false.
func (s Spec) LastStateFallback() bool { return s.FlinkConfiguration[optionFallback] != "false" }

// IgnorePendingSavepoint says whether a change does not wait for a savepoint that somebody asked for; false unless
// the spec says true.
func (s Spec) IgnorePendingSavepoint() bool { return s.FlinkConfiguration[optionPending] == "true" }

// MaxCheckpointAge is how old the last checkpoint may be for an upgrade in mode last-state; 0 for any age.
func (s Spec) MaxCheckpointAge() time.Duration {
	return FlinkDuration(s.FlinkConfiguration[optionCheckpointAge])
}

// FlinkDuration reads a time as Flink writes it (TimeUtils): a whole number with an optional unit, such as
// "10 min", "30s" or "500" (milliseconds); 0 when it is empty or cannot be read.
func FlinkDuration(text string) time.Duration {
	text = strings.TrimSpace(strings.ToLower(text))
	end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(text)
	}
	n, err := strconv.ParseInt(text[:end], 10, 64)
	if err != nil {
		return 0
	}
	unit, ok := map[string]time.Duration{
		"": time.Millisecond, "ms": time.Millisecond, "milli": time.Millisecond, "millis": time.Millisecond,
		"s": time.Second, "sec": time.Second, "second": time.Second, "seconds": time.Second,
		"m": time.Minute, "min": time.Minute, "minute": time.Minute, "minutes": time.Minute,
		"h": time.Hour, "hour": time.Hour, "hours": time.Hour, "d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
	}[strings.TrimSpace(text[end:])]
	if !ok {
		return 0
	}
	return time.Duration(n) * unit
}

// Option is a setting of Flink.
type Option struct{ Key, Value string }

// RetentionOptions are the settings that keep checkpoints when a job is cancelled or fails, so that a later
// start can restore from them; those that the spec says itself are left out.
func (s Spec) RetentionOptions() []Option {
	if s.Job == nil || s.Mode() == Stateless {
		return nil
	}
	var options []Option
	if s.firstOption("execution.checkpointing.externalized-checkpoint-retention") == "" {
		options = append(options, Option{"execution.checkpointing.externalized-checkpoint-retention", "RETAIN_ON_CANCELLATION"})
	}
	if s.firstOption("execution.checkpointing.num-retained", "state.checkpoints.num-retained") == "" {
		options = append(options, Option{"execution.checkpointing.num-retained", "3"})
	}
	return options
}
