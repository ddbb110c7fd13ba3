package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

// Overview is the cluster at a glance (GET /overview).
type Overview struct {
	TaskManagers   int    `json:"taskmanagers"`
	SlotsTotal     int    `json:"slots-total"`
	SlotsAvailable int    `json:"slots-available"`
	JobsRunning    int    `json:"jobs-running"`
	JobsFinished   int    `json:"jobs-finished"`
	JobsCancelled  int    `json:"jobs-cancelled"`
	JobsFailed     int    `json:"jobs-failed"`
	Version        string `json:"flink-version"`
	Commit         string `json:"flink-commit"`
}

// Overview asks for the cluster at a glance.
func (c *Client) Overview(ctx context.Context) (Overview, error) {
	var o Overview
	err := c.call(ctx, http.MethodGet, "/overview", nil, &o)
	return o, err
}

// TaskManager is a registered TaskManager.
type TaskManager struct {
	// ID is taskmanager.resource-id, which is our Mesos task id.
	ID                     string `json:"id"`
	Path                   string `json:"path"`
	DataPort               int    `json:"dataPort"`
	TimeSinceLastHeartbeat int64  `json:"timeSinceLastHeartbeat"` // milliseconds since 1970
	SlotsNumber            int    `json:"slotsNumber"`
	FreeSlots              int    `json:"freeSlots"`
}

// TaskManagers lists the registered TaskManagers.
func (c *Client) TaskManagers(ctx context.Context) ([]TaskManager, error) {
	var list struct {
		TaskManagers []TaskManager `json:"taskmanagers"`
	}
	err := c.call(ctx, http.MethodGet, "/taskmanagers", nil, &list)
	return list.TaskManagers, err
}

// Config is GET /config, which answers as soon as the REST server is up.
type Config struct {
	Version         string `json:"flink-version"`
	Revision        string `json:"flink-revision"`
	RefreshInterval int64  `json:"refresh-interval"` // milliseconds
}

// Config asks what the web UI is configured with.
func (c *Client) Config(ctx context.Context) (Config, error) {
	var v Config
	err := c.call(ctx, http.MethodGet, "/config", nil, &v)
	return v, err
}

// JobManagerConfig asks for the configuration of the JobManager; Flink masks secrets itself.
func (c *Client) JobManagerConfig(ctx context.Context) (map[string]string, error) {
	var list []struct{ Key, Value string }
	if err := c.call(ctx, http.MethodGet, "/jobmanager/config", nil, &list); err != nil {
		return nil, err
	}
	config := make(map[string]string, len(list))
	for _, e := range list {
		config[e.Key] = e.Value
	}
	return config, nil
}

// JobSummary is a row of the list of jobs.
type JobSummary struct {
	ID    string `json:"jid"`
	Name  string `json:"name"`
	State string `json:"state"`
	// Start, End and Changed are milliseconds since 1970; End is -1 while it runs.
	Start   int64 `json:"start-time"`
	End     int64 `json:"end-time"`
	Changed int64 `json:"last-modification"`
	// Tasks counts the subtasks by state in lower case, and all of them as total.
	Tasks map[string]int `json:"tasks"`
}

// Running says that the job and every subtask of it runs or has finished.
func (j JobSummary) Running() bool {
	return j.State == "RUNNING" && j.Tasks["running"]+j.Tasks["finished"] >= j.Tasks["total"]
}

// Jobs lists all jobs that the JobManager remembers.
func (c *Client) Jobs(ctx context.Context) ([]JobSummary, error) {
	var list struct {
		Jobs []JobSummary `json:"jobs"`
	}
	err := c.call(ctx, http.MethodGet, "/jobs/overview", nil, &list)
	return list.Jobs, err
}

// Vertex is an operator chain of a job.
type Vertex struct {
	ID          string         `json:"id"`
	Name        string         `json:"name"`
	Parallelism int            `json:"parallelism"`
	Status      string         `json:"status"`
	Tasks       map[string]int `json:"tasks"`
	// SlotSharingGroup is shared by vertices whose subtasks share slots.
	SlotSharingGroup string `json:"slotSharingGroupId"`
}

