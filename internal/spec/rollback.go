package spec

import (
	"slices"
	"time"
)

// Upgrade says what becomes of a change that turns out badly.
type Upgrade struct {
	// Rollback is off (also when empty), on, or hold.
	Rollback Rollback `json:"rollback,omitempty"`
	// MinHealthyTime is how long a change has to be healthy to be good, 0s to 1h; empty means 10s.
	MinHealthyTime Duration `json:"minHealthyTime,omitempty"`
	// ProgressDeadline is the time in which it has to become good, 1m to 24h; empty means 10m.
	ProgressDeadline Duration `json:"progressDeadline,omitempty"`
	// MaxRestarts is how often its job may restart within MinHealthyTime, 0 to 1000.
	MaxRestarts int `json:"maxRestarts,omitempty"`
}

// Rollback is what is done about a bad change.
type Rollback string

// The ways to take a bad change.
const (
	// RollbackOff leaves it as it is.
	RollbackOff Rollback = "off"
	// RollbackOn gives the cluster the last stable revision of its spec again.
	RollbackOn Rollback = "on"
	// RollbackHold tells of it and waits for a person.
	RollbackHold Rollback = "hold"
)

const (
	defaultMinHealthy, mostMinHealthy            = 10 * time.Second, time.Hour
	defaultDeadline, leastDeadline, mostDeadline = 10 * time.Minute, time.Minute, 24 * time.Hour
	mostChangeRestarts                           = 1000
)

// Watched says that changes are watched until they are known to be good.
func (u Upgrade) Watched() bool { return u.Rollback == RollbackOn || u.Rollback == RollbackHold }

// Healthy is MinHealthyTime or its default.
func (u Upgrade) Healthy() time.Duration { return orDefault(u.MinHealthyTime, defaultMinHealthy) }

// Deadline is ProgressDeadline or its default.
func (u Upgrade) Deadline() time.Duration { return orDefault(u.ProgressDeadline, defaultDeadline) }

func orDefault(d Duration, absent time.Duration) time.Duration {
	if v, err := time.ParseDuration(string(d)); err == nil {
		return v
	}
	return absent
}

// Checkpoints says that the spec has Flink take checkpoints.
func (s Spec) Checkpoints() bool {
	return s.Kind != Session && FlinkDuration(s.FlinkConfiguration[optionCheckpoints]) > 0
}

// checkRollback holds the checks of upgrade.
func (s Spec) checkRollback() []problem {
	u := s.Upgrade
	return []problem{
		{
			!slices.Contains([]Rollback{"", RollbackOff, RollbackOn, RollbackHold}, u.Rollback), "upgrade.rollback",
			quote(string(u.Rollback)) + " is not known: use off, on or hold",
		},
		checkDuration("upgrade.minHealthyTime", u.MinHealthyTime, 0, mostMinHealthy),
		checkDuration("upgrade.progressDeadline", u.ProgressDeadline, leastDeadline, mostDeadline),
		{u.Deadline() <= u.Healthy(), "upgrade.progressDeadline", "is not longer than minHealthyTime, so that no change could become good: raise it"},
		{u.MaxRestarts < 0 || u.MaxRestarts > mostChangeRestarts, "upgrade.maxRestarts", "is not from 0 to 1000"},
	}
}
