// Package jobmetrics shows a job's metrics as the REST API of a JobManager does: as the bodies of
// its answers, and as a server. Tests use it to feed what a collection of metrics says to other
// programs, and to collect it again.
package jobmetrics

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
)

// Metric is an aggregated metric in Flink's form. A number is a float64, "NaN", or left out.
type Metric struct {
	ID  string `json:"id"`
	Min any    `json:"min,omitempty"`
	Max any    `json:"max,omitempty"`
	Avg any    `json:"avg,omitempty"`
	Sum any    `json:"sum,omitempty"`
}

// Plain is a metric of the JobManager.
type Plain struct {
	ID    string `json:"id"`
	Value string `json:"value"`
}

// Answers are the bodies that Flink answers with about one job.
type Answers struct {
	// Job is the answer of /jobs/:id.
	Job json.RawMessage
	// Vertices are all metrics of each vertex; TaskManagers those over all TaskManagers.
	Vertices     map[string][]Metric
	TaskManagers []Metric
	JobManager   []Plain
}

// JobID is the id of the job that is shown.
const JobID = "11111111111111111111111111111111"

// Of shows a collection. A source is called Source__ and the first eight digits of its id.
func Of(c autoscale.Collection) (Answers, error) {
	a := Answers{Vertices: map[string][]Metric{}, TaskManagers: taskManagers(c.TaskManagers), JobManager: jobManager(c.TaskManagers)}
	for _, v := range c.Vertices {
		a.Vertices[v.ID] = metrics(v)
	}
	var err error
	a.Job, err = json.Marshal(details(c))
	return a, err
}

func known(list []Metric, id string, agg autoscale.Aggregate, sum autoscale.Value) []Metric {
	if agg == (autoscale.Aggregate{}) && !sum.Known() {
		return list
	}
	return append(list, Metric{ID: id, Min: number(agg.Min), Max: number(agg.Max), Avg: number(agg.Avg), Sum: number(sum)})
}

func number(v autoscale.Value) any {
	if !v.Known() {
		return nil
	}
	return v.Float()
}

// gauge is a number that Flink always reports, if as NaN.
func gauge(v autoscale.Value) any {
	if !v.Known() {
		return "NaN"
	}
	return v.Float()
}

// metrics are those of a vertex, and some that nobody asks for.
func metrics(v autoscale.Vertex) []Metric {
	var none autoscale.Value
	var list []Metric
	if v.Finished {
		return nil
	}
	list = append(list, Metric{ID: autoscale.MetricBusy, Min: gauge(v.Metrics.Busy.Min), Max: gauge(v.Metrics.Busy.Max), Avg: gauge(v.Metrics.Busy.Avg)},
		Metric{ID: "idleTimeMsPerSecond"}, Metric{ID: "Shuffle.Netty.Input.Buffers.inPoolUsage"})
	list = known(list, autoscale.MetricInPerSecond, autoscale.Aggregate{}, v.Metrics.InPerSecond)
	if len(v.Inputs) > 0 {
		return list
	}
	name := "Source__" + v.ID[:8]
	list = known(list, autoscale.MetricBackPressured, autoscale.Aggregate{Avg: v.Metrics.BackPressured}, none)
	for suffix, value := range map[string]autoscale.Value{
		"pendingRecords": v.Metrics.Pending, "numRecordsIn": v.Metrics.SourceIn,
		"numRecordsInPerSecond": v.Metrics.SourceInPerSecond, "numRecordsOut": v.Metrics.SourceOut,
	} {
		list = known(list, name+"."+suffix, autoscale.Aggregate{}, value)
	}
	for i := range v.Partitions {
		// Every reader reports its partitions, and one moves from reader to reader.
		for reader := range 2 {
			list = append(list, Metric{ID: fmt.Sprintf("%d.%s.KafkaSourceReader.topic.orders.partition.%d.currentOffset", reader, name, i)})
		}
	}
	return list
}

func taskManagers(m autoscale.TaskManagers) []Metric {
	var list []Metric
	for _, one := range []struct {
		id    string
		value autoscale.Value
	}{
		{"Status.JVM.Memory.Heap.Max", m.HeapMax},
		{"Status.JVM.Memory.Heap.Used", m.HeapUsed},
		{"Status.Flink.Memory.Managed.Used", m.ManagedUsed},
		{"Status.JVM.Memory.Metaspace.Used", m.MetaspaceUsed},
		{"Status.JVM.GarbageCollector.All.TimeMsPerSecond", m.GC},
	} {
		list = known(list, one.id, autoscale.Aggregate{Min: one.value, Max: one.value, Avg: one.value}, autoscale.Value{})
	}
	return list
}