// Batch says that a job is known to be a batch job, whose subtasks may run one after the other.
func (j Job) Batch() bool { return j.Type == "BATCH" }

// Job is one job in detail.
type Job struct {
	ID    string `json:"jid"`
	Name  string `json:"name"`
	State string `json:"state"`
	// Type is STREAMING or BATCH; empty when the JobManager does not say.
	Type     string   `json:"job-type"`
	Start    int64    `json:"start-time"`
	End      int64    `json:"end-time"`
	Duration int64    `json:"duration"` // milliseconds
	Vertices []Vertex `json:"vertices"`
}

// Terminal says that the job has ended for good.
func (j Job) Terminal() bool { return terminal(j.State) }

// Terminal says that the job has ended for good.
func (j JobSummary) Terminal() bool { return terminal(j.State) }

func terminal(state string) bool {
	switch state {
	case "FINISHED", "FAILED", "CANCELED":
		return true
	}
	return false
}

// Running says that the job and every subtask of it runs or has finished.
func (j Job) Running() bool {
	if j.State != "RUNNING" {
		return false
	}
	for _, v := range j.Vertices {
		if v.Tasks["RUNNING"]+v.Tasks["FINISHED"] < v.Parallelism {
			return false
		}
	}
	return true
}

// Slots is the number of slots that the job needs at once: for each slot sharing group the
// largest parallelism in it.
func (j Job) Slots() int {
	groups := map[string]int{}
	for _, v := range j.Vertices {
		groups[v.SlotSharingGroup] = max(groups[v.SlotSharingGroup], v.Parallelism)
	}
	sum := 0
	for _, n := range groups {
		sum += n
	}
	return sum
}

// Job asks for one job. Flink caches the answer for web.refresh-interval, 3 s unless set.
func (c *Client) Job(ctx context.Context, id string) (Job, error) {
	var j Job
	err := c.call(ctx, http.MethodGet, "/jobs/"+url.PathEscape(id), nil, &j)
	return j, err
}

// JobStatus asks for the state of a job alone, which Flink does not cache.
func (c *Client) JobStatus(ctx context.Context, id string) (string, error) {
	var s struct {
		Status string `json:"status"`
	}
	err := c.call(ctx, http.MethodGet, "/jobs/"+url.PathEscape(id)+"/status", nil, &s)
	return s.Status, err
}

// Failure is why a job, or an attempt of it, failed.
type Failure struct {
	Name  string `json:"exceptionName"`
	Trace string `json:"stacktrace"`
	Time  int64  `json:"timestamp"` // milliseconds since 1970
	// Task, Endpoint and TaskManager say where, when it was one task.
	Task        string `json:"taskName"`
	Endpoint    string `json:"endpoint"`
	TaskManager string `json:"taskManagerId"`
}

// Exceptions lists the failures of a job, the newest first.
func (c *Client) Exceptions(ctx context.Context, id string) ([]Failure, error) {
	var answer struct {
		History struct {
			Entries []Failure `json:"entries"`
		} `json:"exceptionHistory"`
	}
	err := c.call(ctx, http.MethodGet, "/jobs/"+url.PathEscape(id)+"/exceptions", nil, &answer)
	return answer.History.Entries, err
}

// Accumulators returns the user's accumulators of a job by name, each as text.
func (c *Client) Accumulators(ctx context.Context, id string) (map[string]string, error) {
	var answer struct {
		User []struct{ Name, Type, Value string } `json:"user-task-accumulators"`
	}
	if err := c.call(ctx, http.MethodGet, "/jobs/"+url.PathEscape(id)+"/accumulators", nil, &answer); err != nil {
		return nil, err
	}
	values := make(map[string]string, len(answer.User))
	for _, a := range answer.User {
		values[a.Name] = a.Value
	}
	return values, nil
}

