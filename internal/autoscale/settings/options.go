// Package settings reads the options of the autoscaler under the names of the Flink Kubernetes
// operator (job.autoscaler.*), with the operator's defaults. Every option of the operator is
// honoured, or refused by name with what to do.
package settings

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/calendar"
	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// Options are the settings of the autoscaler for one job. Default and Parse make them;
// the zero value is not useful.
type Options struct {
	// Enabled turns the autoscaler on for the job (enabled).
	Enabled bool
	// Act carries recommendations out; without it they are only shown (scaling.enabled).
	Act         bool
	Window      WindowOptions
	Utilization UtilizationOptions
	Parallelism ParallelismOptions
	Limits      LimitOptions
	Restart     RestartOptions
	Backlog     BacklogOptions
	Observed    ObservedOptions
	Effect      EffectOptions
	Scalability ScalabilityOptions
	Memory      MemoryOptions
	History     HistoryOptions
	Quota       QuotaOptions
	// Excluded are the times at which nothing is done (excluded.periods).
	Excluded calendar.Periods
}

// WindowOptions say which samples are evaluated.
type WindowOptions struct {
	// Length of the window that is evaluated (metrics.window).
	Length time.Duration
	// Stabilization is the time after a start in which nothing is done (stabilization.interval).
	Stabilization time.Duration
	// Busy picks the busy time of a vertex out of its subtasks' (metrics.busy-time.aggregator).
	Busy Aggregator
	// Timeout bounds each request to Flink (flink.rest-client.timeout).
	Timeout time.Duration
	// EventInterval is how long the same event is not repeated (scaling.event.interval).
	EventInterval time.Duration
}

// Aggregator reduces a metric of several subtasks to one number.
type Aggregator string

// The aggregators.
const (
	AggregateMax Aggregator = "MAX"
	AggregateMin Aggregator = "MIN"
	AggregateAvg Aggregator = "AVG"
)

// UtilizationOptions are shares of the busy time, from 0 to 1.
type UtilizationOptions struct {
	// Target is what a step aims at (utilization.target).
	Target float64
	// Min and Max bound the band in which no step is taken (utilization.min, utilization.max).
	// They may lie outside 0 to 1 when derived from target.utilization.boundary.
	Min, Max float64
}

// ParallelismOptions bound the parallelism of vertices.
type ParallelismOptions struct {
	// Min and Max (vertex.min-parallelism, vertex.max-parallelism), 1 or more.
	Min, Max int
	// Align is how parallelism is aligned to key groups and partitions
	// (scaling.parallelism-alignment.mode).
	Align Alignment
	// Exclude are ids of vertices that are never scaled (vertex.exclude.ids).
	Exclude []string
}

// Alignment is how the parallelism of sources with known partitions and of vertices with keyed
// inputs is aligned to the number of partitions or key groups, so that all subtasks get as many.
type Alignment string

// The alignments.
const (
	// AlignBalanced takes the first parallelism that divides evenly or gives the busiest subtask less.
	AlignBalanced Alignment = "BALANCED"
	// AlignEvenlySpread takes divisors only.
	AlignEvenlySpread Alignment = "EVENLY_SPREAD"
	// AlignOff keeps the computed parallelism.
	AlignOff Alignment = "OFF"
)

// LimitOptions bound one step.
type LimitOptions struct {
	// DownInterval delays scale-downs (scale-down.interval); 0 or less does not.
	DownInterval time.Duration
	// DownFactor 0.6 keeps at least 40 % of the parallelism in one step (scale-down.max-factor).
	DownFactor float64
	// UpFactor 1.0 allows to double the parallelism in one step (scale-up.max-factor).
	UpFactor float64
}

// RestartOptions say how long a step interrupts processing.
type RestartOptions struct {
	// Time is assumed until it was measured (restart.time).
	Time time.Duration
	// Tracked uses the longest measured time (restart.time-tracking.enabled), up to Limit
	// (restart.time-tracking.limit).
	Tracked bool
	Limit   time.Duration
}

