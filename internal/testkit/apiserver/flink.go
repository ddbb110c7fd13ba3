package apiserver

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// failure is why fails.jar fails, as Flink tells it.
const failure = `org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy
	at org.apache.flink.runtime.executiongraph.failover.ExecutionFailureHandler.handleFailure(ExecutionFailureHandler.java:180)
	at java.base/java.lang.Thread.run(Thread.java:840)
Caused by: java.lang.IllegalStateException: the input has no header
	at com.example.Fails.map(Fails.java:12)
	... 6 more
`

// thrown is what a jar's main method throws, as Flink tells it.
const thrown = `<Exception on server side:
org.apache.flink.client.program.ProgramInvocationException: The main method caused an error: Missing required parameter --input
	at org.apache.flink.client.program.PackagedProgram.callMainMethod(PackagedProgram.java:373)
Caused by: java.lang.IllegalArgumentException: Missing required parameter --input
	at com.example.Throws.main(Throws.java:7)

End of exception on server side>`

// job is a job of a cluster.
type job struct {
	id       string
	program  string
	state    string
	start    time.Time
	end      time.Time
	looks    int
	parallel int
	// stopping is set by a cancellation or a stop and is the state that follows.
	stopping   string
	savepoints map[string]int
	args       []string
}

// jar is an uploaded jar.
type jar struct {
	id, name string
	uploaded time.Time
}

// over says that the job has ended.
func (j *job) over() bool {
	return slices.Contains([]string{"FINISHED", "FAILED", "CANCELED"}, j.state)
}

// look moves the job one step on.
func (j *job) look(now time.Time) {
	if j.over() {
		return
	}
	j.looks++
	switch {
	case j.stopping != "" && j.state != "CANCELLING" && j.stopping == "CANCELED":
		j.state = "CANCELLING"
	case j.stopping != "":
		j.state, j.end = j.stopping, now
	case j.looks == 1:
		j.state = "RUNNING"
	case j.program == "endless" || j.looks < 3:
	case j.program == "fails":
		j.state, j.end = "FAILED", now
	case j.program == "cancelled":
		j.state, j.end = "CANCELED", now
	default:
		j.state, j.end = "FINISHED", now
	}
}

// startJob adds a job.
func (s *Server) startJob(c *state, name string, parallelism int) *job {
	s.jobs++
	j := &job{
		id: fmt.Sprintf("%032x", s.jobs), program: program(name), state: "CREATED", start: s.now,
		parallel: max(parallelism, 1), savepoints: map[string]int{},
	}
	c.jobs = append(c.jobs, j)
	return j
}

// ui answers as the REST API of a cluster's JobManager.
func (s *Server) ui(w http.ResponseWriter, r *http.Request) {
	c, err := s.find(r)
	if err != nil {
		answerError(w, err)
		return
	}
	if !c.ready() {
		answerError(w, fault.New(fault.Unavailable, "cluster %q has no JobManager that answers: wait until it is STABLE", c.spec.Name))
		return
	}
	segments := strings.Split(r.PathValue("path"), "/")
	switch segments[0] {
	case "jobs":
		s.jobsREST(w, r, c, segments[1:])
	case "jars":
		s.jarsREST(w, r, c, segments[1:])
	default:
		flinkError(w, http.StatusNotFound, "Not found: /"+strings.Join(segments, "/"))
	}
}

// flinkError answers an error as Flink does.
func flinkError(w http.ResponseWriter, status int, texts ...string) {
	answer(w, status, map[string]any{"errors": texts})
}

