package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
)

// Names returns the name of a vertex by its id; an id that is not known is returned as it is.
type Names func(id string) string

// NamesOf returns the names of the vertices of a result.
func NamesOf(vertices []autoscale.VertexResult) Names {
	names := make(map[string]string, len(vertices))
	for _, v := range vertices {
		if v.Name != "" {
			names[v.ID] = v.Name
		}
	}
	return func(id string) string {
		if name, ok := names[id]; ok {
			return name
		}
		return id
	}
}

// Reasons adds words to reasons.
func Reasons(list []autoscale.Reason, names Names) []Reason {
	out := make([]Reason, 0, len(list))
	for _, r := range list {
		out = append(out, Reason{Reason: r, Message: Message(r, names)})
	}
	return out
}

// phrase is how a reason is worded. In its text {actual}, {limit} and {of} are whole or rounded
// numbers, {actual%} and {limit%} shares in percent, {until} a time, and {option}, {vertex} and
// {metric} names.
var phrases = map[autoscale.Code]string{
	autoscale.Finished:           "all subtasks have finished",
	autoscale.Excluded:           "excluded by {option}",
	autoscale.NoBusyTime:         "Flink reports no {metric}",
	autoscale.NoRate:             "the processing rate or the target rate is not known",
	autoscale.AtTarget:           "the parallelism is right",
	autoscale.ScaleUp:            "scale up from {actual} to {limit}",
	autoscale.ScaleDown:          "scale down from {actual} to {limit}",
	autoscale.WithinBand:         "the true rate of {actual}/s is within the thresholds ({limit}/s)",
	autoscale.Delayed:            "scale-down to {actual} waits until {until} ({option})",
	autoscale.WindowLargest:      "{limit} instead of {actual}: the largest recommendation within {option}",
	autoscale.StepLimited:        "factor {actual} limited to {limit} by {option}",
	autoscale.ParallelismLimited: "parallelism {actual} limited to {limit} by {option}",
	autoscale.Aligned:            "parallelism {actual} aligned to {limit} for {of} partitions or key groups ({option})",
	autoscale.Sublinear:          "scales with {actual%} of linear scaling",
	autoscale.Ineffective:        "the last step up had {actual%} of the expected effect, less than {limit%}",
	autoscale.Bottleneck:         "{vertex} cannot be scaled further and limits the sources: factor {limit} instead of {actual}",
	autoscale.Skewed:             "skewed: the busiest subtask is busy {actual} ms/s, the mean is {limit} ms/s",
	autoscale.ObservedRate:       "the true rate was observed while there was lag",
	autoscale.Backlog:            "backlog of {actual} s, more than {limit} s ({option}): thresholds are widened",
	autoscale.Stabilizing:        "the job stabilizes until {until} ({option})",
	autoscale.WindowFilling:      "the metrics window is full at {until} ({option})",
	autoscale.FewSamples:         "{actual} of {limit} samples needed",
	autoscale.MetricMissing:      "{vertex} does not report {metric} yet",
	autoscale.BadPlan:            "the plan of the job cannot be evaluated",
	autoscale.GCPressure:         "no step: {actual%} of the time in garbage collection, more than {limit%} ({option})",
	autoscale.HeapUsage:          "no step: {actual%} of the heap in use, more than {limit%} ({option})",
	autoscale.AllAtTarget:        "nothing to change",
	autoscale.AllWithinBand:      "nothing to change: all true rates are within their thresholds",
	autoscale.RecommendOnly:      "recommended only ({option} is false)",
	autoscale.ExcludedPeriod:     "no step in the excluded period {metric}",
	autoscale.OnHold:             "no step now",
	autoscale.QuotaCPUs:          "{actual} TaskManagers wanted, {limit} allowed by {option}",
	autoscale.QuotaMemory:        "{actual} TaskManagers wanted, {limit} allowed by {option}",
	autoscale.NoRoom:             "{actual} TaskManagers wanted, {limit} fit",
	autoscale.Scaled:             "the step is taken",
}

// Message says a reason in words. Reasons of a code that has none say the code.
func Message(r autoscale.Reason, names Names) string {
	text, ok := phrases[r.Code]
	switch {
	case !ok:
		return string(r.Code)
	case r.Code == autoscale.ParallelismLimited && r.Option == "":
		text = "parallelism {actual} limited to {limit} by the number of key groups"
	case r.Code == autoscale.Ineffective && r.Option != "":
		text += "; no further step up ({option})"
	case r.Code == autoscale.OnHold && r.Metric != "":
		text = "no step now: {metric}"
	}
	vertex := r.Vertex
	if names != nil && vertex != "" {
		vertex = names(vertex)
	}
	until := ""
	if !r.Until.IsZero() {
		until = r.Until.UTC().Format(time.RFC3339)
	}
	return strings.NewReplacer(
		"{actual%}", percent(r.Actual), "{limit%}", percent(r.Limit), "{actual}", Number(r.Actual), "{limit}", Number(r.Limit),
		"{of}", Number(r.Of), "{until}", until, "{option}", r.Option, "{vertex}", vertex, "{metric}", r.Metric,
	).Replace(text)
}

// Number writes a value for people: rounded to three significant digits below 100, to whole numbers
// above; "-" when it is not known and "∞" when it is infinite.
func Number(v autoscale.Value) string {
	f := v.Float()
	switch {
	case !v.Known():
		return "-"
	case math.IsInf(f, 1):
		return "∞"
	case math.Abs(f) >= 100 || f == math.Trunc(f):
		return strconv.FormatFloat(math.Round(f), 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'g', 3, 64)
}

func percent(v autoscale.Value) string {
	if !v.Finite() {
		return "an unknown share"
	}
	return fmt.Sprintf("%.0f %%", 100*v.Float())
}