// Upload sends a jar under a name and returns its id. The content is streamed.
func (c *Client) Upload(ctx context.Context, name string, content io.Reader) (string, error) {
	name = path.Base(name)
	if !strings.HasSuffix(name, ".jar") {
		return "", fmt.Errorf("%s does not end in .jar, and Flink takes only jars", name)
	}
	r, w := io.Pipe()
	form := multipart.NewWriter(w)
	go func() {
		part, err := form.CreateFormFile("jarfile", name)
		if err == nil {
			_, err = io.Copy(part, content)
		}
		if err == nil {
			err = form.Close()
		}
		w.CloseWithError(err)
	}()
	// Closing ends the goroutine when the JobManager answers before it has read everything.
	defer r.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/jars/upload", r)
	if err != nil {
		return "", fmt.Errorf("upload %s: %w", name, err)
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	var answer struct {
		File string `json:"filename"`
	}
	if err := c.do(req, "/jars/upload", &answer); err != nil {
		return "", err
	}
	id := path.Base(answer.File)
	if !strings.HasSuffix(id, ".jar") {
		return "", fmt.Errorf("upload %s: the JobManager names no jar but %q", name, answer.File)
	}
	return id, nil
}

// Jar is an uploaded jar.
type Jar struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Uploaded int64  `json:"uploaded"` // milliseconds since 1970
}

// Jars lists the uploaded jars.
func (c *Client) Jars(ctx context.Context) ([]Jar, error) {
	var list struct {
		Files []Jar `json:"files"`
	}
	err := c.call(ctx, http.MethodGet, "/jars", nil, &list)
	return list.Files, err
}

// DeleteJar removes an uploaded jar.
func (c *Client) DeleteJar(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, "/jars/"+url.PathEscape(id), nil, nil)
}

// Run says how to run an uploaded jar. Zero values mean Flink's own defaults.
type Run struct {
	EntryClass            string            `json:"entryClass,omitempty"`
	Arguments             []string          `json:"programArgsList,omitempty"`
	Parallelism           int               `json:"parallelism,omitempty"`
	SavepointPath         string            `json:"savepointPath,omitempty"`
	AllowNonRestoredState bool              `json:"allowNonRestoredState,omitempty"`
	Configuration         map[string]string `json:"flinkConfiguration,omitempty"`
}

// Run starts a job from an uploaded jar and returns the job's id.
func (c *Client) Run(ctx context.Context, jar string, run Run) (string, error) {
	var answer struct {
		JobID string `json:"jobid"`
	}
	err := c.call(ctx, http.MethodPost, "/jars/"+url.PathEscape(jar)+"/run", run, &answer)
	return answer.JobID, err
}

// Cancel ends a job without a savepoint. It returns when Flink has taken the request.
func (c *Client) Cancel(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodPatch, "/jobs/"+url.PathEscape(id)+"?mode=cancel", nil, nil)
}

// trigger starts an asynchronous operation and returns its id.
func (c *Client) trigger(ctx context.Context, path string, body any) (string, error) {
	var answer struct {
		ID string `json:"request-id"`
	}
	err := c.call(ctx, http.MethodPost, path, body, &answer)
	return answer.ID, err
}

// Savepoint starts a savepoint into a directory (empty: the configured one) and returns
// the id to ask SavepointStatus with. With cancel the job ends after it.
func (c *Client) Savepoint(ctx context.Context, id, directory string, cancel bool) (string, error) {
	return c.trigger(ctx, "/jobs/"+url.PathEscape(id)+"/savepoints", struct {
		Directory string `json:"target-directory,omitempty"`
		Cancel    bool   `json:"cancel-job"`
	}{directory, cancel})
}

// Stop ends a job with a savepoint, so that every record before it has left the job, and
// returns the id to ask SavepointStatus with. With drain sources end as if their input did.
func (c *Client) Stop(ctx context.Context, id, directory string, drain bool) (string, error) {
	return c.StopAs(ctx, id, "", directory, drain)
}

