package autoscale

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// Collection is what Flink's REST API said about one running job at one time.
type Collection struct {
	// At is when it was collected.
	At time.Time `json:"at"`
	// Running is when the job became RUNNING; a later time than the first sample's means that
	// the job was restarted, and its history begins again.
	Running time.Time `json:"running"`
	// Vertices are the vertices of the job, in any order.
	Vertices []Vertex `json:"vertices"`
	// TaskManagers are metrics over all TaskManagers of the cluster.
	TaskManagers TaskManagers `json:"taskManagers,omitzero"`
}

// Vertex is one vertex of the job graph with its metrics.
type Vertex struct {
	// ID is the job vertex id, 32 hexadecimal digits.
	ID string `json:"id"`
	// Name is for people.
	Name string `json:"name,omitempty"`
	// SlotSharingGroup is the id of the group whose subtasks share slots; empty when Flink does
	// not say (before 1.20).
	SlotSharingGroup string `json:"slotSharingGroup,omitempty"`
	// Parallelism is the number of subtasks, 1 or more.
	Parallelism int `json:"parallelism"`
	// MaxParallelism is the number of key groups, at least Parallelism.
	MaxParallelism int `json:"maxParallelism"`
	// Partitions counts the distinct partitions that a Kafka or Pulsar source reads; 0 when not known.
	Partitions int `json:"partitions,omitempty"`
	// Finished says that all subtasks have finished.
	Finished bool `json:"finished,omitempty"`
	// Inputs are the edges into the vertex; a vertex without inputs is a source.
	Inputs []Input `json:"inputs,omitempty"`
	// Totals are counted since the job became RUNNING.
	Totals Totals `json:"totals"`
	// Metrics are gauges over the subtasks.
	Metrics Metrics `json:"metrics"`
}

// Input is an edge of the job graph.
type Input struct {
	// ID is the vertex at the other end.
	ID string `json:"id"`
	// Ship is the strategy in the job's plan, such as FORWARD, HASH or REBALANCE.
	Ship string `json:"ship"`
}

// Totals are the counters in a job's details, over all subtasks.
type Totals struct {
	// Read and Written are records (read-records, write-records).
	Read    int64 `json:"read"`
	Written int64 `json:"written"`
	// Busy is accumulated-busy-time in milliseconds.
	Busy Value `json:"busy,omitzero"`
}

// Metrics are aggregated metrics of a vertex. A metric that Flink does not report is unknown.
type Metrics struct {
	// Busy is busyTimeMsPerSecond over the subtasks, each from 0 to 1000.
	Busy Aggregate `json:"busy,omitzero"`
	// BackPressured is the mean of backPressuredTimeMsPerSecond; sources only.
	BackPressured Value `json:"backPressured,omitzero"`
	// Pending is the sum of pendingRecords; sources only.
	Pending Value `json:"pending,omitzero"`
	// SourceIn, SourceInPerSecond and SourceOut are sums of the source operator's numRecordsIn,
	// numRecordsInPerSecond and numRecordsOut; sources only.
	SourceIn          Value `json:"sourceIn,omitzero"`
	SourceInPerSecond Value `json:"sourceInPerSecond,omitzero"`
	SourceOut         Value `json:"sourceOut,omitzero"`
	// InPerSecond is the sum of the task's numRecordsInPerSecond; other vertices than sources.
	InPerSecond Value `json:"inPerSecond,omitzero"`
}

// Aggregate is one metric over several subtasks.
type Aggregate struct {
	Min Value `json:"min,omitzero"`
	Max Value `json:"max,omitzero"`
	Avg Value `json:"avg,omitzero"`
}

// TaskManagers are metrics over the TaskManagers of a cluster: of each the largest, in bytes.
type TaskManagers struct {
	HeapMax       Value `json:"heapMax,omitzero"`
	HeapUsed      Value `json:"heapUsed,omitzero"`
	ManagedUsed   Value `json:"managedUsed,omitzero"`
	MetaspaceUsed Value `json:"metaspaceUsed,omitzero"`
	// GC is the time in garbage collection, in milliseconds per second.
	GC Value `json:"gc,omitzero"`
	// SlotsTotal and SlotsAvailable are of the JobManager.
	SlotsTotal     Value `json:"slotsTotal,omitzero"`
	SlotsAvailable Value `json:"slotsAvailable,omitzero"`
}

// source says that the vertex reads from outside the job.
func (v Vertex) source() bool { return len(v.Inputs) == 0 }

// hashed says that an input is partitioned by key.
func (v Vertex) hashed() bool {
	return slices.ContainsFunc(v.Inputs, func(i Input) bool { return strings.EqualFold(i.Ship, "HASH") })
}

// Names of Flink's metrics that a collection asks for.
const (
	MetricBusy          = "busyTimeMsPerSecond"
	MetricBackPressured = "backPressuredTimeMsPerSecond"
	MetricInPerSecond   = "numRecordsInPerSecond"

	suffixPending     = ".pendingRecords"
	suffixIn          = ".numRecordsIn"
	suffixInPerSecond = ".numRecordsInPerSecond"
	suffixOut         = ".numRecordsOut"
	prefixSource      = "Source__"
)

