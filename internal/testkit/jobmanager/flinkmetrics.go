package jobmanager

import (
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The job of a scripted Flink is one vertex, a source with a map. Of the records that arrive at busy.jar, more than
// its subtasks can process, the rest waits; at every other job fewer arrive.
const (
	vertexID = "abababababababababababababababab"
	// capacity is what a subtask can process, in records per second.
	capacity    = 100.0
	busyLoad    = 250.0
	usualLoad   = 10.0
	operator    = "Source__text"
	megabyte    = 1 << 20
	heapSize    = 512 * megabyte
	heapInUse   = 128 * megabyte
	metaspace   = 64 * megabyte
	maxParallel = 128
)

// arrives is how many records a second arrive at a job.
func (j *job) arrives() float64 {
	if j.program == "busy" {
		return busyLoad
	}
	return usualLoad
}

// endless says that a job never ends by itself.
func (j *job) endless() bool { return j.program == "endless" || j.program == "busy" }

// processed is how many records a second a job processes, and how many it has so far.
func (j *job) processed() (rate, total float64) {
	if j.state != "RUNNING" {
		return 0, 0
	}
	rate = min(j.arrives(), capacity*float64(len(j.at)))
	return rate, math.Floor(rate * time.Since(j.since).Seconds())
}

// read is how many records a job has read so far: of one that is watched by the autoscaler those that it processed, of
// another a number.
func (j *job) read(number int) int {
	if j.program != "busy" {
		return number
	}
	_, total := j.processed()
	return int(total)
}

// vertexMetrics are those of the job's vertex, summed over its subtasks or the mean, as Flink aggregates them.
func (j *job) vertexMetrics() map[string]float64 {
	rate, total := j.processed()
	busy := 0.0
	if n := len(j.at); n > 0 {
		busy = math.Round(1000 * rate / (capacity * float64(n)))
	}
	return map[string]float64{
		"busyTimeMsPerSecond": busy, "backPressuredTimeMsPerSecond": 0, "idleTimeMsPerSecond": 1000 - busy, "numRecordsInPerSecond": 0,
		operator + ".numRecordsIn": total, operator + ".numRecordsInPerSecond": rate, operator + ".numRecordsOut": total,
		operator + ".pendingRecords": math.Floor((j.arrives() - rate) * time.Since(j.since).Seconds()),
	}
}

// aggregated answers a request for metrics that are aggregated: the names of all, or those of the parameter get. As in
// Flink, one name that does not exist makes the whole answer empty.
func aggregated(w http.ResponseWriter, r *http.Request, values map[string]float64) {
	list := []map[string]any{}
	wanted := r.URL.Query().Get("get")
	if wanted == "" {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			list = append(list, map[string]any{"id": name})
		}
		reply(w, http.StatusOK, list)
		return
	}
	for name := range strings.SplitSeq(wanted, ",") {
		v, ok := values[name]
		if !ok {
			reply(w, http.StatusOK, []any{})
			return
		}
		list = append(list, map[string]any{"id": name, "min": v, "max": v, "avg": v, "sum": v})
	}
	reply(w, http.StatusOK, list)
}

// taskManagerMetrics are those over all TaskManagers.
func (f *Flink) taskManagerMetrics() map[string]float64 {
	if len(f.tms) == 0 {
		return nil
	}
	return map[string]float64{
		"Status.JVM.Memory.Heap.Max": heapSize, "Status.JVM.Memory.Heap.Used": heapInUse, "Status.Flink.Memory.Managed.Used": 0,
		"Status.JVM.Memory.Metaspace.Used": metaspace, "Status.JVM.GarbageCollector.All.TimeMsPerSecond": 2,
	}
}

// jobManagerMetrics answers /jobmanager/metrics.
func (f *Flink) jobManagerMetrics(w http.ResponseWriter, r *http.Request) {
	slots, used := 0, 0
	for _, t := range f.tms {
		slots, used = slots+t.slots, used+t.used
	}
	values := map[string]int{"taskSlotsTotal": slots, "taskSlotsAvailable": slots - used}
	list := []map[string]string{}
	for name := range strings.SplitSeq(r.URL.Query().Get("get"), ",") {
		if v, ok := values[name]; ok {
			list = append(list, map[string]string{"id": name, "value": strconv.Itoa(v)})
		}
	}
	reply(w, http.StatusOK, list)
}

// metricRoutes adds the routes of metrics.
func (f *Flink) metricRoutes(locked func(string, http.HandlerFunc), ofJob func(string, func(http.ResponseWriter, *http.Request, *job))) {
	ofJob("GET /jobs/{job}/vertices/{vertex}/subtasks/metrics", func(w http.ResponseWriter, r *http.Request, j *job) {
		if r.PathValue("vertex") != vertexID {
			reply(w, http.StatusOK, []any{})
			return
		}
		aggregated(w, r, j.vertexMetrics())
	})
	locked("GET /taskmanagers/metrics", func(w http.ResponseWriter, r *http.Request) { aggregated(w, r, f.taskManagerMetrics()) })
	locked("GET /jobmanager/metrics", f.jobManagerMetrics)
	ofJob("GET /jobs/{job}/resource-requirements", func(w http.ResponseWriter, _ *http.Request, j *job) { f.showRequirements(w, j) })
	ofJob("PUT /jobs/{job}/resource-requirements", f.setRequirements)
}
