package jobmanager

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// ServeHTTP implements http.Handler: Flink's REST API, of which it has what the service and its command line ask for.
func (f *Flink) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.mux.ServeHTTP(w, r) }

// routes fills the mux.
func (f *Flink) routes() {
	f.mux = http.NewServeMux()
	locked := func(pattern string, h http.HandlerFunc) {
		f.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			f.mu.Lock()
			defer f.mu.Unlock()
			h(w, r)
		})
	}
	ofJob := func(pattern string, h func(http.ResponseWriter, *http.Request, *job)) {
		locked(pattern, func(w http.ResponseWriter, r *http.Request) {
			id := r.PathValue("job")
			i := slices.IndexFunc(f.jobs, func(j *job) bool { return j.id == id })
			if i < 0 {
				refuse(w, http.StatusNotFound, "org.apache.flink.runtime.rest.NotFoundException: Job "+id+" not found\n\tat "+
					"org.apache.flink.runtime.rest.handler.job.AbstractExecutionGraphHandler.lambda$handleRequest$1(AbstractExecutionGraphHandler.java:99)")
				return
			}
			h(w, r, f.jobs[i])
		})
	}
	locked("GET /overview", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, f.overview()) })
	locked("GET /taskmanagers", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]any{"taskmanagers": f.taskManagers()})
	})
	locked("GET /jobs/overview", func(w http.ResponseWriter, _ *http.Request) {
		rows := []map[string]any{}
		for _, j := range f.jobs {
			rows = append(rows, j.row())
		}
		reply(w, http.StatusOK, map[string]any{"jobs": rows})
	})
	ofJob("GET /jobs/{job}", func(w http.ResponseWriter, _ *http.Request, j *job) { reply(w, http.StatusOK, j.detail()) })
	ofJob("GET /jobs/{job}/status", func(w http.ResponseWriter, _ *http.Request, j *job) {
		reply(w, http.StatusOK, map[string]string{"status": j.state})
	})
	ofJob("PATCH /jobs/{job}", f.cancel)
	ofJob("POST /jobs/{job}/savepoints", f.triggerSavepoint)
	ofJob("POST /jobs/{job}/stop", f.triggerSavepoint)
	ofJob("GET /jobs/{job}/savepoints/{trigger}", savepointStatus)
	ofJob("GET /jobs/{job}/exceptions", func(w http.ResponseWriter, _ *http.Request, j *job) { reply(w, http.StatusOK, j.exceptions()) })
	ofJob("GET /jobs/{job}/checkpoints", func(w http.ResponseWriter, _ *http.Request, j *job) { reply(w, http.StatusOK, j.checkpoints()) })
	ofJob("GET /jobs/{job}/accumulators", func(w http.ResponseWriter, _ *http.Request, _ *job) {
		reply(w, http.StatusOK, map[string]any{
			"job-accumulators":                  []any{},
			"user-task-accumulators":            []map[string]string{{"name": "words", "type": "LongCounter", "value": "287"}},
			"serialized-user-task-accumulators": map[string]any{},
		})
	})
	ofJob("GET /jobs/{job}/metrics", func(w http.ResponseWriter, r *http.Request, _ *job) { metrics(w, r) })
	f.metricRoutes(locked, ofJob)
	locked("GET /jars", f.listJars)
	f.mux.HandleFunc("POST /jars/upload", f.uploadJar)
	locked("DELETE /jars/{jar}", f.ofJar(func(w http.ResponseWriter, _ *http.Request, i int) {
		f.jars = slices.Delete(f.jars, i, i+1)
		reply(w, http.StatusOK, map[string]any{})
	}))
	locked("POST /jars/{jar}/run", f.ofJar(f.runJar))
	f.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { refuse(w, http.StatusNotFound, "Not found: "+r.URL.Path) })
}

// reply writes JSON.
func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // Who asked may be gone.
}

// refuse writes an error as Flink does.
func refuse(w http.ResponseWriter, status int, texts ...string) {
	reply(w, status, map[string]any{"errors": texts})
}

