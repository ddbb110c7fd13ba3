package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// Flink speaks to the REST API of one cluster's JobManager through the service's proxy.
// Paths and fields are those of Flink 1.20 to 2.3.
type Flink struct {
	c    *Client
	name string
}

// Flink returns the REST client of a cluster.
func (c *Client) Flink(name string) *Flink {
	return &Flink{c: c, name: name}
}

// call prefixes a request with the cluster's proxy path.
func (f *Flink) call(method string, body any, segments ...string) call {
	return call{method: method, path: append([]string{"v1", "clusters", f.name, "ui"}, segments...), body: body}
}

// Raw performs a GET and returns Flink's answer as it came.
func (f *Flink) Raw(ctx context.Context, query url.Values, segments ...string) (json.RawMessage, error) {
	r := f.call(http.MethodGet, nil, segments...)
	r.query = query
	return f.c.do(ctx, r)
}

// get performs a GET and decodes the answer, which is returned as it came too.
func (f *Flink) get(ctx context.Context, out any, query url.Values, segments ...string) (json.RawMessage, error) {
	r := f.call(http.MethodGet, nil, segments...)
	r.query = query
	raw, err := f.c.decode(ctx, r, out)
	return raw, f.unknownJob(err, segments)
}

// jobID is the form of Flink's job ids.
var jobID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// unknownJob turns Flink's answer to something that cannot be the id of a job into that of a job that is not there.
func (f *Flink) unknownJob(err error, segments []string) error {
	if err == nil || len(segments) < 2 || segments[0] != "jobs" || segments[1] == "overview" || jobID.MatchString(segments[1]) || fault.CodeOf(err) != fault.Invalid {
		return err
	}
	return fault.New(fault.NotFound, "cluster %s has no job %s: see dcos flink job list %s", f.name, segments[1], f.name)
}

// Jobs lists the jobs of the cluster.
func (f *Flink) Jobs(ctx context.Context) (Jobs, error) {
	var out Jobs
	raw, err := f.get(ctx, &out, nil, "jobs", "overview")
	out.Raw = raw
	return out, err
}

// Job describes a job.
func (f *Flink) Job(ctx context.Context, id string) (JobDetail, error) {
	var out JobDetail
	raw, err := f.get(ctx, &out, nil, "jobs", id)
	out.Raw = raw
	return out, err
}

// JobStatus returns a job's state. Unlike Job it is never served from Flink's cache.
func (f *Flink) JobStatus(ctx context.Context, id string) (JobState, error) {
	var out struct {
		Status JobState `json:"status"`
	}
	_, err := f.get(ctx, &out, nil, "jobs", id, "status")
	return out.Status, err
}

// Cancel asks for the end of a job; its state says when it is over.
func (f *Flink) Cancel(ctx context.Context, id string) error {
	r := f.call(http.MethodPatch, nil, "jobs", id)
	r.query = url.Values{"mode": {"cancel"}}
	_, err := f.c.do(ctx, r)
	return f.unknownJob(err, []string{"jobs", id})
}

// SavepointRequest says how a savepoint is taken.
type SavepointRequest struct {
	// Directory is where it is put; empty means state.savepoints.dir of the cluster.
	Directory string
	// Format is CANONICAL or NATIVE; empty means Flink's default.
	Format string
	// Drain (for Stop) lets the job emit MAX_WATERMARK first, after which it cannot be resumed.
	Drain bool
	// Cancel (for Savepoint) cancels the job afterwards.
	Cancel bool
}

// Savepoint triggers a savepoint and returns the id of the operation; see SavepointStatus.
func (f *Flink) Savepoint(ctx context.Context, id string, r SavepointRequest) (string, error) {
	body := map[string]any{"cancel-job": r.Cancel}
	if r.Directory != "" {
		body["target-directory"] = r.Directory
	}
	if r.Format != "" {
		body["formatType"] = r.Format
	}
	return f.trigger(ctx, body, "jobs", id, "savepoints")
}

// Stop triggers a savepoint after which the job ends, and returns the id of the operation.
func (f *Flink) Stop(ctx context.Context, id string, r SavepointRequest) (string, error) {
	body := map[string]any{"drain": r.Drain}
	if r.Directory != "" {
		body["targetDirectory"] = r.Directory
	}
	if r.Format != "" {
		body["formatType"] = r.Format
	}
	return f.trigger(ctx, body, "jobs", id, "stop")
}

// trigger starts an asynchronous operation.
func (f *Flink) trigger(ctx context.Context, body any, segments ...string) (string, error) {
	var out struct {
		RequestID string `json:"request-id"`
	}
	if _, err := f.c.decode(ctx, f.call(http.MethodPost, body, segments...), &out); err != nil {
		return "", f.unknownJob(err, segments)
	}
	if out.RequestID == "" {
		return "", fault.New(fault.Upstream, "Flink did not return the id of the operation")
	}
	return out.RequestID, nil
}

// SavepointStatus says whether an operation is over and where its savepoint is. A
// savepoint that could not be taken is an error.
func (f *Flink) SavepointStatus(ctx context.Context, id, request string) (location string, done bool, err error) {
	var out struct {
		Status struct {
			ID string `json:"id"`
		} `json:"status"`
		Operation struct {
			Location string `json:"location"`
			Failure  *struct {
				Class      string `json:"class"`
				StackTrace string `json:"stack-trace"`
			} `json:"failure-cause"`
		} `json:"operation"`
	}
	if _, err := f.get(ctx, &out, nil, "jobs", id, "savepoints", request); err != nil {
		return "", false, err
	}
	if out.Status.ID != "COMPLETED" {
		return "", false, nil
	}
	if c := out.Operation.Failure; c != nil {
		reason := c.StackTrace
		if reason == "" {
			reason = c.Class
		}
		if strings.Contains(reason, "FlinkJobNotFoundException") { // Flink takes the request before it looks for the job.
			return "", true, fault.New(fault.NotFound, "cluster %s has no running job %s: see dcos flink job list %s", f.name, id, f.name)
		}
		return "", true, fault.New(fault.Upstream, "the savepoint was not taken: %s", Reason(reason))
	}
	return out.Operation.Location, true, nil
}