// BacklogOptions concern records that wait at sources.
type BacklogOptions struct {
	// CatchUp is the time in which a backlog is to be gone after a step (catch-up.duration); 0
	// leaves backlogs out of account.
	CatchUp time.Duration
	// Threshold is the lag from which on no vertex counts as too fast or as slightly too slow
	// (backlog-processing.lag-threshold).
	Threshold time.Duration
}

// ObservedOptions concern the true processing rate that is observed at a source with lag
// (observed-true-processing-rate.*).
type ObservedOptions struct {
	// Lag from which on the rate is observed (lag-threshold).
	Lag time.Duration
	// Switch is the share by which the rate by busy time must exceed it (switch-threshold).
	Switch float64
	// Min is the number of samples needed (min-observations).
	Min int
}

// EffectOptions concern steps without effect (scaling.effectiveness.*).
type EffectOptions struct {
	// Block stops further scale-ups (detection.enabled); without it they are only noticed.
	Block bool
	// Threshold is the least share of the expected increase that counts as effect (threshold).
	Threshold float64
}

// ScalabilityOptions concern vertices that do not scale linearly (observed-scalability.*).
type ScalabilityOptions struct {
	Enabled bool
	// Min is the number of steps needed (min-observations).
	Min int
	// Floor is the smallest coefficient, from 0.01 to 1 (coefficient-min).
	Floor float64
}

// MemoryOptions concern the memory of TaskManagers (memory.*).
type MemoryOptions struct {
	// GC and Heap are the shares above which nothing is done (gc-pressure.threshold,
	// heap-usage.threshold).
	GC, Heap float64
	// Tune applies the memory recommendation with a step (tuning.enabled).
	Tune bool
	// Overhead is added to what is used, as a share (tuning.overhead).
	Overhead float64
	// MaximizeManaged gives managed memory what is left (tuning.maximize-managed-memory).
	MaximizeManaged bool
	// Compensate adds heap when TaskManagers are removed (tuning.scale-down-compensation.enabled).
	Compensate bool
}

// HistoryOptions bound the remembered steps (history.max.count, history.max.age).
type HistoryOptions struct {
	Count int
	Age   time.Duration
}

// QuotaOptions bound the TaskManagers of a job (quota.cpu, quota.memory).
type QuotaOptions struct {
	// CPUs of all TaskManagers together; 0 is no bound.
	CPUs float64
	// Memory of all TaskManagers together; 0 is no bound.
	Memory spec.Memory
}

// defaultBoundary is the default of target.utilization.boundary.
const defaultBoundary = 0.3

// Default returns the operator's defaults.
func Default() Options {
	target, boundary := 0.7, defaultBoundary
	return Options{
		Act: true,
		Window: WindowOptions{
			Length: 15 * time.Minute, Stabilization: 5 * time.Minute, Busy: AggregateMax,
			Timeout: 10 * time.Second, EventInterval: 30 * time.Minute,
		},
		Utilization: UtilizationOptions{Target: target, Min: target - boundary, Max: target + boundary},
		Parallelism: ParallelismOptions{Min: 1, Max: 200, Align: AlignBalanced},
		Limits:      LimitOptions{DownInterval: time.Hour, DownFactor: 0.6, UpFactor: 100000},
		Restart:     RestartOptions{Time: 5 * time.Minute, Limit: 15 * time.Minute},
		Backlog:     BacklogOptions{CatchUp: 30 * time.Minute, Threshold: 5 * time.Minute},
		Observed:    ObservedOptions{Lag: 30 * time.Second, Switch: 0.15, Min: 2},
		Effect:      EffectOptions{Threshold: 0.1},
		Scalability: ScalabilityOptions{Min: 3, Floor: 0.5},
		Memory:      MemoryOptions{GC: 1, Heap: 1, Overhead: 0.2, Compensate: true},
		History:     HistoryOptions{Count: 3, Age: 24 * time.Hour},
	}
}