// overview is the answer of /overview.
func (f *Flink) overview() map[string]any {
	slots, used, count := 0, 0, map[string]int{}
	for _, t := range f.tms {
		slots, used = slots+t.slots, used+t.used
	}
	for _, j := range f.jobs {
		if j.over() {
			count[j.state]++
		} else {
			count["RUNNING"]++ // Flink counts all jobs that have not ended.
		}
	}
	return map[string]any{
		"flink-version": f.o.Version, "flink-commit": "0123456", "taskmanagers": len(f.tms), "slots-total": slots, "slots-available": slots - used,
		"jobs-running": count["RUNNING"], "jobs-finished": count["FINISHED"], "jobs-cancelled": count["CANCELED"], "jobs-failed": count["FAILED"],
	}
}

// taskManagers are the rows of /taskmanagers.
func (f *Flink) taskManagers() []map[string]any {
	rows := []map[string]any{}
	for _, t := range f.tms {
		rows = append(rows, map[string]any{
			"id": t.id, "path": "pekko.tcp://flink@" + t.host + ":31007/user/rpc/taskmanager_0", "dataPort": 31008,
			"timeSinceLastHeartbeat": time.Now().UnixMilli(), "slotsNumber": t.slots, "freeSlots": t.slots - t.used,
		})
	}
	return rows
}

// row is a job in /jobs/overview.
func (j *job) row() map[string]any {
	end, last := int64(-1), time.Now()
	if j.over() {
		end, last = j.end.UnixMilli(), j.end
	}
	state, tasks := j.state, map[string]int{"total": j.parallelism}
	switch {
	case j.state == "RUNNING":
		tasks["running"] = j.parallelism
	case j.state == "CREATED" && len(j.at) == 0:
		state, tasks["scheduled"] = "RUNNING", j.parallelism // It waits for slots.
	}
	return map[string]any{
		"jid": j.id, "name": "Example " + j.program, "state": state, "start-time": j.start.UnixMilli(), "end-time": end,
		"duration": last.Sub(j.start).Milliseconds(), "last-modification": last.UnixMilli(),
		"tasks": tasks,
	}
}

// detail is the answer of /jobs/:id.
func (j *job) detail() map[string]any {
	out := j.row()
	running := out["tasks"].(map[string]int)["running"]
	delete(out, "tasks")
	delete(out, "last-modification")
	out["maxParallelism"] = -1
	_, total := j.processed()
	out["vertices"] = []map[string]any{{
		"id": vertexID, "slotSharingGroupId": strings.Repeat("cd", 16), "name": "Source: text -> Map", "parallelism": j.parallelism, "maxParallelism": maxParallel, "status": j.state,
		"duration": out["duration"], "tasks": map[string]int{"RUNNING": running},
		"metrics": map[string]any{"read-records": j.read(12), "write-records": j.read(287), "read-bytes": 1024, "write-bytes": 4096, "accumulated-busy-time": total},
	}}
	at := map[string]int64{"CREATED": j.start.UnixMilli(), "RUNNING": 0}
	if !j.since.IsZero() {
		at["RUNNING"] = j.since.UnixMilli()
	}
	out["timestamps"] = at
	out["plan"] = map[string]any{"jid": j.id, "nodes": []map[string]any{{"id": vertexID, "parallelism": j.parallelism}}}
	return out
}

// cancel answers PATCH /jobs/:id.
func (f *Flink) cancel(w http.ResponseWriter, r *http.Request, j *job) {
	switch {
	case cmp.Or(r.URL.Query().Get("mode"), "cancel") != "cancel":
		refuse(w, http.StatusBadRequest, "The termination mode \"stop\" has been removed.")
		return
	case j.over():
		refuse(w, http.StatusConflict, "org.apache.flink.runtime.rest.handler.RestHandlerException: "+
			"Job cancellation failed because the job has already reached another terminal state ("+j.state+").")
		return
	}
	j.state = "CANCELLING"
	f.after(cancelling, func() { f.end(j, "CANCELED") })
	reply(w, http.StatusAccepted, map[string]any{})
}