// StopAs is Stop under an id of the caller's own, 32 hexadecimal digits (triggerId, since Flink 1.15): asked for again
// under the same id, the job is stopped once. The id is Flink's own when it is empty.
func (c *Client) StopAs(ctx context.Context, id, request, directory string, drain bool) (string, error) {
	return c.trigger(ctx, "/jobs/"+url.PathEscape(id)+"/stop", struct {
		Directory string `json:"targetDirectory,omitempty"`
		Drain     bool   `json:"drain"`
		Request   string `json:"triggerId,omitempty"`
	}{directory, drain, request})
}

// LastSavepoint says where the last savepoint of a job is and when it was triggered; empty when there is none.
func (c *Client) LastSavepoint(ctx context.Context, id string) (path string, triggered time.Time, err error) {
	var answer struct {
		Latest struct {
			Savepoint *struct {
				Path      string `json:"external_path"`
				Triggered int64  `json:"trigger_timestamp"` // milliseconds since 1970
			} `json:"savepoint"`
		} `json:"latest"`
	}
	if err := c.call(ctx, http.MethodGet, "/jobs/"+url.PathEscape(id)+"/checkpoints", nil, &answer); err != nil {
		return "", time.Time{}, err
	}
	if s := answer.Latest.Savepoint; s != nil {
		return s.Path, time.UnixMilli(s.Triggered), nil
	}
	return "", time.Time{}, nil
}

// SavepointStatus is how far a savepoint is.
type SavepointStatus struct {
	// Completed says that it ended, well or not.
	Completed bool
	// Location is where it is, when it ended well.
	Location string
	// Failure is why it did not.
	Failure string
}

// SavepointStatus asks about a savepoint that Savepoint or Stop started.
func (c *Client) SavepointStatus(ctx context.Context, id, request string) (SavepointStatus, error) {
	var answer struct {
		Status    struct{ ID string }
		Operation struct {
			Location string          `json:"location"`
			Failure  json.RawMessage `json:"failure-cause"`
		}
	}
	err := c.call(ctx, http.MethodGet, "/jobs/"+url.PathEscape(id)+"/savepoints/"+url.PathEscape(request), nil, &answer)
	if err != nil {
		return SavepointStatus{}, err
	}
	s := SavepointStatus{Completed: answer.Status.ID == "COMPLETED", Location: answer.Operation.Location}
	if len(answer.Operation.Failure) > 0 && string(answer.Operation.Failure) != "null" {
		var cause struct {
			Trace string `json:"stack-trace"`
		}
		if err := json.Unmarshal(answer.Operation.Failure, &cause); err != nil || cause.Trace == "" {
			cause.Trace = string(answer.Operation.Failure)
		}
		s.Failure = Reason(cause.Trace)
	}
	return s, nil
}

// WaitSavepoint asks until a savepoint ended and returns its location, or why there is none.
func (c *Client) WaitSavepoint(ctx context.Context, id, request string, every time.Duration) (string, error) {
	for {
		s, err := c.SavepointStatus(ctx, id, request)
		switch {
		case err != nil:
			return "", err
		case s.Completed && s.Failure != "":
			return "", errors.New(s.Failure)
		case s.Completed:
			return s.Location, nil
		}
		if err := pause(ctx, every); err != nil {
			return "", fmt.Errorf("wait for the savepoint: %w", err)
		}
	}
}

// WaitJob asks until a job has ended, and returns its final state.
func (c *Client) WaitJob(ctx context.Context, id string, every time.Duration) (string, error) {
	for {
		state, err := c.JobStatus(ctx, id)
		if err != nil {
			return "", err
		}
		if (Job{State: state}).Terminal() {
			return state, nil
		}
		if err := pause(ctx, every); err != nil {
			return state, fmt.Errorf("wait for the job, which is %s: %w", state, err)
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// DeleteCluster shuts the whole cluster down, its high-availability data included.
func (c *Client) DeleteCluster(ctx context.Context) error {
	return c.call(ctx, http.MethodDelete, "/cluster", nil, nil)
}