func jobManager(m autoscale.TaskManagers) []Plain {
	var list []Plain
	for id, v := range map[string]autoscale.Value{"taskSlotsTotal": m.SlotsTotal, "taskSlotsAvailable": m.SlotsAvailable} {
		if v.Known() {
			list = append(list, Plain{ID: id, Value: strconv.Itoa(int(math.Round(v.Float())))})
		}
	}
	return list
}

type object = map[string]any

// details is the answer about a job with its plan.
func details(c autoscale.Collection) object {
	var vertices, nodes []object
	for _, v := range c.Vertices {
		status := "RUNNING"
		if v.Finished {
			status = "FINISHED"
		}
		vertex := object{
			"id": v.ID, "name": v.Name, "maxParallelism": v.MaxParallelism, "parallelism": v.Parallelism,
			"status": status, "start-time": 1, "end-time": -1, "duration": 1,
			"tasks": object{status: v.Parallelism},
			"metrics": object{
				"read-bytes": 0, "read-bytes-complete": true, "write-bytes": 0, "write-bytes-complete": true,
				"read-records": v.Totals.Read, "read-records-complete": true,
				"write-records": v.Totals.Written, "write-records-complete": true,
				"accumulated-backpressured-time": 0, "accumulated-idle-time": 0,
				"accumulated-busy-time": v.Totals.Busy.Or(0),
			},
		}
		if v.SlotSharingGroup != "" {
			vertex["slotSharingGroupId"] = v.SlotSharingGroup
		}
		vertices = append(vertices, vertex)
		node := object{"id": v.ID, "parallelism": v.Parallelism, "operator": "", "description": v.Name, "optimizer_properties": object{}}
		var inputs []object
		for i, in := range v.Inputs {
			inputs = append(inputs, object{"num": i, "id": in.ID, "ship_strategy": in.Ship, "exchange": "pipelined_bounded"})
		}
		if inputs != nil {
			node["inputs"] = inputs
		}
		nodes = append(nodes, node)
	}
	return object{
		"jid": JobID, "name": "job", "isStoppable": false, "state": "RUNNING",
		"start-time": 1, "end-time": -1, "duration": 1, "maxParallelism": -1, "now": c.At.UnixMilli(),
		"timestamps": object{"CREATED": 1, "RUNNING": c.Running.UnixMilli()},
		"vertices":   vertices, "status-counts": object{"RUNNING": len(vertices)},
		"plan": object{"jid": JobID, "name": "job", "type": "STREAMING", "nodes": nodes},
	}
}

// Handler serves what a collection says as a JobManager does: metrics that are asked for by name
// with their values, or else only the names. Each vertex and the TaskManagers have so many more
// metrics that nobody asks for. As in Flink, one name that does not exist makes the whole
// answer empty.
func Handler(current func() autoscale.Collection, more int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, err := Of(current())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		for i := range more {
			surplus := Metric{ID: fmt.Sprintf("Shuffle.Netty.Output.Buffers.%d.subpartitionQueueUsage", i)}
			a.TaskManagers = append(a.TaskManagers, surplus)
			for id := range a.Vertices {
				a.Vertices[id] = append(a.Vertices[id], surplus)
			}
		}
		job := "/jobs/" + JobID
		path := r.URL.Path
		id, ofVertex := strings.CutSuffix(strings.TrimPrefix(path, job+"/vertices/"), "/subtasks/metrics")
		switch {
		case path == job:
			_, _ = w.Write(a.Job)
		case ofVertex && a.Vertices[id] != nil:
			answer(w, pick(a.Vertices[id], r))
		case path == "/taskmanagers/metrics":
			answer(w, pick(a.TaskManagers, r))
		case path == "/jobmanager/metrics":
			answer(w, a.JobManager)
		default:
			w.WriteHeader(http.StatusNotFound)
			answer(w, object{"errors": []string{"Not found: " + path}})
		}
	})
}

// pick answers a request for metrics: those of the parameter get, or the names of all.
func pick(all []Metric, r *http.Request) any {
	get := r.URL.Query().Get("get")
	if get == "" {
		names := []object{}
		for _, m := range all {
			names = append(names, object{"id": m.ID})
		}
		return names
	}
	picked := []Metric{}
	for name := range strings.SplitSeq(get, ",") {
		found := false
		for _, m := range all {
			if m.ID == name {
				picked, found = append(picked, m), true
			}
		}
		if !found {
			return []Metric{}
		}
	}
	return picked
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_ = json.NewEncoder(w).Encode(body)
}