// jobsREST answers /jobs/….
func (s *Server) jobsREST(w http.ResponseWriter, r *http.Request, c *state, rest []string) {
	if len(rest) == 1 && rest[0] == "overview" {
		list := []map[string]any{}
		for _, j := range c.jobs {
			list = append(list, j.row(s.now))
		}
		answer(w, http.StatusOK, map[string]any{"jobs": list})
		return
	}
	i := slices.IndexFunc(c.jobs, func(j *job) bool { return len(rest) > 0 && j.id == rest[0] })
	if i < 0 {
		flinkError(w, http.StatusNotFound, "org.apache.flink.runtime.rest.NotFoundException: Job "+strings.Join(rest[:min(1, len(rest))], "")+" not found\n\tat org.apache.flink.runtime.rest.handler.job.AbstractExecutionGraphHandler.lambda$handleRequest$1(AbstractExecutionGraphHandler.java:99)")
		return
	}
	j := c.jobs[i]
	route := r.Method + " " + strings.Join(rest[1:min(2, len(rest))], "")
	switch {
	case route == "GET ":
		answer(w, http.StatusOK, j.detail(s.now))
	case route == "GET status":
		j.look(s.now)
		answer(w, http.StatusOK, map[string]string{"status": j.state})
	case route == "PATCH " && r.URL.Query().Get("mode") == "cancel":
		if j.over() {
			flinkError(w, http.StatusConflict, "org.apache.flink.runtime.rest.handler.RestHandlerException: Job cancellation failed because the job has already reached another terminal state ("+j.state+").")
			return
		}
		j.stopping = "CANCELED"
		answer(w, http.StatusAccepted, map[string]any{})
	case route == "POST savepoints", route == "POST stop":
		s.triggerSavepoint(w, r, j, rest[1] == "stop")
	case route == "GET savepoints" && len(rest) == 3:
		s.savepoint(w, j, rest[2])
	case route == "GET exceptions":
		answer(w, http.StatusOK, j.exceptions())
	case route == "GET checkpoints":
		answer(w, http.StatusOK, j.checkpoints())
	case route == "GET accumulators":
		answer(w, http.StatusOK, map[string]any{
			"job-accumulators":                  []any{},
			"user-task-accumulators":            []map[string]string{{"name": "words", "type": "LongCounter", "value": "287"}},
			"serialized-user-task-accumulators": map[string]any{},
		})
	case route == "GET metrics":
		j.metrics(w, r)
	default:
		flinkError(w, http.StatusNotFound, "Not found: "+r.URL.Path)
	}
}

// row is a job in /jobs/overview.
func (j *job) row(now time.Time) map[string]any {
	end, last := int64(-1), now
	if j.over() {
		end, last = j.end.UnixMilli(), j.end
	}
	running := 0
	if j.state == "RUNNING" {
		running = j.parallel
	}
	return map[string]any{
		"jid": j.id, "name": "Example " + j.program, "state": j.state, "start-time": j.start.UnixMilli(), "end-time": end,
		"duration": last.Sub(j.start).Milliseconds(), "last-modification": last.UnixMilli(),
		"tasks": map[string]int{"running": running, "total": j.parallel},
	}
}

// detail is the answer of /jobs/:id.
func (j *job) detail(now time.Time) map[string]any {
	out := j.row(now)
	delete(out, "tasks")
	delete(out, "last-modification")
	running := 0
	if j.state == "RUNNING" {
		running = j.parallel
	}
	out["maxParallelism"] = -1
	out["vertices"] = []map[string]any{{
		"id": strings.Repeat("ab", 16), "name": "Source: text -> Map", "parallelism": j.parallel, "status": j.state,
		"duration": out["duration"], "tasks": map[string]int{"RUNNING": running},
		"metrics": map[string]any{"read-records": 12, "write-records": 287, "read-bytes": 1024, "write-bytes": 4096},
	}}
	return out
}