// Exceptions returns at most limit of a job's newest exceptions.
func (f *Flink) Exceptions(ctx context.Context, id string, limit int) (Exceptions, error) {
	var out Exceptions
	raw, err := f.get(ctx, &out, url.Values{"maxExceptions": {strconv.Itoa(limit)}}, "jobs", id, "exceptions")
	out.Raw = raw
	return out, err
}

// Checkpoints returns a job's checkpoint statistics.
func (f *Flink) Checkpoints(ctx context.Context, id string) (Checkpoints, error) {
	var out Checkpoints
	raw, err := f.get(ctx, &out, nil, "jobs", id, "checkpoints")
	out.Raw = raw
	return out, err
}

// Accumulators returns the accumulators of a job's user code. Flink answers from a cache that is up to
// web.refresh-interval old, 3 s by default: of a job that has ended its final ones are waited for.
func (f *Flink) Accumulators(ctx context.Context, id string) ([]Accumulator, error) {
	if err := f.settled(ctx, id); err != nil {
		return nil, err
	}
	var out struct {
		User []Accumulator `json:"user-task-accumulators"`
	}
	_, err := f.get(ctx, &out, nil, "jobs", id, "accumulators")
	return out.User, err
}

const (
	settleFor   = 15 * time.Second
	settleEvery = 200 * time.Millisecond
)

// settled waits until the cached description of a job that has ended says so too. After settleFor it gives up: the
// interval of the cluster is longer.
func (f *Flink) settled(ctx context.Context, id string) error {
	status, err := f.JobStatus(ctx, id)
	if err != nil || !status.Over() {
		return err
	}
	for deadline := time.Now().Add(settleFor); time.Now().Before(deadline); {
		cached, err := f.Job(ctx, id)
		if err != nil || cached.State.Over() {
			return err
		}
		select {
		case <-time.After(settleEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Metrics returns the values of a job's metrics, all of them when none is named.
func (f *Flink) Metrics(ctx context.Context, id string, names []string) ([]Metric, error) {
	if len(names) == 0 {
		var known []Metric
		if _, err := f.get(ctx, &known, nil, "jobs", id, "metrics"); err != nil {
			return nil, err
		}
		for _, m := range known {
			names = append(names, m.ID)
		}
		if len(names) == 0 {
			return nil, nil
		}
	}
	var out []Metric
	_, err := f.get(ctx, &out, url.Values{"get": {strings.Join(names, ",")}}, "jobs", id, "metrics")
	return out, err
}

// Jars lists the jars that were uploaded to the JobManager.
func (f *Flink) Jars(ctx context.Context) (Jars, error) {
	var out Jars
	raw, err := f.get(ctx, &out, nil, "jars")
	out.Raw = raw
	return out, err
}

// UploadJar sends a jar to the JobManager and returns its id.
func (f *Flink) UploadJar(ctx context.Context, file File) (string, error) {
	contentType, size, open, err := multipartBody("jarfile", "application/x-java-archive", file)
	if err != nil {
		return "", err
	}
	where, err := pathOf("v1", "clusters", f.name, "ui", "jars", "upload")
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.c.URL(where), nil)
	if err != nil {
		return "", fmt.Errorf("build the request: %w", err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Accept", "application/json")
	setBody(req, size, open)
	data, err := f.c.send(req, true)
	if err != nil {
		return "", fmt.Errorf("upload %s: %w", file.Name, err)
	}
	var out struct {
		Filename string `json:"filename"`
		Status   string `json:"status"`
	}
	if err := json.Unmarshal(data, &out); err != nil {
		return "", fmt.Errorf("read the answer to the upload of %s: %w", file.Name, err)
	}
	if out.Filename == "" {
		return "", fault.New(fault.Upstream, "Flink did not return the location of %s (status %q)", file.Name, out.Status)
	}
	return path.Base(out.Filename), nil
}

// DeleteJar removes an uploaded jar.
func (f *Flink) DeleteJar(ctx context.Context, id string) error {
	_, err := f.c.do(ctx, f.call(http.MethodDelete, nil, "jars", id))
	return err
}

// Run says how a jar is run.
type Run struct {
	EntryClass            string   `json:"entryClass,omitempty"`
	Args                  []string `json:"programArgsList,omitempty"`
	Parallelism           int      `json:"parallelism,omitempty"`
	Savepoint             string   `json:"savepointPath,omitempty"`
	AllowNonRestoredState bool     `json:"allowNonRestoredState,omitempty"`
	// FlinkConfiguration is the job's own configuration; Flink 1.17 and newer read it.
	FlinkConfiguration map[string]string `json:"flinkConfiguration,omitempty"`
}

// RunJar starts a job from an uploaded jar and returns the job's id. Flink answers when
// the program's main method has submitted its job, which may take as long as the program likes:
// the call is bounded by ctx alone.
func (f *Flink) RunJar(ctx context.Context, jar string, run Run) (string, error) {
	patient := *f.c
	patient.opts.Timeout = maxRun
	var out struct {
		JobID string `json:"jobid"`
	}
	if _, err := patient.decode(ctx, f.call(http.MethodPost, run, "jars", jar, "run"), &out); err != nil {
		return "", err
	}
	if out.JobID == "" {
		return "", fault.New(fault.Upstream, "Flink started the program but did not return a job id")
	}
	return out.JobID, nil
}