// triggerSavepoint answers POST /jobs/:id/savepoints and /jobs/:id/stop.
func (f *Flink) triggerSavepoint(w http.ResponseWriter, r *http.Request, j *job) {
	var body struct {
		Directory     string `json:"target-directory"`
		StopDirectory string `json:"targetDirectory"`
		Trigger       string `json:"triggerId"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		refuse(w, http.StatusBadRequest, "Request did not match expected format SavepointTriggerRequestBody.")
		return
	}
	directory := cmp.Or(body.Directory, body.StopDirectory, f.o.SavepointDirectory)
	switch {
	case directory == "":
		refuse(w, http.StatusBadRequest, "org.apache.flink.runtime.rest.handler.RestHandlerException: "+
			"Config key [state.savepoints.dir] is not set. Property [target-directory] must be provided.\n\tat a.b.C(D.java:1)")
		return
	case j.over():
		refuse(w, http.StatusInternalServerError, "Internal server error.", "<Exception on server side:\n"+
			"java.util.concurrent.CompletionException: org.apache.flink.util.FlinkException: Job is not running\n\tat x.Y(Z.java:1)\nEnd of exception on server side>")
		return
	}
	s := f.trigger(j, body.Trigger, directory, strings.HasSuffix(r.URL.Path, "/stop"))
	reply(w, http.StatusAccepted, map[string]string{"request-id": s.id})
}

// savepointStatus answers GET /jobs/:id/savepoints/:trigger.
func savepointStatus(w http.ResponseWriter, r *http.Request, j *job) {
	id := r.PathValue("trigger")
	i := slices.IndexFunc(j.savepoints, func(s *savepoint) bool { return s.id == id })
	if i < 0 {
		refuse(w, http.StatusNotFound, "There is no savepoint operation with triggerId="+id+" for job "+j.id)
		return
	}
	s := j.savepoints[i]
	status, operation := "COMPLETED", map[string]any(nil)
	switch {
	case s.completed.IsZero():
		status = "IN_PROGRESS"
	case s.failure != "":
		class, _, _ := strings.Cut(s.failure, ":")
		operation = map[string]any{"failure-cause": map[string]string{"class": class, "stack-trace": s.failure + "\n\tat x.Y(Z.java:1)\n"}}
	default:
		operation = map[string]any{"location": s.location}
	}
	reply(w, http.StatusOK, map[string]any{"status": map[string]string{"id": status}, "operation": operation})
}

// exceptions is the answer of /jobs/:id/exceptions.
func (j *job) exceptions() map[string]any {
	entries := []map[string]any{}
	if j.state == "FAILED" {
		entries = append(entries, map[string]any{
			"exceptionName": "org.apache.flink.runtime.JobException", "stacktrace": failure, "timestamp": j.end.UnixMilli(),
			"taskName": "Source: text -> Map (1/1) - execution #0", "endpoint": "agent1.example:31007", "taskManagerId": "tm-1",
			"failureLabels": map[string]string{}, "concurrentExceptions": []any{},
		})
	}
	return map[string]any{"exceptionHistory": map[string]any{"entries": entries, "truncated": false}}
}

// checkpoints is the answer of /jobs/:id/checkpoints: one checkpoint a second after the start, and the savepoints.
func (j *job) checkpoints() map[string]any {
	history, latest, completed := []map[string]any{}, map[string]any{}, 0
	add := func(triggered time.Time, took time.Duration, size int64, path string, isSavepoint bool) map[string]any {
		completed++
		c := map[string]any{
			"id": completed, "status": "COMPLETED", "is_savepoint": isSavepoint, "trigger_timestamp": triggered.UnixMilli(),
			"state_size": size, "end_to_end_duration": took.Milliseconds(), "external_path": path,
		}
		history = append([]map[string]any{c}, history...)
		return c
	}
	if first := j.start.Add(time.Second); time.Now().After(first) {
		latest["completed"] = add(first, 1250*time.Millisecond, 1<<20, "file:/checkpoints/chk-1", false)
	}
	for _, s := range j.savepoints {
		if s.location != "" {
			latest["savepoint"] = add(s.triggered, s.completed.Sub(s.triggered), 2048, s.location, true)
		}
	}
	return map[string]any{
		"counts": map[string]int{"restored": 0, "total": completed, "in_progress": 0, "completed": completed, "failed": 0},
		"latest": latest, "history": history,
	}
}

// metrics answers /jobs/:id/metrics.
func metrics(w http.ResponseWriter, r *http.Request) {
	values := map[string]string{"numRestarts": "0", "uptime": "12000", "lastCheckpointSize": "1048576"}
	list := []map[string]string{}
	wanted := r.URL.Query().Get("get")
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch {
		case wanted == "":
			list = append(list, map[string]string{"id": name})
		case slices.Contains(strings.Split(wanted, ","), name):
			list = append(list, map[string]string{"id": name, "value": values[name]})
		}
	}
	reply(w, http.StatusOK, list)
}

// listJars answers GET /jars.
func (f *Flink) listJars(w http.ResponseWriter, r *http.Request) {
	files := []map[string]any{}
	for _, j := range f.jars {
		files = append(files, map[string]any{
			"id": j.id, "name": j.name, "uploaded": j.uploaded.UnixMilli(),
			"entry": []map[string]any{{"name": "com.example.Main", "description": nil}},
		})
	}
	reply(w, http.StatusOK, map[string]any{"address": "http://" + r.Host, "files": files})
}

// ofJar answers a request about an uploaded jar.
func (f *Flink) ofJar(h func(w http.ResponseWriter, r *http.Request, i int)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("jar")
		i := slices.IndexFunc(f.jars, func(j jar) bool { return j.id == id })
		if i < 0 {
			refuse(w, http.StatusBadRequest, "org.apache.flink.runtime.rest.handler.RestHandlerException: "+
				"Jar file /tmp/flink-web-upload/"+id+" does not exist\n\tat a.b.C(D.java:1)")
			return
		}
		h(w, r, i)
	}
}

// uploadJar takes a jar as Flink does: one part named jarfile, of a length known ahead.
func (f *Flink) uploadJar(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength < 0 {
		refuse(w, http.StatusLengthRequired, "the upload has no length")
		return
	}
	parts, err := r.MultipartReader()
	if err != nil {
		refuse(w, http.StatusBadRequest, "Exactly 1 file must be sent, received 0.")
		return
	}
	part, err := parts.NextPart()
	if err != nil || part.FormName() != "jarfile" || !strings.HasSuffix(part.FileName(), ".jar") {
		refuse(w, http.StatusBadRequest, "Only Jar files are allowed.")
		return
	}
	if _, err := io.Copy(io.Discard, part); err != nil {
		refuse(w, http.StatusBadRequest, "the upload ended early")
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	j := jar{id: fmt.Sprintf("00000000-0000-4000-8000-%012x_%s", f.o.NextJar(), part.FileName()), name: part.FileName(), uploaded: time.Now()}
	f.jars = append(f.jars, j)
	reply(w, http.StatusOK, map[string]string{"filename": "/tmp/flink-web-0/flink-web-upload/" + j.id, "status": "success"})
}

// runJar answers POST /jars/:id/run.
func (f *Flink) runJar(w http.ResponseWriter, r *http.Request, i int) {
	var body struct {
		EntryClass            string            `json:"entryClass"`
		Args                  []string          `json:"programArgsList"`
		Parallelism           int               `json:"parallelism"`
		Savepoint             string            `json:"savepointPath"`
		AllowNonRestoredState bool              `json:"allowNonRestoredState"`
		Configuration         map[string]string `json:"flinkConfiguration"`
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		refuse(w, http.StatusBadRequest, "Request did not match expected format JarRunRequestBody.")
		return
	}
	if Throws(f.jars[i].id) {
		refuse(w, http.StatusInternalServerError, "Internal server error.", thrown)
		return
	}
	reply(w, http.StatusOK, map[string]string{"jobid": f.submit(f.jars[i].id, body.Parallelism).id})
}