// triggerSavepoint starts an operation.
func (s *Server) triggerSavepoint(w http.ResponseWriter, r *http.Request, j *job, stop bool) {
	var body map[string]any
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		flinkError(w, http.StatusBadRequest, "Request did not match expected format SavepointTriggerRequestBody.")
		return
	}
	directory, _ := body["target-directory"].(string)
	if stop {
		directory, _ = body["targetDirectory"].(string)
	}
	if directory == "" {
		flinkError(w, http.StatusBadRequest, "org.apache.flink.runtime.rest.handler.RestHandlerException: Config key [state.savepoints.dir] is not set. Property [target-directory] must be provided.\n\tat a.b.C(D.java:1)")
		return
	}
	if j.over() {
		flinkError(w, http.StatusInternalServerError, "Internal server error.", "<Exception on server side:\njava.util.concurrent.CompletionException: org.apache.flink.util.FlinkException: Job is not running\n\tat x.Y(Z.java:1)\nEnd of exception on server side>")
		return
	}
	id := fmt.Sprintf("%032x", 0xa0+len(j.savepoints))
	j.savepoints[id] = 0
	if stop {
		j.stopping = "FINISHED"
	}
	answer(w, http.StatusAccepted, map[string]string{"request-id": id})
}

// savepoint tells of an operation; it is complete at the third look.
func (s *Server) savepoint(w http.ResponseWriter, j *job, id string) {
	looks, ok := j.savepoints[id]
	switch {
	case !ok:
		flinkError(w, http.StatusNotFound, "There is no savepoint operation with triggerId="+id+" for job "+j.id)
		return
	case looks < 2:
		j.savepoints[id]++
		answer(w, http.StatusOK, map[string]any{"status": map[string]string{"id": "IN_PROGRESS"}, "operation": nil})
		return
	case j.program == "fails":
		answer(w, http.StatusOK, map[string]any{
			"status":    map[string]string{"id": "COMPLETED"},
			"operation": map[string]any{"failure-cause": map[string]string{"class": "org.apache.flink.runtime.checkpoint.CheckpointException", "stack-trace": "org.apache.flink.runtime.checkpoint.CheckpointException: Checkpoint expired before completing.\n\tat x.Y(Z.java:1)\n"}},
		})
		return
	}
	if j.stopping == "FINISHED" {
		j.state, j.end = "FINISHED", s.now
	}
	answer(w, http.StatusOK, map[string]any{
		"status":    map[string]string{"id": "COMPLETED"},
		"operation": map[string]any{"location": "file:/savepoints/savepoint-" + j.id[26:] + "-0a1b2c3d4e5f"},
	})
}

// exceptions is the answer of /jobs/:id/exceptions.
func (j *job) exceptions() map[string]any {
	entries := []map[string]any{}
	if j.state == "FAILED" {
		entries = append(entries, map[string]any{
			"exceptionName": "org.apache.flink.runtime.JobException", "stacktrace": failure, "timestamp": j.end.UnixMilli(),
			"taskName": "Source: text -> Map (1/1) - execution #0", "endpoint": "agent1.example:31007", "taskManagerId": "demo-tm-1-1",
			"failureLabels": map[string]string{}, "concurrentExceptions": []any{},
		})
	}
	return map[string]any{"exceptionHistory": map[string]any{"entries": entries, "truncated": false}}
}

// checkpoints is the answer of /jobs/:id/checkpoints.
func (j *job) checkpoints() map[string]any {
	return map[string]any{
		"counts": map[string]int{"restored": 0, "total": 2, "in_progress": 0, "completed": 2, "failed": 0},
		"latest": map[string]any{},
		"history": []map[string]any{
			{
				"id": 2, "status": "COMPLETED", "is_savepoint": true, "trigger_timestamp": j.start.Add(2 * time.Second).UnixMilli(),
				"state_size": 2048, "end_to_end_duration": 90, "external_path": "file:/savepoints/savepoint-1",
			},
			{
				"id": 1, "status": "COMPLETED", "is_savepoint": false, "trigger_timestamp": j.start.Add(time.Second).UnixMilli(),
				"state_size": 1 << 20, "end_to_end_duration": 1250, "external_path": "file:/checkpoints/chk-1",
			},
		},
	}
}

