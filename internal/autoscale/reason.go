package autoscale

import (
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/settings"
)

// Code says why something is or is not done. Codes are part of the API: they are never reused.
type Code string

// Codes about a vertex.
const (
	// Finished: all its subtasks have finished.
	Finished Code = "finished"
	// Excluded: Option lists the vertex.
	Excluded Code = "excluded"
	// NoBusyTime: Flink reports no busy time.
	NoBusyTime Code = "no-busy-time"
	// NoRate: there is no true processing rate or no target rate.
	NoRate Code = "no-rate"
	// AtTarget: the parallelism is the right one.
	AtTarget Code = "at-target"
	// ScaleUp and ScaleDown: from Actual to Limit subtasks.
	ScaleUp   Code = "scale-up"
	ScaleDown Code = "scale-down"
	// WithinBand: the true rate Actual needs no change for the vertex's own sake; Limit is the
	// threshold that it would have to pass.
	WithinBand Code = "within-band"
	// Delayed: the scale-down waits Until then.
	Delayed Code = "delayed"
	// WindowLargest: Limit, the largest recommendation within the interval, is taken instead of Actual.
	WindowLargest Code = "window-largest"
	// StepLimited: Option limits the factor Actual to Limit.
	StepLimited Code = "step-limited"
	// ParallelismLimited: Option limits the parallelism Actual to Limit. Without an option it is
	// the number of key groups.
	ParallelismLimited Code = "parallelism-limited"
	// Aligned: Actual became Limit to suit the partitions or key groups, of which there are Of.
	Aligned Code = "aligned"
	// Sublinear: a vertex does not scale linearly; Actual is the coefficient.
	Sublinear Code = "sublinear"
	// Ineffective: the last step up had the share Actual of the expected effect, Limit is the
	// least. With Option the next step up is prevented.
	Ineffective Code = "ineffective"
	// Bottleneck: the vertex Vertex cannot be scaled further and holds back its sources, so the
	// factor Actual is Limit.
	Bottleneck Code = "bottleneck"
	// Skewed: the busiest subtask is busy for Actual milliseconds per second, the mean is Limit.
	// More subtasks do not help.
	Skewed Code = "skewed"
	// ObservedRate: the true rate was observed while there was lag.
	ObservedRate Code = "observed-rate"
	// Backlog: the source needs Actual seconds for what waits, more than Limit (Option). Full use
	// is fine then, and nothing is scaled down.
	Backlog Code = "backlog"
)

// Codes about the job.
const (
	// Stabilizing: the job started not long ago; nothing is done Until then.
	Stabilizing Code = "stabilizing"
	// WindowFilling: the window is full at Until.
	WindowFilling Code = "window-filling"
	// FewSamples: two samples are needed.
	FewSamples Code = "few-samples"
	// MetricMissing: the vertex Vertex has no Metric yet.
	MetricMissing Code = "metric-missing"
	// BadPlan: the job's plan makes no sense.
	BadPlan Code = "bad-plan"
	// GCPressure and HeapUsage: the share Actual is above Limit (Option).
	GCPressure Code = "gc-pressure"
	HeapUsage  Code = "heap-usage"
	// AllAtTarget: every vertex has the right parallelism, or waits.
	AllAtTarget Code = "all-at-target"
	// AllWithinBand: vertices would change, but none is outside its thresholds.
	AllWithinBand Code = "all-within-band"
	// RecommendOnly: Option says to recommend only.
	RecommendOnly Code = "recommend-only"
	// ExcludedPeriod: Metric is the period that holds.
	ExcludedPeriod Code = "excluded-period"
	// OnHold: the caller allows no step now; Metric says why.
	OnHold Code = "on-hold"
	// QuotaCPUs, QuotaMemory and NoRoom: Limit TaskManagers are allowed or fit; Actual are wanted.
	QuotaCPUs   Code = "quota-cpus"
	QuotaMemory Code = "quota-memory"
	NoRoom      Code = "no-room"
	// Scaled: the step is taken.
	Scaled Code = "scaled"
)

// Reason is one reason with its data. Which fields are set depends on the code.
type Reason struct {
	Code Code `json:"code"`
	// Option is the option that decides, with its prefix.
	Option string `json:"option,omitempty"`
	// Vertex and Metric name what it is about, where that is not plain.
	Vertex string    `json:"vertex,omitempty"`
	Metric string    `json:"metric,omitempty"`
	Actual Value     `json:"actual,omitzero"`
	Limit  Value     `json:"limit,omitzero"`
	Of     Value     `json:"of,omitzero"`
	Until  time.Time `json:"until,omitzero"`
}

func counts(code Code, actual, limit int) Reason {
	return Reason{Code: code, Actual: Of(float64(actual)), Limit: Of(float64(limit))}
}

func limited(code Code, option string, actual, limit float64) Reason {
	return Reason{Code: code, Option: settings.Prefix + option, Actual: Of(actual), Limit: Of(limit)}
}
