package spec

import (
	"slices"
	"strconv"
	"time"
)

// Recovery says how a cluster gets over failures.
type Recovery struct {
	// WarmTaskManagers is how many more TaskManagers than the jobs need stand by, 0 to 100, so that the loss of one
	// costs a restore and not the start of a JVM. TaskManagers are then spread over the agents.
	WarmTaskManagers int `json:"warmTaskManagers,omitempty"`
	// JobHealth says what is done about a job that runs and does not get on; empty means what the options of the
	// Flink Kubernetes operator in flinkConfiguration say, and off without them.
	JobHealth JobHealth `json:"jobHealth,omitempty"`
	// RestartFailedJob starts the job of an application or job cluster again that has failed for good, from its
	// newest checkpoint or savepoint: three times, after 10, 20 and 40 s.
	RestartFailedJob bool `json:"restartFailedJob,omitempty"`
}

// JobHealth is what is done about an unhealthy job.
type JobHealth string

// The ways of a health check.
const (
	// HealthOff does not look.
	HealthOff JobHealth = "off"
	// HealthEvents tells of it in the events of the cluster and does nothing.
	HealthEvents JobHealth = "events"
	// HealthRestart tells of it and restarts the cluster from the newest checkpoint.
	HealthRestart JobHealth = "restart"
)

const maxWarmTaskManagers = 100

// optionWarm is Flink's option for TaskManagers that stand by; it has this name in 1.20 and 2.x.
const optionWarm = "slotmanager.redundant-taskmanager-num"

// Options of the Flink Kubernetes operator about the health of jobs. They have the operator's names and defaults.
const (
	optionHealth           = "kubernetes.operator.cluster.health-check.enabled"
	optionRestartsWindow   = "kubernetes.operator.cluster.health-check.restarts.window"
	optionRestartsMost     = "kubernetes.operator.cluster.health-check.restarts.threshold"
	optionProgress         = "kubernetes.operator.cluster.health-check.checkpoint-progress.enabled"
	optionProgressWindow   = "kubernetes.operator.cluster.health-check.checkpoint-progress.window"
	optionRestartFailed    = "kubernetes.operator.job.restart.failed"
	optionCheckpoints      = "execution.checkpointing.interval"
	optionCheckpointTime   = "execution.checkpointing.timeout"
	optionFailedTolerated  = "execution.checkpointing.tolerable-failed-checkpoints"
	defaultRestartsWindow  = 2 * time.Minute
	defaultRestartsMost    = 64
	defaultCheckpointLimit = 10 * time.Minute
)

// Health is how the health of a job is judged.
type Health struct {
	Check JobHealth
	// RestartsWindow and MostRestarts bound how often the job may restart in a time.
	RestartsWindow time.Duration
	MostRestarts   int
	// Progress is the time in which a checkpoint is to be completed; 0 does not look.
	Progress time.Duration
	// RestartFailed starts a job again that has failed.
	RestartFailed bool
}

// Health is how the health of the cluster's job is judged: recovery, or else the operator's options.
func (s Spec) Health() Health {
	h := Health{Check: s.Recovery.JobHealth, RestartsWindow: defaultRestartsWindow, MostRestarts: defaultRestartsMost}
	if h.Check == "" {
		h.Check = HealthOff
		if s.FlinkConfiguration[optionHealth] == "true" {
			h.Check = HealthRestart
		}
	}
	if d := FlinkDuration(s.FlinkConfiguration[optionRestartsWindow]); d > 0 {
		h.RestartsWindow = d
	}
	if n, err := strconv.Atoi(s.FlinkConfiguration[optionRestartsMost]); err == nil && n > 0 {
		h.MostRestarts = n
	}
	if s.FlinkConfiguration[optionProgress] != "false" {
		h.Progress = s.progressWindow()
	}
	h.RestartFailed = s.Recovery.RestartFailedJob || s.FlinkConfiguration[optionRestartFailed] == "true"
	return h
}

// CheckpointInterval is the time between two checkpoints; 0 when the spec does not say.
func (s Spec) CheckpointInterval() time.Duration {
	return FlinkDuration(s.FlinkConfiguration[optionCheckpoints])
}

// progressWindow is the time in which a checkpoint has to be completed: at least the larger of the interval and the
// timeout, for each failure that Flink tolerates and two more (ClusterHealthEvaluator of the operator). It is 0 when
// neither it nor the interval of checkpoints is in the spec.
func (s Spec) progressWindow() time.Duration {
	window := FlinkDuration(s.FlinkConfiguration[optionProgressWindow])
	interval := s.CheckpointInterval()
	if interval == 0 {
		return window
	}
	limit := FlinkDuration(s.FlinkConfiguration[optionCheckpointTime])
	if limit == 0 {
		limit = defaultCheckpointLimit
	}
	tolerated, err := strconv.Atoi(s.FlinkConfiguration[optionFailedTolerated])
	if err != nil || tolerated < 0 {
		tolerated = 0
	}
	return max(window, max(interval, limit)*time.Duration(tolerated+2))
}

// FixedTaskManagers is the number of TaskManagers with static allocation, with those that stand by.
func (s Spec) FixedTaskManagers() int {
	return s.TaskManagers.Count + s.Recovery.WarmTaskManagers
}

// WarmOptions are Flink's options for the TaskManagers that stand by; none with static allocation.
func (s Spec) WarmOptions() []Option {
	if s.Recovery.WarmTaskManagers == 0 || s.Allocation == Static {
		return nil
	}
	return []Option{{optionWarm, strconv.Itoa(s.Recovery.WarmTaskManagers)}}
}

// checkRecovery holds the checks of recovery.
func (s Spec) checkRecovery() []problem {
	r := s.Recovery
	_, twice := s.FlinkConfiguration[optionWarm]
	return []problem{
		{
			r.WarmTaskManagers < 0 || r.WarmTaskManagers > maxWarmTaskManagers, "recovery.warmTaskManagers",
			"is not from 0 to " + strconv.Itoa(maxWarmTaskManagers) + ": each of them takes the resources of a TaskManager",
		},
		{
			r.WarmTaskManagers > 0 && twice, "recovery.warmTaskManagers",
			"stands beside " + optionWarm + " in flinkConfiguration, which means the same: keep one of them",
		},
		{
			!slices.Contains([]JobHealth{"", HealthOff, HealthEvents, HealthRestart}, r.JobHealth), "recovery.jobHealth",
			quote(string(r.JobHealth)) + " is not known: use off, events or restart",
		},
		{
			s.Kind == Session && (r.RestartFailedJob || r.JobHealth != ""), "recovery",
			"jobHealth and restartFailedJob are about the job of an application or job cluster: a session has none of its own",
		},
	}
}