// metrics answers /jobs/:id/metrics.
func (j *job) metrics(w http.ResponseWriter, r *http.Request) {
	values := map[string]string{"numRestarts": "0", "uptime": "12000", "lastCheckpointSize": "1048576"}
	list := []map[string]string{}
	wanted := r.URL.Query().Get("get")
	for _, name := range sorted(values) {
		switch {
		case wanted == "":
			list = append(list, map[string]string{"id": name})
		case slices.Contains(strings.Split(wanted, ","), name):
			list = append(list, map[string]string{"id": name, "value": values[name]})
		}
	}
	answer(w, http.StatusOK, list)
}

// jarsREST answers /jars/….
func (s *Server) jarsREST(w http.ResponseWriter, r *http.Request, c *state, rest []string) {
	switch {
	case r.Method == http.MethodGet && len(rest) == 0:
		files := []map[string]any{}
		for _, j := range c.jars {
			files = append(files, map[string]any{
				"id": j.id, "name": j.name, "uploaded": j.uploaded.UnixMilli(),
				"entry": []map[string]any{{"name": "com.example.Main", "description": nil}},
			})
		}
		answer(w, http.StatusOK, map[string]any{"address": "http://agent1.example:31001", "files": files})
	case r.Method == http.MethodPost && len(rest) == 1 && rest[0] == "upload":
		s.uploadJar(w, r, c)
	case len(rest) > 0 && r.Method == http.MethodDelete || len(rest) == 2 && rest[1] == "run" && r.Method == http.MethodPost:
		i := slices.IndexFunc(c.jars, func(j jar) bool { return j.id == rest[0] })
		if i < 0 {
			flinkError(w, http.StatusBadRequest, "org.apache.flink.runtime.rest.handler.RestHandlerException: Jar file /tmp/flink-web-upload/"+rest[0]+" does not exist\n\tat a.b.C(D.java:1)")
			return
		}
		if r.Method == http.MethodDelete {
			c.jars = slices.Delete(c.jars, i, i+1)
			answer(w, http.StatusOK, map[string]any{})
			return
		}
		s.runJar(w, r, c, c.jars[i])
	default:
		flinkError(w, http.StatusNotFound, "Not found: "+r.URL.Path)
	}
}

// uploadJar takes a jar as Flink does: one part named jarfile, of a length known ahead.
func (s *Server) uploadJar(w http.ResponseWriter, r *http.Request, c *state) {
	if r.ContentLength < 0 {
		flinkError(w, http.StatusLengthRequired, "the upload has no length")
		return
	}
	parts, err := r.MultipartReader()
	if err != nil {
		flinkError(w, http.StatusBadRequest, "Exactly 1 file must be sent, received 0.")
		return
	}
	part, err := parts.NextPart()
	if err != nil || part.FormName() != "jarfile" || !strings.HasSuffix(part.FileName(), ".jar") {
		flinkError(w, http.StatusBadRequest, "Only Jar files are allowed.")
		return
	}
	if _, err := io.Copy(io.Discard, part); err != nil {
		flinkError(w, http.StatusBadRequest, "the upload ended early")
		return
	}
	s.jars++
	j := jar{id: fmt.Sprintf("00000000-0000-4000-8000-%012x_%s", s.jars, part.FileName()), name: part.FileName(), uploaded: s.now}
	c.jars = append(c.jars, j)
	answer(w, http.StatusOK, map[string]string{"filename": "/tmp/flink-web-0/flink-web-upload/" + j.id, "status": "success"})
}

// runJar starts a job from a jar.
func (s *Server) runJar(w http.ResponseWriter, r *http.Request, c *state, j jar) {
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
		flinkError(w, http.StatusBadRequest, "Request did not match expected format JarRunRequestBody.")
		return
	}
	if program(j.id) == "throws" {
		flinkError(w, http.StatusInternalServerError, "Internal server error.", thrown)
		return
	}
	started := s.startJob(c, j.id, body.Parallelism)
	started.args = body.Args
	answer(w, http.StatusOK, map[string]string{"jobid": started.id})
}