// MetricNames are the names under which Flink reports the metrics of one vertex. The names of a
// source's metrics begin with the name of its operator.
type MetricNames struct {
	Busy, BackPressured                    string
	SourceIn, SourceInPerSecond, SourceOut string
	InPerSecond                            string
	// Pending are all metrics of pending records; several when operators are chained.
	Pending []string
}

// SelectMetrics picks the metrics to ask for out of all metric names of a vertex. missing is the
// first one without which the vertex cannot be evaluated, or empty.
func SelectMetrics(all []string, source bool) (names MetricNames, missing string) {
	find := func(match func(string) bool) string {
		found := ""
		for _, name := range all {
			if match(name) && (found == "" || name < found) {
				found = name
			}
		}
		return found
	}
	exactly := func(name string) string { return find(func(s string) bool { return s == name }) }
	ofSource := func(suffix string) string {
		return find(func(s string) bool { return strings.HasPrefix(s, prefixSource) && strings.HasSuffix(s, suffix) })
	}
	names.Busy = exactly(MetricBusy)
	required := []struct{ found, name string }{{names.Busy, MetricBusy}}
	if source {
		names.BackPressured = exactly(MetricBackPressured)
		names.SourceIn = ofSource(suffixIn)
		names.SourceInPerSecond = ofSource(suffixInPerSecond)
		names.SourceOut = ofSource(suffixOut)
		for _, name := range all {
			if strings.HasSuffix(name, suffixPending) && !slices.Contains(names.Pending, name) {
				names.Pending = append(names.Pending, name)
			}
		}
		slices.Sort(names.Pending)
		required = append(required, []struct{ found, name string }{
			{names.BackPressured, MetricBackPressured},
			{names.SourceInPerSecond, prefixSource + "*" + suffixInPerSecond},
			{names.SourceIn, prefixSource + "*" + suffixIn},
		}...)
	} else {
		names.InPerSecond = exactly(MetricInPerSecond)
	}
	for _, r := range required {
		if r.found == "" {
			return names, r.name
		}
	}
	return names, ""
}

// List returns the names that are set, sorted.
func (n MetricNames) List() []string {
	list := append([]string{n.Busy, n.BackPressured, n.SourceIn, n.SourceInPerSecond, n.SourceOut, n.InPerSecond}, n.Pending...)
	list = slices.DeleteFunc(list, func(s string) bool { return s == "" })
	slices.Sort(list)
	return list
}

// NamedAggregate is one entry of Flink's answer about aggregated metrics.
type NamedAggregate struct {
	ID  string `json:"id"`
	Min Value  `json:"min"`
	Max Value  `json:"max"`
	Avg Value  `json:"avg"`
	Sum Value  `json:"sum"`
}

// Metrics takes the metrics of a vertex out of Flink's answer.
func (n MetricNames) Metrics(answer []NamedAggregate) Metrics {
	var m Metrics
	for _, a := range answer {
		switch a.ID {
		case "":
		case n.Busy:
			m.Busy = Aggregate{Min: a.Min, Max: a.Max, Avg: a.Avg}
		case n.BackPressured:
			m.BackPressured = a.Avg
		case n.SourceIn:
			m.SourceIn = a.Sum
		case n.SourceInPerSecond:
			m.SourceInPerSecond = a.Sum
		case n.SourceOut:
			m.SourceOut = a.Sum
		case n.InPerSecond:
			m.InPerSecond = a.Sum
		default:
			if slices.Contains(n.Pending, a.ID) {
				m.Pending = Of(m.Pending.Or(0) + a.Sum.Float())
			}
		}
	}
	return m
}

// Each Kafka reader registers a metric for each of its partitions, and so does each Pulsar consumer.
var (
	kafkaPartition  = regexp.MustCompile(`^.*?(?:\.kafkaCluster\.(.+))?\.KafkaSourceReader\.topic\.(.+)\.partition\.(\d+)\.currentOffset$`)
	pulsarPartition = regexp.MustCompile(`^.*\.PulsarConsumer\.(.+)-partition-(\d+)\..*\.numMsgsReceived$`)
)

// CountPartitions counts the distinct partitions in the metric names of a source.
func CountPartitions(all []string) int {
	distinct := map[[3]string]bool{}
	for _, name := range all {
		if !strings.HasSuffix(name, ".currentOffset") && !strings.HasSuffix(name, ".numMsgsReceived") {
			continue
		}
		if m := kafkaPartition.FindStringSubmatch(name); m != nil {
			distinct[[3]string{m[1], m[2], m[3]}] = true
		} else if m := pulsarPartition.FindStringSubmatch(name); m != nil {
			distinct[[3]string{"", m[1], m[2]}] = true
		}
	}
	return len(distinct)
}
